"""Column names as concepts: `FLD_CUST_ID_07`, `customerID` and `Kundennummer` all say customer + id.

A name is cut into words (separators, humps, digits), each word is looked up in the vocabulary of the table's language
and the others, then tried as a compound (`orderdate`, `Bestelldatum`), as an abbreviation (its consonants, or its
beginning) and as a misspelling. The vocabulary is data: `discovery/vocabulary/words_*.yml` and `codes.yml`.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from discovery import spelling
from discovery.lexicon import NOISE, codes, languages

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

UNKNOWN = "?"
"""Stands for a word nobody knows."""

_WORDS = re.compile(r"[A-ZÀ-Þ]+(?![a-zß-ÿ])|[A-ZÀ-Þ]?[^\W\d_A-ZÀ-Þ]+|\d+|[#%?$€£]")
_SHARE = re.compile(r"\d+\s?%")
"""`Tax 5%` is an amount of tax."""

_SLASHED = re.compile(r"\bw/(o\b)?", re.IGNORECASE)
"""`Net w/o tax`, `Price w/ VAT`: without and with."""

_BRACKETS = re.compile(r"[(\[][^)\]]*[)\]]")
_QUALIFIES = {
    "included",
    "before",
    "tax",
    "net",
    "gross",
    "percent",
    "id",
    "number",
    "name",
    "currency",
    "unit",
    "minor",
    NOISE,
}
"""Concepts that say something of a column even in brackets: `Price (incl. VAT)`, `Store (ID)`."""

_MARKS = {"#": "number", "%": "percent", "?": "flag", "$": NOISE, "€": NOISE, "£": NOISE}
_KEPT = "metadata"
_NUMBER = 5
_SHORTEST = 3
"""Words of up to so many letters mean too many things to be taken from a language that the table does not speak."""

_JOIN = 4
"""Neighbouring words that are looked up together, at most."""

_BEFORE_PLURAL = {"num", "number", "no", "nbr", "nr", "n", "total", "totals"}
_PLURALS = frozenset(
    {"items", "orders", "transactions", "tickets", "units", "products", "visits", "bookings", "guests", "customers"}
    | {"purchases", "nights", "seats", "pieces", "lines", "checks", "invoices", "users", "employees", "people"}
)
"""Things that are counted: `total_orders` is a count where `total_sales` is money."""

_PAIRS = {
    ("first", "name"): "firstname",
    ("last", "name"): "lastname",
    ("name", "first"): "firstname",
    ("name", "last"): "lastname",
}
"""Concepts that together are another, where a name is abbreviated (`FRST_NM`)."""


@dataclass(frozen=True)
class Name:
    """What a column name says."""

    text: str
    concepts: tuple[str, ...]
    """In the order of the name, noise left out; `?` for a word nobody knows."""
    exact: bool
    """Every word was found as it stands, none guessed from an abbreviation or a misspelling."""
    digits: int | None = None
    """A number at its end."""

    @property
    def blank(self) -> bool:
        """It says nothing: `col_7`, or only words nobody knows."""
        return all(concept == UNKNOWN for concept in self.concepts)

    @property
    def foreign(self) -> bool:
        """It has words, and nobody knows any of them."""
        return bool(self.concepts) and self.blank


def read(names: Sequence[str]) -> tuple[Name, ...]:
    """The names of one table's columns, read in the table's language."""
    glued = _glued(names)
    parts = [_main(name.removeprefix(glued)) for name in names]
    order, spoken = _order(word for words in parts for word in words)
    repeated = _namespace(parts)
    return tuple(_name(text, words, order, spoken, repeated) for text, words in zip(names, parts, strict=True))


def _glued(names: Sequence[str]) -> str:
    """Two capitals before most names of a table of codes, without a separator: `SDDOCO`, `SDAN8`."""
    codes = [name for name in names if name.isalnum() and name.isupper() and 4 <= len(name) <= 8]
    first, count = Counter(name[:2] for name in codes).most_common(1)[0] if codes else ("", 0)
    return first if count >= _JOIN and count * 4 >= len(names) * 3 else ""


def _main(name: str) -> tuple[str, ...]:
    """The words of a name; of what stands in brackets only those that change what an amount or a number is."""
    outside = cut(_BRACKETS.sub(" ", name))
    if not any(len(word) > 1 for word in outside) or outside == cut(name):
        return cut(name)
    inside = tuple(word for group in _BRACKETS.findall(name) for word in cut(group))
    telling = all(any(table.get(word) in _QUALIFIES for table in languages().values()) for word in inside)
    return (*outside, *inside) if telling else outside


@lru_cache(4096)
def cut(name: str) -> tuple[str, ...]:
    """The words of a name, in lower case."""
    spelt = _SLASHED.sub(lambda found: "without " if found[1] else "with ", _SHARE.sub("", name[:128]))
    words = tuple(word.lower() for word in _WORDS.findall(spelt))
    return ("no", *words[1:]) if words[:2] == ("#", "of") else words


def _order(words: Iterable[str]) -> tuple[tuple[str, ...], int]:
    """Languages in the order in which this table's words are looked up, and how many of them it surely speaks."""
    tables = languages()
    votes: Counter[str] = Counter()
    said: set[str] = set()
    for word in words:
        known = [language for language, table in tables.items() if word in table]
        if known and "en" not in known:
            votes.update({language: 1 / len(known) for language in known})
            said.update(known if len(word) > _SHORTEST or word >= spelling.SYLLABIC else ())
        elif known == ["en"]:
            votes["en"] += 1
    order = sorted(tables, key=lambda language: (language not in said | {"en"}, -votes[language], language != "en"))
    return tuple(order), len(said | {"en"})


