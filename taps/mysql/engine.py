"""MySQL and MariaDB through PyMySQL: information_schema for discovery, rows as delimited text for reading."""

from __future__ import annotations

import socket
import ssl
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pymysql
from pymysql.cursors import Cursor, SSCursor

from pipe.errors import DataError
from taps.base.sql import delimited
from taps.base.sql.engine import Column, Condition, Read, Table, bad_bits, expanded
from taps.base.sql.tunnel import Tunnel
from taps.mysql import described, types
from taps.mysql.faults import no_tls, translated
from taps.mysql.place import place, tls

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

_TABLES = """
SELECT t.TABLE_NAME, t.TABLE_ROWS, c.COLUMN_NAME, c.COLUMN_TYPE, c.IS_NULLABLE = 'YES', c.PRIVILEGES
FROM information_schema.TABLES t JOIN information_schema.COLUMNS c
  ON c.TABLE_SCHEMA = t.TABLE_SCHEMA AND c.TABLE_NAME = t.TABLE_NAME
WHERE t.TABLE_SCHEMA = %s AND t.TABLE_TYPE IN ('BASE TABLE', 'VIEW', 'SYSTEM VERSIONED')
ORDER BY t.TABLE_NAME, c.ORDINAL_POSITION
"""
_KEYS = """
SELECT TABLE_NAME, COLUMN_NAME, INDEX_NAME, SUB_PART IS NULL AND NULLABLE <> 'YES' AND COLUMN_NAME IS NOT NULL
FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = %s AND NON_UNIQUE = 0
ORDER BY TABLE_NAME, INDEX_NAME <> 'PRIMARY', INDEX_NAME, SEQ_IN_INDEX
"""
_JSON = """
SELECT TABLE_NAME, CHECK_CLAUSE FROM information_schema.CHECK_CONSTRAINTS
WHERE CONSTRAINT_SCHEMA = %s AND CHECK_CLAUSE LIKE 'json_valid(%%'
"""
_SESSION = (
    "SET time_zone = '+00:00', wait_timeout = 28800, net_read_timeout = 3600, net_write_timeout = 3600",
    "SET SESSION TRANSACTION READ ONLY",
)
_START = ":start"
_FETCH = 10_000
_PORT = 3306
_EASTMOST = timezone(timedelta(hours=14))


