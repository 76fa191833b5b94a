"""Snowflake through its own driver: INFORMATION_SCHEMA for discovery, Arrow result batches for reading."""

from __future__ import annotations

import json
import math
import os
import sys
from contextlib import closing, contextmanager, redirect_stdout
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import snowflake.connector
from snowflake.connector.errors import Error

from pipe.errors import ConfigurationError
from pipe.mapper import RUN_ID_VARIABLE
from taps.base.sql.engine import Column, Condition, Read, Table, expanded, refused
from taps.base.sql.slices import sliced
from taps.snowflake import login, types
from taps.snowflake.faults import translated

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

_COLUMNS = """
SELECT c.table_name, c.column_name, c.data_type, c.numeric_precision, c.numeric_scale, c.is_nullable, t.row_count
FROM {database}.INFORMATION_SCHEMA.COLUMNS AS c LEFT JOIN {database}.INFORMATION_SCHEMA.TABLES AS t
  ON t.table_schema = c.table_schema AND t.table_name = c.table_name
WHERE c.table_schema = %s
ORDER BY c.table_name, c.ordinal_position
"""
_SCHEMAS = "SELECT schema_name FROM {database}.INFORMATION_SCHEMA.SCHEMATA ORDER BY 1"
_START = ":start"
_EASTMOST = "Pacific/Kiritimati"
_DAY = 86_400
_PLACE = ("account", "host", "port", "protocol", "role", "warehouse", "database")
_TEXT_OF = {
    "TIMESTAMP_NTZ": "TO_VARCHAR({}, 'YYYY-MM-DD\"T\"HH24:MI:SS.FF9')",
    **dict.fromkeys(
        ("TIMESTAMP_LTZ", "TIMESTAMP_TZ"),
        "TO_VARCHAR(CONVERT_TIMEZONE('UTC', {}), 'YYYY-MM-DD\"T\"HH24:MI:SS.FF9') || '+00:00'",
    ),
}


