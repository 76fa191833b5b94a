"""PostgreSQL through psycopg: catalogs for discovery, COPY for reading."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import psycopg
import psycopg.conninfo
import pyarrow as pa

from taps.base.sql import delimited
from taps.base.sql.engine import BAD, Column, Condition, Read, Table, bad_bits
from taps.base.sql.tunnel import Tunnel
from taps.postgres import types
from taps.postgres.faults import translated

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

_COLUMNS = """
WITH RECURSIVE domain AS (
  SELECT oid, typbasetype, typtypmod FROM pg_type WHERE typtype = 'd'
  UNION ALL
  SELECT d.oid, t.typbasetype, t.typtypmod FROM domain d JOIN pg_type t ON t.oid = d.typbasetype WHERE t.typtype = 'd'
)
SELECT c.relname, a.attname, coalesce(
    (SELECT format_type(d.typbasetype, d.typtypmod) FROM domain d JOIN pg_type t ON t.oid = d.typbasetype
      WHERE d.oid = a.atttypid AND t.typtype <> 'd'), format_type(a.atttypid, a.atttypmod)), a.attnotnull,
  has_column_privilege(c.oid, a.attnum, 'SELECT'), c.reltuples::bigint
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid
WHERE n.nspname = %s AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND a.attnum > 0 AND NOT a.attisdropped
  AND NOT c.relispartition AND has_any_column_privilege(c.oid, 'SELECT')
ORDER BY c.relname, a.attnum
"""
_KEYS = """
SELECT c.relname, array_agg(a.attname::text ORDER BY k.place)
FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace
CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY AS k(attnum, place)
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.attnum
WHERE n.nspname = %s AND i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL
  AND k.place <= i.indnkeyatts
GROUP BY c.relname, i.indexrelid, i.indisprimary
HAVING bool_and(a.attnotnull)
ORDER BY c.relname, i.indisprimary DESC, count(*), i.indexrelid
"""
_UNREADABLE = """
SELECT n.nspname || '-' || c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition
  AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
  AND NOT (has_schema_privilege(n.oid, 'USAGE') AND has_any_column_privilege(c.oid, 'SELECT'))
