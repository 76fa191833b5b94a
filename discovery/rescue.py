"""Required fields that no name speaks for: the column whose values suit them best, for a person to look at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from discovery import opaque_ids, sequence
from discovery.match import Candidate
from discovery.rules import NONE
from discovery.words import UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from discovery.evidence import Evidence
    from discovery.match import Choice
    from discovery.roles import Role

_ROLES = {"order", "line", "payment", "refund", "deal", "lead"}
_SURELY_NOT = 0.9
"""A name that says so surely that it is nothing is believed (`due date`, `updated_at`)."""

_ODDS = 0.2
"""What is found this way is rather right than wrong, and always looked at."""

_OF_OTHERS = {"other", "seller", "staff", "partner", "fee", "balance", "payout", "profit", "exchange", "percent"}


def required(choices: Sequence[Choice], role: Role) -> None:
    """Give each required field that nothing has to the column whose values suit it."""
    if role.name not in _ROLES:
        return
    for target, suits, best in _RULES:
        if any(choice.best.target == target for choice in choices):
            continue
        fitting = [choice for choice in choices if _free(choice, target) and suits(choice.seen)]
        if fitting:
            chosen = max(fitting, key=lambda choice: (best(choice), -choice.seen.profile.position))
            why = f"nothing is named for the {target.replace('_', ' ')}, and its values suit it best"
            chosen.candidates.insert(0, Candidate(target, _ODDS, 0.5, 0.0, (why,)))


def _free(choice: Choice, target: str) -> bool:
    """It feeds nothing, and no name says that it must not."""
    others = target != "timestamp" and set(choice.seen.name.concepts) & _OF_OTHERS
    if choice.best.target != NONE or others:
        return False
    return not choice.best.by_name or choice.best.by_name < _SURELY_NOT


def _is_time(seen: Evidence) -> bool:
    return bool(seen.dates) and not seen.dates.weak and seen.profile.null_fraction == 0  # type: ignore[union-attr]


def _is_amount(seen: Evidence) -> bool:
    return seen.kind == "decimal" and not sequence.constant(seen) and max(seen.numbers, default=0) > 1


def _is_key(seen: Evidence) -> bool:
    unique = seen.distinct_share >= 0.98 and seen.profile.null_fraction == 0
    return unique and opaque_ids.like_id(seen) and seen.rows > 1


def _mean(choice: Choice) -> float:
    numbers = choice.seen.numbers
    return sum(map(abs, numbers)) / len(numbers)


def _differ(choice: Choice) -> float:
    """Times that differ most; those that rise with the rows first."""
    return choice.seen.distinct_share + 0.1 * bool(choice.seen.dates and choice.seen.dates.has_time)


def _counts_up(choice: Choice) -> float:
    unknown = UNKNOWN in choice.seen.name.concepts
    return sequence.in_order(choice.seen) + 0.5 * (not unknown)


_RULES: tuple[tuple[str, Callable[[Evidence], bool], Callable[[Choice], float]], ...] = (
    ("timestamp", _is_time, _differ),
    ("value", _is_amount, _mean),
    ("transaction_id", _is_key, _counts_up),
)
