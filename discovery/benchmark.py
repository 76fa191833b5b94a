"""The labelled benchmark: reading its file, proposing for its tables, leave-one-vendor-out."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from discovery import calibrate
from discovery.profile import summarised
from discovery.propose import Proposal, propose
from discovery.score import accepted
from pipe.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from discovery.calibrate import Calibration
    from discovery.score import Predictions, Row
    from discovery.table import TableProfile

FIELDS = frozenset(
    (
        *("transaction_id", "user_id", "timestamp", "value", "currency", "quantity", "status", "channel"),
        *("product_id", "product_name", "product_category", "location_id", "location_name"),
        *("gclid", "fbclid", "ttclid", "msclkid", "utm_source", "utm_medium", "utm_campaign"),
        *("email", "phone", "first_name", "last_name", "postal_code"),
        *("hashed_cc", "loyalty_id", "device_id", "cookie_id"),
        *("refund_amount", "tax", "tip", "discount", "subtotal"),
    )
)
"""The fields of the benchmark; what else the engine proposes counts as null there."""

PERMITTED = ("table", "position", "column", "type", "samples", "rows_seen", "null_fraction", "distinct_seen")
"""What an engine under test may see of a row."""

LABELS = ("gold", "also_ok", "primary", "variant", "lang", "samples")
"""What scoring needs of a row."""


def load(path: Path) -> list[Row]:
    """The rows of a benchmark file, one a column.

    Raises:
        DataError: it is no such file; names the line.
    """
    rows: list[Row] = []
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except ValueError:
                raise DataError(f"line {number} of {path.name} is not JSON") from None
            missing = [key for key in PERMITTED if not isinstance(row, dict) or key not in row]
            if missing:
                raise DataError(
                    f"line {number} of {path.name} has no '{missing[0]}'", remedy="One JSON object a column"
                )
            rows.append(row)
    return rows


def labelled(rows: Sequence[Row]) -> bool:
    """Whether every row can be scored."""
    return bool(rows) and all(key in row for row in rows for key in LABELS)


def tables(rows: Iterable[Row]) -> dict[str, TableProfile]:
    """Profiles made of the permitted fields; a table's name groups its columns and is not shown to the engine."""
    grouped: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        grouped[row["table"]].append({key: row[key] for key in PERMITTED})
    return {name: _profile(columns) for name, columns in grouped.items()}


def _profile(columns: Sequence[dict[str, Any]]) -> TableProfile:
    ordered = sorted(columns, key=lambda row: row["position"])
    described = [
        (row["column"], row["type"], row["null_fraction"], row["distinct_seen"], tuple(row["samples"]))
        for row in ordered
    ]
    return summarised("", ordered[0]["rows_seen"], described)


def predict(rows: Sequence[Row], calibration: Calibration | None = None) -> Predictions:
    """The engine's answer for every column."""
    found: Predictions = {}
    for name, profile in tables(rows).items():
        found.update(answers(name, propose(profile, calibration=calibration)))
    return found


def answers(table: str, proposal: Proposal) -> Predictions:
    """A proposal in the benchmark's terms."""
    return {
        (table, column.column): (column.target if column.target in FIELDS else None, column.confidence)
        for column in proposal.columns
    }


def leave_one_vendor_out(rows: Sequence[Row]) -> Predictions:
    """Answers whose confidence comes from a table fitted to the other vendors.

    The rules themselves are written by hand and are the same for all.
    """
    said = predict(rows, calibrate.UNCHANGED)
    found: Predictions = {}
    for vendor in dict.fromkeys(row["vendor"] for row in rows):
        others = [row for row in rows if row["vendor"] != vendor and row["variant"] == "original"]
        points = [
            (certainty, accepted(row, answer))
            for row in others
            for answer, certainty in [said[row["table"], row["column"]]]
            if answer is not None
        ]
        held_out = [row for row in rows if row["vendor"] == vendor]
        found.update(predict(held_out, calibrate.fit(points)))
    return found
