"""A review to try things on: made, and its document edited as a person does."""

from __future__ import annotations

from typing import Any

import pytest

from discovery import edited, edited_text, markdown
from discovery.decisions import Decided
from discovery.profile import profile_rows
from discovery.proposal import Blocker, ColumnProposal, Proposal
from discovery.review import Review, stream_review
from discovery.table import TableProfile
from pipe.errors import ConfigurationError

ROWS = [
    {
        "Check No": f"c-{n}",
        "Opened": f"2024-05-{n + 1:02d}",
        "Net | gross": f"{n}.50",
        "Cell": f"+1312555010{n}",
        "Alt Cell": "",
        "Staff mail": "zoe@bakery.example",
        "Memo": "call me",
        "Pan": "4111111111111111",
        "_sdc_row": n,
    }
    for n in range(9)
]
KINDS = dict.fromkeys(ROWS[0], "text") | {"_sdc_row": "number"}
COLUMNS = {
    "Check No": ("transaction_id", 0.95),
    "Opened": ("timestamp", 0.9),
    "Net | gross": ("value", 0.71),
    "Cell": ("phone", 0.9),
    "Alt Cell": ("phone", 0.8),
    "Staff mail": ("email", 0.69),
    "Memo": (None, 0.4),
    "Pan": (None, 1.0),
    "_sdc_row": (None, 1.0),
}


def proposal(profile: TableProfile, **changes: Any) -> Proposal:
    columns = tuple(
        ColumnProposal(
            column.name,
            *changes.get(column.name, COLUMNS.get(column.name, (None, 0.9))),
            reasons=("its name says so", "and its values"),
            alternatives=(("user_id", 0.2),),
            alarm="holds card numbers" if column.name == "Pan" else None,
        )
        for column in profile.columns
    )
    blockers = (Blocker("alarm", None, "holds card numbers", ("Pan",)),)
    return Proposal(profile.name, "order", 0.9, ("it has totals",), columns, {}, blockers)


def reviewed(before: Decided | None = None, rows: list[dict[str, Any]] = ROWS, **changes: Any) -> Review:
    profile = profile_rows("checks", rows)
    kinds = {name: KINDS.get(name, "text") for name in rows[0]} | changes.pop("kinds", {})
    return Review("acme", "till", (stream_review(profile, proposal(profile, **changes), kinds, before),))


def written() -> str:
    """The document as it is written first."""
    return markdown.write(reviewed())


def line_of(text: str, column: str) -> int:
    cell = markdown.cell_name(column)
    return next(number for number, line in enumerate(text.splitlines(), 1) if line.startswith(f"| {cell} |"))


def edit(text: str, column: str, **cells: str) -> str:
    """The document with some cells of a column's row changed."""
    lines = text.splitlines()
    number = line_of(text, column) - 1
    given = edited_text.cells(lines[number])
    for name, value in cells.items():
        given[markdown.HEADER.index(name.replace("_", " ").capitalize())] = value
    lines[number] = f"| {' | '.join(given)} |"
    return "\n".join(lines) + "\n"


def refused(text: str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        edited.read(text, "r.md")
    return str(caught.value)
