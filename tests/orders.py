"""Orders whose people come together bit by bit: by e-mail, by phone, and late by both."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

COLUMNS = ("id", "total", "created_at", "customer_id", "customer_email", "customer_phone")
BAD_EVERY = 97
"""One order in so many has a total that is no number."""


def orders(count: int) -> list[tuple[str, ...]]:
    """The first orders, the same each time; an empty text is nothing."""
    draw = random.Random(3)
    rows = []
    for number in range(count):
        person = draw.randrange(count // 4)
        known = draw.sample(["user", "mail", "phone"], draw.randrange(1, 4))
        rows.append(
            (
                f"o{number}",
                f"{draw.randrange(1, 9999) / 100:.2f}" if number % BAD_EVERY else "free",
                f"2024-05-{number % 28 + 1:02d}T10:00:00Z",
                f"u{person}" if "user" in known else "",
                f"p{person // 2}@mail.example" if "mail" in known else "",
                f"+1212555{person // 3 + 1000:04d}" if "phone" in known else "",
            )
        )
    return rows


def people(of: Iterable[tuple[Any, Any]], merges: Iterable[tuple[Any, Any]]) -> set[frozenset[Any]]:
    """Who is one person: sets of records, out of (record, person) and (merged person, person it became)."""
    merged = dict(merges)
    found: dict[Any, set[Any]] = defaultdict(set)
    for record, sent in of:
        person = sent
        while person in merged:
            person = merged[person]
        found[person].add(record)
    return set(map(frozenset, found.values()))
