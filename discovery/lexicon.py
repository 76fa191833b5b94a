"""The vocabulary as look-up tables: words of ten languages, codes of systems, pieces of old names."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import yaml

VOCABULARY = Path(__file__).parent / "vocabulary"
NOISE = "noise"
"""The concept of words that say nothing here."""


def read_yaml(path: Path) -> Any:
    """A YAML file of this package."""
    return yaml.load(path.read_text(encoding="utf-8"), getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506


@cache
def languages() -> dict[str, dict[str, str]]:
    """Language -> word -> concept; English first."""
    found: dict[str, dict[str, str]] = {}
    paths = sorted(VOCABULARY.glob("words_*.yml"), key=lambda path: (path.stem != "words_en", path.stem))
    for path in paths:
        words: dict[str, str] = {}
        for concept, listed in read_yaml(path).items():
            for word in (concept, *(listed.split() if isinstance(listed, str) else listed)):
                words.setdefault(plain(word), concept)
                if word == concept and path.stem != "words_en":
                    words.pop(plain(word))  # the concept's English name is no word of this language
        found[path.stem.removeprefix("words_")] = words
    return found


@cache
def codes() -> dict[str, tuple[str, ...]]:
    """Code of a system -> the concepts of the words it stands for."""
    words = languages()["en"]
    return {
        str(code): tuple(words[word] for word in str(text).split())
        for code, text in read_yaml(VOCABULARY / "codes.yml").items()
    }


@cache
def short() -> dict[str, str]:
    """Pieces of the names of old systems (`ITDSC`, `ORQTY`) -> concept."""
    words = languages()["en"]
    return {str(piece): words[word] for piece, word in read_yaml(VOCABULARY / "short.yml").items()}


def plain(word: str) -> str:
    """A word of the vocabulary as it is looked up: parts written together, in lower case."""
    return word.replace("_", "").lower()
