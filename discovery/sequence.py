"""How the values of a column follow one another: counted up, dense, one for all rows, as ids are and amounts not."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from discovery.evidence import Evidence

_FEWEST = 3
"""Values below which an order among them is chance."""

_SPREAD = 6
"""Numbers given out one after the other lie at most so many times their count apart, as far as a sample shows."""

_STEP = 60
"""Numbers that count up have smaller steps than this, on average."""

_SLACK = 20
_DIGITS = re.compile(r"\d+")
_GTIN = {8, 12, 13, 14}
"""Digits of a trade item number (GS1)."""


def constant(seen: Evidence) -> bool:
    """One value for all rows, of which there are several."""
    return seen.profile.distinct_seen == 1 and seen.rows >= _FEWEST


def counters(seen: Evidence) -> tuple[int, ...]:
    """The last run of digits of each value, where every value has one: what counts up in `ORD-2024-0017`."""
    runs = [_DIGITS.findall(value) for value in seen.values]
    return tuple(int(found[-1]) for found in runs) if runs and all(runs) else ()


def in_order(seen: Evidence) -> bool:
    """Each new value is greater than the one before, or each is less, by small steps: given out as the rows came."""
    numbers = counters(seen)
    if len(numbers) < _FEWEST:
        return False
    steps = [after - before for before, after in pairwise(numbers)]
    return (min(steps) > 0 or max(steps) < 0) and abs(sum(steps)) <= _STEP * len(steps)


def dense(seen: Evidence) -> bool:
    """Its numbers lie close together for how many there are, as those that were given out one by one do."""
    numbers = counters(seen)
    count = seen.profile.distinct_seen or 0
    return len(numbers) > 1 and max(numbers) - min(numbers) <= _SPREAD * count + _SLACK


def even(seen: Evidence) -> bool:
    """All values have the same number of characters."""
    return len({len(value) for value in seen.values}) == 1


def repeats(seen: Evidence) -> bool:
    """Some of its values stand in several rows."""
    return 0 < seen.distinct_share < 0.98


def trade_items(seen: Evidence) -> bool:
    """Trade item numbers with a right check digit: bar codes."""
    return len(seen.values) > 1 and all(map(_is_gtin, seen.values))


def _is_gtin(text: str) -> bool:
    if not text.isdigit() or len(text) not in _GTIN:
        return False
    digits = [int(letter) for letter in text[::-1]]
    return (sum(digits[::2]) + 3 * sum(digits[1::2])) % 10 == 0
