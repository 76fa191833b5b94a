"""From a SCHEMA message to columns: types, widening, names. Nothing here knows a warehouse's SQL.

| JSON schema                                             | type          |
|---------------------------------------------------------|---------------|
| boolean                                                 | BOOLEAN       |
| integer                                                 | INTEGER       |
| number                                                  | DOUBLE        |
| number with `multipleOf`; format `x-singer.decimal`     | DECIMAL(38,9) |
| string with format date-time, date, time                | as named      |
| other strings, no type, a mix of strings and others     | TEXT          |
| object, array, a mix of the two                         | JSON          |
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import Enum
from functools import reduce
from typing import TYPE_CHECKING, Any

from pipe.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pipe.messages import SchemaMessage


class DataType(Enum):
    """What a column holds; the value says in words what a bad value is not."""

    BOOLEAN = "true or false"
    INTEGER = "a whole number of at most 29 digits"
    BIG_INTEGER = "a whole number of up to 29 digits"
    DECIMAL = "a decimal number below 10^29"
    DOUBLE = "a number"
    TIMESTAMP = "an ISO 8601 time"
    DATE = "an ISO 8601 date"
    TIME = "a time of day"
    TEXT = "text"
    JSON = "JSON"


_FORMATS = {
    "date-time": DataType.TIMESTAMP,
    "date": DataType.DATE,
    "time": DataType.TIME,
    "x-singer.decimal": DataType.DECIMAL,
    "singer.decimal": DataType.DECIMAL,
}
_PLAIN = {
    "boolean": DataType.BOOLEAN,
    "integer": DataType.INTEGER,
    "number": DataType.DOUBLE,
    "string": DataType.TEXT,
    "object": DataType.JSON,
    "array": DataType.JSON,
}
_EXACT = (DataType.INTEGER, DataType.BIG_INTEGER, DataType.DECIMAL)

METADATA_PREFIX = "_sdc_"
DELETED_AT, TABLE_VERSION = "_sdc_deleted_at", "_sdc_table_version"
OPTIONAL = {DELETED_AT: DataType.TIMESTAMP, TABLE_VERSION: DataType.INTEGER}
"""Properties that are read from every record, declared or not; their columns are made once a record has one."""

METADATA = {
    "_sdc_extracted_at": DataType.TIMESTAMP,
    "_sdc_received_at": DataType.TIMESTAMP,
    "_sdc_batched_at": DataType.TIMESTAMP,
    "_sdc_sequence": DataType.INTEGER,
    "_sdc_sync_started_at": DataType.INTEGER,
}
"""What `add_record_metadata` adds beside the two above."""


@dataclass(frozen=True)
class Property:
    """One property of a stream's records."""

    name: str
    type: DataType
    required: bool = False
    """A record without it, or with null in it, is refused."""
    optional: bool = False
    """Its column is made only when a record has a value for it."""


@dataclass(frozen=True)
class StreamSchema:
    """What a SCHEMA message declares."""

    stream: str
    properties: tuple[Property, ...]
    keys: tuple[str, ...]


def read_schema(message: SchemaMessage, *, metadata: bool = False) -> StreamSchema:
    """The properties and keys that `message` declares.

    Raises:
        DataError: it declares no properties, or keys that are none of them.
    """
    declared = message.schema.get("properties")
    if not isinstance(declared, dict) or not declared:
        raise DataError(
            "its SCHEMA declares no properties",
            stream=message.stream,
            remedy="The tap must say which fields the records have",
        )
    keys = tuple(message.key_properties or ())
    if strangers := [key for key in keys if key not in declared]:
        raise DataError(
            f"its SCHEMA declares no key property '{strangers[0]}'",
            stream=message.stream,
            field=strangers[0],
            remedy="key_properties must name properties of the schema",
        )
    required = message.schema.get("required")
    required = set(required) if isinstance(required, list) else set()
    properties = [
        Property(name, data_type(schema), name in keys or (name in required and not _nullable(schema)))
        for name, schema in declared.items()
    ]
    if metadata:
        properties += [Property(name, kind) for name, kind in METADATA.items() if name not in declared]
    properties += [
        Property(name, kind, optional=not metadata) for name, kind in OPTIONAL.items() if name not in declared
    ]
    return StreamSchema(message.stream, tuple(properties), keys)


def data_type(schema: Any) -> DataType:
    """The column type for one property's JSON schema; TEXT when it says nothing usable."""
    found = sorted(set(_alternatives(schema)), key=list(DataType).index)
    return reduce(widen, found) if found else DataType.TEXT


def widen(column: DataType, wanted: DataType) -> DataType:
    """The type a column of type `column` must have to take `wanted` values as well; TEXT takes everything.

    No stored digit is lost: a column of whole or decimal numbers stays exact, one of doubles stays what it is.
    """
    if column is wanted or (column is DataType.DOUBLE and wanted in _EXACT):
        return column
    if column in _EXACT and wanted is DataType.DOUBLE:
        return DataType.DECIMAL
    if column in _EXACT and wanted in _EXACT:
        return max(column, wanted, key=_EXACT.index)
    if {column, wanted} == {DataType.DATE, DataType.TIMESTAMP}:
        return DataType.TIMESTAMP
    return DataType.TEXT


def folded(name: str) -> str:
    """A name as warehouses compare it: without regard to the case of ASCII letters."""
    return name.encode().lower().decode()


def column_names(properties: Iterable[str], columns: Iterable[str]) -> dict[str, str]:
    """Property name -> column name, for a warehouse that takes `Id` and `id` for one name.

    A property keeps its own name, unless another differs from it only in case: of such twins the one whose column
    exists goes first, after that upper case before lower, and the others get `_2`, `_3`, ... A property without a
    name becomes `_`.
    """
    existing = set(columns)
    plain = {name: name or "_" for name in properties}
    twins = Counter(folded(name) for name in plain.values())
    ordered = sorted(
        plain,
        key=lambda name: (twins[folded(plain[name])] > 1, plain[name] not in existing, not name, name),
    )
    taken: set[str] = set()
    names: dict[str, str] = {}
    for name in ordered:
        column, number = plain[name], 1
        while folded(column) in taken or (number > 1 and folded(column) in twins):
            number += 1
            column = f"{plain[name]}_{number}"
        taken.add(folded(column))
        names[name] = column
    return {name: names[name] for name in plain}


def _alternatives(schema: Any) -> Iterator[DataType]:
    """Types that values of `schema` may have, null left out."""
    if not isinstance(schema, dict):
        return
    for word in ("anyOf", "oneOf", "allOf"):
        choices = schema.get(word)
        if isinstance(choices, list):
            for choice in choices:
                yield from _alternatives(choice)
    declared = schema.get("type")
    names = declared if isinstance(declared, list) else [declared]
    if "number" in names:
        names = [name for name in names if name != "integer"]  # every integer is a number
    for name in names:
        if name in _PLAIN:
            yield _refined(_PLAIN[name], schema)


def _refined(plain: DataType, schema: dict[str, Any]) -> DataType:
    if plain is DataType.TEXT:
        return _FORMATS.get(str(schema.get("format")), plain)
    if plain is DataType.DOUBLE and ("multipleOf" in schema or _FORMATS.get(str(schema.get("format")))):
        return DataType.DECIMAL
    return plain


def _nullable(schema: Any) -> bool:
    if not isinstance(schema, dict):
        return True
    declared = schema.get("type")
    if declared is None:
        return True  # any type, or alternatives of which one may be null
    return "null" in (declared if isinstance(declared, list) else [declared])
