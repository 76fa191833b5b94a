"""What the values of a column look like: patterns with checks behind them (Luhn, ISO lists, real dates), and shapes."""

from __future__ import annotations

import json
import re
from collections import Counter
from functools import cache
from typing import TYPE_CHECKING

from discovery.lexicon import VOCABULARY, read_yaml

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

_EMAIL = re.compile(r"[^@\s<>]+@[^@\s<>]+\.[A-Za-z]{2,}")
_UUID = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")
_HASH = re.compile(r"(?:[0-9a-fA-F]{32}|[0-9a-fA-F]{40}|[0-9a-fA-F]{64})")
_URL = re.compile(r"[a-z][a-z0-9+.-]*://\S+|www\.\S+", re.IGNORECASE)
_IP = re.compile(r"(?:\d{1,3}\.){3}\d{1,3}|[0-9a-fA-F]{0,4}(?::[0-9a-fA-F]{0,4}){4,7}")
_INTEGER = re.compile(r"[+-]?\d+")
_WHOLE = re.compile(r"[+-]?\d+\.0+")
_DECIMAL = re.compile(r"[+-]?(?:\d+|\d{1,3}(?:,\d{3})+)?\.\d+(?:[eE][+-]?\d+)?")
_COMMA = re.compile(r"[+-]?(?:\d+|\d{1,3}(?:[. '\u00a0]\d{3})+),\d{1,4}")
_MONEY = re.compile(
    r"[(-]?\s*(?:[$€£¥₹]|(?:USD|EUR|GBP|CAD|AUD|CHF|R\$|kr)\s?)\s*-?[\d.,' ]+\)?"
    r"|-?[\d.,' ]+\s?(?:[$€£¥₹]|kr|USD|EUR|GBP)"
)
_PHONE = re.compile(r"\+\d[\d\s().-]{6,17}\d|\(\d{2,4}\)[\s\d.-]{6,12}|\d{2,4}[-. ]\d{3,4}[-. ]\d{3,5}|1?[2-9]\d{9}")
_PLUS_PHONE = re.compile(r"\+\d[\d\s().-]{6,17}\d|\(\d{3}\)\s?\d{3}-\d{4}|\d{3}-\d{3}-\d{4}")
_CARD = re.compile(r"\d(?:[ -]?\d){12,18}")
_LAST4 = re.compile(r"\d{4}")
_TOKEN = re.compile(r"(?=[A-Za-z_-]*\d)(?=[\d_-]*[A-Za-z])[A-Za-z0-9_-]{8,}")
_ZONE = re.compile(r".*Time \(.+\)|[A-Z][a-z]+/[A-Z][A-Za-z_]+|UTC|GMT|[A-Z]{2,3}T")
_PREFIXED = re.compile(
    r"[A-Za-z]{1,12}(?:[-_](?:id[-_])?)?\d+|\d{3,}[A-Za-z]{1,2}|[A-Za-z]{1,6}[-_#]?\d{2,}[A-Za-z]?|#\d+|[A-Z0-9]+(?:-[A-Z0-9]+)+"
)
_POSTAL = re.compile(
    r"\d{5}(?:-\d{4})?|[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}|[A-Z]\d[A-Z] ?\d[A-Z]\d|\d{4} ?[A-Z]{2}|\d{5}-\d{3}"
)
_PERSON = re.compile(
    r"[A-ZÀ-Þ][a-zß-ÿ'\u2019-]+(?: [A-ZÀ-Þ]\.?)?(?: (?:van|de|da|von|di|la|del))? [A-ZÀ-Þ][A-Za-zÀ-ÿ'\u2019-]+"
)
_MOMENT = re.compile(
    r"(?=.*\d{1,2})(?=.*(?:\b(?:19|20)\d\d\b|\d[./-]\d{2}\b))"
    r"(?:[A-Za-zÀ-ÿ]{2,9}\.?,? )?(?:\d{1,2}[-. /](?:de )?[A-Za-zÀ-ÿ]{3,9}\.?[-, /]+(?:de )?\d{2,4}"
    r"|[A-Za-z]{3,9}\.? \d{1,2}(?:st|nd|rd|th)?,? (?:\d\d:\d\d:\d\d )?\d{4}|\d{1,4}[-./]\d{1,2}[-./]\d{1,4}"
    r"|\d{4}年\d{1,2}月\d{1,2}日)"
    r"(?:[ ,T]+(?:at )?\d{1,2}[:h]\d\d(?::\d\d)?(?:\.\d+)?(?: ?[AaPp]\.?[Mm]\.?)?"
    r"(?: ?\(?[A-Z]{2,5}\)?(?:[+-]\d\d:?\d\d)?)?)?"
)
_GCLID = re.compile(r"(?:Cj0K|CjwK|EAIaIQ|CKj|CJ|COX|CI)[A-Za-z0-9_-]{20,}(?:wcB|BwE|cB|E)?")
_CLICK = {
    "fbclid": re.compile(r"(?:IwAR|IwZX|fb\.\d\.|PAZX)[A-Za-z0-9_.-]{15,}"),
    "ttclid": re.compile(r"E\.C\.P\.[\w.-]{10,}"),
    "msclkid": re.compile(r"[0-9a-f]{32}"),
}
_COOKIE = re.compile(r"GA1\.\d\.\d+\.\d+|\d{8,10}\.\d{10}")
_BOOLEANS = {"true", "false", "t", "f", "yes", "no", "y", "n", "ja", "nein", "oui", "non"}
_SHAPES = str.maketrans(
    {
        **dict.fromkeys("0123456789", "#"),
        **{chr(code): "a" for code in range(97, 123)},
        **{chr(code): "A" for code in range(65, 91)},
    }
)


