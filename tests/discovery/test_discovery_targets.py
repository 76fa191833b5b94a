"""Fields that few tables have, and people who are not the customer."""

from __future__ import annotations

import random
import string
from itertools import product

import pytest

from discovery.profile import profile_rows
from discovery.propose import ColumnProposal, propose

EVENT = {"event_id": "e1", "page_url": "https://example.com/", "user_agent": "Mozilla/5.0", "session_id": "s1"}


def tokens(prefix: str, length: int, letters: str = string.ascii_letters + string.digits, count: int = 30) -> list[str]:
    dice = random.Random(7)
    return [prefix + "".join(dice.choices(letters, k=length)) for _ in range(count)]


def column(name: str, values: list[str], others: dict[str, str]) -> ColumnProposal:
    return propose(profile_rows("", ({**others, name: value} for value in values))).column(name)


BY_NAME = [
    ("ttclid", "ttclid", tokens("E.C.P.", 40)),
    ("tiktok_click_id", "ttclid", tokens("E.C.P.", 40)),
    ("msclkid", "msclkid", tokens("", 32, "0123456789abcdef")),
    ("bing_click_id", "msclkid", tokens("", 32, "0123456789abcdef")),
    ("fbclid", "fbclid", tokens("IwAR", 50)),
    ("gclid", "gclid", tokens("CjwKCAjw", 40)),
    ("hs_google_click_id", "gclid", tokens("EAIaIQobChMI", 40)),
    ("device_id", "device_id", tokens("", 16, "0123456789abcdef")),
    ("idfa", "device_id", tokens("", 16, "0123456789abcdef")),
    ("anonymous_id", "cookie_id", tokens("", 20)),
]


@pytest.mark.parametrize(("name", "target", "values"), BY_NAME, ids=[name for name, _, _ in BY_NAME])
def test_clicks_and_devices_in_events(name: str, target: str, values: list[str]) -> None:
    found = column(name, values, EVENT)
    assert found.target == target
    assert found.confidence >= 0.8


CARDS = [
    ("loyalty_id", "loyalty_id"),
    ("Loyalty Number", "loyalty_id"),
    ("rewards_account_id", "loyalty_id"),
    ("frequent_shopper_no", "loyalty_id"),
    ("hashed_cc", "hashed_cc"),
    ("card_fingerprint", "hashed_cc"),
    ("cc_hash", "hashed_cc"),
    ("fingerprint", "hashed_cc"),
]


@pytest.mark.parametrize(("name", "target"), CARDS)
def test_loyalty_and_cards_in_orders(name: str, target: str) -> None:
    order = {"order_id": "1", "order_date": "2024-05-01", "total": "12.50"}
    found = column(name, tokens("", 16, "0123456789abcdef"), order)
    assert found.target == target
    assert found.confidence >= 0.8


@pytest.mark.parametrize(
    ("values", "target"),
    [(tokens("E.C.P.", 40), "ttclid"), (tokens("IwAR", 50), "fbclid"), (tokens("CjwKCAjw", 40), "gclid")],
)
def test_click_ids_by_their_values_alone(values: list[str], target: str) -> None:
    assert column("col_3", values, {"col_1": "a", "col_2": "b"}).target == target


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("gclid_flag", ["true", "false"]),
        ("loyalty_points", ["10", "20"]),
        ("loyalty_tier", ["Gold", "Silver"]),
        ("loyalty_program_id", ["p1", "p1"]),
        ("device_type", ["phone", "desktop"]),
        ("card_last_4", ["4242", "1881"]),
        ("cookie_consent", ["true", "false"]),
    ],
)
def test_what_only_sounds_like_it(name: str, values: list[str]) -> None:
    found = column(name, values, {"order_id": "1", "order_date": "2024-05-01", "total": "12.50"})
    assert found.target not in {"gclid", "loyalty_id", "device_id", "hashed_cc", "cookie_id"}


OTHERS = (
    "staff", "employee", "server", "cashier", "sales_rep", "owner", "driver", "courier", "seller", "vendor", "supplier",
    "recipient", "gift_recipient", "referrer", "referred_by", "partner", "assistant", "manager", "emergency_contact",
    "agent", "created_by", "assigned_to", "account_manager", "Mitarbeiter", "Empfänger", "vendedor", "destinataire",
)  # fmt: skip
PERSONAL = {
    "email": ["ann@example.com", "bob@example.com"],
    "phone": ["+1 512 555 0100", "+1 512 555 0101"],
    "name": ["Ann Lee", "Bob Ray"],
    "first_name": ["Ann", "Bob"],
    "last_name": ["Lee", "Ray"],
}
TABLES = (
    {"order_id": "1", "order_date": "2024-05-01", "total": "12.50", "customer_id": "c1"},
    {"customer_id": "1", "email": "cy@example.com", "first_name": "Cy", "last_name": "Doe"},
    {"id": "1", "amount": "12.50", "created": "2024-05-01T00:00:00Z", "currency": "usd", "status": "paid"},
)


@pytest.mark.parametrize(("who", "what"), list(product(OTHERS, PERSONAL)))
def test_nobody_else_is_taken_for_the_customer(who: str, what: str) -> None:
    for table in TABLES:
        found = column(f"{who}_{what}", PERSONAL[what], table)
        taken = found.target in {"email", "phone", "first_name", "last_name", "full_name"}
        assert not (taken and found.confidence >= 0.8), (found, sorted(table))
