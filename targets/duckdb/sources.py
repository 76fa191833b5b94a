"""SQL that reads one part as text columns, whatever kind of file it is."""

# ruff: noqa: S608  names go through `quoted`, texts through `literal`, the rest are numbers

from __future__ import annotations

from typing import TYPE_CHECKING

from targets.core.columns import DataType
from targets.duckdb.columns import Column, literal, quoted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from duckdb import DuckDBPyConnection

    from targets.core.spool import Part

Source = tuple[str, list[str | None]]
"""A FROM clause, and for each column the expression of its value in it (None: the file has no such column)."""


def source(connection: DuckDBPyConnection, part: Part, columns: Sequence[Column]) -> Source:
    """How to read `columns` from `part`."""
    if part.format == "parquet":
        return _parquet(connection, part, columns)
    read, values = (_by_pointer if names_clash(columns) else _by_name)(part, columns)
    if part.spooled:
        return read, values
    # The core takes NUL out of what it spools itself.
    return read, [_without_nul(column, value) for column, value in zip(columns, values, strict=True)]


def names_clash(columns: Sequence[Column]) -> bool:
    """Whether DuckDB could not tell the properties apart by name: some are empty, or differ only in case."""
    names = {column.origin.name.casefold() for column in columns}
    return "" in names or len(names) < len(columns)


def odd_rows(connection: DuckDBPyConnection, part: Part) -> set[int]:
    """Row numbers of JSON lines that are malformed, no objects, or have a key twice."""
    rows = connection.execute(
        "SELECT row FROM (SELECT row_number() OVER () - 1 AS row, json, json_keys(json) AS keys "
        f"FROM read_ndjson_objects({_file(part)}, ignore_errors=true)) "
        "WHERE json IS NULL OR json_type(json) <> 'OBJECT' OR len(keys) <> len(list_distinct(keys))"
    ).fetchall()
    return {row for (row,) in rows}


def parquet_row(connection: DuckDBPyConnection, part: Part, row: int) -> bytes:
    """One record of a Parquet file as JSON."""
    found = connection.execute(
        "SELECT to_json(r)::VARCHAR FROM read_parquet(?, file_row_number=true) AS r WHERE file_row_number = ?",
        [str(part.path), row],
    ).fetchone()
    return found[0].encode() if found else b""


def _by_name(part: Part, columns: Sequence[Column]) -> Source:
    fields = ", ".join(f"{literal(column.origin.name)}: '{column.source_type}'" for column in columns)
    read = f"read_json({_file(part)}, format='newline_delimited', records=true, columns={{{fields}}}) AS r"
    return read, [f"r.{quoted(column.origin.name)}" for column in columns]


def _by_pointer(part: Part, columns: Sequence[Column]) -> Source:
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


def _parquet(connection: DuckDBPyConnection, part: Part, columns: Sequence[Column]) -> Source:
    read = f"read_parquet({literal(str(part.path))}) AS r"
    types = dict(connection.execute(f"SELECT column_name, column_type FROM (DESCRIBE SELECT * FROM {read})").fetchall())
    values = []
    for column in columns:
        found = types.get(column.origin.name)
        values.append(found and _without_nul(column, _as_text(f"r.{quoted(column.origin.name)}", found, column)))
    return read, values


def _as_text(name: str, file_type: str, column: Column) -> str:
    if column.kind is DataType.JSON:
        return f"to_json({name})" if file_type not in {"VARCHAR", "JSON"} else f"TRY_CAST({name} AS JSON)"
    nested = file_type.startswith(("STRUCT", "MAP", "UNION")) or file_type.endswith("]")
    return f"to_json({name})::VARCHAR" if nested else f"{name}::VARCHAR"


def _without_nul(column: Column, expression: str | None) -> str | None:
    if expression is None or column.kind is not DataType.TEXT:
        return expression
    return f"replace({expression}, chr(0), '')"


def _file(part: Part) -> str:
    """Arguments that name a JSON lines file and say how to read it."""
    compression = "gzip" if part.zipped else "uncompressed"
    return f"{literal(str(part.path))}, compression='{compression}', maximum_object_size={part.longest_line + 1024}"


def _pointer(name: str) -> str:
    """RFC 6901 pointer to a property of that name."""
    return "/" + name.replace("~", "~0").replace("/", "~1")
