"""Rows into encoded records: columns picked, values converted, keys checked, the file's marks added.

A shape tells through `news` when a property is new or has another type; who writes the records must announce it
before the record that came with it.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, Protocol

from pipe import messages
from pipe.errors import DataError, SkippableError
from taps.base.files import kinds

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from taps.base.files.kinds import Convert
    from taps.base.files.table import Column, Row

FILE, MODIFIED, ROW = "_sdc_file", "_sdc_file_modified_at", "_sdc_row"
BAD_VALUE = "bad_value"
"""Rule broken by a value that does not have its column's declared type."""

_JSON_TYPES = {str: "string", bool: "boolean", int: "integer", Decimal: "number", dict: "object", list: "array"}
_SIGNATURES_KEPT = 1000


def json_type(schema: dict[str, Any]) -> str:
    """The one type of a property, null aside."""
    types = schema.get("type", "string")
    return next((kind for kind in ([types] if isinstance(types, str) else types) if kind != "null"), "string")


class Shape(Protocol):
    """Turns the rows of a file into encoded records."""

    news: dict[str, dict[str, Any]]

    def encode(self, row: Any, number: int, /) -> bytes:
        """The record of data row `number`, counted from 1; `row` is used up.

        Raises:
            SkippableError: the row cannot be taken.
        """


class Frame:
    """What holds for every record of a file: which properties are wanted, the keys, the marks, the policy.

    `marks` are the values of `_sdc_file` and `_sdc_file_modified_at`, where those columns are added.
    `null_bad_values`: a value that cannot be converted is none, instead of the row being rejected.
    """

    def __init__(
        self,
        wanted: Callable[[str], bool],
        keys: Sequence[str],
        marks: Mapping[str, str],
        *,
        null_bad_values: bool = False,
    ) -> None:
        """Take the wanted ones of the marks, and the row number with them."""
        self.wanted = wanted
        self.keys = keys
        self.marks = {name: value for name, value in marks.items() if wanted(name)}
        self.numbered = bool(marks) and wanted(ROW)
        self.null_bad_values = null_bad_values

    def mark_names(self) -> list[str]:
        """Names of the marks in the order of their values; the row number comes last."""
        return [*self.marks, *([ROW] if self.numbered else [])]

    def check_bad_value(self, name: str, error: SkippableError) -> None:
        """Raise the error that rejects the row of a value that cannot be converted, unless such values become null."""
        if not self.null_bad_values:
            raise SkippableError(error.problem, rule=BAD_VALUE, field=name)


class TableShape:
    """Shape of rows that all have the same columns."""

    def __init__(self, columns: Sequence[Column], frame: Frame) -> None:
        """Prepare for rows of `columns`.

        Raises:
            DataError: a key column is not among them.
        """
        missing = sorted(set(frame.keys) - {column.name for column in columns} - set(frame.mark_names()))
        if missing:
            raise DataError(
                "the key column is not in the file", field=missing[0], remedy="Check key_properties against the header"
            )
        wanted = [(place, column) for place, column in enumerate(columns) if frame.wanted(column.name)]
        self.news = {column.name: column.schema for _, column in wanted}
        self.places = [place for place, _ in wanted]
        """Where the wanted columns are in a row."""
        self.columns = [column for _, column in wanted]
        self.frame = frame
        self.names = [*(column.name for column in self.columns), *frame.mark_names()]
        """Names of the properties of a record, in order."""
        self.keys = [self.names.index(key) for key in frame.keys if key not in frame.mark_names()]
        """Places of the keys among the names."""
        self._picks = self.places if len(wanted) < len(columns) else None
        self._marks = list(frame.marks.values())
        self._may_widen = any(column.widens for column in columns)
        self._prepare()

    def _prepare(self) -> None:
        self._converts = [(place, column.convert) for place, column in enumerate(self.columns) if column.convert]

    def encode(self, row: Row, number: int) -> bytes:
        """See `Shape`."""
        if self._picks is not None:
            values = [row[place] for place in self._picks]
        else:
            values = [*row] if self._may_widen else row
        for place, convert in self._converts:
            value = values[place]
            if value is not None:
                try:
                    values[place] = convert(value)
                except SkippableError as error:
                    if self.columns[place].widens:
                        self.widen(place)
                        return self.encode(row, number)
                    self.frame.check_bad_value(self.names[place], error)
                    values[place] = None
        for place in self.keys:
            if values[place] is None:
                raise self.no_key(place)
        values += self._marks
        values.append(number)  # dropped by zip where it is not wanted
        return messages.encode(dict(zip(self.names, values, strict=False)))

    def widen(self, place: int) -> None:
        """Make the wanted column at that place a text column."""
        column = self.columns[place]
        column.schema, column.convert, column.widens = kinds.SCHEMAS[kinds.STRING], None, False
        self.news[column.name] = column.schema
        self._prepare()

    def no_key(self, place: int) -> SkippableError:
        """The error that rejects a row without that key."""
        return SkippableError("the key has no value", rule="key", field=self.names[place])


