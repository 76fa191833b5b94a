"""What the registry needs of a database, and the SQL for it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from pipe import times

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from plugins.registry.tables import Column, Table

Row = dict[str, Any]


class Store(Protocol):
    """A database with the tables of the registry: made on first use."""

    def select(self, table: Table, where: Mapping[str, str], order: str = "", limit: int | None = None) -> list[Row]:
        """Rows whose columns equal `where`."""

    def merge(self, table: Table, rows: Sequence[Row]) -> int:
        """Insert rows, or update those of the same key; columns a row leaves out stay. Returns how many changed."""

    def delete(self, table: Table, where: Mapping[str, str]) -> int:
        """Remove rows; returns how many."""


@dataclass(frozen=True)
class Dialect:
    """How one database writes what both can do. Values are text parameters; names are those of our own tables."""

    place: str
    """The schema or dataset."""
    mark: str
    """What goes before the name of a parameter."""
    parse_json: str
    """How a text parameter becomes JSON."""

    def select(self, table: Table, where: Iterable[str], order: str, limit: int | None) -> str:
        """A SELECT of every column."""
        columns = ", ".join(column.name for column in table.columns)
        ordered = order or ", ".join(table.key)
        limited = "" if limit is None else f" LIMIT {int(limit)}"
        return f"SELECT {columns} FROM {self.place}.{table.name}{self._where(where)} ORDER BY {ordered}{limited}"  # noqa: S608

    def delete(self, table: Table, where: Iterable[str]) -> str:
        """A DELETE."""
        return f"DELETE FROM {self.place}.{table.name}{self._where(where)}"  # noqa: S608

    def merge(self, table: Table, names: Iterable[str]) -> str:
        """A MERGE of one row with those columns."""
        given = set(names)
        columns = [column for column in table.columns if column.name in given]
        source = ", ".join(f"{self._typed(column)} AS {column.name}" for column in columns)
        same = " AND ".join(f"t.{name} = s.{name}" for name in table.key)
        changes = ", ".join(f"{column.name} = s.{column.name}" for column in columns if column.name not in table.key)
        listed = ", ".join(column.name for column in columns)
        values = ", ".join(f"s.{column.name}" for column in columns)
        return (
            f"MERGE INTO {self.place}.{table.name} AS t USING (SELECT {source}) AS s ON {same} "  # noqa: S608
            f"WHEN MATCHED THEN UPDATE SET {changes} WHEN NOT MATCHED THEN INSERT ({listed}) VALUES ({values})"
        )

    def _where(self, names: Iterable[str]) -> str:
        conditions = [f"{name} = {self.mark}{name}" for name in names]
        return f" WHERE {' AND '.join(conditions)}" if conditions else ""

    def _typed(self, column: Column) -> str:
        parameter = f"{self.mark}{column.name}"
        return self.parse_json.format(parameter) if column.type == "JSON" else f"CAST({parameter} AS {column.type})"


def texts(table: Table, row: Row) -> dict[str, str | None]:
    """A row as text parameters."""
    return {column.name: text(column, row[column.name]) for column in table.columns if column.name in row}


def text(column: Column, value: Any) -> str | None:
    """A value as the text parameter of a statement."""
    if value is None:
        return None
    if column.type == "JSON":
        return json.dumps(value, sort_keys=True)
    return str(value).lower() if isinstance(value, bool) else str(value)


def value(column: Column, found: Any) -> Any:
    """A value as the database gave it, ready for JSON."""
    if isinstance(found, datetime):
        return times.to_text(found if found.tzinfo else found.replace(tzinfo=UTC))
    return json.loads(found) if column.type == "JSON" and isinstance(found, str) else found
