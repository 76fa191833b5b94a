"""Proposals for small tables a person would map without thinking."""

from __future__ import annotations

from discovery.profile import profile_rows
from discovery.propose import Decision, propose

ORDERS = [
    {"order_id": f"A-{number}", "created_at": f"2024-05-{number:02}T10:00:00Z", "total": f"{number}.50", "note": None}
    for number in range(1, 20)
]


def test_plain_names_are_mapped() -> None:
    proposal = propose(profile_rows("orders", ORDERS))
    assert {column.column: column.target for column in proposal.columns} == {
        "order_id": "transaction_id",
        "created_at": "timestamp",
        "total": "value",
        "note": None,
    }


def test_a_decision_binds() -> None:
    proposal = propose(profile_rows("orders", ORDERS), decisions=[Decision("order_id", None)])
    assert proposal.column("order_id").target is None
    assert proposal.column("order_id").confidence == 1