@cache
def lists() -> dict[str, frozenset[str]]:
    """Name of a closed list (currencies, countries, ...) -> its values in lower case."""
    return {
        name: frozenset(item.strip().lower() for item in text.split(","))
        for name, text in read_yaml(VOCABULARY / "values.yml").items()
    }


def luhn(text: str) -> bool:
    """Whether the digits have the check digit of payment cards (ISO/IEC 7812-1)."""
    digits = [int(letter) for letter in text if letter.isdigit()][::-1]
    total = sum(digits[::2]) + sum(sum(divmod(2 * digit, 10)) for digit in digits[1::2])
    return total % 10 == 0


def is_card_number(text: str) -> bool:
    """Digits as a card scheme has them (first digit 2 to 6, its lengths) with a right check digit."""
    if not _CARD.fullmatch(text):
        return False
    digits = re.sub(r"\D", "", text)
    return digits[0] in "23456" and len(set(digits)) > 1 and luhn(digits) and _length_fits(digits)


def _length_fits(digits: str) -> bool:
    """The schemes' own lengths: Visa 13, 16, 19; Mastercard 16; American Express 15; Diners 14; the others 16 to 19."""
    if digits[0] == "4":
        return len(digits) in {16, 19}  # the old 13 digits are EAN codes today
    if digits[:2] in {"34", "37"}:
        return len(digits) == 15
    if digits[:2] in {"36", "38", "30"}:
        return len(digits) in {14, 16, 19}
    if digits[:2] in {"51", "52", "53", "54", "55"} or 2221 <= int(digits[:4]) <= 2720:
        return len(digits) == 16
    return (
        digits[0] in "56"
        and digits[:2] in {"50", "56", "57", "58", "60", "62", "63", "64", "65", "67"}
        and len(digits) >= 16
    )


def _is_json(text: str) -> bool:
    if text[:1] not in "{[":
        return False
    try:
        json.loads(text)
    except ValueError:
        return len(text) >= 100
    return True


def _is_ip(text: str) -> bool:
    return _IP.fullmatch(text) is not None and all(int(part) < 256 for part in text.split(".") if part.isdigit())


def _listed(name: str) -> Callable[[str], bool]:
    return lambda text: text.lower() in lists()[name]


def _full(pattern: re.Pattern[str]) -> Callable[[str], bool]:
    return lambda text: pattern.fullmatch(text) is not None


PATTERNS: dict[str, Callable[[str], bool]] = {
    "email": _full(_EMAIL),
    "phone": _full(_PHONE),
    "international_phone": _full(_PLUS_PHONE),
    "uuid": _full(_UUID),
    "hash": _full(_HASH),
    "url": _full(_URL),
    "ip": _is_ip,
    "json": _is_json,
    "boolean": lambda text: text.lower() in _BOOLEANS,
    "integer": _full(_INTEGER),
    "whole": lambda text: bool(_INTEGER.fullmatch(text) or _WHOLE.fullmatch(text)),
    "decimal": _full(_DECIMAL),
    "comma": _full(_COMMA),
    "money": _full(_MONEY),
    "card": is_card_number,
    "last4": _full(_LAST4),
    "token": _full(_TOKEN),
    "prefixed": _full(_PREFIXED),
    "zone": _full(_ZONE),
    "order_name": _full(re.compile(r"#\d{3,}[A-Za-z]?|[A-Z]{2,5}#\d+")),
    "postal": _full(_POSTAL),
    "person": lambda text: _PERSON.fullmatch(text) is not None,
    "gclid": _full(_GCLID),
    "fbclid": _full(_CLICK["fbclid"]),
    "ttclid": _full(_CLICK["ttclid"]),
    "cookie": _full(_COOKIE),
    "moment": _full(_MOMENT),
    "zero": lambda text: re.fullmatch(r"[-+$€£ ]*0+([.,]0+)?", text) is not None,
    "negative": lambda text: text.startswith(("-", "(")) and any(letter.isdigit() for letter in text),
    "words": lambda text: " " in text.strip() and any(letter.isalpha() for letter in text),
    "letters": lambda text: any(letter.isalpha() for letter in text),
    **{
        name: _listed(name)
        for name in (
            "currency",
            "country",
            "status",
            "fulfilment",
            "channel",
            "medium",
            "source",
            "card_brand",
            "method",
            "city",
            "first_name",
            "us_state",
        )
    },
}
"""Name -> test of one value."""


OF_NUMBERS = (
    *("integer", "whole", "decimal", "zero", "negative", "card", "last4"),
    *("phone", "international_phone", "postal", "cookie"),
)
"""Patterns that a number can have."""


def shares(values: Sequence[str], names: Iterable[str] = PATTERNS) -> dict[str, float]:
    """Share of the values that have each of the patterns; patterns that none has are left out."""
    if not values:
        return {}
    stripped = [value.strip() for value in values]
    found = {name: sum(map(PATTERNS[name], stripped)) / len(stripped) for name in names}
    return {name: share for name, share in found.items() if share}


def shape(value: str) -> str:
    """The value with letters and digits made alike: `Aa a`, `#.#`; runs of one kind are one."""
    return re.sub(r"(.)\1+", r"\1+", value[:60].translate(_SHAPES))


def shapes(values: Sequence[str], most: int = 3) -> tuple[tuple[str, float], ...]:
    """The most frequent shapes with their share."""
    if not values:
        return ()
    return tuple((text, count / len(values)) for text, count in Counter(map(shape, values)).most_common(most))