ORDER BY 1
"""
_NUMBER = "coalesce({}, false)::int::bigint"
_DAY = 86_400
_PORT = 5432
_EASTMOST = "Pacific/Kiritimati"
START = ":start"
_SSL = ("sslmode", "sslrootcert", "sslcert", "sslkey")


class PostgresEngine:
    """One connection."""

    excluded_schemas = frozenset({"pg_catalog", "information_schema", "pg_toast"})

    def __init__(self, config: Mapping[str, Any]) -> None:
        """Take a checked config."""
        self._config = config
        self._connection: psycopg.Connection[Any] | None = None
        self._stream: str | None = None
        self._tunnel = Tunnel(config["ssh_tunnel"], _place(config)) if "ssh_tunnel" in config else None

    @contextmanager
    def connect(self) -> Iterator[None]:
        """Open the connection."""
        if self._connection:  # within another `with`
            yield
            return
        with self.errors():
            self._connection = self.open()
        try:
            yield
        finally:
            self._connection.close()
            self._connection = None

    def open(self, *, autocommit: bool = False) -> psycopg.Connection[Any]:
        """A connection by the settings, read only, times in UTC; it raises the driver's errors."""
        config = self._config
        options = (
            "-c timezone=UTC -c default_transaction_read_only=on -c intervalstyle=iso_8601 -c extra_float_digits=1"
        )
        if timeout := config.get("statement_timeout"):
            options += f" -c statement_timeout={round(timeout * 1000)}"
        return psycopg.connect(
            config.get("url", ""),
            **{name: config[name] for name in ("host", "port", "user", "password", *_SSL) if name in config},
            **({"dbname": config["database"]} if "database" in config else {}),
            **self._way(),
            options=options,
            application_name="growthnav tap-postgres",
            connect_timeout=30,
            client_encoding="UTF8",
            autocommit=autocommit,
        )

    def _way(self) -> dict[str, Any]:
        """Where the tunnel begins; `host` stays the name that the server's certificate has."""
        if self._tunnel is None:
            return {}
        host, port = self._tunnel.address()
        return {"hostaddr": host, "port": port}

    @contextmanager
    def errors(self, stream: str | None = None) -> Iterator[None]:
        """Turn the driver's errors into ours; the server's own words may quote values, so they are left out."""
        before, self._stream = self._stream, stream or self._stream
        try:
            yield
        except psycopg.Error as error:
            raise translated(error, self._stream) from None
        finally:
            self._stream = before

    def schemas(self) -> list[str]:
        """Names of the schemas this user may look into."""
        found = self.rows("SELECT nspname FROM pg_namespace WHERE has_schema_privilege(oid, 'USAGE') ORDER BY 1")
        return [name for (name,) in found if not name.startswith("pg_temp") and not name.startswith("pg_toast")]

    def tables(self, schema: str, zone_of: Callable[[str], str | None]) -> Iterator[Table]:
        """The tables and views of a schema."""
        keys: dict[str, tuple[str, ...]] = {}
        for table, names in self.rows(_KEYS, [schema]):
            keys.setdefault(table, tuple(names))
        found: dict[str, list[Any]] = {}
        for table, *rest in self.rows(_COLUMNS, [schema]):
            found.setdefault(table, []).append(rest)
        for table, rows in found.items():
            zone, source = zone_of(table), f"{self.quote(schema)}.{self.quote(table)}"
            columns = tuple(
                types.column(name, f"{source}.{self.quote(name)}", kind, zone=zone, nullable=not required)
                for name, kind, required, may_read, _ in rows
                if may_read
            )
            hidden = tuple(name for name, _, _, may_read, *_ in rows if not may_read)
            key = keys.get(table, ())
            estimate = rows[0][4]
            yield Table(
                schema,
                table,
                columns,
                () if set(key) & set(hidden) else key,
                source,
                estimate=estimate if estimate >= 0 else None,
                hidden=hidden,
            )

    def query(self, name: str, sql: str, zone: str | None) -> Table:
        """The result of a SELECT as if it were a table."""
        starts = sql.count(START)
        source = f"({self.verbatim(sql).replace(START, '%s')}) AS q"
        with self.errors(name), self._cursor() as cursor:
            cursor.execute(f"SELECT * FROM {source} LIMIT 0".encode(), [None] * starts)  # noqa: S608
            described = cursor.description or []
            kinds = [(each.name, each.type_code, each.precision, each.scale) for each in described]
        columns = []
        for column, oid, precision, scale in kinds:
            ((kind,),) = self.rows("SELECT format_type(%s, NULL)", [oid])
            if kind == "numeric" and precision:
                kind = f"numeric({precision},{scale})"
            columns.append(types.column(column, f"q.{self.quote(column)}", kind, zone=zone, nullable=True))
        return Table("", name, tuple(columns), (), source, starts)

    def quote(self, name: str) -> str:
        """An identifier, whatever is in it."""
        return self.verbatim('"' + name.replace('"', '""') + '"')

    def verbatim(self, sql: str) -> str:
        """SQL of the user's, in which nothing is taken for a parameter."""
        return sql.replace("%", "%%")

    def now(self, column: Column) -> str:
        """SQL for this moment as a value of the column; in the eastmost zone if theirs is unknown."""
        if column.cast.startswith("timestamp") and column.cast.endswith("with time zone"):
            return f"now()::{column.cast}"
        zone = (column.zone or _EASTMOST).replace("'", "''")
        return f"(now() AT TIME ZONE '{zone}')::{column.cast}"

    def place(self, column: Column) -> str:
        """SQL for a parameter that is the text of one of the column's values."""
        return f"%s::{column.cast}"

    def earlier(self, column: Column, value: str, days: float, numbers: int) -> str:
        """SQL for a value moved back."""
        if column.is_time and days:
            return f"({value} - make_interval(secs => {days * _DAY}))"
        return f"({value} - {numbers})" if numbers and not column.is_time else value

    def text(self, column: Column, value: str) -> str:
        """SQL for the text of a value."""
        return f"({value})::text"

    def compare(self, columns: Sequence[Column], operator: str, position: Sequence[str]) -> Condition:
        """Whether a row lies before or behind a position."""
        names, places = ", ".join(each.raw for each in columns), ", ".join(map(self.place, columns))
        return Condition(f"({names}) {operator} ({places})", tuple(position))

    def ordering(self, name: str, columns: Sequence[Column]) -> Column:
        """A column that orders rows by the first of `columns` that is not NULL, read as text."""
        first = columns[0]
        raw = f"coalesce({', '.join(f'{each.raw}::{first.cast}' for each in columns)})" if columns[1:] else first.raw
        nullable = all(column.nullable for column in columns)
        return replace(
            first, name=name, sql=self.text(first, raw), type=pa.string(), bad=None, raw=raw, nullable=nullable
        )

    def unreadable(self, _: Iterable[Table]) -> list[str]:
        """Tables this user can see and not read."""
        return [name for (name,) in self.rows(_UNREADABLE)]

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """The rows of a small query."""
        with self.errors(), self._cursor() as cursor:
            return cursor.execute(sql.encode(), list(parameters)).fetchall()

    def read(self, read: Read, chunk_rows: int) -> Iterator[pa.Table]:
        """The rows by COPY, parsed as they come."""
        bad = [column.bad for column in read.columns if column.bad]
        selects = [f"{column.sql} AS {self.quote(column.name)}" for column in read.columns]
        if bad:
            selects.append(f"{bad_bits(bad, _NUMBER)} AS {BAD}")
        order = ", ".join(f"{column.raw}{' NULLS FIRST' if column.nullable else ''}" for column in read.order)
        select = (
            f"SELECT {', '.join(selects)} FROM {read.table.source} "  # noqa: S608
            f"WHERE {' AND '.join(read.conditions) or 'true'}"
            f"{f' ORDER BY {order}' if order else ''}{f' LIMIT {read.limit}' if read.limit else ''}"
        )
        if self._connection is None:
            raise AssertionError("connect first")
        # COPY takes no parameters: they are written into the statement as literals.
        select = psycopg.ClientCursor(self._connection).mogrify(select.encode(), read.parameters)
        statement = f"COPY ({select}) TO STDOUT (FORMAT csv)"
        with self._cursor() as cursor, cursor.copy(statement.encode()) as copy:
            yield from delimited.tables(map(bytes, copy), read.columns, chunk_rows, numbers=True)

    def _cursor(self) -> psycopg.Cursor[Any]:
        if self._connection is None:
            raise AssertionError("connect first")
        return self._connection.cursor()


def _place(config: Mapping[str, Any]) -> tuple[str, int]:
    """Host and port of the server."""
    given = psycopg.conninfo.conninfo_to_dict(config.get("url", ""))
    host, port = config.get("host", given.get("host")), config.get("port", given.get("port"))
    return str(host or "localhost"), int(port or _PORT)
