"""What a table is a list of: orders, lines of orders, payments, customers, ... with its reasons."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from discovery.lexicon import VOCABULARY, read_yaml
from discovery.rules import Terms, terms
from discovery.words import read

if TYPE_CHECKING:
    from collections.abc import Sequence

    from discovery.evidence import Evidence

ORDER = "order"
_BY_TABLE_NAME = {
    "order": "order transaction sale purchase invoice receipt check ticket booking document basket",
    "line": "line item",
    "payment": "payment charge capture settlement",
    "refund": "refund dispute",
    "customer": "customer contact person member user profile account guest",
    "lead": "lead",
    "deal": "deal opportunity",
    "product": "product menu variant",
    "location": "location",
    "event": "event session path click",
    "loyalty": "loyalty points reward",
}
_NAME_WEIGHT = 3.0
_SHARPNESS = 0.7
_NO_EVIDENCE = 0.8
"""What any role would have to beat: below it the table is taken for one of orders, with little confidence."""


@dataclass(frozen=True)
class Role:
    """The role chosen."""

    name: str
    confidence: float
    reasons: tuple[str, ...]


@cache
def _features() -> dict[str, tuple[tuple[float, str, tuple[Terms, ...]], ...]]:
    found = {}
    for role, lines in read_yaml(VOCABULARY / "roles.yml").items():
        parsed = []
        for line in lines:
            weight, _, condition = line.partition(" ")
            parsed.append((float(weight), condition, tuple(terms(part.split()) for part in condition.split(" & "))))
        found[role] = tuple(parsed)
    return found


def decide(columns: Sequence[Evidence], table: str = "") -> Role:
    """The role of a table with these columns; its own name, when there is one, counts too."""
    said = [frozenset(column.name.concepts) for column in columns]
    scores: dict[str, float] = {}
    reasons: dict[str, list[tuple[float, str]]] = {}
    for role, features in _features().items():
        held = [
            (weight, text)
            for weight, text, condition in features
            if all(any(map(part.hold, said)) for part in condition)
        ]
        scores[role] = sum(weight for weight, _ in held)
        reasons[role] = sorted(held, reverse=True)
    if any(column.profile.patterns.get("card_brand", 0) == 1 for column in columns):
        scores["payment"] += 0.5
    _add_name(scores, table)
    best = max(scores, key=lambda role: scores[role])
    if scores[best] < _NO_EVIDENCE:
        return Role(_by_values(columns), 0.3, ("its names say nothing; judged by its values",))
    total = sum(math.exp(_SHARPNESS * score) for score in scores.values())
    words = [text for weight, text in reasons[best] if weight > 0][:3]
    return Role(
        best,
        math.exp(_SHARPNESS * scores[best]) / total,
        tuple(f"it has a column for {_plain(text)}" for text in words),
    )


def _add_name(scores: dict[str, float], table: str) -> None:
    if not table:
        return
    concepts = read([table])[0].concepts
    for role, words in _BY_TABLE_NAME.items():
        if set(words.split()) & set(concepts):
            scores[role] += _NAME_WEIGHT * (1.5 if role in {"line", "refund"} else 1)


def _by_values(columns: Sequence[Evidence]) -> str:
    """A table without a telling name: lines have quantities or products, customers have no amounts."""
    kinds = [column.kind for column in columns]
    people = any(column.share(pattern) >= 0.6 for column in columns for pattern in ("email", "first_name"))
    paid = "decimal" in kinds or any(column.share("currency") == 1 for column in columns)
    if people and not paid:
        return "customer"
    if _catalogue(columns):
        return "product"
    small = any(
        column.kind == "whole"
        and column.numbers
        and max(map(abs, column.numbers)) <= 1000
        and (column.profile.distinct_seen or 0) > 1
        and column.distinct_share < 0.5
        for column in columns
    )
    return "line" if small and "decimal" in kinds else ORDER


def _catalogue(columns: Sequence[Evidence]) -> bool:
    """No times, and each row has an id and a text of its own: things, not what happened to them."""
    kinds = {column.kind for column in columns}
    own = {column.kind for column in columns if column.distinct_share == 1 and (column.profile.distinct_seen or 0) > 5}
    return not kinds & {"date", "clock"} and "text" in own and bool(own & {"token", "uuid", "hash"})


def _plain(text: str) -> str:
    words = [
        word.replace("@", "").replace("|", " or ").replace("thing", "product")
        for word in text.split()
        if word[0] not in "-~&"
    ]
    return " and ".join(words)
