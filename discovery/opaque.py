"""Tables whose columns have no names (`col_7`): ids, amounts and texts told apart by how they stand to each other."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from discovery.evidence import MOST
from discovery.lexicon import languages

if TYPE_CHECKING:
    from collections.abc import Sequence

    from discovery.evidence import Evidence

Guesses = dict[str, tuple[float, str]]
"""Canonical field -> (how sure, why)."""

_PREFIX = re.compile(r"([A-Za-z]{3,12})[-_ ]?(?:id)?[-_ ]?\w*\d")
_OF_PREFIX = {
    **dict.fromkeys(("customer", "user", "member", "person", "contact", "household"), "user_id"),
    **dict.fromkeys(
        ("order", "transaction", "invoice", "receipt", "ticket", "sale", "basket", "deal"), "transaction_id"
    ),
    **dict.fromkeys(("product", "item", "sku", "variant"), "product_id"),
    **dict.fromkeys(("location", "warehouse"), "location_id"),
    "campaign": "utm_campaign",
    "gclid": "gclid",
    "cookie": "cookie_id",
    "device": "device_id",
    "session": "none",
    "seller": "none",
    "staff": "none",
}
"""What the letters that ids begin with say (`cust_17`, `ORD-17`)."""

_SMALL = 50
"""Numbers below are rather counts than ids or amounts."""

_MANY = 20
"""Rows from which on the share of distinct numbers tells ids from counts."""

_PEOPLE = {"customer", "product", "location"}


def fill(columns: Sequence[Evidence], blank: Sequence[int], found: list[Guesses], role: str) -> None:
    """Add to `found` what each of the nameless columns is, among its neighbours."""
    _earliest(columns, blank, found)
    _postal(columns, blank, found)
    _prefixes(columns, blank, found)
    _ids(columns, blank, found, role)
    _amounts(columns, blank, found)
    _texts(columns, blank, found, role)


def _earliest(columns: Sequence[Evidence], blank: Sequence[int], found: list[Guesses]) -> None:
    """Of several times that of the transaction differs most from row to row, and the others follow it."""
    times = [index for index in blank if "timestamp" in found[index] and columns[index].kind == "date"]
    formats = {columns[index].dates.format for index in times if columns[index].dates}  # type: ignore[union-attr]
    if len(times) < 2 or formats != {"iso"}:
        return
    first = min(times, key=lambda index: (-(columns[index].profile.distinct_seen or 0), min(columns[index].values)))
    score, why = found[first]["timestamp"]
    found[first] = {"timestamp": (min(0.9, score + 0.1), f"{why}, those that differ most and come first")}


def _postal(columns: Sequence[Evidence], blank: Sequence[int], found: list[Guesses]) -> None:
    """Codes of places are told from numbers by letters, hyphens or a leading zero."""
    for index in blank:
        seen = columns[index]
        marked = any(not value.isdigit() or value.startswith("0") for value in seen.values)
        if not found[index] and seen.share("postal") >= MOST and marked and (seen.profile.distinct_seen or 0) > 1:
            found[index] = {"postal_code": (0.6, "its values are postal codes")}


def _prefixes(columns: Sequence[Evidence], blank: Sequence[int], found: list[Guesses]) -> None:
    words = languages()["en"]
    for index in blank:
        starts = [match[1].lower() for value in columns[index].values if (match := _PREFIX.match(value))]
        if found[index] or not starts or len(starts) < MOST * len(columns[index].values):
            continue
        word, count = Counter(starts).most_common(1)[0]
        target = _OF_PREFIX.get(words.get(word, ""))
        if target and count >= 0.6 * len(starts):
            found[index] = {target: (0.8, f"its values begin with '{words[word]}'")}


def _ids(columns: Sequence[Evidence], blank: Sequence[int], found: list[Guesses], role: str) -> None:
    """Ids by cardinality: transactions are never null, customers repeat or are missing, products repeat with a text."""
    texts = {columns[index].profile.distinct_seen for index in blank if columns[index].kind == "text"}
    own = {"customer": "user_id", "product": "product_id", "location": "location_id"}.get(role, "transaction_id")
    taken = any(own in guesses for guesses in found)
    candidates = [index for index in blank if not found[index] and _like_id(columns[index])]
    buyers = any("user_id" in guesses for guesses in found) or any(_missing(columns[index]) for index in candidates)
    most = max((columns[index].profile.distinct_seen or 0 for index in candidates), default=0)
    for index in candidates:
        seen = columns[index]
        distinct = seen.profile.distinct_seen or 0
        if _missing(seen):
            found[index] = {"user_id": (0.7, "its values are ids, some rows have none")}
        elif not taken:
            found[index] = {own: (0.75, "the first column of ids, never empty")}
            taken = True
        elif any(other and abs(other - distinct) <= 0.05 * distinct for other in texts) and seen.distinct_share < 1:
            found[index] = {"product_id": (0.7, "ids as many as there are texts in another column")}
        elif seen.share("prefixed") >= MOST and seen.kind == "token":
            found[index] = {
                "product_id": (0.5, "its values are codes"),
                "transaction_id": (0.4, "its values are codes"),
            }
        elif distinct < 0.9 * most and role not in _PEOPLE and not buyers:
            buyers = True
            found[index] = {"user_id": (0.55, "ids that repeat from row to row")}
        else:
            found[index] = {
                "transaction_id": (0.45, "its values are ids"),
                "none": (0.5, "one of several columns of ids"),
            }


def _missing(seen: Evidence) -> bool:
    return (seen.profile.null_fraction or 0) > 0.05


def _like_id(seen: Evidence) -> bool:  # noqa: PLR0911  one case a line
    numbers = seen.numbers
    if seen.share("last4") >= MOST and (seen.profile.distinct_seen or 0) > 1 and seen.kind == "whole":
        return seen.distinct_share > 0.9 and len({len(value) for value in seen.values}) == 1
    if seen.kind in {"token", "uuid"} or seen.share("prefixed") >= MOST:
        return True
    if seen.kind == "text":
        return _codes(seen) or seen.share("whole") + seen.share("prefixed") + seen.share("token") >= MOST
    if seen.kind != "whole" or not numbers or _is_money(seen) or _round(seen):
        return False
    if seen.distinct_share == 1 and (seen.profile.distinct_seen or 0) > 5 and min(numbers) >= 0:
        return True  # as many numbers as rows
    if seen.rows >= _MANY and seen.distinct_share > 0.4:
        return True
    return min(map(abs, numbers)) >= 1000 and len({len(str(int(number))) for number in numbers}) <= 2


def _codes(seen: Evidence) -> bool:
    """Capitals of one length, many of them: `VINET`, `TOMSP`."""
    values = seen.values
    alike = len({len(value) for value in values}) == 1 and all(value.isupper() and " " not in value for value in values)
    return alike and len(values) > 3 and len(values[0]) > 3


def _round(seen: Evidence) -> bool:
    """Most of its numbers end in zero, as amounts without decimals do."""
    numbers = seen.numbers
    return len(numbers) > 1 and sum(number % 10 == 0 for number in numbers) >= 0.6 * len(numbers)


def _is_money(seen: Evidence) -> bool:
    """Written with decimals, not only with a lonely `.0`."""
    if not seen.numeric:
        return False
    with_decimals = seen.share("decimal") + seen.share("comma") + seen.share("money") >= MOST
    return with_decimals and not all(value.endswith(".0") for value in seen.values)


def _amounts(columns: Sequence[Evidence], blank: Sequence[int], found: list[Guesses]) -> None:
    """Among amounts the largest is the value; a small part of it is tax; less than nothing, or nothing, a discount."""
    numeric = [index for index in blank if not found[index] and columns[index].numeric and columns[index].numbers]
    money = [index for index in numeric if _is_money(columns[index]) and max(map(abs, columns[index].numbers)) > 1]
    whole = [index for index in numeric if index not in money]
    means = {index: sum(map(abs, columns[index].numbers)) / len(columns[index].numbers) for index in numeric}
    counts = [
        index
        for index in whole
        if means[index] < _SMALL
        and columns[index].distinct_share < 1
        and (columns[index].rows < _MANY or columns[index].distinct_share <= 0.4)
    ]
    for index in counts:
        if means[index] and columns[index].share("zero") < 0.5:
            found[index] = {"quantity": (0.6, "its values are small whole numbers")}
    money = money or [index for index in whole if index not in counts]
    largest = max((means[index] for index in money), default=0)
    top = [index for index in money if largest and means[index] >= 0.9 * largest]
    for index in top[:-1]:
        found[index] = {"subtotal": (0.6, "an amount as large as the value, before it")}
    for index in top[-1:]:
        found[index] = {"value": (0.7, "the largest of its amounts")}
    for index in [*money, *whole]:
        if found[index]:
            continue
        share = means[index] / largest if largest else 0
        if not means[index]:
            why = "an amount that is always zero"
            found[index] = {"discount": (0.35, why), "none": (0.5, why)}
        elif min(columns[index].numbers) < 0 <= min(columns[top[-1]].numbers, default=0):
            found[index] = {"discount": (0.6, "amounts below zero beside a value above it")}
        elif 0.02 <= share <= 0.28 and index in money:
            found[index] = {"tax": (0.6, "a small part of the value")}


def _texts(columns: Sequence[Evidence], blank: Sequence[int], found: list[Guesses], role: str) -> None:
    """The most varied texts are names of products, few of them categories, one for all rows a place."""
    texts = [index for index in blank if not found[index] and _is_label(columns[index])]
    varied = [index for index in texts if (columns[index].profile.distinct_seen or 0) > 1]
    if varied:
        best = max(varied, key=lambda index: _variety(columns[index]))
        after_first = best > 0 and "first_name" in found[best - 1]
        target = {"customer": "full_name", "location": "location_name"}.get(role, "product_name")
        found[best] = (
            {"last_name": (0.6, "texts beside first names")}
            if after_first
            else {target: (0.55, "its texts are the most varied")}
        )
        for index in varied:
            few = columns[index].profile.distinct_seen or 0
            if not found[index] and few * 4 <= (columns[best].profile.distinct_seen or 0):
                found[index] = {"product_category": (0.5, "few texts, each with many others")}
    same = [
        index for index in texts if index not in varied and " " in columns[index].values[0] and columns[index].rows > 1
    ]
    if same and role not in _PEOPLE:
        found[same[0]] = {"location_name": (0.45, "one text for all rows")}


def _is_label(seen: Evidence) -> bool:
    return seen.kind == "text" and (seen.profile.null_fraction or 0) < 0.5 and seen.share("zone") == 0


def _variety(seen: Evidence) -> float:
    """How much a column is like names of products: different, of several words, and no lists."""
    return seen.distinct_share + 0.5 * seen.share("words") - 2 * _commas(seen)


def _commas(seen: Evidence) -> float:
    """Share of the values that list several things."""
    return sum(", " in value or " + " in value for value in seen.values) / max(1, len(seen.values))
