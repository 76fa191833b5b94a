"""A mapping proposed for a table: `propose(profile)`.

```python
proposal = propose(profile_csv(path))
for column in proposal.columns:
    print(column.column, column.target, column.confidence, column.reasons)
yaml.safe_dump(proposal.mapping)  # a preset for map-conversions
```
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from discovery import calibrate, compete, derive, match, roles, words
from discovery.evidence import Evidence
from discovery.rules import NONE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from discovery.match import Choice
    from discovery.roles import Role
    from discovery.table import TableProfile


@dataclass(frozen=True)
class ColumnProposal:
    """What one column is taken for."""

    column: str
    target: str | None
    """Canonical field, or None: this column feeds nothing."""
    confidence: float
    """Probability that a reviewer would accept `target`, 0 to 1; for None, that there is none."""
    reasons: tuple[str, ...] = ()
    """Sentences without values of the table; the first is the main one."""
    alternatives: tuple[tuple[str, float], ...] = ()
    """Other canonical fields with their confidence, best first."""
    expression: str | None = None
    """How the field is computed when the column alone is not it, such as `price * quantity`."""
    unit: str | None = None
    """`major` or `minor`, for amounts."""
    number_format: str | None = None
    """`point` or `comma`, for amounts that are text."""
    time_format: str | None = None
    """Format of times in the preset language."""
    zone: str | None = None
    """IANA zone of times without offset, where the table shows it."""
    alarm: str | None = None
    """What must not pass, such as raw card numbers; such a column never has a target."""


@dataclass(frozen=True)
class Blocker:
    """What a person must settle before the mapping can be used."""

    kind: str
    """`missing`, `ambiguous`, `alarm` or `unsupported`."""
    field: str | None
    problem: str
    columns: tuple[str, ...] = ()


@dataclass(frozen=True)
class Proposal:
    """The whole table: role, columns, the mapping in the preset language, and what blocks it."""

    table: str
    role: str
    role_confidence: float
    role_reasons: tuple[str, ...]
    columns: tuple[ColumnProposal, ...]
    mapping: dict[str, Any] = field(default_factory=dict)
    """A preset document for map-conversions: {title, streams: {<table>: {match, into, fields, ...}}}."""
    blockers: tuple[Blocker, ...] = ()

    def column(self, name: str) -> ColumnProposal:
        """The proposal for the column of that name; KeyError when there is none."""
        for column in self.columns:
            if column.column == name:
                return column
        raise KeyError(name)


@dataclass(frozen=True)
class Decision:
    """What a person decided about a column before: it binds where a column of that name comes again."""

    column: str
    target: str | None


def propose(profile: TableProfile, *, decisions: Iterable[Decision] = ()) -> Proposal:
    """The proposal for a table; `decisions` stand as they are, with confidence 1."""
    names = words.read([column.name for column in profile.columns])
    columns = [Evidence(column, name, profile.rows_seen or 0) for column, name in zip(profile.columns, names, strict=True)]
    role = roles.decide(columns, profile.name)
    choices = match.candidates(columns, role)
    compete.settle(choices, profile.relations)
    derive.value_of_lines(choices, role)
    derive.amount_before_total(choices, role)
    decided = {decision.column: decision.target for decision in decisions}
    proposed = tuple(_column(choice, role, decided) for choice in choices)
    return Proposal(profile.name, role.name, role.confidence, role.reasons, proposed)


def _column(choice: Choice, role: Role, decided: dict[str, str | None]) -> ColumnProposal:
    seen = choice.seen
    best = choice.best
    target = None if best.target == NONE else best.target
    reasons = best.reasons + ((choice.lost,) if choice.lost and target is None else ())
    others = tuple(
        (item.target, round(calibrate.confidence(choice, item, role), 3))
        for item in [*choice.candidates, *choice.struck]
        if item.target not in {NONE, best.target}
    )
    confidence = calibrate.confidence(choice, best, role)
    if seen.profile.name in decided:
        target, confidence, reasons = decided[seen.profile.name], 1.0, ("a person decided so before", *reasons)
    return ColumnProposal(seen.profile.name, target, round(confidence, 3), reasons, others[:3], choice.expression)
