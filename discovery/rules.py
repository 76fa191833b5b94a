"""The rules of `vocabulary/rules.yml`: from the concepts of a name and the table's role to canonical fields."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from discovery.lexicon import VOCABULARY, read_yaml
from discovery.words import UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Iterable

ONLY = "!"
NONE = "none"
"""The target of a column that feeds nothing."""

_UNEXPLAINED = 0.72
_UNKNOWN = 0.8
_GUESSED = 0.97
"""What a name loses for each concept that a rule does not explain, each word nobody knows, and for guessed words."""

_SUBJECT = 0.95
"""What it loses for a concept that only repeats what the table is about: the check in `check open time`."""

_SUBJECTS = {
    "order": "txn",
    "payment": "txn",
    "refund": "txn",
    "line": "thing",
    "product": "thing",
    "customer": "customer",
    "location": "place",
}
"""Role -> the group of concepts that its own rows are."""

_SEVERAL = 0.004
"""Of two rules that hold, the one that names more of the concepts is meant."""


@dataclass(frozen=True)
class Terms:
    """Conditions on the concepts of a name."""

    required: tuple[frozenset[str], ...]
    forbidden: frozenset[str]
    explained: frozenset[str]
    """Concepts that lower nothing: those required and those that may be there."""

    def hold(self, concepts: frozenset[str]) -> bool:
        """Whether the concepts meet every term."""
        return not (self.forbidden & concepts) and all(group & concepts for group in self.required)


@dataclass(frozen=True)
class Rule:
    """One line of the file."""

    target: str
    score: float
    terms: Terms
    roles: frozenset[str]
    """Roles it is for; empty: all."""
    barred: frozenset[str]
    """Roles it is not for."""
    only: bool = False
    """It holds only for a name that says nothing else."""


@cache
def groups() -> dict[str, frozenset[str]]:
    """Name of a group -> its concepts."""
    return {name: frozenset(text.split()) for name, text in read_yaml(VOCABULARY / "rules.yml")["groups"].items()}


def terms(words: Iterable[str]) -> Terms:
    """The conditions that the words of a line say."""
    required: list[frozenset[str]] = []
    forbidden: set[str] = set()
    free: set[str] = set()
    for word in words:
        mark, bare = (word[0], word[1:]) if word[0] in "-~" else ("", word)
        meant = _concepts(bare)
        if mark == "-":
            forbidden |= meant
        elif mark == "~":
            free |= meant
        else:
            required.append(frozenset(meant))
    explained = free.union(*required)
    for group in required:  # a concept that a term asks for may stand beside one of its group that is barred
        forbidden -= group if len(group) == 1 else set()
    return Terms(tuple(required), frozenset(forbidden), frozenset(explained))


def _concepts(text: str) -> set[str]:
    found: set[str] = set()
    for part in text.split("|"):
        found |= groups()[part[1:]] if part.startswith("@") else {part}
    return found


@cache
def rules() -> tuple[Rule, ...]:
    """Every rule of the file."""
    return tuple(
        _rule(target, line)
        for target, lines in read_yaml(VOCABULARY / "rules.yml")["targets"].items()
        for line in lines
    )


def _rule(target: str, line: str) -> Rule:
    score, *words = line.split()
    roles = {"in": frozenset[str](), "not": frozenset[str]()}
    plain = []
    for word in words:
        key, colon, listed = word.partition(":")
        if colon:
            roles[key] = frozenset(listed.split(","))
        else:
            plain.append(word)
    only = ONLY in plain
    return Rule(
        target, int(score) / 100, terms(word for word in plain if word != ONLY), roles["in"], roles["not"], only
    )


def by_name(concepts: tuple[str, ...], role: str, *, exact: bool) -> dict[str, float]:
    """Canonical field (or `none`) -> how sure a reader of the name alone would be, 0 to 1."""
    found: dict[str, float] = {}
    said = frozenset(concepts)
    subjects = groups().get(_SUBJECTS.get(role, ""), frozenset())
    if not said - {UNKNOWN}:
        return found
    for rule in rules():
        if (rule.roles and role not in rule.roles) or role in rule.barred or not rule.terms.hold(said):
            continue
        left = said - rule.terms.explained
        if rule.only and left:
            continue
        score = rule.score * (1 if exact else _GUESSED)
        score *= _SUBJECT ** len(left & subjects) * _UNKNOWN ** (UNKNOWN in left)
        score *= _UNEXPLAINED ** len(left - subjects - {UNKNOWN})
        score += _SEVERAL * len(rule.terms.required)
        found[rule.target] = max(found.get(rule.target, 0), min(score, 0.985))
    return found