def _namespace(cut: list[tuple[str, ...]]) -> str | None:
    """A first word that a third of the columns share: a prefix of the system, not of the column.

    Nobody knows it, or it only says what is kept there: `properties.order_id`, `payload_total`.
    """
    if len(cut) < _JOIN:
        return None
    first, count = (
        Counter(words[0] for words in cut if len(words) > 1).most_common(1)[0]
        if any(len(words) > 1 for words in cut)
        else ("", 0)
    )
    known = any(table.get(first, _KEPT) != _KEPT for table in languages().values())
    return first if count * 3 >= len(cut) and not known else None


def _name(text: str, words: tuple[str, ...], order: tuple[str, ...], spoken: int, namespace: str | None) -> Name:
    digits = int(words[-1]) if words and words[-1].isdigit() and len(words[-1]) < _NUMBER else None
    if namespace and words[0] == namespace:
        words = words[1:]
    words = _counted(words)
    concepts: list[str] = []
    exact = True
    place = 0
    while place < len(words):
        for width in range(min(_JOIN, len(words) - place), 0, -1):
            found, sure = _lookup("".join(words[place : place + width]), order, spoken, single=width == 1)
            if found:
                concepts += found
                exact &= sure
                place += width
                break
    kept = [concept for concept in concepts if concept != NOISE]
    for place in range(len(kept) - 1, 0, -1):
        if whole := _PAIRS.get((kept[place - 1], kept[place])):
            kept[place - 1 : place + 1] = [whole]
    return Name(text, tuple(kept), exact, digits)


def _counted(words: tuple[str, ...]) -> tuple[str, ...]:
    """`num_tickets`, `total_orders`: before a plural of things, a number or a total is a count."""
    return tuple(
        "count" if word in _BEFORE_PLURAL and place + 1 < len(words) and words[place + 1] in _PLURALS else word
        for place, word in enumerate(words)
    )


@lru_cache(16384)
def _lookup(word: str, order: tuple[str, ...], spoken: int, *, single: bool) -> tuple[tuple[str, ...], bool]:  # noqa: PLR0911  one case a line
    """Concepts of a word, and whether it was found as it stands; nothing for unknown words joined."""
    if word in _MARKS:
        return (_MARKS[word],), True
    for language in order if len(word) > _SHORTEST else order[:spoken]:
        if word in languages()[language]:
            return (languages()[language][word],), True
    if word in codes():
        return codes()[word], True
    if not single:
        concept = spelling.joined_abbreviations().get(word)
        return ((concept,), False) if concept else ((), False)
    if word.isdigit():
        return (NOISE,), True
    for languages_tried, least in ((order[:2], 3), *(((language,), 4) for language in order[2:])):
        if parts := spelling.compound(word, languages_tried, least):
            return parts, True
    stem = re.sub(r"\d+$", "", word)
    if stem != word and len(stem) > 1:
        found, sure = _lookup(stem, order, spoken, single=True)
        return found, sure
    if parts := spelling.guessed(word):
        return parts, False
    return ((UNKNOWN,) if len(word) > 1 else (NOISE,)), True
