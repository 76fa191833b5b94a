"""Profiles of tables, wherever they are.

`profile_rows` (records), `profile_csv`, `profile_parquet`, `profile_duckdb` (a table or query of a connection) and
`profile_singer` (a Singer stream, in bounded memory) all give `TableProfile`s; `StreamProfiler` takes records one by
one.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from discovery import dates, patterns, relations, scan
from discovery.streams import StreamProfiler, profile_singer
from discovery.table import ColumnProfile, Relation, TableProfile
from pipe import columnar
from pipe.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

    import duckdb

__all__ = [
    "ColumnProfile",
    "Relation",
    "StreamProfiler",
    "TableProfile",
    "profile_csv",
    "profile_duckdb",
    "profile_parquet",
    "profile_rows",
    "profile_singer",
    "summarised",
]

_MEMORY = "1GB"


def profile_rows(name: str, records: Iterable[Mapping[str, Any]]) -> TableProfile:
    """The profile of a table whose records are at hand, one after the other."""
    profiler = StreamProfiler(name)
    for record in records:
        profiler.add(record)
    return profiler.profile()


def profile_parquet(path: Path | Sequence[Path], name: str | None = None) -> TableProfile:
    """The profile of a Parquet file, or of several with the same columns.

    Raises:
        DataError: it cannot be read.
    """
    paths = [path] if isinstance(path, Path) else list(path)
    return _of_files(paths, "parquet", name or paths[0].stem)


def profile_csv(path: Path, name: str | None = None) -> TableProfile:
    """The profile of a CSV file with a header; its dialect is sniffed, its values stay text.

    Raises:
        DataError: it cannot be read.
    """
    return _of_files([path], "csv", name or path.stem)


def profile_duckdb(connection: duckdb.DuckDBPyConnection, relation: str, name: str) -> TableProfile:
    """The profile of a table (its quoted name) or of a query in brackets."""
    return scan.table(connection, relation, name)


def _of_files(paths: Sequence[Path], form: str, name: str) -> TableProfile:
    with tempfile.TemporaryDirectory() as folder:
        connection = columnar.connect(Path(folder), _MEMORY)
        try:
            if form == "csv":
                relation = f"read_csv({columnar.literal(str(paths[0]))}, header = true, all_varchar = true)"
            else:
                relation = columnar.source(connection, paths, form)
            return scan.table(connection, relation, name)
        except columnar.ENGINE_ERRORS as error:
            raise DataError(
                f"{paths[0].name} cannot be read as {form} ({type(error).__name__})",
                remedy="Give a file with a header line, in UTF-8" if form == "csv" else None,
            ) from None
        finally:
            connection.close()


def summarised(
    name: str, rows_seen: int | None, columns: Sequence[tuple[str, str, float | None, int | None, tuple[str, ...]]]
) -> TableProfile:
    """A profile from counts and samples taken elsewhere: (name, type, null fraction, distinct values, samples)."""
    profiles = tuple(
        ColumnProfile(
            column,
            position,
            kind,
            nulls,
            distinct,
            samples,
            patterns.shares(samples),
            patterns.shapes(samples),
            dates=dates.date_format(samples) if kind not in {"boolean", "json"} else None,
        )
        for position, (column, kind, nulls, distinct, samples) in enumerate(columns)
    )
    aligned: dict[str, Sequence[str | None]] = {
        column.name: column.samples
        for column in profiles
        if rows_seen and column.samples and column.null_fraction == 0 and column.distinct_seen == rows_seen
    }  # a column without repetition: its samples are its first rows
    return TableProfile(name, rows_seen, profiles, relations.find(aligned))
