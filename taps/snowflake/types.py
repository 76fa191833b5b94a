"""Snowflake's types: how a column is selected, what its values are, and how the driver's tables become that.

The driver gives Arrow tables, so nothing is parsed. Bad values are therefore found in them and not by SQL: numbers that
are none, and times outside the years 1 to 9999.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from pipe.errors import DataError
from taps.base.sql.delimited import in_utc
from taps.base.sql.engine import BAD, LAST_BIT, Column

if TYPE_CHECKING:
    from collections.abc import Sequence

INTEGER, DECIMAL = "integer", "decimal"
_TEXT = {"type": ["string", "null"]}
_DATE_TIME = {**_TEXT, "format": "date-time"}
_NESTED = {"type": ["object", "array", "string", "number", "boolean", "null"]}
_DIGITS = 18
"""Of an integer that 64 bits surely hold."""
_FOUND = "found in what came"
"""In place of a condition in SQL."""
_YEARS = {
    pa.date32(): (-719_162, 2_932_896),
    pa.timestamp("us"): (-62_135_596_800_000_000, 253_402_300_799_999_999),
}
_NUMBER, _FLOAT, _DATE, _TIME = "NUMBER", "FLOAT", "DATE", "TIME"
_LOCAL, _ZONED, _STORED = "TIMESTAMP_NTZ", "TIMESTAMP_LTZ", "TIMESTAMP_TZ"

SIMPLE: dict[str, dict[str, Any]] = {
    _FLOAT: {"type": pa.float64(), "schema": {"type": ["number", "null"]}, "bad": _FOUND, "cast": _FLOAT},
    "BOOLEAN": {"type": pa.bool_(), "schema": {"type": ["boolean", "null"]}, "cast": "BOOLEAN"},
    _DATE: {
        "type": pa.date32(),
        "schema": {**_TEXT, "format": "date"},
        "bad": _FOUND,
        "cast": _DATE,
        "is_time": True,
    },
    _TIME: {"type": pa.time64("us"), "schema": {**_TEXT, "format": "time"}, "cast": _TIME},
    "BINARY": {"type": pa.binary(), "schema": _TEXT, "seekable": False},
    **{
        name: {"type": kind, "schema": _DATE_TIME, "bad": _FOUND, "cast": name, "is_time": True}
        for name, kind in {
            _LOCAL: pa.timestamp("us"),
            _ZONED: pa.timestamp("us", "UTC"),
            _STORED: pa.timestamp("us", "UTC"),
        }.items()
    },
}
_NESTED_KINDS = {"VARIANT", "OBJECT", "ARRAY"}
_TEXTS = {"TEXT", "VARCHAR", "CHAR", "STRING"}
CODES = (
    _NUMBER,
    _FLOAT,
    "TEXT",
    _DATE,
    _LOCAL,
    "VARIANT",
    _ZONED,
    _STORED,
    _LOCAL,
    "OBJECT",
    "ARRAY",
    "BINARY",
    _TIME,
    "BOOLEAN",
)
"""The type behind each code in the description of a result."""


def column(
    name: str,
    quoted: str,
    kind: str,
    size: tuple[int | None, int | None],
    *,
    zone: str | None,
    nullable: bool,
    big: str,
) -> Column:
    """A column of the type `kind`, as INFORMATION_SCHEMA names it.

    Args:
        name: of the column.
        quoted: the same as SQL.
        kind: its type.
        size: precision and scale of a NUMBER.
        zone: IANA zone of times without one; None sends them as they are.
        nullable: whether it may be NULL.
        big: what a whole number of more than 18 digits is sent as.
    """
    made: dict[str, Any] = {"sql": quoted, "raw": quoted, "nullable": nullable}
    if kind == _NUMBER:
        made |= _number(size[0] or 38, size[1] or 0, big)
    elif kind in _NESTED_KINDS:
        made |= {"sql": f"TO_JSON({quoted})", "type": pa.string(), "schema": _NESTED, "seekable": False}
    elif kind in SIMPLE:
        made |= SIMPLE[kind]
        if kind == _LOCAL and zone:
            made |= {"type": pa.timestamp("us", "UTC"), "zone": zone}
    elif kind in _TEXTS:
        made |= {"type": pa.string(), "schema": _TEXT, "cast": "VARCHAR"}
    else:
        made |= {"sql": f"TO_VARCHAR({quoted})", "type": pa.string(), "schema": _TEXT, "seekable": False}
    return Column(name, **made)


def typed(table: pa.Table, columns: Sequence[Column]) -> pa.Table:
    """The driver's table with the columns' own types, and `BAD` if one of them may have bad values.

    Raises:
        DataError: a whole number has more than 64 bits.
    """
    arrays: dict[str, Any] = {}
    bits = pa.scalar(0, pa.int64())
    number = 0
    for each, values in zip(columns, table.columns, strict=True):
        found = _typed(values, each)
        if each.bad:
            found, bad = _without_bad(found)
            if bad is not None:
                bits = pc.bit_wise_or(bits, pc.shift_left(bad.cast(pa.int64()), min(number, LAST_BIT)))
            number += 1
        arrays[each.name] = in_utc(found, each.zone) if each.zone else found
    if number:
        whole = isinstance(bits, pa.Scalar)
        arrays[BAD] = pa.repeat(bits, table.num_rows) if whole else bits
    return pa.table(arrays)


def _number(precision: int, scale: int, big: str) -> dict[str, Any]:
    made = {"cast": f"NUMBER({precision},{scale})"}
    if scale == 0 and (precision <= _DIGITS or big == INTEGER):
        return {**made, "type": pa.int64(), "schema": {"type": ["integer", "null"]}}
    schema = {**_TEXT, "format": "x-singer.decimal", "precision": precision, "scale": scale}
    return {**made, "type": pa.decimal128(precision, scale), "schema": schema}


def _typed(values: pa.ChunkedArray, wanted: Column) -> pa.ChunkedArray:
    kind = pa.timestamp("us") if wanted.zone else wanted.type
    if values.type == kind:
        return values
    try:
        # Times may come with nanoseconds, which no stream has; everything else must fit.
        return values.cast(kind, safe=not pa.types.is_temporal(kind))
    except pa.ArrowInvalid:
        raise DataError(
            "a value does not fit its column: a whole number of more than 64 bits",
            field=wanted.name,
            remedy="Set big_integers to decimal",
        ) from None


def _without_bad(values: pa.ChunkedArray) -> tuple[pa.ChunkedArray, pa.ChunkedArray | None]:
    """The values with the bad ones NULL, and which were bad; None if none was."""
    if pa.types.is_floating(values.type):
        good = pc.is_finite(values)
    else:
        plain = pa.date32() if pa.types.is_date(values.type) else pa.timestamp("us")
        number = values.cast(pa.int32() if plain == pa.date32() else pa.int64())
        first, last = _YEARS[plain]
        ends = pc.min_max(number)
        if not ends["min"].is_valid or (ends["min"].as_py() >= first and ends["max"].as_py() <= last):
            return values, None
        good = pc.and_(pc.greater_equal(number, first), pc.less_equal(number, last))
    good = pc.fill_null(good, fill_value=True)
    if pc.all(good).as_py() in (True, None):
        return values, None
    return pc.if_else(good, values, pa.scalar(None, values.type)), pc.invert(good)
