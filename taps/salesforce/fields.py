"""Fields of an object, as an organisation has described them: the schema they make and how their values are read.

Queries answer with JSON, bulk jobs with text; both give the same record: Salesforce keeps no empty text, so an empty
cell is null.
https://developer.salesforce.com/docs/atlas.en-us.api.meta/api/field_types.htm
"""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from pipe import times
from pipe.errors import SkippableError
from taps.base.rest.resource import shape

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from taps.base.rest.resource import Row

UNREADABLE = "_unreadable"
"""Ending of a field's name under which `_extra` keeps a value that is not of the field's type."""
NOT_READ = frozenset({"base64", "address", "location", "complexvalue", "json"})
"""Types that bulk jobs do not give; the parts of an address or a place are fields of their own."""
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,99}")
"""What may stand in a query as a name: nothing with a meaning of its own there."""
KEY, DELETED = "Id", "IsDeleted"
CHANGED = ("SystemModstamp", "LastModifiedDate", "CreatedDate")
"""Fields that tell what is new, the best one first."""
LEAST: list[Row] = [
    {"name": KEY, "type": "id"},
    {"name": DELETED, "type": "boolean"},
    {"name": CHANGED[0], "type": "datetime", "filterable": True},
]
"""Fields of an object whose description may not be read."""
KINDS = {
    "boolean": "boolean",
    "int": "integer",
    "long": "integer",
    "double": "number",
    "currency": "number",
    "percent": "number",
    "date": "date",
    "datetime": "time",
}


def readable(described: Iterable[Row]) -> list[Row]:
    """The fields that can be read, sorted by name."""
    fields = {row["name"]: row for row in described if row.get("type") not in NOT_READ and NAME.fullmatch(row["name"])}
    return [fields[name] for name in sorted(fields)]


def replication_key(fields: Iterable[Row]) -> str | None:
    """The field that tells what is new, if one can be asked for; some objects have it and cannot filter by it."""
    asked = {row["name"] for row in fields if row.get("filterable") and row.get("type") == "datetime"}
    return next((name for name in CHANGED if name in asked), None)


def schema(fields: Iterable[Row]) -> dict[str, Any]:
    """The schema of an object's records."""
    columns = {}
    for row in fields:
        (column,) = shape(**{kind(row): row["name"]})["properties"].values()
        label = row.get("label")
        columns[row["name"]] = column | ({"description": label} if label else {})
    return {"type": "object", "properties": columns}


def kind(field: Row) -> str:
    """Kind of the column."""
    return KINDS.get(field.get("type", ""), "string")


def reader(fields: Iterable[Row]) -> Callable[[Row], Row]:
    """A function row as sent -> record."""
    converts = [(row["name"], _CONVERTS[kind(row)]) for row in fields if kind(row) in _CONVERTS]

    def read(row: Row) -> Row:
        record = dict(row)
        record.pop("attributes", None)
        for name, convert in converts:
            value = record.get(name)
            if value is None:
                continue
            try:
                record[name] = convert(value)
            except (ValueError, KeyError, TypeError, InvalidOperation, SkippableError):
                record[name] = None
                record[name + UNREADABLE] = value
        return record

    return read


def _boolean(value: Any) -> bool:
    return value if isinstance(value, bool) else {"true": True, "false": False}[str(value).lower()]


def _number(value: Any) -> Any:
    if type(value) is int:
        return value
    number = value if isinstance(value, Decimal) else Decimal(str(value))
    if not number.is_finite():
        raise ValueError("a number without a value")
    return number


def _integer(value: Any) -> int:
    number = _number(value)
    if number != int(number):
        raise ValueError("not a whole number")
    return int(number)


_CONVERTS: dict[str, Callable[[Any], Any]] = {
    "time": times.time_parser(),
    "date": times.date_parser(),
    "number": _number,
    "integer": _integer,
    "boolean": _boolean,
}
