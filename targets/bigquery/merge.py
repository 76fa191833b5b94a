"""The GoogleSQL that takes rows from the staging table into the stream's."""

# ruff: noqa: S608  names are made of letters, digits and underscores, versions are numbers

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipe import times
from targets.core.columns import DELETED_AT, TABLE_VERSION, DataType

if TYPE_CHECKING:
    from collections.abc import Sequence

    from targets.bigquery.columns import BigQueryColumn


_IS_DELETED = f"s.`{DELETED_AT}` IS NOT NULL"


@dataclass(frozen=True)
class Rows:
    """Staged rows and where they go."""

    table: str
    staging: str
    columns: Sequence[BigQueryColumn]
    """In the staging table, in order."""
    emptied: Sequence[str] = ()
    """Columns of the table that a row that comes again has no value for."""
    hard_delete: bool = False
    has_marks: bool = False
    """Some rows are a key and `_sdc_deleted_at` alone, and say nothing of the other columns."""

    @property
    def keys(self) -> list[BigQueryColumn]:
        """The key, if there is one."""
        return [column for column in self.columns if column.is_key]

    @property
    def stored(self) -> list[BigQueryColumn]:
        """The columns that the table has."""
        return [column for column in self.columns if not self._is_mark(column)]

    @property
    def dead(self) -> str | None:
        """GoogleSQL that is true for a row that is to be removed."""
        return _IS_DELETED if any(map(self._is_mark, self.columns)) else None

    @property
    def mark(self) -> str | None:
        """GoogleSQL that is true for a row that only says that its key is deleted."""
        if self.hard_delete or not self.has_marks:
            return None
        others = (f"s.{quoted(column.name)} IS NULL" for column in self.columns if column.is_told)
        return " AND ".join((_IS_DELETED, *others))

    def _is_mark(self, column: BigQueryColumn) -> bool:
        return self.hard_delete and column.origin.name == DELETED_AT


def statement(rows: Rows) -> str:
    """Replace the rows whose keys came and add the others; without a key, add all."""
    return _merge(rows) if rows.keys else _append(rows)


def activation(table: str, version: int, *, hard_delete: bool) -> str:
    """Delete what is of an older version, or of none."""
    older = f"({quoted(TABLE_VERSION)} IS NULL OR {quoted(TABLE_VERSION)} < {int(version)})"
    if hard_delete:
        return f"DELETE FROM {quoted(table)} WHERE {older}"
    mark = quoted(DELETED_AT)
    return f"UPDATE {quoted(table)} SET {mark} = TIMESTAMP '{times.now_text()}' WHERE {mark} IS NULL AND {older}"


def together(statements: Sequence[str]) -> str:
    """All of them or none."""
    if len(statements) == 1:
        return statements[0]
    return ";\n".join(("BEGIN TRANSACTION", *statements, "COMMIT TRANSACTION;"))


def quoted(name: str) -> str:
    """An identifier, or a path of them."""
    return f"`{name}`"


def _merge(rows: Rows) -> str:
    same = " AND ".join(_equal(column) for column in rows.keys)
    matched = [f"{quoted(column.name)} = s.{quoted(column.name)}" for column in rows.stored if not column.is_key]
    matched += [f"{quoted(name)} = NULL" for name in rows.emptied]
    names = ", ".join(quoted(column.name) for column in rows.stored)
    values = ", ".join(f"s.{quoted(column.name)}" for column in rows.stored)
    clauses = [f"WHEN MATCHED AND {rows.dead} THEN DELETE"] if rows.dead else []
    if rows.mark:
        first = f"COALESCE(t.{quoted(DELETED_AT)}, s.{quoted(DELETED_AT)})"
        clauses.append(f"WHEN MATCHED AND {rows.mark} THEN UPDATE SET {quoted(DELETED_AT)} = {first}")
    clauses += [f"WHEN MATCHED THEN UPDATE SET {', '.join(matched)}"] if matched else []
    left_out = rows.dead or rows.mark
    wanted = f" AND NOT ({left_out})" if left_out else ""
    clauses.append(f"WHEN NOT MATCHED{wanted} THEN INSERT ({names}) VALUES ({values})")
    return "\n".join(
        (f"MERGE {quoted(rows.table)} AS t", f"USING ({_source(rows, rows.columns)}) AS s", f"ON {same}", *clauses)
    )


def _append(rows: Rows) -> str:
    names = ", ".join(quoted(column.name) for column in rows.stored)
    alive = f" WHERE NOT ({rows.dead})" if rows.dead else ""
    return f"INSERT INTO {quoted(rows.table)} ({names})\n{_source(rows, rows.stored)}{alive}"


def _source(rows: Rows, columns: Sequence[BigQueryColumn]) -> str:
    values = ", ".join(f"{column.merged(f's.{quoted(column.name)}')} AS {quoted(column.name)}" for column in columns)
    return f"SELECT {values} FROM {quoted(rows.staging)} AS s"


def _equal(column: BigQueryColumn) -> str:
    name = quoted(column.name)
    if column.kind is DataType.JSON:  # which cannot be compared
        return f"TO_JSON_STRING(t.{name}) = TO_JSON_STRING(s.{name})"
    return f"t.{name} = s.{name}"
