"""DuckDB as the engine of a step: one connection without a database file, and batch files as tables in it.

What a value of a typed file is in a RECORD message (see `docs/decisions.md`): times are RFC 3339 with microseconds,
`Z` where the file says UTC; decimals and binary are texts; a text column that the SCHEMA calls an object is JSON.
"""

from __future__ import annotations

import glob
from functools import cache
from typing import TYPE_CHECKING, Any

import duckdb
import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

MEMORY_LIMIT = "512MB"
READ_ROWS = 10_000
_NESTED = {"object", "array"}
_LOCAL_TIME = "strftime({}::TIMESTAMP, '%Y-%m-%dT%H:%M:%S.%f')"
_UTC_TIME = "strftime({}::TIMESTAMPTZ AT TIME ZONE 'UTC', '%Y-%m-%dT%H:%M:%S.%fZ')"
_FINITE = "CASE WHEN isfinite({0}) THEN {0} END"
_LARGE = "CASE WHEN {0} > 9223372036854775807 THEN to_json({0}::VARCHAR) ELSE to_json({0}) END"
_RECORD_VALUES = {
    **dict.fromkeys(("TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ_NS"), _UTC_TIME),
    **dict.fromkeys(("TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS"), _LOCAL_TIME),
    "TIME": "strftime(DATE '2000-01-01' + {}, '%H:%M:%S.%f')",
    **dict.fromkeys(("DOUBLE", "FLOAT"), _FINITE),
    **dict.fromkeys(("UBIGINT", "HUGEINT", "UHUGEINT"), _LARGE),
    "BLOB": "to_base64({})",
}
"""SQL type -> what a value of it is in a RECORD; others are what `to_json` makes of them."""


ENGINE_ERRORS: tuple[type[Exception], ...] = (duckdb.Error, pa.ArrowException)
"""What the engines raise for a file that is not what it is said to be."""


def connect(temporary: Path, memory_limit: str = MEMORY_LIMIT, threads: int | None = None) -> duckdb.DuckDBPyConnection:
    """A connection in memory that puts work aside under `temporary`, knows UTC only and fetches nothing."""
    connection = duckdb.connect()
    settings: dict[str, Any] = {
        "TimeZone": "UTC",
        "temp_directory": str(temporary),
        "memory_limit": memory_limit,
        "autoinstall_known_extensions": False,
        "preserve_insertion_order": True,  # of equal keys the last wins
        "arrow_large_buffer_size": True,
        "python_enable_replacements": False,  # else a variable of ours could stand for a missing table
    }
    if threads:
        settings["threads"] = threads
    for name, value in settings.items():
        connection.execute(f"SET {name} = ?", [value])
    return connection


def source(connection: duckdb.DuckDBPyConnection, paths: Sequence[Path], form: str, name: str = "batch") -> str:
    """A FROM item for typed batch files (`parquet` or `arrow`), in the order of `paths`.

    Arrow files are registered in the connection as `name`, so one such item at a time per name; so are files of
    decimals with more than 38 digits, which the engine reads as doubles or not at all.
    """
    if form == "parquet" and not any(_has_long_decimals(schema(path, form)) for path in paths):
        listed = ", ".join(literal(glob.escape(str(path))) for path in paths)
        return f"read_parquet([{listed}], union_by_name = true)"
    connection.register(name, pa.concat_tables([read(path, form) for path in paths], promote_options="permissive"))
    return quoted(name)


def columns(connection: duckdb.DuckDBPyConnection, relation: str) -> dict[str, str]:
    """Column name -> SQL type of a FROM item."""
    found = connection.execute(f"SELECT column_name, column_type FROM (DESCRIBE FROM {relation})").fetchall()  # noqa: S608
    return dict(found)


def record_value(column: str, sql_type: str, schema: Any = None) -> str:
    """SQL for what a typed value is in a RECORD: JSON, or something `to_json` makes the right JSON of."""
    name = quoted(column)
    if sql_type == "VARCHAR":
        return (
            f"CASE WHEN json_valid({name}) THEN {name}::JSON ELSE to_json({name}) END" if _is_nested(schema) else name
        )
    if sql_type.startswith("DECIMAL"):
        return f"{name}::{'BIGINT' if _is_small_integer(sql_type) else 'VARCHAR'}"
    return _RECORD_VALUES.get(sql_type, "{}").format(name)


def records(path: Path, form: str, properties: Mapping[str, Any]) -> Iterator[bytes]:
    """Every record of a typed file as encoded JSON, in order."""
    with duckdb.connect(config={"threads": 1}) as connection:
        cursor = connection.execute(_as_json(connection, source(connection, [path], form), properties))
        while rows := cursor.fetchmany(READ_ROWS):
            for (text,) in rows:
                yield text.encode()


