"""Amounts as exact decimals in major units, from whatever a source sends.

Minor units follow ISO 4217: most currencies have two decimals, some none or three (the tables below; source: ISO 4217
list one, amendment 176). Every amount fits DECIMAL(38, 9); a double that carries more digits is rounded half-even
to nine, which removes the noise of binary fractions and nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import ROUND_HALF_EVEN, Context, Decimal, InvalidOperation
from typing import Any

from pipe.errors import SkippableError
from pipe.streams import DECIMAL_PRECISION, DECIMAL_SCALE

_USUAL_DECIMALS = 2
_OTHER_DECIMALS = {
    code: decimals
    for decimals, codes in {
        0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
        3: "BHD IQD JOD KWD LYD OMR TND",
        4: "CLF UYW",
    }.items()
    for code in codes.split()
}
_CODE = re.compile(r"[A-Z]{3}")
_STRIPE = "minor_stripe"
_VENDORS_DECIMALS = {_STRIPE: {"ISK": 2, "MGA": 0, "UGX": 2}}
"""Where a vendor's minor units are not those of ISO 4217 (https://docs.stripe.com/currencies, special cases)."""

NUMBER_FORMATS = ("point", "comma")
UNITS = ("major", "minor", _STRIPE)

_CONTEXT = Context(prec=DECIMAL_PRECISION, rounding=ROUND_HALF_EVEN)
_SMALLEST = Decimal(1).scaleb(-DECIMAL_SCALE)
_LIMIT = Decimal(10) ** (DECIMAL_PRECISION - DECIMAL_SCALE)
_MINUS_SIGN = "\N{MINUS SIGN}"
_SIMPLE = re.compile(r"-?\d{1,20}(\.\d{1,9})?", re.ASCII)
_POINT = re.compile(r"[+-]?((\d+|\d{1,3}(,\d{3})+)(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?")
_COMMA = re.compile(r"[+-]?(\d+|\d{1,3}([.' \u00a0]\d{3})+)(,\d*)?|[+-]?,\d+")
_SYMBOLS = re.compile(r"^(?:[A-Z]{3}|[A-Z]{0,3}[$€£¥₹₩]|kr\.?)\s*|\s*(?:[A-Z]{3}|[$€£¥₹₩]|kr\.?)$")

Amount = Callable[[Any, "str | None"], "str | None"]


def exponent(currency: str, unit: str = "minor") -> int:
    """How many decimals the currency's minor unit has, after ISO 4217 or as a vendor counts.

    Raises:
        SkippableError: not a three-letter code.
    """
    code = currency.upper()
    if not _CODE.fullmatch(code):
        raise SkippableError("is not an ISO 4217 currency code", rule="currency")
    theirs = _VENDORS_DECIMALS.get(unit, {}).get(code)
    return _OTHER_DECIMALS.get(code, _USUAL_DECIMALS) if theirs is None else theirs


def amount_parser(unit: str = "major", number_format: str = "point") -> Amount:
    """A function (value, currency) -> decimal text in major units, or None for no amount.

    Args:
        unit: `major` (12.34 is 12.34), `minor` (1234 is 12.34 where the currency has two decimals), or
            `minor_stripe` (the same as Stripe counts it).
        number_format: `point` (1,234.56) or `comma` (1.234,56) for amounts that come as text.

    The returned function raises `SkippableError` (rule `amount` or `currency`) for what is no amount.
    """
    normalise = _plain_comma if number_format == "comma" else _plain_point
    ready = _SIMPLE.fullmatch if (unit, number_format) == ("major", "point") else None

    def parse(value: Any, currency: str | None) -> str | None:
        if value is None or value == "":
            return None
        if ready is not None and value.__class__ is str and ready(value):
            return value  # most amounts are plain text already
        number = _number(value, normalise)
        if number is None:
            return None
        if unit != "major":
            if currency is None:
                raise SkippableError("an amount in minor units needs a currency", rule="currency")
            number = number.scaleb(-exponent(currency, unit), _CONTEXT)
        return to_text(number)

    return parse


def to_text(number: Decimal) -> str:
    """Plain decimal text (no exponent), at most nine decimals.

    Raises:
        SkippableError: not finite, or of more than 29 digits before the point.
    """
    if not number.is_finite() or abs(number) >= _LIMIT:
        raise SkippableError("is larger than any amount of money", rule="amount")
    decimals = number.as_tuple().exponent
    if isinstance(decimals, int) and -decimals > DECIMAL_SCALE:
        number = number.quantize(_SMALLEST, context=_CONTEXT).normalize(_CONTEXT)
    return format(number, "f")


def _number(value: Any, normalise: Callable[[str], str]) -> Decimal | None:
    if isinstance(value, str):
        try:
            return _finite(Decimal(normalise(value))) if value.strip() else None
        except InvalidOperation:
            raise SkippableError("is not an amount", rule="amount") from None
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise SkippableError("is not an amount", rule="amount")
    return _finite(Decimal(repr(value)) if isinstance(value, float) else Decimal(value))


def _finite(number: Decimal) -> Decimal | None:
    """NaN and infinities are no amount (see `pipe.lenient`)."""
    return number if number.is_finite() else None


def _plain_point(text: str) -> str:
    return _plain(text, _POINT, ",")


def _plain_comma(text: str) -> str:
    return _plain(text, _COMMA, ".' \u00a0").replace(",", ".")


def _plain(text: str, shape: re.Pattern[str], grouping: str) -> str:
    """Text without currency sign, grouping and accounting brackets; raises InvalidOperation for other text."""
    text = text.strip()
    if text[:1].isdigit() and text.isascii() and shape.fullmatch(text):
        return _ungroup(text, grouping)
    negative = text.startswith("(") and text.endswith(")")
    if negative:
        text = text[1:-1].strip()
    sign = ""
    if text.startswith(("+", "-", _MINUS_SIGN)):
        sign, text = text[0].replace(_MINUS_SIGN, "-"), text[1:].strip()
    text = sign + _SYMBOLS.sub("", text)
    if text.endswith("-"):  # 12.34- as mainframes print it
        text = "-" + text[:-1]
    if text.lower() in {"nan", "inf", "infinity", "-inf", "-infinity"}:
        return "NaN"
    if not shape.fullmatch(text):
        raise InvalidOperation
    text = _ungroup(text, grouping)
    return f"-{text.lstrip('+-')}" if negative else text


def _ungroup(text: str, grouping: str) -> str:
    for mark in grouping:
        if mark in text:
            text = text.replace(mark, "")
    return text
