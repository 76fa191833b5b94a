"""What speaks for and against a canonical field in one column: its values, beside its name."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from discovery.dates import is_clock
from discovery.numbers import as_number

if TYPE_CHECKING:
    from discovery.dates import DateFormat
    from discovery.table import ColumnProfile
    from discovery.words import Name

MOST = 0.8
"""Share of the values from which on a column is of a kind."""

_NUMBERED = {"number", "id", "invoice", "receipt", "document", "check", "ticket"}
_DATED = {"date", "time", "datetime", "day", "created", "updated", "paid", "due", "posted", "placed", "closed"}

_PLACEHOLDERS = {"none", "null", "n/a", "na", "-", "unknown", "nan", "(not set)", "undefined"}


@dataclass(frozen=True)
class Evidence:
    """A column with what was worked out about it."""

    profile: ColumnProfile
    name: Name

    @cached_property
    def values(self) -> tuple[str, ...]:
        """Samples that are no placeholders."""
        return tuple(value for value in self.profile.samples if value.strip().lower() not in _PLACEHOLDERS)

    def share(self, pattern: str) -> float:
        """Share of the values with that pattern."""
        return self.profile.patterns.get(pattern, 0.0)

    @property
    def dates(self) -> DateFormat | None:
        """The format, if the values are times; `20240101` is the first invoice of a year where a name says number."""
        found, said = self.profile.dates, set(self.name.concepts)
        numbered = found and found.format == "yyyymmdd" and said & _NUMBERED and not said & _DATED
        return None if numbered else found

    @cached_property
    def kind(self) -> str:  # noqa: PLR0911  a decision table
        """One word for the values: empty, boolean, json, email, url, ip, uuid, hash, date, clock, whole, decimal,
        token or text."""
        if not self.values:
            return "empty"
        for kind in ("json", "email", "url", "uuid", "hash", "ip"):
            if self.share(kind) >= MOST:
                return kind
        if self.profile.type == "boolean" or self.share("boolean") == 1:
            return "boolean"
        if (self.dates and not self.dates.weak) or self.share("moment") >= MOST:
            return "date"
        if all(map(is_clock, self.values)):
            return "clock"
        if self.share("whole") >= MOST:
            return "whole"
        if self.share("whole") + self.share("decimal") + self.share("comma") + self.share("money") >= MOST:
            return "decimal"
        if self.share("token") + self.share("prefixed") >= MOST and self.share("words") < 1 - MOST:
            return "token"
        return "text"

    @property
    def numeric(self) -> bool:
        """Its values are numbers or amounts."""
        return self.kind in {"whole", "decimal"}

    @cached_property
    def numbers(self) -> tuple[float, ...]:
        """The values as numbers, where they are."""
        return tuple(number for value in self.values if (number := as_number(value)) is not None)

    @property
    def distinct_share(self) -> float:
        """Distinct values of all that are not null, 0 to 1; 0 when nothing was seen."""
        rows, distinct = self.rows, self.profile.distinct_seen or 0
        filled = rows * (1 - (self.profile.null_fraction or 0))
        return min(1.0, distinct / filled) if filled >= 1 else 0.0

    rows: int = 0
    """Rows seen of the table."""

    @property
    def long_numbers(self) -> bool:
        """Whole numbers too long to be counts or amounts."""
        return (
            self.kind == "whole"
            and bool(self.values)
            and min(len(value.partition(".")[0]) for value in self.values) >= 9
        )
