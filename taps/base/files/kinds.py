"""Types a column can have: the JSON schema of each, and what becomes of a value.

Decimals leave as text in the format `x-singer.decimal`, like those of the canonical streams: no step can round them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pipe import messages, money, times
from pipe.errors import SkippableError

if TYPE_CHECKING:
    from collections.abc import Iterable

Convert = Callable[[Any], Any]
"""A text (or a JSON value) to what is sent, None for no value; raises `SkippableError`."""

STRING, INTEGER, NUMBER, DECIMAL = "string", "integer", "number", "decimal"
BOOLEAN, DATE, DATETIME = "boolean", "date", "datetime"

SCHEMAS: dict[str, dict[str, Any]] = {
    STRING: {"type": ["string", "null"]},
    INTEGER: {"type": ["integer", "null"]},
    NUMBER: {"type": ["number", "null"]},
    DECIMAL: {"type": ["string", "null"], "format": "x-singer.decimal"},
    BOOLEAN: {"type": ["boolean", "null"]},
    DATE: {"type": ["string", "null"], "format": "date"},
    DATETIME: {"type": ["string", "null"], "format": "date-time"},
}
"""Kind -> JSON schema of a property of that kind."""

_BOOLEANS = {
    **dict.fromkeys(("true", "t", "yes", "y", "1"), True),
    **dict.fromkeys(("false", "f", "no", "n", "0"), False),
}
_INT64 = 2**63
_REMEMBERED = 20_000
_SAFE_DIGITS = 18
"""Whole numbers of so many digits fit 64 bits."""
_WHOLE = re.compile(r"[+-]?\d+(\.0+)?", re.ASCII)
_SCIENTIFIC = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)[eE][+-]?\d{1,3}", re.ASCII)
_SWAP = str.maketrans(",.", ".,")
_PLAIN_DECIMAL = re.compile(r"-?(0|[1-9]\d{0,28})(\.\d{1,9})?", re.ASCII)

# What inference takes for a number: nothing that would lose a leading zero, a sign or a digit of a long id.
_PATTERNS = {
    INTEGER: re.compile(r"0|-?[1-9]\d{0,14}", re.ASCII),
    DECIMAL: re.compile(r"-?(0|[1-9]\d{0,14})(\.\d{1,9})?", re.ASCII),
    BOOLEAN: re.compile(r"true|false", re.IGNORECASE | re.ASCII),
    DATE: re.compile(r"\d{4}-\d\d-\d\d", re.ASCII),
    DATETIME: re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:?\d\d)?", re.ASCII),
}


@dataclass(frozen=True)
class Reading:
    """How texts are read: decimal mark, time zone of times without one, and date formats tried in order."""

    decimal: str = "point"
    timezone: str = "UTC"
    date_formats: list[str] = field(default_factory=lambda: ["iso"])

    def converter(self, kind: str) -> Convert | None:
        """The function for values of `kind`; None where text stays as it is."""
        if kind == STRING:
            return None
        if kind == BOOLEAN:
            return _boolean
        if kind in {DATE, DATETIME}:
            return self._first_fitting(kind)
        decimal = self._decimal()
        return {INTEGER: _integer(decimal), NUMBER: _number(decimal, self._pointed), DECIMAL: decimal}[kind]

    def strict_converter(self, kind: str) -> Convert | None:
        """As `converter`, for a kind that was inferred: takes only what inference itself would take."""
        convert = self.converter(kind)
        if convert is None:
            return None
        fits = _PATTERNS[DECIMAL if kind == NUMBER else kind].fullmatch
        pointed = self._pointed if self.decimal == "comma" else str
        plainly: dict[str, Convert] = {INTEGER: int, DECIMAL: pointed}  # what fits needs no more checks
        convert = plainly.get(kind, convert)

        def strictly(value: str) -> Any:
            if not fits(pointed(value)):
                raise SkippableError("does not fit the type seen before", rule=kind)
            return convert(value)

        return strictly

    def infer(self, values: Iterable[str]) -> str:
        """The narrowest kind that fits every value; `string` for none."""
        converts = {kind: self.strict_converter(kind) for kind in _PATTERNS}
        possible, empty = list(_PATTERNS), True
        for value in values:
            empty = False
            possible = [kind for kind in possible if _takes(converts[kind], value)]
            if not possible:
                return STRING
        return STRING if empty else possible[0]

    def _pointed(self, value: str) -> str:
        """The number with a decimal point; where the comma is the decimal mark, points become commas."""
        return value.translate(_SWAP) if self.decimal == "comma" else value

    def _decimal(self) -> Convert:
        amount = money.amount_parser("major", self.decimal)
        plain, pointed = _PLAIN_DECIMAL.fullmatch, self._pointed

        def point(value: str) -> str | None:
            return value if plain(value) else amount(value, None)  # the short way for most

        def comma(value: str) -> str | None:
            text = pointed(value)
            return text if plain(text) else amount(value, None)

        return comma if self.decimal == "comma" else point

    def _first_fitting(self, kind: str) -> Convert:
        if kind == DATE:
            parsers = [times.date_parser(form) for form in self.date_formats]
        else:
            parsers = [times.time_parser(form, self.timezone) for form in self.date_formats]
        if kind == DATETIME and self.date_formats == ["iso"]:
            return parsers[0]

        def first(value: Any) -> str | None:
            for parser in parsers:
                try:
                    return parser(value)
                except SkippableError:
                    continue
            raise SkippableError("has none of the declared date formats", rule=kind)

        return _Memory(first).__getitem__


def kind_of(schema: dict[str, Any]) -> str:
    """The kind of a property of that JSON schema; `string` for whatever is none of ours."""
    types = schema.get("type", [])
    named = [types] if isinstance(types, str) else types
    for kind in (INTEGER, NUMBER, BOOLEAN):
        if kind in named:
            return kind
    forms = {known.get("format"): kind for kind, known in SCHEMAS.items()}
    return forms.get(schema.get("format"), STRING) if schema.get("format") else STRING


def as_text(value: Any) -> str:
    """A JSON value as the text a declared type is read from."""
    return value if isinstance(value, str) else messages.encode(value).decode()


def _takes(convert: Convert | None, value: str) -> bool:
    try:
        return convert is not None and convert(value) is not None
    except SkippableError:
        return False


class _Memory(dict[Any, Any]):
    """Results by value: days repeat, and parsing one by a pattern takes ten times as long as looking it up."""

    def __init__(self, convert: Convert) -> None:
        super().__init__()
        self._convert = convert

    def __missing__(self, value: Any) -> Any:
        if len(self) >= _REMEMBERED:
            self.clear()
        self[value] = result = self._convert(value)
        return result


def _integer(decimal: Convert) -> Convert:
    def integer(value: str) -> int | None:
        if value.isdecimal() and len(value) <= _SAFE_DIGITS:
            return int(value)  # the short way for most
        if not _WHOLE.fullmatch(value):
            value = decimal(value) or ""
            if not value:
                return None
            if not _WHOLE.fullmatch(value):
                raise SkippableError("is not a whole number", rule=INTEGER)
        number = int(value.partition(".")[0])
        if not -_INT64 <= number < _INT64:
            raise SkippableError("does not fit an integer of 64 bits: declare it string or decimal", rule=INTEGER)
        return number

    return integer


def _number(decimal: Convert, pointed: Callable[[str], str]) -> Convert:
    def number(value: str) -> float | None:
        try:
            text = decimal(value)
        except SkippableError:
            text = pointed(value).strip()
            if not _SCIENTIFIC.fullmatch(text):
                raise SkippableError("is not a number", rule=NUMBER) from None
        if text is None:
            return None
        result = float(text)
        if not math.isfinite(result):
            raise SkippableError("is larger than a number of 64 bits", rule=NUMBER)
        return result

    return number


def _boolean(value: str) -> bool | None:
    known = _BOOLEANS.get(value)
    if known is not None:
        return known
    text = value.strip().lower()
    if text and text not in _BOOLEANS:
        raise SkippableError("is neither true nor false", rule=BOOLEAN)
    return _BOOLEANS.get(text)
