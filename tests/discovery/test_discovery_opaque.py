"""Tables whose columns have no names: their values, and how they stand to each other, must do."""

from __future__ import annotations

from typing import Any

from discovery.profile import profile_rows
from discovery.propose import Proposal, propose

WORDS = ["Lantern", "Heart", "Candle", "Tray", "Clock", "Bag", "Mug", "Sign", "Frame", "Box"]


def nameless(rows: list[list[Any]]) -> Proposal:
    return propose(profile_rows("", [{f"col_{place}": value for place, value in enumerate(row, 1)} for row in rows]))


def targets(proposal: Proposal) -> list[str | None]:
    return [column.target for column in proposal.columns]


def test_lines_of_invoices() -> None:
    rows = [
        [
            str(536365 + number // 5),
            f"{85000 + number % 50}A",
            f"{WORDS[number % 10]} Red {WORDS[(number // 10) % 5]}",
            str(1 + number * 7 % 12),
            f"2010-12-01 {8 + number // 60:02}:{number % 60:02}:00",
            f"{number % 40}.{10 + number % 90}",
            str(17850 + number % 17) if number % 4 else None,
            ("United Kingdom", "France", "Germany")[number % 3],
        ]
        for number in range(400)
    ]
    assert targets(nameless(rows))[:7] == [
        *("transaction_id", "product_id", "product_name", "quantity", "timestamp", "value", "user_id"),
    ]


def test_arithmetic_tells_total_from_subtotal() -> None:
    rows = [
        [
            f"T-{number:05}",
            f"2024-05-{1 + number % 28:02}",
            f"{20 + number}.00",
            f"{1 + number % 5}.75",
            f"{21 + number + number % 5}.75",
        ]
        for number in range(60)
    ]
    proposal = nameless(rows)
    assert targets(proposal) == ["transaction_id", "timestamp", "subtotal", "tax", "value"]
    assert any("col_5 = col_3 + col_4" in reason for reason in proposal.column("col_5").reasons)


def test_people_have_no_transactions() -> None:
    first = ["Anna", "Michael", "Sarah", "David", "Laura", "James"]
    rows = [
        [
            str(number),
            first[number % 6],
            ("Lee", "Ray", "Doe", "Poe", "Kay", "Fox", "Orr")[number % 7],
            f"a{number}@example.com",
        ]
        for number in range(100)
    ]
    proposal = nameless(rows)
    assert proposal.role == "customer"
    assert targets(proposal) == ["user_id", "first_name", "last_name", "email"]


def test_nobody_is_sure_whose_address_a_nameless_column_holds() -> None:
    rows = [[f"T-{number:05}", "12.50", f"a{number}@example.com", f"+1 512 555 {number:04}"] for number in range(60)]
    proposal = nameless(rows)
    assert targets(proposal)[2:] == ["email", "phone"]
    assert all(column.confidence < 0.8 for column in proposal.columns[2:])


def test_what_ids_begin_with_says_whose_they_are() -> None:
    rows = [
        [f"cust_{number % 9}", f"order_{number}", f"sku_{number % 4}", f"store_{number % 3}"] for number in range(40)
    ]
    assert targets(nameless(rows)) == ["user_id", "transaction_id", "product_id", "location_id"]
