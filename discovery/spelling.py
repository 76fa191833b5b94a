"""Words that are in no list as they stand: compounds, abbreviations, pieces of old systems' names, misspellings."""

from __future__ import annotations

import re
from functools import cache

from discovery.lexicon import NOISE, VOCABULARY, languages, plain, read_yaml, short

_VOWELS = str.maketrans("", "", "aeiou")
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
_SHORT = {"id", "no", "nr", "dt", "ip", "cd"}
"""Pieces of a compound below three letters."""
_GLUE = ("", "s", "n", "en", "es", "e")
"""Letters between the parts of a Germanic compound."""
ABBREVIATION = 5
SYLLABIC = "\u3040"
"""From here on writing has no letters: kana, ideographs."""

_MISSPELT = 7
_PLURAL = re.compile(r"(?=.*[aeiouy])[a-z]{3,}s")
_PREFIX = 4


def compound(word: str, order: tuple[str, ...], least: int) -> tuple[str, ...]:
    """The fewest known words of `least` letters that make up this one; nothing when there are none."""
    best: list[tuple[str, ...] | None] = [()] + [None] * len(word)
    whole = word[0] >= SYLLABIC  # one sign can be a word
    least = 1 if whole else least
    for end in range(1 if whole else 2, len(word) + 1):
        for start in range(end if whole else end - 1):
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


def legacy(word: str) -> tuple[str, ...]:
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
    """Consonants of an English word (its first letter kept, five at most) -> concept; the shortest word wins."""
    found: dict[str, str] = {}
    words = languages()["en"]
    for word, concept in sorted(words.items(), key=lambda item: len(item[0])):
        skeleton = word[:1] + word[1:].translate(_VOWELS)
        if len(word) > 3 and len(skeleton) > 1 and not (word.endswith("s") and word[:-1] in words):
            found.setdefault(skeleton[:ABBREVIATION], concept)
    return found


@cache
def joined_abbreviations() -> dict[str, str]:
    """The same of words of several parts, each shortened: `ordrtyp` is the order type of `ORDR_TYP`."""
    found: dict[str, str] = {}
    for listed, concept in _several_words():
        parts = [part[:1] + part[1:].translate(_VOWELS) if len(part) > 3 else part for part in listed.split("_")]
        found.setdefault("".join(part[:ABBREVIATION] for part in parts), concept)
    return found


def _several_words() -> list[tuple[str, str]]:
    """English words that are several written together, with their concepts."""
    return [
        (word, concept)
        for concept, listed in read_yaml(VOCABULARY / "words_en.yml").items()
        for word in (listed.split() if isinstance(listed, str) else listed)
        if "_" in word
    ]


def beginning(word: str) -> str | None:
    """The concept of the English words that begin like this one, if they agree."""
    if len(word) < _PREFIX:
        return None
    concepts = {
        concept
        for known, concept in _single_words().items()
        if known.startswith(word) and len(known) <= len(word) + ABBREVIATION
    }
    return concepts.pop() if len(concepts) == 1 else None


@cache
def _single_words() -> dict[str, str]:
    """English words that are not several written together."""
    joined = {plain(word) for word, _ in _several_words()}
    return {word: concept for word, concept in languages()["en"].items() if word not in joined}


def misspelt(word: str) -> str | None:
    """The concept of a long English word that differs by one missing letter, or two swapped."""
    if len(word) < _MISSPELT:
        return None
    return next((concept for key in _shortened(word) if (concept := _misspellings().get(key))), None)


def singular(word: str) -> str | None:
    """The concept of the word without the s of its plural; not of `GSTS`, which is short for something else."""
    return languages()["en"].get(word[:-1]) if _PLURAL.fullmatch(word) else None


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


def guessed(word: str) -> tuple[str, ...]:
    """Concepts of a word taken for an abbreviation, pieces of an old name, a beginning or a misspelling; or nothing."""
    known = abbreviations().get(word) if len(word) <= ABBREVIATION else None
    consonants = not set(word[1:]) & set("aeiou")
    if known and consonants:
        return (known,)
    if parts := legacy(word):
        return parts
    single = known or beginning(word) or misspelt(word) or singular(word)
    return (single,) if single else ()
