"""Stripe, standing in: its lists with their filters and paging, its events, and objects as its own examples have them."""

from __future__ import annotations

from typing import Any

from servers.rest import Endpoint, Filter, Row, Service, after_last

KEY = "rk_test_canary_0123456789"
START = 1_700_000_000
"""2023-11-14T22:13:20Z."""
STEP = 6 * 3600
"""Seconds between two charges."""
CREATED = {f"created[{op}]": Filter("created", name, int) for op, name in
           {"gte": "ge", "gt": "gt", "lt": "lt", "lte": "le"}.items()}  # fmt: skip
PATHS = {"customers": "customers", "charges": "charges", "refunds": "refunds"}


def endpoint(path: str, **more: Any) -> Endpoint:
    """A list of Stripe's."""
    return Endpoint(
        f"/v1/{path}",
        path.replace("/", "_"),
        filters=CREATED | more.pop("filters", {}),
        order="-created",
        paging=after_last("starting_after"),
        extra={"object": "list", "url": f"/v1/{path}"},
        one=f"/v1/{path}/{{id}}",
        **more,
    )


def large(rows: int) -> Service:
    """An account with so many charges, one every five minutes."""
    return service(corpus=make(rows, 300))


def service(rows: int = 350, corpus: dict[str, list[Row]] | None = None) -> Service:
    """A Stripe account with so many charges."""
    types = {"types[]": Filter("type", "in")}
    return Service(
        corpus or make(rows),
        [*(endpoint(path) for path in PATHS), endpoint("events", filters=types)],
        token=KEY,
        required_headers={"Stripe-Version": "2026-10-28.endive"},
        error=lambda status, code: {"error": {"code": code, "type": "api_error", "message": "shows jenny@example.com"}},
    )


def make(rows: int, step: int = STEP) -> dict[str, list[Row]]:
    """A corpus; every declared field has a value in some row."""
    return {
        "customers": [customer(number) for number in range(max(rows // 3, 1))],
        "charges": [charge(number, created=START + number * step) for number in range(rows)],
        "refunds": [refund(number) for number in range(max(rows // 20, 1))],
        "events": [],
    }


def customer(number: int) -> Row:
    """A customer."""
    return {
        "id": f"cus_{number:08}",
        "object": "customer",
        "address": {"city": "Chicago", "country": "US", "line1": "1 Elm St", "postal_code": "60601", "state": "IL"},
        "balance": 0,
        "created": START + number * STEP,
        "currency": "usd",
        "delinquent": False,
        "description": "Regular",
        "email": f"person{number}@example.com",
        "invoice_settings": {"footer": None},
        "livemode": False,
        "metadata": {},
        "name": f"Person {number}",
        "phone": f"+1312555{number % 10000:04}",
        "shipping": {"name": f"Person {number}"},
        "tax_exempt": "none",
    }


def charge(number: int, **changes: Any) -> Row:
    """A charge; every third is a guest's."""
    guest = number % 3 == 0
    return {
        "id": f"ch_{number:08}",
        "object": "charge",
        "amount": 1000 + number,
        "amount_captured": 1000 + number,
        "amount_refunded": 0,
        "balance_transaction": f"txn_{number:08}",
        "billing_details": {"email": f"guest{number}@example.com", "name": "Jenny Rosen", "phone": None},
        "captured": True,
        "created": START + number * STEP,
        "currency": "usd",
        "customer": None if guest else f"cus_{number // 3:08}",
        "description": "Order",
        "disputed": False,
        "livemode": False,
        "metadata": {},
        "outcome": {"network_status": "approved_by_network"},
        "paid": True,
        "payment_intent": f"pi_{number:08}",
        "payment_method_details": {"card": {"fingerprint": f"fp{number % 50}"}, "type": "card"},
        "receipt_email": f"guest{number}@example.com",
        "refunded": False,
        "shipping": {"name": "Jenny Rosen"},
        "status": "succeeded",
        **changes,
    }


def refund(number: int, **changes: Any) -> Row:
    """A refund."""
    return {
        "id": f"re_{number:08}",
        "object": "refund",
        "amount": 100,
        "balance_transaction": f"txn_r{number:08}",
        "charge": f"ch_{number:08}",
        "created": START + number * STEP + 60,
        "currency": "usd",
        "customer": f"cus_{number:08}",
        "destination_details": {"type": "card"},
        "livemode": False,
        "metadata": {},
        "payment_intent": f"pi_{number:08}",
        "reason": "requested_by_customer",
        "status": "succeeded",
        **changes,
    }
