"""Tables: what columns they have, and making or widening them for what is about to be merged."""

# ruff: noqa: S608  names go through `quoted`

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import duckdb

from targets.core.columns import DELETED_AT, OPTIONAL, TABLE_VERSION, folded
from targets.duckdb.columns import SQL_TYPES, Column, quoted

if TYPE_CHECKING:
    from collections.abc import Iterable

    from targets.duckdb.staged import StagedTable

logger = logging.getLogger(__name__)

COMPRESSED = " USING COMPRESSION zstd"
"""For JSON, which is most of the bytes: a sixth off the time of writing, a fifth off the file. Forced on every column
it saved no more time and made files 1.6 times as large (1,000,000 conversions)."""

ROW_GROUP_ROWS = 122_880
FRAGMENTS_BORNE = 3


class Tables:
    """The tables of one schema."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, schema: str, *, hard_delete: bool) -> None:
        """See to the tables of `schema`, which is made when it is missing."""
        self._connection = connection
        (database,) = connection.execute("SELECT current_database()").fetchone() or ("",)
        # In full: a file and a schema of one name would be ambiguous.
        self._place = f"{quoted(database)}.{quoted(schema)}"
        self._hard_delete = hard_delete
        self._columns: dict[str, dict[str, str]] = {}

    def name(self, stream: str) -> str:
        """The full name of a stream's table, quoted."""
        return f"{self._place}.{quoted(stream)}"

    def columns(self, stream: str) -> dict[str, str]:
        """Column name -> SQL type, in order; empty when there is no such table.

        Looked up once a run, ahead of any transaction: the file is ours alone.
        """
        if stream not in self._columns:
            try:
                found = self._connection.execute("SELECT name, type FROM pragma_table_info(?)", [self.name(stream)])
                self._columns[stream] = dict(found.fetchall())
            except duckdb.CatalogException:
                self._columns[stream] = {}
        return self._columns[stream]

    def stored(self, staged: StagedTable) -> dict[int, Column]:
        """The columns that go to the table, by number: without optional ones that have no value."""
        return {
            number: column
            for number, column in enumerate(staged.columns)
            if not column.origin.optional
            or (number in staged.filled and not (self._hard_delete and column.origin.name == DELETED_AT))
        }

    def fragmented(self, streams: Iterable[str]) -> bool:
        """Whether tables have together far more row groups than their rows need.

        Together, for tidying one rewrites the small row groups of all: a fifth of a load of 4,000,000 conversions, when
        it was done for a table of a few thousand rows.
        """
        groups = needed = 0
        for name in map(self.name, streams):
            query = f"SELECT (SELECT count(DISTINCT row_group_id) FROM pragma_storage_info(?)), count(*) FROM {name}"
            found, rows = self._connection.execute(query, [name]).fetchone() or (0, 0)
            groups += found
            needed += rows // ROW_GROUP_ROWS + 1
        return bool(groups > FRAGMENTS_BORNE * needed)

    def is_empty(self, stream: str) -> bool:
        """Whether there is no table of a stream yet, or no row in it."""
        if not self.columns(stream):
            return True
        return not self._connection.execute(f"SELECT 1 FROM {self.name(stream)} LIMIT 1").fetchall()

    def prepare(self, staged: StagedTable) -> None:
        """Make or widen the table for the rows of `staged`."""
        stream = staged.batch.schema.stream
        table = self.name(stream)
        wanted = {column.name: column.sql_type for column in self.stored(staged).values()}
        if staged.batch.activate is not None:
            needed = [TABLE_VERSION] if self._hard_delete else [TABLE_VERSION, DELETED_AT]
            wanted |= {name: SQL_TYPES[OPTIONAL[name]] for name in needed if name not in wanted}
        existing = self.columns(stream)
        if existing:
            self._widen(table, existing, wanted)
        else:
            fields = ", ".join(
                f"{quoted(name)} {sql_type}{COMPRESSED if sql_type == 'JSON' else ''}"
                for name, sql_type in wanted.items()
            )
            self._connection.execute(f"CREATE SCHEMA IF NOT EXISTS {self._place}")
            self._connection.execute(f"CREATE TABLE {table} ({fields})")
            existing.update(wanted)

    def _widen(self, table: str, existing: dict[str, str], wanted: dict[str, str]) -> None:
        names = {folded(name): name for name in existing}
        for name, sql_type in wanted.items():
            known = names.get(folded(name), name)
            before = existing.get(known)
            if before is None:
                self._connection.execute(f"ALTER TABLE {table} ADD COLUMN {quoted(name)} {sql_type}")
            elif before != sql_type:
                logger.info("Column %s of %s becomes %s (it was %s)", known, table, sql_type, before)
                self._connection.execute(f"ALTER TABLE {table} ALTER COLUMN {quoted(name)} SET DATA TYPE {sql_type}")
            existing[known] = sql_type
