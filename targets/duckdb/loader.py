"""The DuckDB loader: staging tables, then one transaction that merges them."""

# ruff: noqa: S608  names go through `quoted`, texts through `literal`, the rest are numbers

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import duckdb

from pipe import times
from targets.core.columns import DELETED_AT, TABLE_VERSION
from targets.duckdb import checks, database
from targets.duckdb.columns import plan, quoted
from targets.duckdb.known import KnownKeys
from targets.duckdb.staging import Stager
from targets.duckdb.tables import Tables

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from targets.core.spool import Batch
    from targets.duckdb.staged import StagedTable


class DuckDBLoader:
    """One database file, ours alone while it is open."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        """Open the file that `config` names."""
        self._connection, self.spool = database.open_database(config)
        self._memory_limit: str = config["memory_limit"]
        self._hard_delete = bool(config["hard_delete"])
        self._tables = Tables(self._connection, config["default_target_schema"], hard_delete=self._hard_delete)
        self._stager = Stager(self._connection, self.spool, may_view=True)
        self._known: dict[str, KnownKeys | None] = {}
        """Of each stream that has been merged the keys its table has, unless that had rows before this run."""

    def stage(self, batch: Batch) -> StagedTable:
        """Bring a batch into a temporary table and check it."""
        with database.engine_errors(batch.schema.stream):
            columns = plan(batch.schema, self._tables.columns(batch.schema.stream))
            return self._stager.stage(batch, columns)

    def commit(self, staged: list[StagedTable], before: int | None) -> None:
        """Merge all of it in one transaction, without the records from input line `before` on."""
        if before is not None:
            for each in staged:
                with database.engine_errors(each.batch.schema.stream):
                    self._stager.in_table(each)
        with database.engine_errors(), self._transaction():
            for each in staged:
                stream = each.batch.schema.stream
                with database.engine_errors(stream):
                    if stream not in self._known:
                        self._known[stream] = KnownKeys(each.key_types) if self._tables.is_empty(stream) else None
                    self._tables.prepare(each)
                    self._merge(each, before)
                    if each.batch.activate is not None and before is None:
                        self._activate(stream, each.batch.activate)
        for each in staged:
            self._stager.drop(each)
        database.give_back(self._connection, self._memory_limit)

    def close(self) -> None:
        """Close the file, tidied if it needs it, and remove the spool."""
        with suppress(duckdb.Error):  # closing must not hide why the run ends
            if self._tables.fragmented(self._known):
                self._connection.execute("RESET max_vacuum_tasks")
            self._connection.close()
        self.spool.close()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            with suppress(duckdb.Error):  # a commit that failed has ended the transaction itself
                self._connection.rollback()
            raise

    def _merge(self, staged: StagedTable, before: int | None) -> None:
        """Replace the rows whose keys came and append the others; without a key, append all."""
        execute = self._connection.execute
        stream, source = staged.batch.schema.stream, staged.table
        table = self._tables.name(stream)
        self._stager.settle(staged, before)
        alive = f"WHERE {staged.mark} IS NULL" if self._hard_delete else ""
        if staged.keys:
            same = " AND ".join(
                f"t.{quoted(column.name)} = {column.stored(f's.{name}')}" for name, column in staged.keys.items()
            )
            if staged.has_marks and not self._hard_delete:
                marked = f"{quoted(DELETED_AT)} = coalesce(t.{quoted(DELETED_AT)}, s.{staged.mark})"
                marks = f"(SELECT * FROM {source} WHERE {staged.is_mark})"
                execute(f"UPDATE {table} AS t SET {marked} FROM {marks} AS s WHERE {same}")
                execute(f"DELETE FROM {source} WHERE {staged.is_mark}")
            hashes, known = checks.key_hashes(self._connection, staged), self._known[stream]
            if known is None or known.may_have(hashes, staged.key_types):
                execute(f"DELETE FROM {table} AS t USING {source} AS s WHERE {same}")
            if known is not None and not known.add(hashes, staged.key_types):
                self._known[stream] = None
        stored = {
            quoted(column.name): column.stored(f"c{number}") for number, column in self._tables.stored(staged).items()
        }
        with self._stager.in_order(typed=staged.is_view):
            execute(
                f"INSERT INTO {table} ({', '.join(stored)}) SELECT {', '.join(stored.values())} FROM {source} {alive}"
            )

    def _activate(self, stream: str, version: int) -> None:
        """Delete what is of an older version, or of none."""
        table = self._tables.name(stream)
        older = f"coalesce({quoted(TABLE_VERSION)} < {int(version)}, true)"
        if self._hard_delete:
            self._connection.execute(f"DELETE FROM {table} WHERE {older}")
        else:
            self._connection.execute(
                f"UPDATE {table} SET {quoted(DELETED_AT)} = ?::TIMESTAMPTZ "
                f"WHERE {quoted(DELETED_AT)} IS NULL AND {older}",
                [times.now_text()],
            )
