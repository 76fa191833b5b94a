"""Parquet through DuckDB: a few thousand rows at a time, decimals exact, the file's own types."""

from __future__ import annotations

import glob
import re
from typing import TYPE_CHECKING, Any

import msgspec

from taps.base.files import kinds
from taps.base.files.kinds import Reading
from taps.base.files.table import Column

if TYPE_CHECKING:
    from pathlib import Path

    import duckdb

    from taps.base.files.kinds import Convert
    from taps.base.files.table import Rows

_ROWS = 2000
_FETCH_BYTES = 16 * 1024 * 1024
_DECIMAL = re.compile(r"DECIMAL\((\d+),(\d+)\)")
_AS_IT_IS, _AS_TEXT, _AS_JSON = "{}", "CAST({} AS VARCHAR)", "CAST(to_json({}) AS VARCHAR)"

_TYPES: list[tuple[re.Pattern[str], str, dict[str, Any]]] = [
    (re.compile(types), expression, schema)
    for types, expression, schema in (
        (r".*\]$", _AS_IT_IS, {"type": ["array", "null"]}),
        (r"STRUCT", _AS_IT_IS, {"type": ["object", "null"]}),
        (r"MAP|UNION", _AS_JSON, {"type": ["object", "null"]}),
        (r"U?(TINYINT|SMALLINT|INTEGER)$|BIGINT$", _AS_IT_IS, kinds.SCHEMAS[kinds.INTEGER]),
        (r"DECIMAL", _AS_TEXT, kinds.SCHEMAS[kinds.DECIMAL]),
        (r"U?HUGEINT$|UBIGINT$", _AS_TEXT, {**kinds.SCHEMAS[kinds.DECIMAL], "precision": 39, "scale": 0}),
        (r"FLOAT|DOUBLE", _AS_IT_IS, kinds.SCHEMAS[kinds.NUMBER]),
        (r"BOOLEAN", _AS_IT_IS, kinds.SCHEMAS[kinds.BOOLEAN]),
        (r"DATE$", _AS_TEXT, kinds.SCHEMAS[kinds.DATE]),
        (r"TIMESTAMP", _AS_TEXT, kinds.SCHEMAS[kinds.DATETIME]),
        (r"BLOB", "base64({})", {**kinds.SCHEMAS[kinds.STRING], "contentEncoding": "base64"}),
        (r"", _AS_TEXT, kinds.SCHEMAS[kinds.STRING]),
    )
]
"""Pattern of the DuckDB type, SQL expression (with {} for the column), JSON schema: the first that matches."""

_ROW_BYTES = (
    "SELECT sum(total_uncompressed_size) / max(row_group_num_rows) FROM parquet_metadata(?) WHERE row_group_id = 0"
)
_READ = "FROM read_parquet(?, hive_partitioning = false)"


class ParquetTable:
    """One Parquet file: its `columns`, and its `rows`."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, path: Path, reading: Reading) -> None:
        """Read the file's schema.

        Raises:
            duckdb.Error: it is not a Parquet file.
        """
        self._connection = connection
        self._path = glob.escape(str(path))  # DuckDB takes every name for a glob
        described = connection.execute(f"DESCRIBE SELECT * {_READ}", [self._path]).fetchall()
        expressions = []
        self.columns: list[Column] = []
        for name, kind, *_ in described:
            quoted = '"' + name.replace('"', '""') + '"'
            template, column = _column(name, kind, reading)
            expressions.append(template.format(quoted))
            self.columns.append(column)
        self._select = f"SELECT {', '.join(expressions)} {_READ}"

    def rows(self) -> Rows:
        """Every row, in the file's order."""
        (row_bytes,) = self._connection.execute(_ROW_BYTES, [self._path]).fetchone() or (None,)
        count = min(_ROWS, int(_FETCH_BYTES / (row_bytes or 1)) or 1)
        cursor = self._connection.execute(self._select, [self._path])
        while batch := cursor.fetchmany(count):
            yield from map(list, batch)


def _column(name: str, kind: str, reading: Reading) -> tuple[str, Column]:
    """SQL expression (with {} for the column) and column of a DuckDB type."""
    expression, schema = next((as_is, schema) for types, as_is, schema in _TYPES if types.match(kind))
    convert: Convert | None = None
    if schema in (kinds.SCHEMAS[kinds.DATE], kinds.SCHEMAS[kinds.DATETIME]):
        convert = Reading(timezone=reading.timezone).converter(kinds.kind_of(schema))
    elif expression == _AS_JSON:
        convert = _raw
    elif decimal := _DECIMAL.fullmatch(kind):
        schema = {**schema, "precision": int(decimal[1]), "scale": int(decimal[2])}
    return expression, Column(name, schema, convert)


def _raw(text: str) -> msgspec.Raw:
    return msgspec.Raw(text.encode())
