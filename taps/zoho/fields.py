"""Fields of a module, as an organisation has defined them: the schema they make and how their values are read.

Queries answer with JSON, bulk jobs with text; both give the same record. A lookup is its id alone, since bulk jobs
have no more. Times carry the offset of whoever signed in and become UTC.
https://www.zoho.com/crm/developer/docs/api/v8/field-meta.html
"""

from __future__ import annotations

import json
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
NOT_READ = frozenset({"subform", "multiselectlookup", "multiuserlookup", "fileupload", "imageupload", "profileimage"})
"""Types of fields that neither queries nor bulk jobs give."""
_LOOKUPS = frozenset({"lookup", "ownerlookup", "userlookup"})
_BY_JSON = {
    "integer": "integer",
    "double": "number",
    "boolean": "boolean",
    "jsonarray": "array",
    "jsonobject": "object",
}


def readable(fields: Iterable[Row]) -> list[Row]:
    """The fields that can be read, `id` and `Modified_Time` among them, sorted by name."""
    known = {row["api_name"]: row for row in fields if row.get("data_type") not in NOT_READ}
    known.setdefault("id", {"api_name": "id", "data_type": "bigint", "json_type": "string"})
    known.setdefault("Modified_Time", {"api_name": "Modified_Time", "data_type": "datetime", "json_type": "string"})
    return [known[name] for name in sorted(known)]


def schema(fields: Iterable[Row]) -> dict[str, Any]:
    """The schema of a module's records."""
    columns = {}
    for row in fields:
        (column,) = shape(**{_kind(row): row["api_name"]})["properties"].values()
        label = row.get("field_label")
        columns[row["api_name"]] = column | ({"description": label} if label else {})
    return {"type": "object", "properties": columns}


def reader(fields: Iterable[Row]) -> Callable[[Row], Row]:
    """A function row as sent -> record."""
    converts = [(row["api_name"], _CONVERTS[kind]) for row in fields if (kind := _kind(row)) in _CONVERTS]

    def read(row: Row) -> Row:
        record = {name: value for name, value in row.items() if not name.startswith("$")}  # states of Zoho's own pages
        for name, convert in converts:
            value = record.get(name)
            if value is None:
                continue
            try:
                record[name] = None if value == "" else convert(value)
            except (ValueError, KeyError, TypeError, InvalidOperation, SkippableError):
                record[name] = None
                record[name + UNREADABLE] = value
        return record

    return read


def _kind(row: Row) -> str:
    """Kind of the column."""
    data_type = row.get("data_type")
    if data_type in _LOOKUPS:
        return "object"
    if data_type in {"datetime", "date"}:
        return "time" if data_type == "datetime" else "date"
    return _BY_JSON.get(row.get("json_type", ""), "string")


def _reference(value: Any) -> Row:
    return {"id": str(value["id"] if isinstance(value, dict) else value)}


def _boolean(value: Any) -> bool:
    return {"true": True, "false": False}[str(value).lower()]


def _list(value: Any) -> list[Any]:
    """A list; bulk jobs write one as text, its parts between semicolons."""
    if isinstance(value, list):
        return value
    return list(json.loads(value)) if value.startswith("[") else [part.strip() for part in value.split(";")]


def _number(value: Any) -> Decimal:
    number = Decimal(str(value))
    if not number.is_finite():
        raise ValueError("a number without a value")
    return number


_CONVERTS: dict[str, Callable[[Any], Any]] = {
    "time": times.time_parser(),
    "date": times.date_parser(),
    "number": _number,
    "integer": lambda value: int(str(value)),
    "boolean": _boolean,
    "array": _list,
    "object": _reference,
}
