"""PostgreSQL types: how a column is selected for COPY, and what its values are.

Times travel as microseconds since 1970: COPY prints them quickly, Arrow takes them without parsing, and nothing is
rounded. Values that JSON cannot hold (infinity, NaN, times outside the years 1 to 9999) become NULL and are counted.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from taps.base.sql.engine import Column

if TYPE_CHECKING:
    from collections.abc import Callable

_NUMERIC = re.compile(r"numeric\((\d+),(-?\d+)\)")
_PRECISION, _SCALE = 38, 9
_TEXT = {"type": ["string", "null"]}
_DATE_TIME = {**_TEXT, "format": "date-time"}
_NESTED = {"type": ["object", "array", "string", "number", "boolean", "null"]}
_ARRAY = {"type": ["array", "null"]}
_DECIMAL = {**_TEXT, "format": "x-singer.decimal"}
_MICROSECONDS = "(extract(epoch FROM {0}) * 1000000)::bigint"
_OUTSIDE = "NOT ({0} >= '0001-01-01' AND {0} < '10000-01-01')"

_SIMPLE: dict[str, tuple[pa.DataType, dict[str, Any]]] = {
    **dict.fromkeys(("smallint", "integer", "bigint"), (pa.int64(), {"type": ["integer", "null"]})),
    "boolean": (pa.bool_(), {"type": ["boolean", "null"]}),
}


def column(name: str, quoted: str, kind: str, *, zone: str | None, nullable: bool) -> Column:
    """A column of the type `kind`, as `format_type` writes it.

    Args:
        name: of the column.
        quoted: the same as SQL.
        kind: its type.
        zone: IANA zone of times without one; None sends them as they are.
        nullable: whether it may be NULL.
    """
    made = _made(quoted, kind, re.sub(r"\([\d,-]+\)", "", kind), zone)
    return Column(name, cast=kind, nullable=nullable, raw=quoted, **made)


def _made(quoted: str, kind: str, base: str, zone: str | None) -> dict[str, Any]:
    if kind.endswith("[]"):
        return {"sql": f"to_json({quoted})::text", "type": pa.string(), "schema": _ARRAY, "seekable": False}
    if base in _SIMPLE:
        found, schema = _SIMPLE[base]
        return {"sql": quoted, "type": found, "schema": schema}
    make: Callable[[str], dict[str, Any]] | None = _OTHERS.get(base)
    if base == "numeric":
        return _numeric(quoted, kind)
    if base == "timestamp without time zone":
        return _local_time(quoted, zone)
    return make(quoted) if make else {"sql": f"{quoted}::text", "type": pa.string(), "schema": _TEXT}


def _numeric(quoted: str, kind: str) -> dict[str, Any]:
    declared = _NUMERIC.fullmatch(kind)
    precision, scale = map(int, declared.groups()) if declared else (0, 0)
    precision = max(precision, scale)  # numeric(2,5) has five digits, of which three are 0
    bad = f"{quoted} IN ('NaN', 'Infinity', '-Infinity')"
    sql = f"CASE WHEN NOT {bad} THEN {quoted} END"
    if not declared or precision > _PRECISION or scale < 0:
        return {"sql": f"({sql})::text", "type": pa.string(), "schema": _DECIMAL, "bad": bad}
    schema = {**_DECIMAL, "precision": precision, "scale": scale}
    if scale == 0 and precision <= 18:  # noqa: PLR2004  what a 64-bit integer surely holds
        return {"sql": sql, "type": pa.int64(), "schema": {"type": ["integer", "null"]}, "bad": bad}
    return {"sql": sql, "type": pa.decimal128(precision, scale), "schema": schema, "bad": bad}


def _float(quoted: str) -> dict[str, Any]:
    bad = f"{quoted} IN ('NaN', 'Infinity', '-Infinity')"
    sql = f"CASE WHEN NOT {bad} THEN {quoted} END"
    return {"sql": sql, "type": pa.float64(), "schema": {"type": ["number", "null"]}, "bad": bad}


def _instant(quoted: str) -> dict[str, Any]:
    bad = _OUTSIDE.format(quoted)
    sql = f"CASE WHEN NOT ({bad}) THEN {_MICROSECONDS.format(quoted)} END"
    return {"sql": sql, "type": pa.timestamp("us", "UTC"), "schema": _DATE_TIME, "bad": bad, "is_time": True}


def _local_time(quoted: str, zone: str | None) -> dict[str, Any]:
    made = _instant(quoted)
    return {**made, "zone": zone} if zone else {**made, "type": pa.timestamp("us")}


def _date(quoted: str) -> dict[str, Any]:
    bad = _OUTSIDE.format(quoted)
    sql = f"CASE WHEN NOT ({bad}) THEN {quoted} - DATE '1970-01-01' END"
    return {"sql": sql, "type": pa.date32(), "schema": {**_TEXT, "format": "date"}, "bad": bad, "is_time": True}


def _time(quoted: str) -> dict[str, Any]:
    bad = f"{quoted} = '24:00'"
    sql = f"CASE WHEN NOT ({bad}) THEN {_MICROSECONDS.format(quoted)} END"
    return {"sql": sql, "type": pa.time64("us"), "schema": {**_TEXT, "format": "time"}, "bad": bad}


_OTHERS: dict[str, Callable[[str], dict[str, Any]]] = {
    "real": _float,
    "double precision": _float,
    "timestamp with time zone": _instant,
    "date": _date,
    "time without time zone": _time,
    "json": lambda quoted: {"sql": f"{quoted}::text", "type": pa.string(), "schema": _NESTED},
    "jsonb": lambda quoted: {"sql": f"{quoted}::text", "type": pa.string(), "schema": _NESTED},
    "bytea": lambda quoted: {
        "sql": f"translate(encode({quoted}, 'base64'), E'\\n', '')",
        "type": pa.string(),
        "schema": _TEXT,
        "seekable": False,
    },
}
