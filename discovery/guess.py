"""What the values alone suggest, for columns whose names say nothing (`col_7`) or something else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from discovery.evidence import MOST

if TYPE_CHECKING:
    from collections.abc import Sequence

    from discovery.evidence import Evidence

Guesses = dict[str, tuple[float, str]]
"""Canonical field -> (how sure, why)."""

NAMED_OTHERWISE = 2.5
"""Log-odds that a guess loses where the column has a telling name."""

_CERTAIN = (
    ("email", "email", 0.9, "its values are e-mail addresses"),
    ("currency", "currency", 0.93, "its values are ISO 4217 codes"),
    ("international_phone", "phone", 0.9, "its values are telephone numbers"),
    ("gclid", "gclid", 0.9, "its values begin and end like Google click ids"),
    ("fbclid", "fbclid", 0.9, "its values begin like Meta click ids"),
    ("ttclid", "ttclid", 0.9, "its values begin like TikTok click ids"),
    ("cookie", "cookie_id", 0.8, "its values are analytics cookies"),
    ("fulfilment", "fulfilment_status", 0.7, "its values are states of a delivery"),
    ("status", "status", 0.78, "its values are statuses"),
    ("channel", "channel", 0.72, "its values are channels of sale"),
    ("medium", "utm_medium", 0.7, "its values are media of campaigns"),
    ("country", "country", 0.85, "its values are countries"),
    ("card_brand", "none", 0.95, "its values are card brands"),
    ("method", "none", 0.9, "its values are means of payment"),
    ("us_state", "region", 0.7, "its values are states"),
)
"""(pattern, field, how sure, why), the most telling first."""

_NOTHING_KINDS = {"json": 0.97, "url": 0.95, "boolean": 0.95, "ip": 0.95, "empty": 0.8}


def by_values(columns: Sequence[Evidence], role: str) -> list[Guesses]:
    """For each column what its values, and those of its neighbours, suggest."""
    found = [_alone(column, role) for column in columns]
    blank = [index for index, column in enumerate(columns) if column.name.blank]
    if len(blank) * 2 > len(columns):
        _ids(columns, blank, found)
        _amounts(columns, blank, found)
        _texts(columns, blank, found)
    return found


def _alone(seen: Evidence, role: str) -> Guesses:  # noqa: PLR0911  one case a line
    if seen.kind in _NOTHING_KINDS:
        return {"none": (_NOTHING_KINDS[seen.kind], f"its values are {seen.kind}")}
    for pattern, target, score, why in _CERTAIN:
        if seen.share(pattern) >= MOST:
            return {target: (score, why)}
    if seen.dates and (not seen.dates.weak or seen.name.blank):
        sure = 0.7 if role not in {"customer", "product", "location"} else 0.3
        return {
            "timestamp": (sure - 0.3 * (seen.profile.null_fraction or 0), f"its values are times ({seen.dates.format})")
        }
    if seen.kind == "clock":
        return {"timestamp": (0.65, "its values are times of day")}
    if seen.share("person") >= MOST and seen.share("first_name") == 0 and seen.name.blank:
        return {"full_name": (0.6, "its values look like names of people")}
    if seen.share("first_name") >= 0.6:
        return {"first_name": (0.75, "its values are first names")}
    return {}


def _ids(columns: Sequence[Evidence], blank: list[int], found: list[Guesses]) -> None:
    """Ids by cardinality: transactions are never null, customers repeat or are missing, products repeat with a text."""
    texts = {columns[index].profile.distinct_seen for index in blank if columns[index].kind == "text"}
    taken = False
    for index in blank:
        seen = columns[index]
        if found[index] or not _like_id(seen):
            continue
        missing = (seen.profile.null_fraction or 0) > 0.05
        distinct = seen.profile.distinct_seen or 0
        if missing:
            found[index] = {"user_id": (0.7, "its values are ids, some rows have none")}
        elif not taken:
            found[index] = {"transaction_id": (0.75, "the first column of ids, never empty")}
            taken = True
        elif any(other and abs(other - distinct) <= 0.05 * distinct for other in texts) and seen.distinct_share < 1:
            found[index] = {"product_id": (0.7, "ids as many as there are texts in another column")}
        elif seen.share("prefixed") >= MOST and seen.kind == "token":
            found[index] = {
                "product_id": (0.5, "its values are codes"),
                "transaction_id": (0.4, "its values are codes"),
            }
        else:
            found[index] = {
                "transaction_id": (0.45, "its values are ids"),
                "none": (0.5, "one of several columns of ids"),
            }


def _like_id(seen: Evidence) -> bool:
    if seen.share("last4") >= MOST and (seen.profile.distinct_seen or 0) > 1 and seen.kind == "whole":
        sizes = [len(value) for value in seen.values]
        return min(sizes) == max(sizes) and seen.distinct_share > 0.9
    if seen.kind in {"token", "uuid"} or seen.share("prefixed") >= MOST:
        return True
    if seen.kind != "whole" or not seen.numbers or _round(seen):
        return False
    return (
        min(map(abs, seen.numbers)) >= 1000
        and len({len(str(int(number))) for number in seen.numbers}) <= 2
        and (seen.share("decimal") == 0 or seen.share("whole") == 1)
    )


def _round(seen: Evidence) -> bool:
    """Most of its numbers end in zero, as amounts without decimals do."""
    return len(seen.numbers) > 1 and sum(number % 10 == 0 for number in seen.numbers) >= 0.6 * len(seen.numbers)


def _amounts(columns: Sequence[Evidence], blank: list[int], found: list[Guesses]) -> None:
    """Among columns of amounts the largest is the value; one a small part of it is tax; only zeros are a discount."""
    amounts = [index for index in blank if not found[index] and columns[index].numeric and columns[index].numbers]
    money = [index for index in amounts if columns[index].kind == "decimal" and columns[index].share("whole") < 1]
    whole = [index for index in amounts if index not in money]
    means = {index: sum(map(abs, columns[index].numbers)) / len(columns[index].numbers) for index in amounts}
    counts = [index for index in whole if means[index] < 50 and columns[index].profile.distinct_seen]
    for index in counts:
        if means[index] and not (columns[index].share("zero") >= 0.5):
            found[index] = {"quantity": (0.6, "its values are small whole numbers")}
    if not money:
        money = [index for index in whole if index not in counts]
    largest = max((means[index] for index in money), default=0)
    top = [index for index in money if largest and means[index] >= 0.9 * largest]
    for place, index in enumerate(top):
        last = place == len(top) - 1
        found[index] = (
            {"value": (0.7, "the largest of its amounts")}
            if last
            else {"subtotal": (0.6, "an amount as large as the value, before it")}
        )
    for index in [*money, *whole]:
        if found[index]:
            continue
        share = means[index] / largest if largest else 0
        if not means[index]:
            found[index] = {
                "discount": (0.35, "an amount that is always zero"),
                "none": (0.5, "an amount that is always zero"),
            }
        elif 0.02 <= share <= 0.28:
            found[index] = {"tax": (0.6, "a small part of the value")}


def _texts(columns: Sequence[Evidence], blank: list[int], found: list[Guesses]) -> None:
    """The texts of most different values are product names."""
    texts = [
        index
        for index in blank
        if not found[index]
        and columns[index].kind == "text"
        and (columns[index].profile.distinct_seen or 0) > 1
        and (columns[index].profile.null_fraction or 0) < 0.5
    ]
    if not texts:
        return
    best = max(texts, key=lambda index: columns[index].distinct_share - 2 * _commas(columns[index]))
    found[best] = {"product_name": (0.55, "its texts are the most varied")}


def _commas(seen: Evidence) -> float:
    """Share of the values that list several things."""
    return sum(", " in value or " + " in value for value in seen.values) / max(1, len(seen.values))
