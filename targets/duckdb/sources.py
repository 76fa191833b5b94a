"""SQL that reads the columns of a stream from one part, whatever kind of file it is."""

# ruff: noqa: S608  names go through `quoted`, texts through `literal`, the rest are numbers

from __future__ import annotations

import glob
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from pipe import columnar
from targets.core.columns import DataType, folded
from targets.duckdb.columns import Column, literal, quoted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from duckdb import DuckDBPyConnection

    from targets.core.spool import Part

_WHOLE = {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"}


@dataclass(frozen=True)
class Value:
    """An expression for a column's value in a file: its text (or JSON), or already what is staged."""

    sql: str
    typed: bool = False


Source = tuple[str, list[Value | None]]
"""A FROM clause, and each column's value in it; None where the file has no such column."""


def source(connection: DuckDBPyConnection, part: Part, columns: Sequence[Column]) -> Source:
    """How to read `columns` from `part`."""
    if part.format != "jsonl":
        return _typed(connection, part, columns)
    read, values = (_by_pointer if names_clash(columns) else _by_name)(part, columns)
    if not part.spooled:  # the core takes NUL out of what it spools itself
        values = [_without_nul(column, value) for column, value in zip(columns, values, strict=True)]
    return read, [Value(value) for value in values]


def names_clash(columns: Sequence[Column]) -> bool:
    """Whether DuckDB could not tell the properties apart by name: some are empty, or differ only in case."""
    names = {folded(column.origin.name) for column in columns}
    return "" in names or len(names) < len(columns)


def odd_rows(connection: DuckDBPyConnection, part: Part) -> set[int]:
    """Row numbers of JSON lines that are malformed, no objects, or have a key twice."""
    rows = connection.execute(
        "SELECT row FROM (SELECT row_number() OVER () - 1 AS row, json, json_keys(json) AS keys "
        f"FROM read_ndjson_objects({_file(part)}, ignore_errors=true)) "
        "WHERE json IS NULL OR json_type(json) <> 'OBJECT' OR len(keys) <> len(list_distinct(keys))"
    ).fetchall()
    return {row for (row,) in rows}


def typed_row(part: Part, row: int) -> bytes:
    """One record of a typed file as JSON."""
    return columnar.encoded(columnar.read(part.path, part.format).slice(row, 1), {})[0]


def pattern(part: Part) -> str:
    """The part's path, so that DuckDB takes no letter of it for a wildcard."""
    return glob.escape(str(part.path))


def _by_name(part: Part, columns: Sequence[Column]) -> tuple[str, list[str]]:
    fields = ", ".join(f"{literal(column.origin.name)}: '{column.source_type}'" for column in columns)
    read = f"read_json({_file(part)}, format='newline_delimited', records=true, columns={{{fields}}}) AS r"
    return read, [f"r.{quoted(column.origin.name)}" for column in columns]


def _by_pointer(part: Part, columns: Sequence[Column]) -> tuple[str, list[str]]:
    """Slower, but takes every property name there is."""
    pointers = ", ".join(literal(_pointer(column.origin.name)) for column in columns)
    read = (
        f"(SELECT json_extract_string(json, [{pointers}]) AS texts, json_extract(json, [{pointers}]) AS jsons "
        f"FROM read_ndjson_objects({_file(part)})) AS r"
    )
    return read, [
        f"nullif(r.jsons[{number}]::VARCHAR, 'null')::JSON" if column.source_type == "JSON" else f"r.texts[{number}]"
        for number, column in enumerate(columns, 1)
    ]


def _typed(connection: DuckDBPyConnection, part: Part, columns: Sequence[Column]) -> Source:
    read = f"{columnar.source(connection, [part.path], part.format, str(part.path))} AS r"
    types = columnar.columns(connection, read)
    clean = _clean(part)
    return read, [
        _typed_value(column, types[column.origin.name], is_clean=column.origin.name in clean)
        if column.origin.name in types
        else None
        for column in columns
    ]


def _clean(part: Part) -> set[str]:
    """Text columns of an Arrow file that need no look for NUL; reading its bytes is a fifth of what SQL takes."""
    if part.format != "arrow":
        return set()
    table = columnar.read(part.path, part.format)
    texts = (each.name for each in table.schema if pa.types.is_string(each.type) or pa.types.is_large_string(each.type))
    return {name for name in texts if not any(map(columnar.has_nul, table.column(name).chunks))}


def _typed_value(column: Column, file_type: str, *, is_clean: bool) -> Value:
    """A type that fits as it is; anything else goes through text, as records do."""
    name = f"r.{quoted(column.origin.name)}"
    if column.kind is DataType.TEXT and is_clean:
        return Value(name, typed=True)
    if column.kind is DataType.TEXT:
        nested = file_type.startswith(("STRUCT", "MAP", "UNION")) or file_type.endswith("]")
        return Value(_without_nul(column, f"to_json({name})::VARCHAR" if nested else f"{name}::VARCHAR"))
    if column.kind is DataType.JSON:
        as_it_is = f"CASE WHEN json_valid({name}) THEN CAST({name} AS JSON) ELSE to_json({name}) END"
        return Value(as_it_is if file_type == "VARCHAR" else f"to_json({name})")
    whole = column.kind in {DataType.INTEGER, DataType.BIG_INTEGER}
    # Text is looked at, also where it stays text: a decimal that is too long for the engine does.
    fits = file_type in _WHOLE if whole else file_type == column.staged_type != "VARCHAR"
    return Value(f"CAST({name} AS {column.staged_type})" if fits else f"{name}::VARCHAR", typed=fits)


def _without_nul(column: Column, value: str) -> str:
    return f"replace({value}, chr(0), '')" if column.kind is DataType.TEXT else value


def _file(part: Part) -> str:
    """Arguments that name a JSON lines file and say how to read it."""
    compression = "gzip" if part.zipped else "uncompressed"
    return f"{literal(pattern(part))}, compression='{compression}', maximum_object_size={part.longest_line + 1024}"


def _pointer(name: str) -> str:
    """RFC 6901 pointer to a property of that name."""
    return "/" + name.replace("~", "~0").replace("/", "~1")