class MySQLEngine:
    """One connection."""

    excluded_schemas = frozenset({"mysql", "sys", "performance_schema", "information_schema"})

    def __init__(self, config: Mapping[str, Any]) -> None:
        """Take a checked config."""
        self._config = config
        self._connection: Any = None
        self._stream: str | None = None
        there = place(config)
        to = (there.get("host", "localhost"), there.get("port", _PORT))
        self._tunnel = Tunnel(config["ssh_tunnel"], to) if "ssh_tunnel" in config else None

    @contextmanager
    def connect(self) -> Iterator[None]:
        """Open the connection."""
        if self._connection:  # within another `with`
            yield
            return
        with self.errors():
            self._connection = pymysql.connect(
                **place(self._config),
                **tls(self._config),
                charset="utf8mb4",
                autocommit=True,
                connect_timeout=30,
                program_name="growthnav tap-mysql",
                defer_connect=True,
            )
            try:
                # By a socket of ours, `host` stays the name that the server's certificate has.
                self._connection.connect(socket.create_connection(self._tunnel.address()) if self._tunnel else None)
                self._prepare()
            except BaseException:
                self._close()
                raise
        try:
            yield
        finally:
            self._close()

    @contextmanager
    def errors(self, stream: str | None = None) -> Iterator[None]:
        """Turn the driver's errors into ours; the server's own words may quote values, so they are left out."""
        before, self._stream = self._stream, stream or self._stream
        try:
            yield
        except pymysql.MySQLError as error:
            raise translated(error, self._stream) from None
        except ssl.SSLError:
            raise no_tls() from None
        finally:
            self._stream = before

    def schemas(self) -> list[str]:
        """Names of the databases: the one of the settings, or all this user may look into."""
        if (chosen := place(self._config).get("database")) and not self._config.get("schemas"):
            return [chosen]
        return [name for (name,) in self.rows("SELECT SCHEMA_NAME FROM information_schema.SCHEMATA ORDER BY 1")]

    def tables(self, schema: str, zone_of: Callable[[str], str | None]) -> Iterator[Table]:
        """The tables and views of a database."""
        keys = self._keys(schema)
        json = {(table, clause.split("`")[1]) for table, clause in self._json_checks(schema)}
        found: dict[str, list[Any]] = {}
        for table, *rest in self.rows(_TABLES, [schema]):
            found.setdefault(table, []).append(rest)
        for table, rows in found.items():
            source = f"{self.quote(schema)}.{self.quote(table)}"
            columns = tuple(
                types.column(
                    name,
                    f"{source}.{self.quote(name)}",
                    kind,
                    zone=zone_of(table),
                    nullable=bool(nullable),
                    is_json=(table, name) in json,
                    small_bool=self._config.get("tinyint1_as_bool", False),
                )
                for _, name, kind, nullable, rights in rows
                if "select" in rights
            )
            hidden = tuple(name for _, name, _, _, rights in rows if "select" not in rights)
            key = keys.get(table, ())
            usable = () if set(key) & set(hidden) else key
            if columns:
                yield Table(schema, table, columns, usable, source, estimate=rows[0][0], hidden=hidden)

    def query(self, name: str, sql: str, zone: str | None) -> Table:
        """The result of a SELECT as if it were a table."""
        starts = sql.count(_START)
        source = f"({self.verbatim(sql).replace(_START, '%s')}) AS q"
        with self.errors(name), self._cursor() as cursor:
            cursor.execute(f"SELECT * FROM {source} LIMIT 0", [None] * starts)  # noqa: S608
            kinds = described.columns(cursor)
        small_bool = self._config.get("tinyint1_as_bool", False)
        columns = tuple(
            types.column(each, f"q.{self.quote(each)}", kind, zone=zone, nullable=True, small_bool=small_bool)
            for each, kind in kinds
        )
        return Table("", name, columns, (), source, starts)

    def quote(self, name: str) -> str:
        """An identifier, whatever is in it."""
        return self.verbatim("`" + name.replace("`", "``") + "`")

    def verbatim(self, sql: str) -> str:
        """SQL of the user's, in which nothing is taken for a parameter."""
        return sql.replace("%", "%%")

    def now(self, column: Column) -> str:
        """SQL for this moment as a value of the column; in the eastmost zone if theirs is unknown."""
        if pa.types.is_timestamp(column.type) and column.type.tz and not column.zone:
            return "UTC_TIMESTAMP(6)"
        here = datetime.now(ZoneInfo(column.zone) if column.zone else _EASTMOST)
        return f"CAST('{here:%Y-%m-%d %H:%M:%S.%f}' AS {column.cast})".replace("%", "%%")

    def place(self, column: Column) -> str:
        """SQL for a parameter that is the text of one of the column's values."""
        if column.is_time:
            return f"CAST(LEFT(%s, 26) AS {column.cast})"  # without the offset, which is 0
        return f"CAST(%s AS {column.cast})" if column.cast else "%s"

    def earlier(self, column: Column, value: str, days: float, numbers: int) -> str:
        """SQL for a value moved back."""
        if column.is_time and days:
            return f"({value} - INTERVAL {round(days * 86_400_000_000)} MICROSECOND)"
        return f"({value} - {numbers})" if numbers and not column.is_time else value

    def text(self, column: Column, value: str) -> str:
        """SQL for the text of a value."""
        return f"CAST({value} AS CHAR)"

    def compare(self, columns: Sequence[Column], operator: str, position: Sequence[str]) -> Condition:
        """Whether a row lies before or behind a position."""
        return expanded(self, columns, operator, position)

    def ordering(self, name: str, columns: Sequence[Column]) -> Column:
        """A column that orders rows by the first of `columns` that is not NULL, read as text."""
        first = columns[0]
        raw = f"COALESCE({', '.join(each.raw for each in columns)})" if columns[1:] else first.raw
        nullable = all(column.nullable for column in columns)
        return replace(
            first, name=name, sql=self.text(first, raw), type=pa.string(), bad=None, raw=raw, nullable=nullable
        )

    def unreadable(self, _: Iterable[Table]) -> list[str]:
        """None: the server does not show tables this user may not read."""
        return []

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """The rows of a small query."""
        with self.errors(), self._cursor() as cursor:
            cursor.execute(sql, tuple(parameters))
            return list(cursor.fetchall())

    def read(self, read: Read, chunk_rows: int) -> Iterator[pa.Table]:
        """The rows as delimited text, parsed as they come."""
        bad = [column.bad for column in read.columns if column.bad]
        fields = [_field(column) for column in read.columns]
        if bad:
            fields.append(bad_bits(bad, "IFNULL({}, 0)"))
        order = ", ".join(column.raw for column in read.order)
        row = ", ',', ".join(fields)
        select = (
            f"SELECT CONVERT(CONCAT({row}, CHAR(10)) USING binary) "  # noqa: S608
            f"FROM {read.table.source} WHERE {' AND '.join(read.conditions) or 'true'}"
            f"{f' ORDER BY {order}' if order else ''}{f' LIMIT {read.limit}' if read.limit else ''}"
        )
        cursor = self._cursor(SSCursor)
        try:
            cursor.execute(select, read.parameters)
            lines = _lines(cursor, min(_FETCH, chunk_rows), self._stream)
            yield from delimited.tables(lines, read.columns, chunk_rows, numbers=False)
        except GeneratorExit:
            self._close()  # else the rest of the rows would be read first
            raise
        cursor.close()

    def _prepare(self) -> None:
        timeout = self._config.get("statement_timeout")
        is_mariadb = "mariadb" in str(self._connection.server_version).lower()
        with self._cursor() as cursor:
            for statement in _SESSION:
                cursor.execute(statement)
            if timeout and is_mariadb:
                cursor.execute("SET max_statement_time = %s", (timeout,))
            elif timeout:
                cursor.execute("SET max_execution_time = %s", (round(timeout * 1000),))

    def _keys(self, schema: str) -> dict[str, tuple[str, ...]]:
        """Table -> its primary key, or its first unique index without nulls."""
        indexes: dict[tuple[str, str], list[tuple[str, bool]]] = {}
        for table, name, index, usable in self.rows(_KEYS, [schema]):
            indexes.setdefault((table, index), []).append((name, bool(usable)))
        keys: dict[str, tuple[str, ...]] = {}
        for (table, _), parts in indexes.items():
            if all(usable for _, usable in parts):
                keys.setdefault(table, tuple(name for name, _ in parts))
        return keys

    def _json_checks(self, schema: str) -> list[tuple[Any, ...]]:
        """Checks by which MariaDB keeps a column JSON; MySQL has a type for it, and another form of this table."""
        is_mariadb = "mariadb" in str(self._connection.server_version).lower()
        return self.rows(_JSON, [schema]) if is_mariadb else []

    def _cursor(self, kind: type[Cursor] = Cursor) -> Any:
        if self._connection is None:
            raise AssertionError("connect first")
        return self._connection.cursor(kind)

    def _close(self) -> None:
        if self._connection and self._connection.open:
            self._connection.close()
        self._connection = None


def _field(column: Column) -> str:
    """Its value in the text of a row; nothing for NULL, while one that is too long makes the whole row NULL."""
    return f"IFNULL({column.sql}, '')" if column.bad else f"IF({column.raw} IS NULL, '', {column.sql})"


def _lines(cursor: Any, count: int, stream: str | None) -> Iterator[bytes]:
    while rows := cursor.fetchmany(count):
        try:
            yield b"".join([row[0] for row in rows])
        except TypeError:
            raise DataError(
                "a row is longer than the server's max_allowed_packet",
                stream=stream,
                remedy="Raise it on the server, or leave the long columns out with 'columns'",
            ) from None