class SnowflakeEngine:
    """One session, times in UTC; every statement says whose it is in its QUERY_TAG."""

    excluded_schemas = frozenset({"INFORMATION_SCHEMA"})

    def __init__(self, config: Mapping[str, Any]) -> None:
        """Take a checked config."""
        self._config = config
        self._big = config["big_integers"]
        self._connection: Any = None
        self._stream: str | None = None

    @contextmanager
    def connect(self) -> Iterator[None]:
        """Open the session."""
        if self._connection:  # within another `with`
            yield
            return
        config = self._config
        session: dict[str, Any] = {
            "TIMEZONE": "UTC",
            "TIMESTAMP_TYPE_MAPPING": "TIMESTAMP_NTZ",
            "QUERY_TAG": self._tag(),
        }
        if timeout := config.get("statement_timeout"):
            session["STATEMENT_TIMEOUT_IN_SECONDS"] = math.ceil(timeout)
        os.environ.setdefault("SNOWFLAKE_DISABLE_PLATFORM_DETECTION", "true")  # else it asks clouds who they are
        try:
            with redirect_stdout(sys.stderr):  # the driver talks to people there, and it is ours for messages
                self._connection = snowflake.connector.connect(
                    **{name: config[name] for name in _PLACE if name in config},
                    **login.credentials(config),
                    session_parameters=session,
                    application="growthnav_tap_snowflake",
                    arrow_number_to_decimal=True,
                    interpolate_empty_sequences=True,
                    client_session_keep_alive=True,
                    enable_server_session_keep_alive_auto_detection=False,
                    login_timeout=30,
                    retry_timeout=config["retry_seconds"],
                )
        except Error as error:
            raise translated(error, None, connecting=True) from None
        except (ValueError, TypeError):
            raise ConfigurationError(
                "the driver refuses the settings of the connection",
                remedy="Check account, host, private_key and the way to sign in",
            ) from None
        try:
            yield
        finally:
            connection, self._connection = self._connection, None
            with self._quietly():
                connection.close()

    @contextmanager
    def errors(self, stream: str | None = None) -> Iterator[None]:
        """Turn the driver's errors into ours; statements within are tagged with the stream."""
        before, self._stream = self._stream, stream or self._stream
        try:
            yield
        except Error as error:
            raise translated(error, stream, connecting=False) from None
        finally:
            self._stream = before

    def schemas(self) -> list[str]:
        """Names of the schemas this role may look into."""
        return [name for (name,) in self.rows(_SCHEMAS.format(database=self._database))]

    def tables(self, schema: str, zone_of: Callable[[str], str | None]) -> Iterator[Table]:
        """The tables and views of a schema."""
        keys = self._keys(schema)
        found: dict[str, list[Any]] = {}
        for name, *rest in self.rows(_COLUMNS.format(database=self._database), [schema]):
            found.setdefault(name, []).append(rest)
        for name, rows in found.items():
            columns = tuple(
                self._column(column, kind, (precision, scale), zone_of(name), nullable=nullable == "YES")
                for column, kind, precision, scale, nullable, _ in rows
            )
            source = f"{self._database}.{self.quote(schema)}.{self.quote(name)} AS t"
            estimate = rows[0][-1]
            yield Table(
                schema,
                name,
                columns,
                keys.get(name, ()),
                source,
                estimate=None if estimate is None else int(estimate),
            )

    def query(self, name: str, sql: str, zone: str | None) -> Table:
        """The result of a SELECT as if it were a table."""
        starts = sql.count(_START)
        source = f"({self.verbatim(sql).replace(_START, '%s')}) AS t"
        with self.errors(name), self._run(f"SELECT * FROM {source} LIMIT 0", [None] * starts) as cursor:  # noqa: S608
            described = cursor.description
        columns = tuple(
            self._column(each.name, types.CODES[each.type_code], (each.precision, each.scale), zone, nullable=True)
            for each in described
        )
        return Table("", name, columns, (), source, starts)

    def quote(self, name: str) -> str:
        """An identifier, whatever is in it."""
        return self.verbatim('"' + name.replace('"', '""') + '"')

    def verbatim(self, sql: str) -> str:
        """SQL of the user's, in which nothing is taken for a parameter."""
        return sql.replace("%", "%%")

    def now(self, column: Column) -> str:
        """SQL for this moment as a value of the column; in the eastmost zone if theirs is unknown."""
        if column.cast in ("TIMESTAMP_LTZ", "TIMESTAMP_TZ"):
            return f"CURRENT_TIMESTAMP()::{column.cast}"
        zone = self.verbatim((column.zone or _EASTMOST).replace("'", "''"))
        return f"CONVERT_TIMEZONE('{zone}', CURRENT_TIMESTAMP())::TIMESTAMP_NTZ::{column.cast}"

    def place(self, column: Column) -> str:
        """SQL for a parameter that is the text of one of the column's values."""
        return f"%s::{column.cast}" if column.cast else "%s"

    def earlier(self, column: Column, value: str, days: float, numbers: int) -> str:
        """SQL for a value moved back."""
        if column.is_time and days:
            part, amount = ("day", math.ceil(days)) if column.cast == "DATE" else ("second", math.ceil(days * _DAY))
            return f"DATEADD({part}, -{amount}, {value})"
        return f"({value} - {numbers})" if numbers and not column.is_time else value

    def text(self, column: Column, value: str) -> str:
        """SQL for the text of a value."""
        return _TEXT_OF.get(column.cast, "TO_VARCHAR({})").format(value)

    def compare(self, columns: Sequence[Column], operator: str, position: Sequence[str]) -> Condition:
        """Whether a row lies before or behind a position; Snowflake does not compare rows."""
        return expanded(self, columns, operator, position)

    def ordering(self, name: str, columns: Sequence[Column]) -> Column:
        """A column that orders rows by the first of `columns` that is not NULL, read as text."""
        first = columns[0]
        raw = f"COALESCE({', '.join(f'{each.raw}::{first.cast}' for each in columns)})" if columns[1:] else first.raw
        nullable = all(column.nullable for column in columns)
        return replace(
            first,
            name=name,
            sql=self.text(first, raw),
            type=pa.string(),
            bad=None,
            raw=raw,
            nullable=nullable,
            zone=None,
        )

    def unreadable(self, tables: Iterable[Table]) -> list[str]:
        """Tables that the role has some right to, but not that of reading."""
        return refused(self, tables)

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """The rows of a small query."""
        with self.errors(self._stream), self._run(sql, parameters) as cursor:
            return list(cursor.fetchall())

    def read(self, read: Read, chunk_rows: int) -> Iterator[pa.Table]:
        """The rows as the driver's Arrow tables, cut to `chunk_rows`."""
        selects = ", ".join(f"{column.sql} AS {self.quote(column.name)}" for column in read.columns)
        order = ", ".join(f"{column.raw}{' NULLS FIRST' if column.nullable else ''}" for column in read.order)
        select = (
            f"SELECT {selects} FROM {read.table.source} "  # noqa: S608
            f"WHERE {' AND '.join(read.conditions) or 'TRUE'}"
            f"{f' ORDER BY {order}' if order else ''}{f' LIMIT {read.limit}' if read.limit else ''}"
        )
        with self._run(select, read.parameters) as cursor:
            batches = cursor.fetch_arrow_batches(force_microsecond_precision=True)
            yield from sliced((types.typed(batch, read.columns) for batch in batches), chunk_rows)

    @property
    def _database(self) -> str:
        return self.quote(self._config["database"])

    def _column(
        self, name: str, kind: str, size: tuple[int | None, int | None], zone: str | None, *, nullable: bool
    ) -> Column:
        return types.column(name, f"t.{self.quote(name)}", kind, size, zone=zone, nullable=nullable, big=self._big)

    def _keys(self, schema: str) -> dict[str, tuple[str, ...]]:
        """Table -> its primary key as declared; Snowflake does not enforce it."""
        found: dict[str, list[tuple[int, str]]] = {}
        with self.errors(), self._run(f"SHOW PRIMARY KEYS IN SCHEMA {self._database}.{self.quote(schema)}") as cursor:
            names = [each.name for each in cursor.description]
            for row in cursor.fetchall():
                told = dict(zip(names, row, strict=True))
                found.setdefault(told["table_name"], []).append((int(told["key_sequence"]), told["column_name"]))
        return {table: tuple(name for _, name in sorted(parts)) for table, parts in found.items()}

    @contextmanager
    def _run(self, sql: str, parameters: Sequence[Any] = ()) -> Iterator[Any]:
        if self._connection is None:
            raise AssertionError("connect first")
        with closing(self._connection.cursor()) as cursor:
            cursor.execute(sql, tuple(parameters), _statement_params={"QUERY_TAG": self._tag()})
            yield cursor

    def _tag(self) -> str:
        tag = {"tenant": self._config.get("tenant"), "stream": self._stream, "run": os.environ.get(RUN_ID_VARIABLE)}
        return json.dumps({name: value for name, value in tag.items() if value})

    @contextmanager
    def _quietly(self) -> Iterator[None]:
        """A session that is already gone need not be closed."""
        try:
            yield
        except Error:
            return
