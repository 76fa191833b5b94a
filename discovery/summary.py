"""One column's profile from its counts and a sample of its values."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from discovery import cards, patterns
from discovery.dates import DateFormat, date_format, is_clock
from discovery.numbers import as_number
from discovery.table import SAMPLE_LENGTH, SAMPLES, ColumnProfile

if TYPE_CHECKING:
    from collections.abc import Sequence

EXAMINED = 150
"""Distinct sampled values whose patterns are looked at."""

_ENUMERATION = 20
_MOST = 0.95
_PATTERNS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("integer", "number"), patterns.OF_NUMBERS),
    **dict.fromkeys(("date", "timestamp", "time", "boolean"), ()),
}
"""Patterns to look for in a column whose type the source declares."""

_MAY_HAVE_CARDS = {"string", "integer", "json"}
_TRUTH = {"true", "false"}


@dataclass(frozen=True)
class Counts:
    """What a scan over every row found of a column."""

    rows: int | None
    filled: int
    """Rows with a value; empty text is none."""
    distinct: int
    minimum: str | None = None
    maximum: str | None = None
    long_numbers: tuple[str, ...] = ()
    """A few values, of all rows, that have the length of payment card numbers."""


def column_profile(
    name: str,
    position: int,
    values: Sequence[str | None],
    counts: Counts,
    declared: str = "string",
) -> ColumnProfile:
    """The profile of a column.

    Args:
        name: of the column.
        position: its place, from 0.
        values: those sampled, as text, in order of appearance.
        counts: over all rows.
        declared: one of `table.TYPES`; a text column is given the type its values show.
    """
    filled = [value for value in values if value is not None and value.strip()]
    tally = Counter(filled)
    examined = list(tally)[:EXAMINED]
    found = patterns.shares(examined, _PATTERNS.get(declared, patterns.PATTERNS))
    if filled and len(tally) == len(filled) and counts.distinct >= 0.98 * counts.filled:
        found["unique"] = 1.0
    if declared in _MAY_HAVE_CARDS and (rare := cards.share({*tally, *counts.long_numbers})):
        found["card_rare"] = rare
    dates = date_format(examined) if declared not in {"boolean", "json"} else None
    kind = _type(examined, declared, found, dates) if examined else "unknown"
    return ColumnProfile(
        name=name,
        position=position,
        type=kind,
        null_fraction=None if not counts.rows else 1 - counts.filled / counts.rows,
        distinct_seen=None if counts.rows is None else counts.distinct,
        samples=tuple(dict.fromkeys(value[:SAMPLE_LENGTH] for value in examined[:SAMPLES])),
        patterns=found,
        shapes=patterns.shapes(examined),
        frequent=tuple(tally.most_common()) if len(tally) <= _ENUMERATION else (),
        dates=dates,
        minimum=counts.minimum,
        maximum=counts.maximum,
        lengths=(min(map(len, filled)), max(map(len, filled))) if filled else None,
        quantiles=_quantiles(filled) if kind in {"integer", "number"} else (),
    )


def _type(values: Sequence[str], declared: str, found: dict[str, float], dates: DateFormat | None) -> str:  # noqa: PLR0911  one case a line
    """The declared type, or what all the texts are."""
    if declared != "string":
        return declared
    if found.get("json", 0) >= _MOST:
        return "json"
    if {value.lower() for value in values} <= _TRUTH:
        return "boolean"
    if dates and not dates.weak:
        return "timestamp" if dates.has_time else "date"
    if all(map(is_clock, values)):
        return "time"
    if found.get("integer", 0) >= _MOST:
        return "integer"
    return "number" if found.get("integer", 0) + found.get("decimal", 0) + found.get("comma", 0) >= _MOST else "string"


def _quantiles(values: Sequence[str]) -> tuple[float, ...]:
    numbers = sorted(number for value in values if (number := as_number(value)) is not None)
    if not numbers:
        return ()
    last = len(numbers) - 1
    return tuple(numbers[round(last * part / 4)] for part in range(5))
