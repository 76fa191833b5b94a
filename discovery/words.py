"""Column names as concepts: `FLD_CUST_ID_07`, `customerID` and `Kundennummer` all say customer + id.

A name is cut into words (separators, humps, digits), each word is looked up in the vocabulary of the table's language
and the others, then tried as a compound (`orderdate`, `Bestelldatum`), as an abbreviation (its consonants, or its
beginning) and as a misspelling. The vocabulary is data: `discovery/vocabulary/words_*.yml` and `codes.yml`.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

VOCABULARY = Path(__file__).parent / "vocabulary"
NOISE = "noise"
UNKNOWN = "?"
"""Stands for a word nobody knows."""

_WORDS = re.compile(r"[A-ZÀ-Þ]+(?![a-zß-ÿ])|[A-ZÀ-Þ]?[^\W\d_A-ZÀ-Þ]+|\d+|[#%?$€£]")
_MARKS = {"#": "number", "%": "percent", "?": "flag", "$": NOISE, "€": NOISE, "£": NOISE}
_VOWELS = str.maketrans("", "", "aeiou")
_JOIN = 4
"""Neighbouring words that are looked up together, at most."""

_BEFORE_PLURAL = {"num", "number", "no", "nbr", "nr", "n", "total", "totals"}
_PLURALS = frozenset(
    {"items", "orders", "transactions", "tickets", "units", "products", "visits", "bookings", "guests", "customers"}
    | {"purchases", "nights", "seats", "pieces", "lines", "checks", "invoices", "users", "employees", "people"}
)
"""Things that are counted: `total_orders` is a count where `total_sales` is money."""

_SHORT = {"id", "no", "nr", "dt", "ip", "cd"}
"""Pieces of a compound below three letters."""

_GLUE = ("", "s", "n", "en", "es", "e")
"""Letters between the parts of a Germanic compound."""

_ABBREVIATION = 5
_MISSPELT = 7
_SHORTEST, _LONGEST = 4, 9
_KINDS = {
    "number",
    "id",
    "code",
    "description",
    "quantity",
    "amount",
    "date",
    "time",
    "status",
    "name",
    "price",
    "percent",
    "type",
    "total",
    "postal",
    "rate",
    "datetime",
    "cost",
}
_PREFIX = 4


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


def loader(path: Path) -> Any:
    """A YAML file of this package."""
    return yaml.load(path.read_text(encoding="utf-8"), getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506


@cache
def languages() -> dict[str, dict[str, str]]:
    """Language -> word -> concept; English first."""
    found: dict[str, dict[str, str]] = {}
    paths = sorted(VOCABULARY.glob("words_*.yml"), key=lambda path: (path.stem != "words_en", path.stem))
    for path in paths:
        words: dict[str, str] = {}
        for concept, listed in loader(path).items():
            for word in (concept, *(listed.split() if isinstance(listed, str) else listed)):
                words.setdefault(_plain(word), concept)
                if word == concept and path.stem != "words_en":
                    words.pop(_plain(word))  # the concept's English name is no word of this language
        found[path.stem.removeprefix("words_")] = words
    return found


def read(names: Sequence[str]) -> tuple[Name, ...]:
    """The names of one table's columns, read in the table's language."""
    parts = [cut(name) for name in names]
    order = _order(word for words in parts for word in words)
    repeated = _namespace(parts)
    return tuple(_name(text, words, order, repeated) for text, words in zip(names, parts, strict=True))


@lru_cache(4096)
def cut(name: str) -> tuple[str, ...]:
    """The words of a name, in lower case."""
    words = tuple(word.lower() for word in _WORDS.findall(name[:128]))
    return ("no", *words[1:]) if words[:2] == ("#", "of") else words


def _plain(word: str) -> str:
    return word.replace("_", "").lower()


def _order(words: Iterable[str]) -> tuple[str, ...]:
    """Languages in the order in which this table's words are looked up."""
    tables = languages()
    votes: Counter[str] = Counter()
    for word in words:
        known = [language for language, table in tables.items() if word in table]
        if known and "en" not in known:
            votes.update({language: 1 / len(known) for language in known})
        elif known == ["en"]:
            votes["en"] += 1
    return tuple(sorted(tables, key=lambda language: (-votes[language], language != "en")))


def _namespace(cut: list[tuple[str, ...]]) -> str | None:
    """A first word that a third of the columns share and nobody knows: a prefix of the system, not of the column."""
    if len(cut) < _JOIN:
        return None
    first, count = (
        Counter(words[0] for words in cut if len(words) > 1).most_common(1)[0]
        if any(len(words) > 1 for words in cut)
        else ("", 0)
    )
    known = any(first in table for table in languages().values())
    return first if count * 3 >= len(cut) and not known else None


def _name(text: str, words: tuple[str, ...], order: tuple[str, ...], namespace: str | None) -> Name:
    digits = int(words[-1]) if words and words[-1].isdigit() and len(words[-1]) < _ABBREVIATION else None
    if namespace and words[0] == namespace:
        words = words[1:]
    words = _counted(words)
    concepts: list[str] = []
    exact = True
    place = 0
    while place < len(words):
        for width in range(min(_JOIN, len(words) - place), 0, -1):
            found, sure = _lookup("".join(words[place : place + width]), order, single=width == 1)
            if found:
                concepts += found
                exact &= sure
                place += width
                break
    kept = tuple(concept for concept in concepts if concept != NOISE)
    return Name(text, kept, exact, digits)


