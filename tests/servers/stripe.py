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
PATHS = (
    "customers", "charges", "payment_intents", "refunds", "disputes", "invoices", "subscriptions", "products", "prices",
    "balance_transactions", "checkout/sessions",
)  # fmt: skip


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
    lists = [endpoint(path, params=("status",) if path == "subscriptions" else ()) for path in PATHS]
    return Service(
        corpus or make(rows),
        [*lists, endpoint("events", filters=types)],
        token=KEY,
        required_headers={"Stripe-Version": "2026-10-28.endive"},
        error=failure,
    )


def failure(status: int, code: str) -> Row:
    """An error, with a text that shows too much."""
    param = {"param": "starting_after"} if code == "no_such_place" else {}
    return {"error": {"code": code, "type": "api_error", "message": "shows jenny@example.com", **param}}


def make(rows: int, step: int = STEP) -> dict[str, list[Row]]:
    """A corpus; every declared field has a value in some row."""
    others = {name: [made(template, number) for number in range(4)] for name, template in OTHERS.items()}
    return {
        "customers": [customer(number) for number in range(max(rows // 3, 1))],
        "charges": [charge(number, created=START + number * step) for number in range(rows)],
        "refunds": [refund(number) for number in range(max(rows // 20, 1))],
        "events": [],
        **others,
    }


def flags(template: Row) -> Row:
    """What nearly every object says of itself."""
    return {} if template["object"] in {"refund", "balance_transaction"} else {"livemode": False}


def made(template: Row, number: int) -> Row:
    """A row like the template, with its own id and time."""
    return {**template, "id": f"{template['id']}_{number:08}", "created": START + number * STEP, **flags(template)}


def event(kind: str, thing: Row, created: int, **before: Any) -> Row:
    """An event about an object; `before` is what its fields were."""
    return {
        "id": f"evt_{kind}_{thing['id']}_{created}",
        "object": "event",
        "api_version": "2024-06-20",
        "created": created,
        "data": {"object": thing, "previous_attributes": before},
        "livemode": False,
        "pending_webhooks": 0,
        "request": {"id": None, "idempotency_key": None},
        "type": kind,
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
        "metadata": {},
        "payment_intent": f"pi_{number:08}",
        "reason": "requested_by_customer",
        "status": "succeeded",
        **changes,
    }


OTHERS: dict[str, Row] = {
    "payment_intents": {
        "id": "pi",
        "object": "payment_intent",
        "amount": 1099,
        "amount_capturable": 0,
        "amount_received": 1099,
        "canceled_at": 1_700_000_100,
        "cancellation_reason": "abandoned",
        "client_secret": "pi_secret_canary",
        "currency": "usd",
        "customer": "cus_00000001",
        "description": "Order",
        "latest_charge": "ch_00000001",
        "metadata": {},
        "receipt_email": "person1@example.com",
        "shipping": {"name": "Jenny Rosen"},
        "status": "succeeded",
    },
    "disputes": {
        "id": "dp",
        "object": "dispute",
        "amount": 1000,
        "balance_transactions": [],
        "charge": "ch_00000002",
        "currency": "usd",
        "evidence_details": {"due_by": 1_700_600_000, "has_evidence": False, "past_due": False, "submission_count": 0},
        "is_charge_refundable": True,
        "metadata": {},
        "payment_intent": "pi_00000002",
        "payment_method_details": {"type": "card"},
        "reason": "general",
        "status": "warning_needs_response",
    },
    "invoices": {
        "id": "in",
        "object": "invoice",
        "amount_due": 1000,
        "amount_paid": 1000,
        "amount_remaining": 0,
        "billing_reason": "manual",
        "collection_method": "charge_automatically",
        "currency": "usd",
        "customer": "cus_00000001",
        "customer_address": {"city": "Chicago"},
        "customer_email": "person1@example.com",
        "customer_name": "Person 1",
        "customer_phone": "+13125550001",
        "description": "May",
        "due_date": 1_700_600_000,
        "effective_at": 1_700_000_000,
        "lines": {"object": "list", "data": [], "has_more": False, "url": "/v1/invoices/in/lines"},
        "metadata": {},
        "number": "A-1",
        "parent": {"type": "subscription_details"},
        "period_end": 1_700_000_000,
        "period_start": 1_699_000_000,
        "status": "paid",
        "status_transitions": {"paid_at": 1_700_000_200},
        "subtotal": 1000,
        "total": 1000,
        "total_taxes": [],
    },
    "subscriptions": {
        "id": "sub",
        "object": "subscription",
        "billing_cycle_anchor": 1_700_000_000,
        "cancel_at": 1_800_000_000,
        "cancel_at_period_end": False,
        "canceled_at": 1_700_900_000,
        "cancellation_details": {"reason": None},
        "collection_method": "charge_automatically",
        "currency": "usd",
        "customer": "cus_00000001",
        "description": "Coffee",
        "ended_at": 1_700_900_000,
        "items": {"object": "list", "data": [], "has_more": False, "url": "/v1/subscription_items"},
        "latest_invoice": "in_00000001",
        "metadata": {},
        "start_date": 1_700_000_000,
        "status": "canceled",
        "trial_end": 1_700_000_000,
        "trial_start": 1_699_000_000,
    },
    "products": {
        "id": "prod",
        "object": "product",
        "active": True,
        "default_price": "price_00000001",
        "description": "Beans",
        "images": [],
        "metadata": {},
        "name": "Coffee",
        "package_dimensions": {"height": 1.5, "length": 2.5, "weight": 3.5, "width": 4.5},
        "shippable": True,
        "statement_descriptor": "COFFEE",
        "unit_label": "bag",
        "updated": 1_700_000_000,
        "url": "https://example.com/coffee",
    },
    "prices": {
        "id": "price",
        "object": "price",
        "active": True,
        "billing_scheme": "per_unit",
        "currency": "usd",
        "lookup_key": "standard",
        "metadata": {},
        "nickname": "Standard",
        "product": "prod_00000001",
        "recurring": {"interval": "month", "interval_count": 1},
        "tax_behavior": "unspecified",
        "type": "recurring",
        "unit_amount": 2000,
        "unit_amount_decimal": "2000",
    },
    "balance_transactions": {
        "id": "txn",
        "object": "balance_transaction",
        "amount": 100,
        "available_on": 1_700_100_000,
        "currency": "usd",
        "description": "Charge",
        "exchange_rate": 1.25,
        "fee": 3,
        "fee_details": [],
        "net": 97,
        "reporting_category": "charge",
        "source": "ch_00000001",
        "status": "available",
        "type": "charge",
    },
    "checkout_sessions": {
        "id": "cs",
        "object": "checkout.session",
        "amount_subtotal": 1000,
        "amount_total": 1099,
        "client_reference_id": "cart-1",
        "client_secret": "cs_secret_canary",
        "currency": "usd",
        "customer": "cus_00000001",
        "customer_details": {"email": "person1@example.com"},
        "customer_email": "person1@example.com",
        "expires_at": 1_700_100_000,
        "invoice": "in_00000001",
        "metadata": {},
        "mode": "payment",
        "payment_intent": "pi_00000001",
        "payment_link": "plink_1",
        "payment_status": "paid",
        "status": "complete",
        "subscription": "sub_00000001",
        "total_details": {"amount_tax": 99},
    },
}
"""One row of each other list; the shapes are those of Stripe's own examples."""
