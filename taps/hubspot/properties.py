"""Properties of an object type, as an account has defined them: the schema they make and how their texts are read.

HubSpot writes every value as text, an empty one as "" or null.
https://developers.hubspot.com/docs/api-reference/crm-properties-v3/guide
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from pipe import times
from pipe.errors import SkippableError
from taps.base.rest.resource import shape

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from taps.base.rest.resource import Row

ENVELOPE = shape(
    string="id merged_into",
    time="createdAt updatedAt archivedAt",
    boolean="archived",
    object="associations property_history",
)
"""What every object has besides; `associations` and `property_history` are read for it by the tap, and `merged_into`
is told of an object that is gone."""
KINDS = {"number": "number", "bool": "boolean", "datetime": "time", "date": "date"}
"""Type of a property -> kind of its column; all others are text."""
_NOISE = ("properties", "objectWriteTraceId", "url")
"""Of a row: what is unpacked, and what says nothing of the object and differs from call to call."""
UNREADABLE = "_unreadable"
"""Ending of a property's name under which `_extra` keeps a value that is not of the property's type."""


def schema(properties: Iterable[Row], envelope: Iterable[str]) -> dict[str, Any]:
    """The schema of an object type's records.

    Args:
        properties: as the service describes them, with `name` and `type`.
        envelope: names of ENVELOPE that this type has.
    """
    columns = {
        name: column | ({"description": label} if (label := row.get("label")) else {})
        for row in properties
        for name, column in shape(**{KINDS.get(row.get("type", ""), "string"): row["name"]})["properties"].items()
    }
    columns |= {name: ENVELOPE["properties"][name] for name in envelope}
    return {"type": "object", "properties": dict(sorted(columns.items()))}


def reader(properties: Iterable[Row]) -> Callable[[Row], Row]:
    """A function row as sent -> record, its properties as fields of their own beside those of the envelope."""
    converts = [(row["name"], _CONVERTS[row["type"]]) for row in properties if row.get("type") in _CONVERTS]

    def read(row: Row) -> Row:
        values = row.get("properties")
        record = dict(values) if isinstance(values, dict) else {}
        for name, convert in converts:
            text = record.get(name)
            if text is None:
                continue
            try:
                record[name] = convert(text) if text != "" else None
            except (ValueError, KeyError, InvalidOperation, SkippableError):
                record[name] = None
                record[name + UNREADABLE] = text
        record.update(row)
        for name in _NOISE:
            record.pop(name, None)
        return record

    return read


def _number(text: Any) -> Decimal:
    number = Decimal(str(text))
    if not number.is_finite():
        raise ValueError("a number without a value")
    return number


def _boolean(text: Any) -> bool:
    return {"true": True, "false": False}[str(text).lower()]


_iso, _epoch_ms = times.time_parser(), times.time_parser("epoch_ms")


def _time(text: Any) -> str | None:
    """ISO text, or milliseconds since 1970."""
    return _epoch_ms(text) if str(text).lstrip("-").isdecimal() else _iso(text)


def _date(text: Any) -> str | None:
    """The day; some are sent as the milliseconds of its midnight in UTC."""
    return (_time(text) or "")[:10] or None


_CONVERTS: dict[str, Callable[[Any], Any]] = {"number": _number, "bool": _boolean, "datetime": _time, "date": _date}
