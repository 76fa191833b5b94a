"""BigQuery's types: how a column is selected, and what its values are.

Rows come as Arrow tables, so nothing is parsed. What is nested is selected as JSON text, which is the same whichever
way the rows come; whole numbers in it that a double cannot hold are texts there, as the service writes them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from taps.base.sql.delimited import in_utc
from taps.base.sql.engine import BAD, Column

if TYPE_CHECKING:
    from collections.abc import Sequence

    from google.cloud.bigquery import SchemaField

_TEXT = {"type": ["string", "null"]}
_DATE_TIME = {**_TEXT, "format": "date-time"}
_JSON = "IF({0} IS NULL, NULL, TO_JSON_STRING({0}))"
_NO_NUMBER = "IS_NAN({0}) OR IS_INF({0})"
_REPEATED = {"sql": _JSON, "type": pa.string(), "schema": {"type": ["array", "null"]}, "seekable": False}
_OTHER = {"sql": "CAST({0} AS STRING)", "type": pa.string(), "schema": _TEXT, "seekable": False}
_TYPES: dict[str, dict[str, Any]] = {
    "INT64": {"type": pa.int64(), "schema": {"type": ["integer", "null"]}, "cast": "INT64"},
    "FLOAT64": {
        "sql": f"IF({_NO_NUMBER}, NULL, {{0}})",
        "type": pa.float64(),
        "schema": {"type": ["number", "null"]},
        "bad": _NO_NUMBER,
        "cast": "FLOAT64",
    },
    "BOOL": {"type": pa.bool_(), "schema": {"type": ["boolean", "null"]}, "cast": "BOOL"},
    "STRING": {"type": pa.string(), "schema": _TEXT, "cast": "STRING"},
    "BYTES": {"type": pa.binary(), "schema": _TEXT, "seekable": False},
    "TIMESTAMP": {"type": pa.timestamp("us", "UTC"), "schema": _DATE_TIME, "cast": "TIMESTAMP", "is_time": True},
    "DATETIME": {"type": pa.timestamp("us"), "schema": _DATE_TIME, "cast": "DATETIME", "is_time": True},
    "DATE": {"type": pa.date32(), "schema": {**_TEXT, "format": "date"}, "cast": "DATE", "is_time": True},
    "TIME": {"type": pa.time64("us"), "schema": {**_TEXT, "format": "time"}, "cast": "TIME"},
    "JSON": {
        "sql": _JSON,
        "type": pa.string(),
        "schema": {"type": ["object", "array", "string", "number", "boolean", "null"]},
        "seekable": False,
    },
    "STRUCT": {"sql": _JSON, "type": pa.string(), "schema": {"type": ["object", "null"]}, "seekable": False},
    "GEOGRAPHY": {**_OTHER, "sql": "ST_ASTEXT({0})"},
}
_SAME = {"INTEGER": "INT64", "FLOAT": "FLOAT64", "BOOLEAN": "BOOL", "RECORD": "STRUCT"}
_DECIMALS: dict[str, tuple[int, int]] = {"NUMERIC": (38, 9), "BIGNUMERIC": (76, 38)}
"""Precision and scale where the column says none."""


def column(field: SchemaField, quoted: str, zone: str | None) -> Column:
    """A column as the service describes it.

    Args:
        field: its description.
        quoted: its name as SQL.
        zone: IANA zone of times without one; None sends them as they are.
    """
    kind = _SAME.get(field.field_type, field.field_type)
    made = dict(_TYPES.get(kind, _OTHER))
    if field.mode == "REPEATED":
        made = dict(_REPEATED)
    elif kind in _DECIMALS:
        made = _decimal(kind, field)
    elif kind == "DATETIME" and zone:
        made |= {"type": pa.timestamp("us", "UTC"), "zone": zone}
    made["sql"] = made.get("sql", "{0}").format(quoted)
    if "bad" in made:
        made["bad"] = made["bad"].format(quoted)
    return Column(field.name, raw=quoted, nullable=field.mode != "REQUIRED", **made)


def typed(table: pa.Table, columns: Sequence[Column]) -> pa.Table:
    """What came, with the columns' own types."""
    arrays = {}
    for each in columns:
        values = table.column(each.name)
        arrays[each.name] = in_utc(values.cast(pa.timestamp("us")), each.zone) if each.zone else values.cast(each.type)
    if BAD in table.column_names:
        arrays[BAD] = table.column(BAD)
    return pa.table(arrays)


def _decimal(kind: str, field: SchemaField) -> dict[str, Any]:
    precision, scale = _DECIMALS[kind] if field.precision is None else (field.precision, field.scale or 0)
    schema = {**_TEXT, "format": "x-singer.decimal", "precision": precision, "scale": scale}
    if kind == "NUMERIC":
        return {"type": pa.decimal128(precision, scale), "schema": schema, "cast": kind}
    # No engine of ours has numbers of 76 digits.
    return {"sql": "CAST({0} AS STRING)", "type": pa.string(), "schema": schema, "cast": kind}
