"""The one way out: what a model may be told of a table is made here, and nowhere else.

Sent: names of columns, types, shares, lengths, shapes, names of patterns, amounts rounded to two digits, months, and
words of our own closed lists. Never sent: a value (but for those words), a row, a column's position beside another in a
row. A value that is not in a list of ours cannot leave, whatever it is and whatever column it is in.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from discovery.patterns import lists

if TYPE_CHECKING:
    from discovery.proposal import ColumnProposal, Proposal
    from discovery.table import ColumnProfile, TableProfile

_NAME = 128
_LISTS = ("currency", "status", "fulfilment", "channel", "medium", "method")
"""Closed lists whose words may be sent as they are."""
_WORDS, _SEEN = 20, 5
"""A column of at most so many different values, each seen at least so often, is an enumeration."""
_PERSONAL = {
    *("user_id", "email", "phone", "first_name", "last_name", "full_name", "birth_date", "street", "city", "region"),
    *(
        "postal_code",
        "ip_address",
        "hashed_cc",
        "loyalty_id",
        "device_id",
        "cookie_id",
        "company_name",
        "transaction_id",
    ),
    *("gclid", "fbclid", "ttclid", "msclkid"),
}
"""Targets of columns of which not even a rounded number is sent."""
_SHAPE_MARKS = frozenset("Aa#+ .,:;/-_@%()")
_VALUE_IN_NAME = re.compile(r"@|\d{5}|\d{1,3}(?:\.\d{1,3}){3}|\d{3}\D\d{3}\D\d{4}|\d{4}-\d{2}-\d{2}")
_ORDER = re.compile(
    r"\b(?:ignore|disregard|forget|override|instructions?|prompt|you (?:are|must|should)|jailbreak)\b|[<>{}]",
    re.IGNORECASE,
)
_WORDS_IN_NAME = 8
_MONTH = re.compile(r"\d{4}-(?:0[1-9]|1[0-2])(?=\b|-)")


def columns(profile: TableProfile, proposal: Proposal) -> list[dict[str, Any]]:
    """What may be told of each column, for those that may be told of at all; `id` stands for the column in the reply.

    A name that looks like a value (a file without a header) or like an order keeps its column out.
    """
    return [
        _column(f"c{number}", column, proposal.columns[number])
        for number, column in enumerate(profile.columns)
        if may_be_named(column.name) and not proposal.columns[number].alarm
    ]


def may_be_named(name: str) -> bool:
    """Whether a name is that of a column, and neither a value nor a sentence that wants something."""
    words = name.replace("_", " ").split()
    return 0 < len(words) <= _WORDS_IN_NAME and not _VALUE_IN_NAME.search(name) and not _ORDER.search(" ".join(words))


def _column(key: str, column: ColumnProfile, proposed: ColumnProposal) -> dict[str, Any]:
    told: dict[str, Any] = {"id": key, "name": _plain(column.name), "type": column.type}
    if column.null_fraction is not None:
        told["null_percent"] = round(100 * column.null_fraction)
    if column.lengths:
        told["lengths"] = list(column.lengths)
    if column.shapes:
        told["shapes"] = [_shape(shape) for shape, _ in column.shapes[:3]]
    told["patterns"] = sorted(name for name, share in column.patterns.items() if share > 0.5)
    if {proposed.target, *(target for target, _ in proposed.alternatives)} & _PERSONAL:
        return told
    if column.quantiles:
        told["quantiles"] = [float(f"{number:.1e}") for number in column.quantiles]
    if column.type in {"date", "timestamp"}:
        months = [found[0] for edge in (column.minimum, column.maximum) if edge and (found := _MONTH.match(edge))]
        told |= {"months": months} if months else {}
    if words := _words(column):
        told["values"] = words
    return told


def _words(column: ColumnProfile) -> list[str]:
    """The values of an enumeration that are words of our lists, as the lists have them."""
    if not column.frequent or len(column.frequent) > _WORDS or min(count for _, count in column.frequent) < _SEEN:
        return []
    ours = {word for name in _LISTS for word in lists()[name]}
    said = {value.strip().lower() for value, _ in column.frequent}
    return sorted(ours & said)


def _shape(shape: str) -> str:
    return "".join(mark if mark in _SHAPE_MARKS else "?" for mark in shape)


def _plain(name: str) -> str:
    return "".join(mark for mark in name if mark.isprintable())[:_NAME]
