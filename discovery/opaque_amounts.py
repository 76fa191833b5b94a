"""Nameless columns of numbers: counts, and the amounts of a total, told apart by size, sign and how many differ."""

from __future__ import annotations

from typing import TYPE_CHECKING

from discovery import sequence
from discovery.evidence import MOST

if TYPE_CHECKING:
    from discovery.evidence import Evidence
    from discovery.opaque import Nameless

_SMALL = 50
"""Numbers below are rather counts than amounts."""

_SEVERAL, _MANY = 2, 20
_AS_LARGE = 0.9
_BEFORE = 0.5
"""Share of the value that an amount before tax and discount has at least."""

_TAX = (0.02, 0.28)
"""Shares of the value that a tax can have."""


def amounts(table: Nameless) -> None:
    """Among amounts the largest is the value; a small part of it is tax; below zero, or often none, a discount."""
    numeric = [index for index in table.open() if table.columns[index].numeric and table.columns[index].numbers]
    means = {index: _mean(table.columns[index]) for index in numeric}
    money = [index for index in numeric if _is_money(table.columns[index]) and _largest(table.columns[index]) > 1]
    whole = [index for index in numeric if index not in money]
    counts = [index for index in whole if _is_count(table.columns[index], means[index])]
    for index in counts:
        if means[index] and table.columns[index].share("zero") < 0.5:
            table.say(index, "quantity", 0.6, "its values are small whole numbers")
    money = money or [index for index in whole if index not in counts and not _few(table.columns[index])]
    _parts(table, [index for index in [*money, *whole] if not table.found[index]], money, means)


def _parts(table: Nameless, numeric: list[int], money: list[int], means: dict[int, float]) -> None:
    largest = max((means[index] for index in money), default=0)
    top = [index for index in money if largest and means[index] >= _AS_LARGE * largest]
    value = max(top, key=lambda index: (round(means[index], 2), index), default=None)
    if value is not None:
        table.say(value, "value", 0.7, "the largest of its amounts")
    for index in dict.fromkeys(numeric):
        seen = table.columns[index]
        share = means[index] / largest if largest else 0
        if table.found[index]:
            continue
        if value is not None and index in money and _times_counts(table, index, value):
            table.say(index, "unit_price", 0.6, "times a quantity it is the value")
        elif not means[index]:
            table.found[index] = {"discount": (0.35, _ZERO), "none": (0.5, _ZERO)}
        elif index in top or (share >= _BEFORE and index in money and not _few(seen)):
            table.say(index, "subtotal", 0.6, "an amount nearly as large as the value, before it")
        elif min(seen.numbers) < 0 <= min(table.columns[value].numbers if value is not None else [0]):
            table.say(index, "discount", 0.6, "amounts below zero beside a value above it")
        elif _few(seen) and min(seen.numbers) == 0 and share < _BEFORE:
            table.say(index, "discount", 0.55, "nothing in some rows, one of few amounts in the others")
        elif _TAX[0] <= share <= _TAX[1] and index in money and not _few(seen):
            table.say(index, "tax", 0.6, "a small part of the value")


def _times_counts(table: Nameless, price: int, value: int) -> bool:
    """Whether nearly each sampled value is one of the sampled prices times one of the sampled quantities."""
    counts = [index for index in table.blank if "quantity" in table.found[index]]
    quantities = {count for index in counts for count in table.columns[index].numbers}
    if len(quantities) < _SEVERAL:
        return False
    prices = set(table.columns[price].numbers)
    made = {round(one * count, 2) for one in prices for count in quantities}
    several = [amount for amount in table.columns[value].numbers if amount not in prices]
    return len(several) >= _SEVERAL and sum(round(amount, 2) in made for amount in several) >= MOST * len(several)


_ZERO = "an amount that is always zero"


def _few(seen: Evidence) -> bool:
    return (seen.profile.distinct_seen or 0) <= 3 and seen.rows >= 8


def _is_count(seen: Evidence, mean: float) -> bool:
    if mean >= _SMALL or seen.distinct_share == 1 or sequence.constant(seen):
        return False
    return min(seen.numbers) >= 0 and (seen.rows < _MANY or seen.distinct_share <= 0.4)


def _is_money(seen: Evidence) -> bool:
    """Written with decimals, not only with a lonely `.0`."""
    with_decimals = seen.share("decimal") + seen.share("comma") + seen.share("money") >= MOST
    return with_decimals and not all(value.endswith(".0") for value in seen.values)


def _mean(seen: Evidence) -> float:
    return sum(map(abs, seen.numbers)) / len(seen.numbers)


def _largest(seen: Evidence) -> float:
    return max(map(abs, seen.numbers))
