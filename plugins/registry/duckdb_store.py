"""The registry in a DuckDB file: the embedded default."""

from __future__ import annotations

import fcntl
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

import duckdb

from pipe.errors import RetriableError
from plugins.registry import store
from plugins.registry.tables import DATASET, TABLES
from targets.duckdb.database import engine_errors, is_in_use, unusable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from plugins.registry.store import Row
    from plugins.registry.tables import Table

_SQL = store.Dialect(DATASET, "$", "CAST({} AS JSON)")


class DuckDBStore:
    """A file that one process at a time has open, each for one statement; a lock file beside it makes a queue."""

    def __init__(self, path: Path) -> None:
        """Use the file `path`, made on first use."""
        self._path = path

    def select(self, table: Table, where: Mapping[str, str], order: str = "", limit: int | None = None) -> list[Row]:
        """As `Store.select`."""
        if not self._path.exists():
            return []
        statement = _SQL.select(table, where, order, limit)
        with self._open() as connection:
            found = connection.execute(statement, dict(where)).fetchall()
        return [
            {column.name: store.value(column, item) for column, item in zip(table.columns, row, strict=True)}
            for row in found
        ]

    def merge(self, table: Table, rows: Sequence[Row]) -> int:
        """As `Store.merge`; all rows or none."""
        with self._open() as connection:
            connection.begin()
            changed = 0
            for row in rows:
                values = store.texts(table, row)
                changed += _count(connection.execute(_SQL.merge(table, values), values))
            connection.commit()
        return changed

    def delete(self, table: Table, where: Mapping[str, str]) -> int:
        """As `Store.delete`."""
        if not self._path.exists():
            return 0
        with self._open() as connection:
            return _count(connection.execute(_SQL.delete(table, where), dict(where)))

    @contextmanager
    def _open(self) -> Iterator[duckdb.DuckDBPyConnection]:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.with_suffix(".lock").open("a") as queue:
            fcntl.flock(queue, fcntl.LOCK_EX)
            try:
                connection = duckdb.connect(str(self._path))
            except duckdb.IOException as error:
                if not is_in_use(error):
                    raise unusable(self._path, error) from None
                raise RetriableError(
                    f"the registry {self._path.name} is open elsewhere", remedy="Close the program that has it open"
                ) from None
            with closing(connection), engine_errors():
                connection.execute(f"CREATE SCHEMA IF NOT EXISTS {DATASET}")
                for table in TABLES:
                    connection.execute(table.create(DATASET))
                yield connection


def _count(result: duckdb.DuckDBPyConnection) -> int:
    row = result.fetchone()
    return int(row[0]) if row else 0
