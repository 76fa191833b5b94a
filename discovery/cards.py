"""Raw payment card numbers: in every value of a column, or in a few among texts.

A number of 13 to 19 digits with a right check digit is a card's in a note, and one id in twenty by chance. What tells
them apart is how many of the column's long numbers have it: most of those that people type, few of a system's ids.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from discovery.patterns import is_card_number

if TYPE_CHECKING:
    from collections.abc import Iterable

SHORTEST, LONGEST = 13, 23
"""Characters of a card number, with and without separators."""

KEPT = 50
"""Long numbers of a column that are looked at beside its sample."""

_LONG_NUMBER = re.compile(r"(?<![\w./=+@-])\d(?:[ -]?\d){12,18}(?![\w@]|[ -]?\d|[.,:/-]\d)")
_TYPED = re.compile(r"\d{4}([ -])\d{4}\1\d{4}\1\d{4}|\d{4}([ -])\d{6}\2\d{5}")
"""In groups as they are on the card: no id is written so."""

_MOST = 0.5
"""Share of a column's long numbers that must be card numbers."""


def like_one(text: str) -> bool:
    """Whether a whole value has the length and the digits of a card number, whatever its check digit."""
    return SHORTEST <= len(text) <= LONGEST and text[0] in "23456" and _LONG_NUMBER.fullmatch(text) is not None


def share(values: Iterable[str]) -> float:
    """Share of the values with a card number in them, if it is no accident of ids; else 0."""
    looked = long = hits = typed = 0
    for value in values:
        looked += 1
        if len(value) < SHORTEST:
            continue
        for found in _LONG_NUMBER.finditer(value):
            long += 1
            if is_card_number(found[0]):
                hits += 1
                typed += _TYPED.fullmatch(found[0]) is not None
    return hits / looked if typed or (hits and hits >= _MOST * long) else 0.0
