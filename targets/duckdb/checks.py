"""What is wrong with a staging table: bad values, missing ones, numbers too large for their column."""

# ruff: noqa: S608  all names are ours

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from targets.core.columns import DataType
from targets.core.loader import Refusal, Reject
from targets.duckdb import sources

if TYPE_CHECKING:
    from collections.abc import Iterable

    from duckdb import DuckDBPyConnection
    from numpy.typing import NDArray

    from targets.core.spool import Part
    from targets.duckdb.staged import StagedTable

BIGINT_MAX = (1 << 63) - 1


@dataclass(frozen=True)
class Findings:
    """What one look at a staging table shows."""

    bad: int
    """Rows to reject."""
    rounded: int
    """Rows with a decimal that may have been rounded on its way."""
    lacking: int | None
    """First good row without a needed value."""
    marks: int
    """Rows that are marks (see `StagedTable.is_mark`)."""
    filled: frozenset[int]
    """Optional columns that have a value somewhere."""
    too_large: tuple[int, ...]
    """Whole-number columns that need the wider type."""
    non_finite: dict[str, int]
    """Property -> how many of its numbers are NaN or without end, and so are stored as NULL."""


def look(connection: DuckDBPyConnection, staged: StagedTable) -> Findings:
    """Look at all of it once."""
    columns = list(enumerate(staged.columns))
    needed = [(f"c{number}", column) for number, column in columns if column.origin.required]
    keyless = _any(column.is_lacking(name) for name, column in needed if column.is_key)
    lacking = _any(column.is_lacking(name) for name, column in needed if not column.is_key)
    optional = [number for number, column in columns if column.origin.optional]
    whole = [number for number, column in columns if column.kind is DataType.INTEGER]
    doubles = [number for number, column in columns if column.kind is DataType.DOUBLE]
    aggregates = [
        "count(bad)",
        "count(*) FILTER (WHERE rounded)",
        f"min(rowid) FILTER (WHERE bad IS NULL AND ({keyless} OR ({lacking} AND NOT {staged.is_mark})))",
        f"count(*) FILTER (WHERE {staged.is_mark})",
        *(f"count(c{number}) > 0" for number in optional),
        *(f"count(*) FILTER (WHERE bad IS NULL AND abs(c{number}) > {BIGINT_MAX}) > 0" for number in whole),
        *(f"count(*) FILTER (WHERE bad IS NULL AND NOT isfinite(c{number}))" for number in doubles),
    ]
    found = connection.execute(f"SELECT {', '.join(aggregates)} FROM {staged.table}").fetchall()
    bad, rounded, first, marks, *flags = found[0]
    are_filled, flags = flags[: len(optional)], flags[len(optional) :]
    are_large, odd = flags[: len(whole)], flags[len(whole) :]
    return Findings(
        bad,
        rounded,
        first,
        marks,
        frozenset(number for number, filled in zip(optional, are_filled, strict=True) if filled),
        tuple(number for number, large in zip(whole, are_large, strict=True) if large),
        {staged.columns[number].origin.name: count for number, count in zip(doubles, odd, strict=True) if count},
    )


def _any(tests: Iterable[str]) -> str:
    return f"({' OR '.join(tests) or 'false'})"


def key_hashes(connection: DuckDBPyConnection, staged: StagedTable) -> NDArray[np.uint64]:
    """The engine's hashes of the keys as they are stored, in order; rows that were deleted since may be among them."""
    if staged.hashes is not None:
        return staged.hashes
    stored = ", ".join(f"CAST({column.stored(name)} AS {column.sql_type})" for name, column in staged.keys.items())
    found = connection.execute(f"SELECT hash({stored}) AS hash FROM {staged.table}").fetchnumpy()
    staged.hashes = np.sort(np.asarray(found["hash"], np.uint64))
    return staged.hashes


def has_key_twice(connection: DuckDBPyConnection, staged: StagedTable) -> bool:
    """Whether two rows have the same key."""
    if not staged.keys:
        return False
    hashes = key_hashes(connection, staged)
    if not (hashes[1:] == hashes[:-1]).any():
        return False
    query = f"SELECT count(*) > count(DISTINCT ({', '.join(staged.keys)})) FROM {staged.table}"
    return bool(connection.execute(query).fetchall()[0][0])


def rejects(connection: DuckDBPyConnection, staged: StagedTable) -> list[Reject]:
    """Why each bad row is bad, in order."""
    found = connection.execute(f"SELECT rowid, bad FROM {staged.table} WHERE bad IS NOT NULL").fetchall()
    rules = []
    for part, start, end in staged.parts:
        bad = {row - start: number for row, number in found if start <= row < end}
        for row, record in _records(connection, part, bad):
            column = staged.columns[bad[row]] if bad[row] >= 0 else None
            rules.append(
                Reject(
                    part.position(row),
                    staged.broken.get(start + row, record),
                    column.rule if column else "malformed",
                    column.origin.name if column else None,
                    column.reason if column else "is not a JSON object",
                )
            )
    return rules


def refusal(connection: DuckDBPyConnection, staged: StagedTable, row: int) -> Refusal:
    """Why row number `row`, which lacks something, is refused."""
    values = connection.execute(f"SELECT * FROM {staged.table} WHERE rowid = {row}").fetchone() or ()
    pairs = zip(staged.columns, values, strict=False)
    column = next(
        column
        for column, value in pairs
        if column.origin.required and (value is None or (value == "" and column.is_key))
    )
    part, start, _ = next(each for each in staged.parts if row < each[2])
    what = "its key" if column.is_key else "a required field"
    return Refusal(part.position(row - start), staged.batch.schema.stream, column.origin.name, what)


def _records(connection: DuckDBPyConnection, part: Part, rows: dict[int, int]) -> Iterable[tuple[int, bytes]]:
    if part.format == "jsonl":
        return part.pick(set(rows))
    return ((row, sources.typed_row(part, row)) for row in sorted(rows))
