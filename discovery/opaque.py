"""Tables whose columns have no names (`col_7`): what their values are, and how they stand to each other, must do."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from discovery import opaque_amounts, opaque_ids, opaque_texts, sequence
from discovery.dates import moment
from discovery.evidence import MOST
from discovery.lexicon import languages

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

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

_YEARS_APART = 3 * 365


@dataclass(frozen=True)
class Nameless:
    """A table without names, and what is known of its columns so far."""

    columns: Sequence[Evidence]
    blank: Sequence[int]
    """Places of the columns that say nothing."""
    found: list[Guesses]
    """For each column; filled step by step, the surest first."""
    role: str

    def open(self) -> list[int]:
        """Places of the nameless columns that nothing was found for."""
        return [index for index in self.blank if not self.found[index]]

    def say(self, index: int, target: str, score: float, why: str) -> None:
        """A column is a field."""
        self.found[index] = {target: (score, why)}

    def people(self) -> set[int]:
        """How many different values the columns about people have."""
        about = {"email", "phone", "first_name", "last_name", "full_name"}
        return {
            self.columns[index].profile.distinct_seen or 0
            for index, guesses in enumerate(self.found)
            if about & guesses.keys()
        }


def fill(columns: Sequence[Evidence], blank: Sequence[int], found: list[Guesses], role: str) -> None:
    """Add to `found` what each of the nameless columns is, among its neighbours."""
    table = Nameless(columns, blank, found, role)
    _constants(table)
    _times(table)
    _prefixes(table)
    opaque_texts.people(table)
    opaque_ids.places(table)
    opaque_ids.ids(table)
    opaque_amounts.amounts(table)
    opaque_texts.labels(table)


def _constants(table: Nameless) -> None:
    """A number that is the same in all rows says nothing of any of them."""
    for index in table.open():
        seen = table.columns[index]
        if sequence.constant(seen) and (seen.numeric or seen.kind == "token"):
            table.say(index, "none", 0.7, "one value for all rows")


def _times(table: Nameless) -> None:
    """Of several times that of the transaction is in every row, differs most, rises with the rows, and comes first."""
    times = [index for index in table.blank if "timestamp" in table.found[index] and table.columns[index].dates]
    moments = {index: _moments(table.columns[index]) for index in times}
    sure = [index for index in times if not table.columns[index].dates.weak]  # type: ignore[union-attr]
    for index in times:
        if index not in sure and (_steady(table.columns[index]) or _far(moments[index], [moments[at] for at in sure])):
            table.found[index] = {}
    times = [index for index in times if table.found[index] and moments[index]]
    if len(times) < 2:
        return
    first = min(times, key=lambda index: _lateness(table.columns[index], moments[index]))
    score, why = table.found[first]["timestamp"]
    table.say(first, "timestamp", min(0.9, score + 0.1), f"{why}, those that differ most and come first")


def _lateness(seen: Evidence, moments: Sequence[datetime]) -> tuple[float, bool, datetime]:
    distinct = (
        round(seen.distinct_share, 1) if seen.dates and seen.dates.has_time else round(seen.distinct_share, 1) / 2
    )
    rising = list(moments) == sorted(moments) or list(moments) == sorted(moments, reverse=True)
    return seen.profile.null_fraction or 0, -distinct if rising else 0.5 - distinct, min(moments)  # type: ignore[return-value]


def _moments(seen: Evidence) -> list[datetime]:
    return [found for value in seen.values if seen.dates and (found := moment(value, seen.dates.format))]


def _steady(seen: Evidence) -> bool:
    """Numbers one after the other are ids, not seconds."""
    numbers = sequence.counters(seen)
    return len(numbers) > 2 and {after - before for before, after in pairwise(numbers)} <= {1, -1}


def _far(some: Sequence[datetime], others: Sequence[Sequence[datetime]]) -> bool:
    """Years away from every other time of the table."""
    known = [when for moments in others for when in moments]
    return bool(some) and bool(known) and abs((min(some) - min(known)).days) > _YEARS_APART


def _prefixes(table: Nameless) -> None:
    words = languages()["en"]
    for index in table.open():
        values = table.columns[index].values
        starts = [match[1].lower() for value in values if (match := _PREFIX.match(value))]
        if not starts or len(starts) < MOST * len(values):
            continue
        word, count = Counter(starts).most_common(1)[0]
        target = _OF_PREFIX.get(words.get(word, ""))
        if target and count >= 0.6 * len(starts):
            table.say(index, target, 0.8, f"its values begin with '{words[word]}'")