def encoded(table: pa.Table, properties: Mapping[str, Any]) -> list[bytes]:
    """Every row of a table as an encoded record, in order."""
    connection = _encoder()
    connection.register("given", table)
    rows = connection.execute(_as_json(connection, "given", properties)).fetchall()
    connection.unregister("given")
    return [text.encode() for (text,) in rows]


@cache
def _encoder() -> duckdb.DuckDBPyConnection:
    """One connection for all: opening it takes longer than encoding a small table. One thread keeps the order."""
    return duckdb.connect(config={"threads": 1})


def _as_json(connection: duckdb.DuckDBPyConnection, relation: str, properties: Mapping[str, Any]) -> str:
    connection.execute("SET TimeZone = 'UTC'")
    values = ", ".join(
        f"{quoted(name)} := {record_value(name, sql_type, properties.get(name))}"
        for name, sql_type in columns(connection, relation).items()
    )
    return f"SELECT to_json(struct_pack({values}))::VARCHAR FROM {relation}"  # noqa: S608


def read(path: Path, form: str) -> pa.Table:
    """The rows of one typed batch file; of an Arrow file mapped, not copied. Raises `ENGINE_ERRORS` and OSError.

    Decimals of more than 38 digits are texts.
    """
    import pyarrow.parquet as pq

    table = _arrow(path) if form == "arrow" else pq.read_table(path)
    if not _has_long_decimals(table.schema):
        return table
    fields = [field.with_type(pa.string()) if pa.types.is_decimal256(field.type) else field for field in table.schema]
    return table.cast(pa.schema(fields))


def schema(path: Path, form: str) -> pa.Schema:
    """The columns of one typed batch file. Raises `ENGINE_ERRORS` and OSError."""
    import pyarrow.parquet as pq

    return _arrow(path).schema if form == "arrow" else pq.read_schema(path)


def count(path: Path, form: str) -> int:
    """How many rows one typed batch file has. Raises `ENGINE_ERRORS` and OSError."""
    import pyarrow.parquet as pq

    return int(_arrow(path).num_rows if form == "arrow" else pq.read_metadata(path).num_rows)


def write(table: pa.Table, path: Path, form: str, compression: str | None = None) -> None:
    """Write a table to a file of one of the formats `parquet` and `arrow`.

    The file is read once and removed, so neither statistics nor dictionaries nor, unless asked for, compression pay.
    """
    if form == "parquet":
        import pyarrow.parquet as pq

        pq.write_table(table, path, compression=compression or "none", use_dictionary=False, write_statistics=False)
        return
    options = pa.ipc.IpcWriteOptions(compression=compression)
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, table.schema, options=options) as writer:
        writer.write_table(table)


def fetch(connection: duckdb.DuckDBPyConnection, query: str) -> pa.Table:
    """The rows a query gives, as a table."""
    return connection.sql(query).to_arrow_table()


def text_parts(column: pa.Array) -> tuple[NDArray[Any], NDArray[np.uint8]]:
    """Offsets into the bytes of a text column, and the bytes; a null has none."""
    wide = pa.types.is_large_string(column.type)
    _, offsets, data = column.buffers()
    if offsets is None:
        return np.zeros(len(column) + 1, np.int64), np.empty(0, np.uint8)
    places = np.frombuffer(offsets, np.int64 if wide else np.int32)[column.offset : column.offset + len(column) + 1]
    return places, np.frombuffer(data, np.uint8) if data is not None else np.empty(0, np.uint8)


def has_nul(column: pa.Array) -> bool:
    """Whether any text of a column holds a NUL, which no warehouse takes."""
    places, data = text_parts(column)
    return not data[places[0] : places[-1]].all()


def quoted(name: str) -> str:
    """An identifier, whatever is in it."""
    return '"' + name.replace('"', '""') + '"'


def literal(value: str) -> str:
    """A string literal."""
    return "'" + value.replace("'", "''") + "'"


def _has_long_decimals(schema: pa.Schema) -> bool:
    return any(pa.types.is_decimal256(field.type) for field in schema)


def _arrow(path: Path) -> Any:
    file = pa.memory_map(str(path))
    try:
        return pa.ipc.open_file(file).read_all()
    except pa.ArrowInvalid:
        file.seek(0)
        return pa.ipc.open_stream(file).read_all()


def _is_small_integer(sql_type: str) -> bool:
    precision, scale = sql_type[8:-1].split(",")
    return int(scale) == 0 and int(precision) <= 18  # noqa: PLR2004  what a 64-bit integer surely holds


def _is_nested(schema: Any) -> bool:
    kinds = schema.get("type") if isinstance(schema, dict) else None
    return bool(_NESTED & set(kinds if isinstance(kinds, list) else [kinds]))
