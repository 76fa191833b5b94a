"""Converters from a decoded JSON value to the text of a canonical field.

Each takes any value JSON can hold and returns the canonical one, None for "nothing there", or raises
`SkippableError` whose rule and problem go into `rejects`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec

from pipe import times
from pipe.errors import SkippableError
from pipe.money import amount_parser
from pipe.streams import Kind
from transforms.rules import ANY

if TYPE_CHECKING:
    from transforms.rules import FieldRule

Converter = Callable[[Any], Any]

TRUE = frozenset({"true", "t", "yes", "y", "1"})
FALSE = frozenset({"false", "f", "no", "n", "0"})
_LONGEST = 1000
_encode = msgspec.json.Encoder(decimal_format="number", order="sorted").encode


def text(value: Any) -> str | None:
    """Trimmed text; whole numbers without a decimal point, nested values as JSON; blank is nothing."""
    if value.__class__ is str:
        return value.strip() or None
    if value is None:
        return None
    if value is True or value is False:
        return "true" if value else "false"
    if isinstance(value, int | float | Decimal):
        return _plain_text(value)
    return _encode(value).decode()


def _plain_text(value: float | Decimal) -> str:
    if isinstance(value, int):
        return str(value)
    number = Decimal(value)
    if abs(number.adjusted()) > _LONGEST:
        return str(number)  # written out it might fill the memory
    return format(number.to_integral_value() if number == number.to_integral_value() else number, "f")


def boolean(value: Any) -> bool | None:
    """True or false, from JSON booleans and the usual words."""
    if value is None or value is True or value is False:
        return value
    word = (text(value) or "").lower()
    if not word:
        return None
    if word in TRUE:
        return True
    if word in FALSE:
        return False
    raise SkippableError("is neither true nor false", rule="boolean")


def dig(value: Any, steps: tuple[str, ...]) -> Any:
    """The value at `steps` inside nested objects and lists; None where the way ends."""
    for step in steps:
        if isinstance(value, dict):
            value = value.get(step)
        elif isinstance(value, list):
            value = value[int(step)] if step.isdigit() and int(step) < len(value) else None
        else:
            return None
    return value


def total(value: Any, steps: tuple[str, ...]) -> Decimal | None:
    """The sum of the numbers at `steps`, where `*` is every item of a list; None when there are none."""
    amounts = [_decimal(item) for item in _each(value, steps)]
    found = [amount for amount in amounts if amount is not None]
    return sum(found, Decimal(0)) if found else None


def product(*values: Any) -> Decimal | None:
    """The product of the numbers; None when one of them is nothing."""
    factors = [_decimal(value) for value in values]
    found = [factor for factor in factors if factor is not None]
    return math.prod(found, start=Decimal(1)) if len(found) == len(factors) else None


def converter(kind: Kind, rule: FieldRule, zone: str) -> Converter:
    """The converter of a field that is no amount of money."""
    if kind is Kind.TIMESTAMP:
        convert: Converter = times.time_parser(rule.format, rule.zone or zone)
    elif kind is Kind.DATE:
        convert = times.date_parser(rule.format)
    elif kind is Kind.BOOLEAN:
        convert = boolean
    else:
        convert = text
    if not rule.values:
        return convert
    table = dict(rule.values)

    def translate(value: Any) -> Any:
        word = text(value)
        return None if word is None else table[word.lower()] if word.lower() in table else convert(value)

    return translate


_plain_number = amount_parser()


def _decimal(value: Any) -> Decimal | None:
    number = _plain_number(value, None)
    return None if number is None else Decimal(number)


def _each(value: Any, steps: tuple[str, ...]) -> list[Any]:
    found = [value]
    for step in steps:
        if step == ANY:
            found = [item for value in found if isinstance(value, list) for item in value]
        else:
            found = [dig(value, (step,)) for value in found]
    return found
