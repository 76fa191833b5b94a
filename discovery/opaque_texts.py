"""Nameless columns of words: names of people, which e-mails beside them repeat; labels of products and places."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from discovery import patterns
from discovery.evidence import MOST

if TYPE_CHECKING:
    from discovery.evidence import Evidence
    from discovery.opaque import Nameless

_PEOPLE = {"customer", "product", "location"}
_ENUMERATIONS = (("status", 0.72), ("channel", 0.65), ("source", 0.6), ("medium", 0.6))
"""Closed lists, of which half the values are enough where a column has few."""

_ONE_OF = {"source": "utm_source", "medium": "utm_medium"}
_FEW = 6
_STREET = re.compile(r"\d+[a-zA-Z]?,? [^\d,]{4,}.*|[^\d]{4,} \d+ ?[a-zA-Z]?")
_LETTERS = re.compile(r"[^\W\d_]+")


def people(table: Nameless) -> None:
    """Names and addresses of people."""
    mails = [
        value.partition("@")[0].lower()
        for seen in table.columns
        if seen.share("email") >= MOST
        for value in seen.values
    ]
    for index in table.open():
        seen = table.columns[index]
        if seen.kind != "text" or seen.share("zone"):
            continue
        if _enumeration(table, index):
            continue
        if seen.share("city") >= 0.5:
            table.say(index, "city", 0.7, "its values are cities")
        elif _share(seen, _STREET) >= 0.7:
            table.say(index, "street", 0.6, "its values are words with a number, as addresses are")
        elif name := _in_mails(seen, mails) or _known(seen):
            _person(table, index, name)


def _person(table: Nameless, index: int, name: str) -> None:
    """Of single names the first that is known is the first name; the one beside it the last."""
    why = "its values are names of people"
    if name == "full_name":
        table.say(index, name, 0.7, why)
    else:
        before = index > 0 and "first_name" in table.found[index - 1]
        taken = any("first_name" in guesses for guesses in table.found)
        known = _firsts(table.columns[index])
        after = index + 1 < len(table.columns) and _firsts(table.columns[index + 1])
        last = (before and taken) or (known < 0.3 and after > known)
        table.say(index, "last_name" if last else "first_name", 0.72, why)


def _in_mails(seen: Evidence, mails: list[str]) -> str:
    """Names that the e-mails of the table repeat."""
    words = [[word.lower() for word in _LETTERS.findall(value) if len(word) > 2] for value in seen.values]
    hits = [bool(parts) and any(all(part in mail for part in parts) for mail in mails) for parts in words]
    if sum(hits) < max(2, 0.3 * len(hits)):
        return ""
    return "full_name" if sum(len(parts) > 1 for parts in words) >= 0.5 * len(words) else "name"


def _known(seen: Evidence) -> str:
    """Names that begin with, or are, a first name of the list."""
    if (seen.profile.distinct_seen or 0) < 2:
        return ""
    if seen.share("person") >= MOST and _firsts(seen) >= 0.4:
        return "full_name"
    return "name" if _firsts(seen) >= 0.4 and seen.share("words") < 0.2 else ""


def _firsts(seen: Evidence) -> float:
    """Share of the values whose first word is a first name."""
    names = patterns.lists()["first_name"]
    words = [value.split()[0].lower() for value in seen.values if value.strip()]
    return sum(word in names for word in words) / len(words) if words else 0.0


def _share(seen: Evidence, pattern: re.Pattern[str]) -> float:
    return sum(pattern.fullmatch(value) is not None for value in seen.values) / max(1, len(seen.values))


def _enumeration(table: Nameless, index: int) -> bool:
    """Few values, half of them of a closed list."""
    seen = table.columns[index]
    if (seen.profile.distinct_seen or 0) > _FEW or (seen.distinct_share == 1 and seen.rows > 1):
        return False
    name, score = max(_ENUMERATIONS, key=lambda item: seen.share(item[0]))
    if seen.share(name) >= 0.5:
        table.say(index, _ONE_OF.get(name, name), score, f"half its values are those of a {name}")
    return seen.share(name) >= 0.5


def labels(table: Nameless) -> None:
    """The most varied texts are names of products, few of them categories, one for all rows a place."""
    texts = [index for index in table.open() if _is_label(table.columns[index])]
    varied = [index for index in texts if not _is_enumeration(table.columns[index])]
    if varied:
        best = max(varied, key=lambda index: _variety(table.columns[index]))
        before = best > 0 and "first_name" in table.found[best - 1]
        target = {"customer": "full_name", "location": "location_name"}.get(table.role, "product_name")
        if before:
            table.say(best, "last_name", 0.6, "texts beside first names")
        else:
            table.say(best, target, 0.55, "its texts are the most varied")
        _categories(table, varied, best)
    same = [
        index
        for index in texts
        if (table.columns[index].profile.distinct_seen or 0) == 1
        and " " in table.columns[index].values[0]
        and table.columns[index].rows > 1
    ]
    if same and table.role not in _PEOPLE:
        table.say(same[0], "location_name", 0.45, "one text for all rows")


def _categories(table: Nameless, varied: list[int], best: int) -> None:
    most = table.columns[best].profile.distinct_seen or 0
    for index in varied:
        few = table.columns[index].profile.distinct_seen or 0
        if not table.found[index] and few * 4 <= most:
            table.say(index, "product_category", 0.5, "few texts, each with many others")


def _is_enumeration(seen: Evidence) -> bool:
    """Too few texts for so many rows to be names of products."""
    few = seen.profile.distinct_seen or 0
    return few < 2 or (few <= 3 and seen.rows >= 4 * few)


def _is_label(seen: Evidence) -> bool:
    return seen.kind == "text" and (seen.profile.null_fraction or 0) < 0.5 and seen.share("zone") == 0


def _variety(seen: Evidence) -> float:
    """How much a column is like names of products: different, of several words, and no lists."""
    return seen.distinct_share + 0.5 * seen.share("words") - 2 * _commas(seen)


def _commas(seen: Evidence) -> float:
    """Share of the values that list several things."""
    return sum(", " in value or " + " in value for value in seen.values) / max(1, len(seen.values))
