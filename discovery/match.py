"""Candidates of each column: every canonical field that its name or its values speak for, as log-odds with reasons."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from discovery import guess
from discovery.fits import fit
from discovery.rules import NONE, by_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from discovery.evidence import Evidence
    from discovery.roles import Role

_FOREIGN = 1.0
"""Log-odds that what the values suggest loses where the name has words, if unknown ones."""

_STRANGE = 3.0
"""Log-odds that a field of transactions loses in a table that surely is none of them."""

_OF_TRANSACTIONS = {"value", "subtotal", "tax", "tip", "discount", "refund_amount", "quantity", "timestamp"}
_NO_TRANSACTIONS = {"customer", "product", "location", "payment_method"}
"""Their amounts and times are sums and dates of a person or a thing."""

_FLOOR = 0.3
"""What `nothing` scores when neither name nor values speak for it."""


@dataclass
class Candidate:
    """A field that a column may feed."""

    target: str
    odds: float
    """Log-odds."""
    by_name: float
    """What its name alone said, 0 to 1; 0 when the values alone speak."""
    fit: float
    reasons: tuple[str, ...]


@dataclass
class Choice:
    """A column with its candidates, best first."""

    seen: Evidence
    candidates: list[Candidate] = field(default_factory=list)
    struck: list[Candidate] = field(default_factory=list)
    """Candidates it lost to other columns."""
    expression: str | None = None
    """How the field is computed when the column alone is not it."""
    lost: str = ""
    """Why its best candidate was given to another column."""

    @property
    def best(self) -> Candidate:
        """The leading candidate."""
        return self.candidates[0]

    def odds(self, target: str) -> float:
        """Log-odds of a target; very low when it is no candidate."""
        return next((item.odds for item in self.candidates if item.target == target), -9.0)


def logit(share: float) -> float:
    """Log-odds of a probability."""
    share = min(max(share, 0.01), 0.99)
    return math.log(share / (1 - share))


def candidates(columns: Sequence[Evidence], role: Role) -> list[Choice]:
    """Every column with its candidates, before columns compete."""
    guessed = guess.by_values(columns, role.name)
    return [_choice(column, role, guesses) for column, guesses in zip(columns, guessed, strict=True)]


def _choice(seen: Evidence, role: Role, guesses: dict[str, tuple[float, str]]) -> Choice:
    named = by_name(seen.name.concepts, role.name, exact=seen.name.exact)
    found: dict[str, Candidate] = {}
    for target, score in named.items():
        weight, why = fit(target, seen)
        said = f"its name says {' + '.join(dict.fromkeys(seen.name.concepts))}"
        found[target] = Candidate(target, logit(score) + weight, score, weight, tuple(filter(None, (said, why))))
    loss = _FOREIGN if seen.name.foreign or not seen.name.exact else 0.0 if seen.name.blank else guess.NAMED_OTHERWISE
    for target, (score, why) in guesses.items():
        odds = logit(score) - (loss if target != NONE else 0.0)
        if target not in found or odds > found[target].odds:
            by = found[target].by_name if target in found else 0.0
            found[target] = Candidate(target, odds, by, 0.0, (why,))
    if role.name in _NO_TRANSACTIONS:
        for target in _OF_TRANSACTIONS & found.keys():
            found[target].odds -= _STRANGE * role.confidence
    if NONE not in found:
        rest = _FLOOR if named or guesses else 0.9
        found[NONE] = Candidate(NONE, logit(rest), 0.0, 0.0, ("no canonical field suits it",))
    ordered = sorted(found.values(), key=lambda item: -item.odds)
    return Choice(seen, ordered)
