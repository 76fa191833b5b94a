"""What is proposed for a table: the values that pass from the matcher to the review."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


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
    currency: str | None = None
    """ISO 4217 code that the amounts or their name show (`dollar_value`, `61,80 €`)."""
    doubt: str | None = None
    """What a person must settle about it: day or month first, cents or whole units."""
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
