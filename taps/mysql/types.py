"""MySQL types: how a column is selected as text, and what its values are.

Whole rows come as one delimited text each: the driver, which is plain Python, then has one value to unpack a row, not
one a column. Values that JSON cannot hold (zero dates, days or months 0, 30 February) become NULL and are counted.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from taps.base.sql.engine import Column

if TYPE_CHECKING:
    from collections.abc import Callable

_PRECISION = 38
_SMALL = 18
"""Digits a 64-bit integer surely holds."""
_TEXT = {"type": ["string", "null"]}
_LISTED = {"enum", "set"}
"""They are ordered by number and compared by text, so no row is found again by its place in the order."""
_DATE_TIME = {**_TEXT, "format": "date-time"}
_INTEGER = {"type": ["integer", "null"]}
_NUMBER = {"type": ["number", "null"]}
_BOOLEAN = {"type": ["boolean", "null"]}
_DECIMAL = {**_TEXT, "format": "x-singer.decimal"}
_NESTED = {"type": ["object", "array", "string", "number", "boolean", "null"]}
_NO_DAY = "({0} < '0001-01-01' OR MONTH({0}) = 0 OR DAYOFMONTH({0}) NOT BETWEEN 1 AND DAYOFMONTH(LAST_DAY({0})))"
_QUOTED = "CONCAT('\"', REPLACE({}, '\"', '\"\"'), '\"')"
_BASE64 = "CONCAT('\"', REPLACE(TO_BASE64({}), CHAR(10), ''), '\"')"
_INTEGERS = {"tinyint", "smallint", "mediumint", "int", "bigint", "year"}
_BINARY = {"binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob"}
_SHAPES = {"geometry", "point", "linestring", "polygon", "multipoint", "multilinestring", "multipolygon"} | {
    "geometrycollection",
    "geomcollection",
}


def column(
    name: str,
    quoted: str,
    kind: str,
    *,
    zone: str | None,
    nullable: bool,
    is_json: bool = False,
    small_bool: bool = False,
) -> Column:
    """A column of the type `kind`, as `COLUMN_TYPE` has it (`decimal(12,2) unsigned`).

    Args:
        name: of the column.
        quoted: the same as SQL, with its table.
        kind: its type.
        zone: IANA zone of times without one; None sends them as they are.
        nullable: whether it may be NULL.
        is_json: a check of the table keeps it JSON (MariaDB's type of that name).
        small_bool: `tinyint(1)` holds true or false.
    """
    base = re.match(r"\w+", kind.lower())
    word = base[0] if base else ""
    sizes = [int(size) for size in re.findall(r"\d+", kind.partition(" ")[0])] if "'" not in kind else []
    if is_json or word == "json":
        made = {"sql": _QUOTED.format(f"CONVERT({quoted} USING utf8mb4)"), "type": pa.string(), "schema": _NESTED}
        made["seekable"] = False
    elif word in _INTEGERS:
        made = _integer(quoted, word, kind, small_bool=small_bool and sizes == [1])
    elif word == "decimal":
        made = _decimal(quoted, *(sizes or [10, 0]))
    elif word in _OTHERS:
        made = _OTHERS[word](quoted)
    elif word == "bit":
        made = _bit(quoted, sizes)
    elif word == "datetime":
        made = {**_time(quoted), "type": pa.timestamp("us", "UTC") if zone else pa.timestamp("us"), "zone": zone}
    else:
        made = {"sql": _QUOTED.format(f"CONVERT({quoted} USING utf8mb4)"), "type": pa.string(), "schema": _TEXT}
        made["seekable"] = word not in _LISTED
    return Column(name, nullable=nullable or bool(made.get("bad")), raw=quoted, **made)


def _integer(quoted: str, word: str, kind: str, *, small_bool: bool) -> dict[str, Any]:
    if small_bool:
        return {"sql": f"{quoted} <> 0", "type": pa.bool_(), "schema": _BOOLEAN, "seekable": False}
    if word == "bigint" and "unsigned" in kind.lower():
        return {"sql": quoted, "type": pa.uint64(), "schema": _INTEGER, "cast": "UNSIGNED"}
    return {"sql": quoted, "type": pa.int64(), "schema": _INTEGER, "cast": "SIGNED"}


def _decimal(quoted: str, precision: int, scale: int = 0) -> dict[str, Any]:
    made: dict[str, Any] = {"sql": quoted, "cast": f"DECIMAL({precision},{scale})"}
    if precision > _PRECISION:
        return {**made, "type": pa.string(), "schema": _DECIMAL}
    if scale == 0 and precision <= _SMALL:
        return {**made, "type": pa.int64(), "schema": _INTEGER}
    schema = {**_DECIMAL, "precision": precision, "scale": scale}
    return {**made, "type": pa.decimal128(precision, scale), "schema": schema}


def _bit(quoted: str, sizes: list[int]) -> dict[str, Any]:
    made: dict[str, Any] = {"sql": f"{quoted} + 0", "cast": "UNSIGNED", "seekable": False}
    if sizes in ([], [1]):
        return {**made, "type": pa.bool_(), "schema": _BOOLEAN}
    return {**made, "type": pa.uint64(), "schema": _INTEGER}


def _time(quoted: str) -> dict[str, Any]:
    bad = _NO_DAY.format(quoted)
    return {
        "sql": f"CASE WHEN NOT {bad} THEN CAST({quoted} AS CHAR) END",
        "type": pa.timestamp("us", "UTC"),
        "schema": _DATE_TIME,
        "bad": bad,
        "is_time": True,
        "cast": "DATETIME(6)",
    }


def _date(quoted: str) -> dict[str, Any]:
    return {**_time(quoted), "type": pa.date32(), "schema": {**_TEXT, "format": "date"}, "cast": "DATE"}


def _binary(quoted: str) -> dict[str, Any]:
    return {"sql": _BASE64.format(quoted), "type": pa.string(), "schema": _TEXT, "seekable": False}


def _shape(quoted: str) -> dict[str, Any]:
    text = _QUOTED.format(f"ST_AsGeoJSON({quoted})")
    return {"sql": text, "type": pa.string(), "schema": {"type": ["object", "null"]}, "seekable": False}


_OTHERS: dict[str, Callable[[str], dict[str, Any]]] = {
    "timestamp": _time,
    "date": _date,
    # As text it would have 6 digits; as a double it has all, and those of a 32-bit float are then read back.
    "float": lambda quoted: {"sql": f"{quoted} + 0e0", "type": pa.float32(), "schema": _NUMBER, "seekable": False},
    "double": lambda quoted: {"sql": quoted, "type": pa.float64(), "schema": _NUMBER, "seekable": False},
    **dict.fromkeys(_BINARY, _binary),
    **dict.fromkeys(_SHAPES, _shape),
}