def _counted(words: tuple[str, ...]) -> tuple[str, ...]:
    """`num_tickets`, `total_orders`: before a plural of things, a number or a total is a count."""
    return tuple(
        "count" if word in _BEFORE_PLURAL and place + 1 < len(words) and words[place + 1] in _PLURALS else word
        for place, word in enumerate(words)
    )


@lru_cache(16384)
def _lookup(word: str, order: tuple[str, ...], *, single: bool) -> tuple[tuple[str, ...], bool]:  # noqa: PLR0911  one case a line
    """Concepts of a word, and whether it was found as it stands; nothing for unknown words joined."""
    if word in _MARKS:
        return (_MARKS[word],), True
    for language in order:
        if word in languages()[language]:
            return (languages()[language][word],), True
    if word in codes():
        return codes()[word], True
    if not single:
        return (), False
    if word.isdigit():
        return (NOISE,), True
    for languages_tried, least in ((order[:2], 3), *(((language,), 4) for language in order[2:])):
        if parts := _compound(word, languages_tried, least):
            return parts, True
    if parts := _legacy(word):
        return parts, False
    stem = re.sub(r"\d+$", "", word)
    if stem != word and len(stem) > 1:
        found, sure = _lookup(stem, order, single=True)
        return found, sure
    short = abbreviations().get(word) if len(word) <= _ABBREVIATION else None
    if guessed := short or _beginning(word) or _misspelt(word):
        return (guessed,), False
    return ((UNKNOWN,) if len(word) > 1 else (NOISE,)), True


@cache
def codes() -> dict[str, tuple[str, ...]]:
    """Code of a system -> the concepts of the words it stands for."""
    words = languages()["en"]
    return {
        str(code): tuple(words[word] for word in str(text).split())
        for code, text in loader(VOCABULARY / "codes.yml").items()
    }


def _compound(word: str, order: tuple[str, ...], least: int) -> tuple[str, ...]:
    """The fewest known words of `least` letters that make up this one; nothing when there are none."""
    best: list[tuple[str, ...] | None] = [()] + [None] * len(word)
    for end in range(2, len(word) + 1):
        for start in range(end - 1):
            before = best[start]
            if before is None:
                continue
            piece = word[start:end]
            concept = _piece(piece, order, least, last=end == len(word))
            if concept and (best[end] is None or len(before) + 1 < len(best[end] or ())):
                best[end] = (*before, concept)
    return best[-1] or ()


def _piece(piece: str, order: tuple[str, ...], least: int, *, last: bool) -> str | None:
    if len(piece) < least and piece not in _SHORT:
        return None
    for glue in _GLUE[:1] if last else _GLUE:
        if glue and not piece.endswith(glue):
            continue
        bare = piece[: len(piece) - len(glue)]
        if len(bare) < least and (glue or bare not in _SHORT):
            continue
        for language in order:
            concept = languages()[language].get(bare)
            if concept and (concept != NOISE or len(bare) > 3):
                return concept
    return None


@cache
def short() -> dict[str, str]:
    """Pieces of the names of old systems (`ITDSC`, `ORQTY`) -> concept."""
    words = languages()["en"]
    return {str(piece): words[word] for piece, word in loader(VOCABULARY / "short.yml").items()}


def _legacy(word: str) -> tuple[str, ...]:
    """Two or three short pieces that make up the whole word, the last one a kind of value."""
    if not _SHORTEST <= len(word) <= _LONGEST or not word.isalpha():
        return ()
    pieces = short()
    for end in range(len(word) - 2, 1, -1):
        last, rest = pieces.get(word[end:]), word[:end]
        if last not in _KINDS:
            continue
        if rest in pieces:
            return pieces[rest], last
        for middle in range(2, len(rest) - 1):
            if rest[:middle] in pieces and rest[middle:] in pieces:
                return pieces[rest[:middle]], pieces[rest[middle:]], last
    return ()


@cache
def abbreviations() -> dict[str, str]:
    """Consonants of an English word (its first letter kept, five at most) -> concept; the first word wins."""
    found: dict[str, str] = {}
    words = languages()["en"]
    for word, concept in words.items():
        skeleton = word[:1] + word[1:].translate(_VOWELS)
        if len(word) > 3 and len(skeleton) > 1 and not (word.endswith("s") and word[:-1] in words):
            found.setdefault(skeleton[:_ABBREVIATION], concept)
    return found


def _beginning(word: str) -> str | None:
    """The concept of the English words that begin like this one, if they agree."""
    if len(word) < _PREFIX:
        return None
    concepts = {
        concept
        for known, concept in _single_words().items()
        if known.startswith(word) and len(known) <= len(word) + _ABBREVIATION
    }
    return concepts.pop() if len(concepts) == 1 else None


@cache
def _single_words() -> dict[str, str]:
    """English words that are not several written together."""
    joined = {
        _plain(word)
        for listed in loader(VOCABULARY / "words_en.yml").values()
        for word in (listed.split() if isinstance(listed, str) else listed)
        if "_" in word
    }
    return {word: concept for word, concept in languages()["en"].items() if word not in joined}


def _misspelt(word: str) -> str | None:
    """The concept of a long English word that differs by one missing letter, or two swapped."""
    if len(word) < _MISSPELT:
        return None
    return next((concept for key in _shortened(word) if (concept := _misspellings().get(key))), None)


@cache
def _misspellings() -> dict[str, str]:
    found: dict[str, str] = {}
    for word, concept in languages()["en"].items():
        if len(word) >= _MISSPELT:
            for key in _shortened(word):
                found.setdefault(key, concept)
    return found


def _shortened(word: str) -> set[str]:
    return {word} | {word[:place] + word[place + 1 :] for place in range(1, len(word))}
