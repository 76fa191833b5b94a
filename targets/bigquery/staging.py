"""Staging on this machine: the same checks as for DuckDB, in a DuckDB without a file, and good rows out to one file."""

# ruff: noqa: S608  names are quoted, the rest are numbers

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from pipe import columnar
from pipe.errors import DataError
from targets.bigquery.columns import BigQueryColumn, widened
from targets.core.columns import DELETED_AT, DataType
from targets.duckdb.columns import literal, quoted
from targets.duckdb.database import engine_errors
from targets.duckdb.staging import Stager

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from targets.core.spool import Batch, SpoolDirectory
    from targets.duckdb.staged import StagedTable

_COPY = {"parquet": "FORMAT parquet, COMPRESSION zstd", "ndjson": "FORMAT json, COMPRESSION gzip"}


class LocalStaging:
    """Temporary tables of this process."""

    def __init__(self, spool: SpoolDirectory, memory_limit: str, threads: int | None) -> None:
        """Work aside goes to the spool."""
        self._connection = columnar.connect(spool.path, memory_limit, threads)
        self._stager = Stager(self._connection, spool)

    def stage(self, batch: Batch, columns: Sequence[BigQueryColumn]) -> StagedTable:
        """Stage a batch, without its rejects; decimals that NUMERIC is too short for get a wider column."""
        with engine_errors(batch.schema.stream):
            staged = self._stager.stage(batch, columns)
            tried: set[str] = set()
            while suspects := self._refused_decimals(staged) - tried:
                tried |= suspects
                wider = self._stager.stage(batch, [_wider(column, suspects) for column in columns_of(staged)])
                needed = {name for name in suspects if self._needs_width(wider, name)}
                if needed != suspects:
                    wider = self._stager.stage(batch, [_wider(column, needed) for column in columns_of(staged)])
                self._drop(staged)
                staged = wider
            return staged

    def export(
        self,
        staged: StagedTable,
        before: int | None,
        columns: Sequence[tuple[int, BigQueryColumn]],
        path: Path,
        form: str,
    ) -> int:
        """Write the rows that came before input line `before`, the last of each key, to one file; how many.

        Raises:
            DataError: a time of a batch file is none in BigQuery.
        """
        stream, execute = staged.batch.schema.stream, self._connection.execute
        with engine_errors(stream):
            self._stager.settle(staged, before)
            self._refuse_odd_times(staged, columns)
            values = ", ".join(
                f"{column.exported(f'c{number}', form)} AS {quoted(column.name)}" for number, column in columns
            )
            execute(
                f"COPY (SELECT {values} FROM {staged.table} ORDER BY rowid) TO {literal(str(path))} ({_COPY[form]})"
            )
            (rows,) = execute(f"SELECT count(*) FROM {staged.table}").fetchone() or (0,)
            self._drop(staged)
            return int(rows)

    def close(self) -> None:
        """Let go of all of it."""
        self._connection.close()

    def _drop(self, staged: StagedTable) -> None:
        self._connection.execute(f"DROP TABLE IF EXISTS {staged.table}")

    def _refused_decimals(self, staged: StagedTable) -> set[str]:
        narrow = {
            column.origin.name for column in columns_of(staged) if column.kind is DataType.DECIMAL and not column.wide
        }
        return {str(reject.field) for reject in staged.rejects if reject.field in narrow}

    def _needs_width(self, staged: StagedTable, name: str) -> bool:
        """Whether a column that is text now has a decimal that NUMERIC cannot hold."""
        number, column = next(
            (number, column) for number, column in enumerate(columns_of(staged)) if column.origin.name == name
        )
        text = f"c{number}"
        narrow = f"TRY_CAST({text} AS DECIMAL(38,9)) IS NULL OR {column.loses_digits(text)}"
        (found,) = self._connection.execute(
            f"SELECT count(*) FROM {staged.table} WHERE {text} IS NOT NULL AND ({narrow})"
        ).fetchone() or (0,)
        return bool(found)

    def _refuse_odd_times(self, staged: StagedTable, columns: Sequence[tuple[int, BigQueryColumn]]) -> None:
        timed = [(column, wrong) for number, column in columns if (wrong := column.out_of_range(f"c{number}"))]
        if not timed:
            return
        counts = ", ".join(f"count(*) FILTER (WHERE {wrong})" for _, wrong in timed)
        found = self._connection.execute(f"SELECT {counts} FROM {staged.table}").fetchone() or ()
        for (column, _), count in zip(timed, found, strict=True):
            if count:
                raise DataError(
                    f"{count} rows of a batch file have a time outside of the years 1 to 9999",
                    stream=staged.batch.schema.stream,
                    field=column.origin.name,
                )


def columns_of(staged: StagedTable) -> list[BigQueryColumn]:
    """The columns of a batch that was staged here."""
    return cast("list[BigQueryColumn]", list(staged.columns))


def loaded_columns(staged: StagedTable) -> list[tuple[int, BigQueryColumn]]:
    """The columns that are loaded, by number: without optional ones that have no value."""
    return [
        (number, column)
        for number, column in enumerate(columns_of(staged))
        if not column.origin.optional or number in staged.filled
    ]


def is_mark(column: BigQueryColumn) -> bool:
    """Whether the column says when a row was deleted."""
    return column.origin.name == DELETED_AT


def _wider(column: BigQueryColumn, names: set[str]) -> BigQueryColumn:
    return widened(column) if column.origin.name in names else column
