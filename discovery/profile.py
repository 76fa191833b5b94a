"""Profiles of tables, wherever they are.

`profile_rows` (records), `profile_csv`, `profile_parquet`, `profile_duckdb` (a table or query of a connection) and
`profile_singer` (a Singer stream, in bounded memory) all give `TableProfile`s; `StreamProfiler` takes records one by
one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from discovery import patterns
from discovery.table import ColumnProfile, Relation, TableProfile

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = ["ColumnProfile", "Relation", "StreamProfiler", "TableProfile", "profile_rows", "summarised"]

SAMPLE_ROWS = 10_000


class StreamProfiler:
    """Profiles records as they pass, in bounded memory."""

    def __init__(self, name: str, sample_rows: int = SAMPLE_ROWS) -> None:
        """`name` of the stream; shapes and patterns are of `sample_rows` of its records at most."""
        self.name = name
        self.rows = 0
        self._sample_rows = sample_rows
        self._columns: dict[str, list[str]] = {}
        self._nulls: dict[str, int] = {}

    def add(self, record: Mapping[str, Any]) -> None:
        """Take a record."""
        for key, value in record.items():
            values = self._columns.setdefault(key, [])
            if value is None or value == "":
                self._nulls[key] = self._nulls.get(key, 0) + 1
            elif self.rows < self._sample_rows:
                values.append(str(value))
        self.rows += 1

    def profile(self) -> TableProfile:
        """What has been seen so far."""
        columns = tuple(
            ColumnProfile(
                name,
                position,
                "string" if values else "unknown",
                self._nulls.get(name, 0) / self.rows,
                len(set(values)),
                tuple(dict.fromkeys(values))[:12],
            )
            for position, (name, values) in enumerate(self._columns.items())
        )
        return TableProfile(self.name, self.rows, columns)


def summarised(
    name: str, rows_seen: int | None, columns: Sequence[tuple[str, str, float | None, int | None, tuple[str, ...]]]
) -> TableProfile:
    """A profile from counts and samples taken elsewhere: (name, type, null fraction, distinct values, samples)."""
    return TableProfile(
        name,
        rows_seen,
        tuple(
            ColumnProfile(column, position, kind, nulls, distinct, samples, patterns.shares(samples), patterns.shapes(samples))
            for position, (column, kind, nulls, distinct, samples) in enumerate(columns)
        ),
    )


def profile_rows(name: str, records: Iterable[Mapping[str, Any]]) -> TableProfile:
    """The profile of a table whose records are at hand."""
    profiler = StreamProfiler(name)
    for record in records:
        profiler.add(record)
    return profiler.profile()