class ObjectShape:
    """Shape of records that name their own properties (JSON lines).

    A property has one JSON type. Whole numbers and others are both `number`; one that comes in two other types is a
    string from there on, its values that are no strings written as JSON text.
    """

    def __init__(self, known: Mapping[str, dict[str, Any]], declared: Mapping[str, Column], frame: Frame) -> None:
        """Go on from the `known` properties; `declared` columns are converted, whatever type they come in."""
        self.news = {name: column.schema for name, column in declared.items() if frame.wanted(name)}
        self._types = {name: json_type(schema) for name, schema in known.items()}
        self._declared = {name: column.convert for name, column in declared.items()}
        self._texts: set[str] = set()
        self._seen: dict[tuple[Any, ...], tuple[str, ...]] = {}
        self._frame = frame
        self._marks = list(frame.marks.items())

    def encode(self, record: dict[str, Any], number: int) -> bytes:
        """See `Shape`."""
        signature = (*record, *map(type, record.values()))
        left_out = self._seen.get(signature)
        if left_out is None:
            left_out = self._learn(record, signature)
        for name in left_out:
            del record[name]
        for name, convert in self._declared.items():
            if record.get(name) is not None:
                record[name] = self._converted(name, convert, kinds.as_text(record[name]))
        for name in self._texts:
            if record.get(name) is not None:
                record[name] = kinds.as_text(record[name])
        for key in self._frame.keys:
            if record.get(key) is None and key not in self._frame.marks and key != ROW:
                raise SkippableError("the key has no value", rule="key", field=key)
        record.update(self._marks)
        if self._frame.numbered:
            record[ROW] = number
        return messages.encode(record)

    def _converted(self, name: str, convert: Convert | None, text: str) -> Any:
        try:
            return convert(text) if convert else text
        except SkippableError as error:
            self._frame.check_bad_value(name, error)
            return None

    def _learn(self, record: dict[str, Any], signature: tuple[Any, ...]) -> tuple[str, ...]:
        """Take note of a record shaped as none before; returns the properties to leave out of such records."""
        if len(self._seen) >= _SIGNATURES_KEPT:
            self._seen.clear()
        left_out = []
        for name, value in record.items():
            if not self._frame.wanted(name):
                left_out.append(name)
            elif name in self._declared:
                continue
            elif value is not None:
                self._meet(name, _JSON_TYPES[type(value)])
            elif name not in self._types:
                left_out.append(name)  # of a type yet unknown: absent says the same
        self._seen[signature] = tuple(left_out)
        return self._seen[signature]

    def _meet(self, name: str, met: str) -> None:
        known = self._types.get(name)
        if met == known or (met, known) == ("integer", "number"):
            return
        if known is None or (met, known) == ("number", "integer"):
            merged = met
        else:
            merged = "string"
            self._texts.add(name)
        if merged != known:
            self._seen.clear()  # nulls that were left out have a property now
            self._types[name] = merged
            self.news[name] = {"type": [merged, "null"]}
