"""What is known of a table and its columns: the values that pass from the profiler to the matcher."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from discovery.dates import DateFormat

TYPES = ("string", "integer", "number", "boolean", "date", "timestamp", "time", "json", "unknown")
"""Types a column can have; `unknown` is a column without a single value."""

SAMPLES = 12
SAMPLE_LENGTH = 120
"""Distinct values that a profile keeps of a column, and characters of each."""


@dataclass(frozen=True)
class ColumnProfile:
    """One column: counts over every row seen, the rest over a sample of them."""

    name: str
    """Of a field inside an object: its path in the preset language (`customer.email`)."""
    position: int
    type: str = "unknown"
    """One of `TYPES`, as the values show it: a text column of dates is a date."""
    null_fraction: float | None = None
    """0 to 1; empty text counts as null; None when no row was seen."""
    distinct_seen: int | None = None
    """Distinct values, approximate above a few thousand; None when no row was seen."""
    samples: tuple[str, ...] = ()
    """Up to `SAMPLES` distinct values in clear, in order of appearance: personal data, mask them before showing."""
    patterns: Mapping[str, float] = field(default_factory=dict)
    """Name of a pattern (see `discovery.patterns`) -> share of the distinct sampled values that have it."""
    shapes: tuple[tuple[str, float], ...] = ()
    """The most frequent character shapes (`Aa+`, `#+.##`) with their share, most frequent first."""
    frequent: tuple[tuple[str, int], ...] = ()
    """Value and count in the sample, most frequent first, for a column of at most 20 distinct values."""
    dates: DateFormat | None = None
    """How its times are written, if its values are times."""
    minimum: str | None = None
    maximum: str | None = None
    """Least and greatest value, as text; numbers and times in their own order."""
    lengths: tuple[int, int] | None = None
    """Least and greatest number of characters in the sample."""
    quantiles: tuple[float, ...] = ()
    """Minimum, quartiles and maximum of a column of numbers, in the sample."""

    @property
    def unique(self) -> bool:
        """Every value seen is another one (null aside)."""
        return bool(self.distinct_seen) and self.null_fraction == 0 and self.patterns.get("unique", 0) == 1


@dataclass(frozen=True)
class Relation:
    """Arithmetic that holds among columns of a row: `result` is the sum of `plus` less `minus`, or their product."""

    kind: str
    """`sum`, `product` or `equal`."""
    result: str
    plus: tuple[str, ...]
    minus: tuple[str, ...] = ()
    support: float = 1.0
    """Share of the rows examined for which it holds."""
    rows: int = 0
    """Rows examined."""


@dataclass(frozen=True)
class TableProfile:
    """A table as the profiler saw it."""

    name: str
    rows_seen: int | None
    columns: tuple[ColumnProfile, ...]
    relations: tuple[Relation, ...] = ()

    def column(self, name: str) -> ColumnProfile:
        """The column of that name; KeyError when there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)
