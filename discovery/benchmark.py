"""The labelled benchmark: reading it, proposing for its tables, and the figures of its scorer."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from discovery import patterns
from discovery.profile import summarised
from discovery.propose import Proposal, propose
from discovery.table import TableProfile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

FIELDS = frozenset(
    "transaction_id user_id timestamp value currency quantity product_id product_name product_category location_id "
    "location_name gclid fbclid ttclid msclkid utm_source utm_medium utm_campaign email phone first_name last_name "
    "hashed_cc loyalty_id device_id cookie_id postal_code status refund_amount tax tip discount subtotal channel".split()
)
"""The fields of the benchmark; what else the engine proposes counts as null there."""

REQUIRED = ("transaction_id", "timestamp", "value", "user_id")
PERMITTED = ("table", "position", "column", "type", "samples", "rows_seen", "null_fraction", "distinct_seen")
SURE = 0.8
BINS = 10

Row = dict[str, Any]
Predictions = dict[tuple[str, str], tuple[str | None, float]]
"""(table, column) -> (field or None, confidence)."""


def load(path: Path) -> list[Row]:
    """The rows of a benchmark file, one a column."""
    with path.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines if line.strip()]


def tables(rows: Iterable[Row]) -> dict[str, TableProfile]:
    """Profiles made of the permitted fields only; the table's name groups its columns and is not shown to the engine."""
    grouped: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        grouped[row["table"]].append({key: row.get(key) for key in PERMITTED})
    return {name: _profile(columns) for name, columns in grouped.items()}


def _profile(columns: Sequence[Row]) -> TableProfile:
    ordered = sorted(columns, key=lambda row: row["position"])
    return summarised(
        "",
        ordered[0]["rows_seen"],
        [
            (row["column"], row["type"], row["null_fraction"], row["distinct_seen"], tuple(row["samples"]))
            for row in ordered
        ],
    )


def predict(rows: Sequence[Row]) -> Predictions:
    """The engine's answer for every column."""
    found: Predictions = {}
    for name, profile in tables(rows).items():
        found.update(answers(name, propose(profile)))
    return found


def answers(table: str, proposal: Proposal) -> Predictions:
    """A proposal in the benchmark's terms."""
    return {
        (table, column.column): (column.target if column.target in FIELDS else None, column.confidence)
        for column in proposal.columns
    }
