"""Nameless columns of ids and codes: whose they are shows in how often they repeat, and whether they count up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from discovery import sequence
from discovery.evidence import MOST

if TYPE_CHECKING:
    from discovery.evidence import Evidence
    from discovery.opaque import Nameless

_OWN = {"customer": "user_id", "product": "product_id", "location": "location_id"}
"""Role -> what the rows' own id is, where that is not a transaction."""

_MANY = 20
"""Rows from which on the share of distinct numbers tells ids from counts."""

_SMALL = 100
"""Numbers below are rather counts than ids."""

_FEW = 5
"""Ids of so few things are of shops, tills or staff."""

_NEAR = 0.1
"""Two columns that are this alike in how many values they have are about the same things."""


def places(table: Nameless) -> None:
    """Codes of places have letters, hyphens or a leading zero, or are five digits far apart beside people."""
    people = table.people()
    for index in table.open():
        seen = table.columns[index]
        if (seen.profile.distinct_seen or 0) < 2 or sequence.in_order(seen):
            continue
        if sequence.trade_items(seen):
            table.say(index, "product_id", 0.8, "its values are trade item numbers with a right check digit")
        elif _postal(seen, beside_people=bool(people)):
            table.say(index, "postal_code", 0.6, "its values are postal codes")
        elif _digits(seen, 9, 11) and people and not sequence.dense(seen):
            table.say(index, "phone", 0.55, "its values are as long as telephone numbers, beside people")


def _postal(seen: Evidence, *, beside_people: bool) -> bool:
    if seen.share("postal") < MOST:
        return False
    marked = any(not value.isdigit() or value.startswith("0") for value in seen.values)
    return marked or (beside_people and _digits(seen, 5, 5) and not sequence.dense(seen))


def _digits(seen: Evidence, least: int, most: int) -> bool:
    return all(value.isdigit() and least <= len(value) <= most for value in seen.values) and sequence.even(seen)


def ids(table: Nameless) -> None:
    """The transaction's own id, then those of the people and things in it."""
    candidates = [index for index in table.open() if like_id(table.columns[index])]
    own = _OWN.get(table.role, "transaction_id")
    if candidates and not any(own in guesses for guesses in table.found):
        first = max(candidates, key=lambda index: (_nearness(table, candidates, index), -index))
        if not _few(table.columns[first]):
            why = "ids that count up" if sequence.in_order(table.columns[first]) else "ids, never empty"
            table.say(first, own, 0.75, why)
    others = [index for index in candidates if not table.found[index]]
    buyers = any("user_id" in guesses for guesses in table.found)
    for index in sorted(others, key=lambda index: -(table.columns[index].profile.distinct_seen or 0)):
        target, score, why = _whose(table, index, buyers=buyers)
        buyers |= target == "user_id"
        table.say(index, target, score, why)


def _nearness(table: Nameless, candidates: list[int], index: int) -> float:
    """How like the transaction's own id: in every row, one for each row or for the lines of one order, counting up."""
    seen = table.columns[index]
    whole = [other for other in candidates if not sequence.repeats(table.columns[other])]
    near = 1.5 * sequence.in_order(seen) - 3 * _missing(seen) - 3 * _few(seen)
    if not sequence.repeats(seen):
        near += 1
    elif sequence.in_order(seen) and whole and table.role == "line":
        near += 1.5  # the lines have an id each, and the order's stands in several of them
    return near


def _whose(table: Nameless, index: int, *, buyers: bool) -> tuple[str, float, str]:  # noqa: PLR0911  one case a line
    seen = table.columns[index]
    distinct = seen.profile.distinct_seen or 0
    texts = {
        other.profile.distinct_seen or 0
        for place, other in enumerate(table.columns)
        if other.kind == "text" and not table.found[place] and (other.profile.distinct_seen or 0) > _FEW
    }
    again = sequence.repeats(seen)
    if again and any(_alike(distinct, count) for count in _transactions(table)):
        return "none", 0.55, "another id of the same transactions"
    if _digits(seen, 4, 4) and not sequence.dense(seen):
        return "none", 0.6, "four digits far apart, as the last ones of cards are"
    if again and not _few(seen) and not buyers and any(_alike(distinct, count) for count in table.people()):
        return "user_id", 0.75, "ids as many as there are people"
    if _missing(seen) and again and not buyers:
        return "user_id", 0.7, "its values are ids, some rows have none"
    if again and any(_alike(distinct, count) for count in texts):
        return "product_id", 0.7, "ids as many as there are texts in another column"
    if _few(seen) and seen.rows >= _MANY:
        return "none", 0.6, "ids of few things"
    if again and not buyers and table.role not in _OWN:
        return "user_id", 0.55, "ids that repeat from row to row"
    if again:
        return "product_id", 0.5, "codes that repeat from row to row"
    return "none", 0.5, "one of several columns of ids"


def _transactions(table: Nameless) -> list[int]:
    """How many transactions there are, where some have several rows."""
    return [
        seen.profile.distinct_seen or 0
        for seen, guesses in zip(table.columns, table.found, strict=True)
        if "transaction_id" in guesses and sequence.repeats(seen)
    ]


def _alike(one: int, other: int) -> bool:
    return abs(one - other) <= _NEAR * max(one, other)


def _few(seen: Evidence) -> bool:
    return (seen.profile.distinct_seen or 0) <= _FEW and seen.rows > 2 * _FEW


def _missing(seen: Evidence) -> bool:
    return (seen.profile.null_fraction or 0) > 0.05


def like_id(seen: Evidence) -> bool:  # noqa: PLR0911  one case a line
    """Its values name something: tokens, codes, numbers that were given out rather than measured."""
    if sequence.constant(seen):
        return False
    if seen.kind in {"token", "uuid"} or seen.share("prefixed") >= MOST:
        return True
    if seen.kind == "text":
        return _codes(seen) or seen.share("whole") + seen.share("prefixed") + seen.share("token") >= MOST
    if seen.kind != "whole" or not seen.numbers or min(seen.numbers) < 0:
        return False
    if seen.long_numbers or any(value.startswith("0") and value.isdigit() and len(value) > 1 for value in seen.values):
        return True
    if sequence.in_order(seen) and not sequence.repeats(seen):
        return True
    given_out = sequence.dense(seen) or sequence.in_order(seen)
    return given_out and max(seen.numbers) >= _SMALL and (seen.profile.distinct_seen or 0) > 1


def _codes(seen: Evidence) -> bool:
    """Capitals of one length (`VINET`, `TOMSP`), or words that mix letters and digits (`X7kQ2`)."""
    values = seen.values
    capitals = sequence.even(seen) and all(value.isupper() and " " not in value for value in values)
    mixed = sum(" " not in value and value.isalnum() and not value.isalpha() for value in values) >= MOST * len(values)
    return mixed or (capitals and len(values) > 3 and len(values[0]) > 3)
