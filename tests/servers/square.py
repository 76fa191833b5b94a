"""Square, standing in: its lists and searches with their filters, limits and cursors that expire."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from bisect import bisect_right
from datetime import UTC, datetime, timedelta
from typing import Any

from servers.rest import Answer, Endpoint, Filter, Packed, Paging, Params, Request, Row, Service

TOKEN = "EAAA_canary_0123456789"
CLIENT_SECRET = "sq0csp-canary-0123456789"
REFRESH = "EQAA_refresh_canary"
VERSION = "2026-09-16"
START = datetime(2023, 11, 14, 22, 13, 20, 123_000, UTC)
STEP = timedelta(hours=6)
CHANGED = "query.filter.date_time_filter.updated_at"
MADE = "query.filter.date_time_filter.created_at"
SORT = ("sort_field", "sort_order")
LIMITS = {"payments": 100, "refunds": 100, "orders": 1000, "customers": 100, "loyalty_accounts": 200, "loyalty_events": 30, "catalog": 1000}  # fmt: skip


def stamp(number: int, step: timedelta = STEP, **more: float) -> str:
    """RFC 3339, as Square writes it: milliseconds, UTC."""
    return at(START + number * step + timedelta(**more))


def at(when: datetime) -> str:
    """The moment as Square writes it."""
    return when.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Square(Service):
    """The stand-in; `expire` ends every cursor there is, as Square does after five minutes."""

    def __init__(self, corpus: dict[str, list[Row]]) -> None:
        """Serve the corpus."""
        self.era = 0
        super().__init__(
            corpus, self._endpoints(), token=TOKEN, required_headers={"Square-Version": VERSION}, error=failure
        )

    def expire(self) -> None:
        """End all cursors."""
        self.era += 1

    def answer(self, request: Request) -> Answer:
        """As every service; what Square limits in a request is checked first."""
        params = request.params
        problem = ""
        if len(params.get("location_ids", [])) > 10:
            problem = "more than 10 locations"
        if request.path == "/v2/orders/search" and params.get("query.sort.sort_field") != "UPDATED_AT":
            problem = "orders are sorted by another field than they are filtered by"
        if request.path in {"/v2/payments", "/v2/refunds"} and "begin_time" not in params:
            problem = "rows older than a year are left out"
        if problem:
            self.problems.append(problem)
            return self.failure(400, "BAD_REQUEST")
        answer = super().answer(request)
        if isinstance(answer.body, Packed) and not answer.body.rows:
            answer.body = answer.body.more  # Square leaves out a list that is empty
        return answer

    def _paging(self, order: str, most: int) -> Paging:
        """After the row that the cursor names: rows that go away or come meanwhile move no other."""

        def page(rows: list[Row], params: Params) -> tuple[list[Row], Row, dict[str, str]]:
            asked = {name: value for name, value in params.items() if name != "cursor"}
            query = hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:12]
            start = 0
            if cursor := params.get("cursor"):
                try:
                    era, same, value, key = json.loads(base64.b64decode(cursor))
                except (binascii.Error, ValueError):
                    raise LookupError from None
                if (era, same) != (self.era, query):
                    raise LookupError
                start = bisect_right(rows, (value, key), key=lambda row: (row[order], row["id"]))
            limit = int(params.get("limit", most))
            if limit > most:
                self.problems.append(f"limit {limit} is more than {most}")
                raise LookupError
            end = start + limit
            if end >= len(rows):
                return rows[start:end], {}, {}
            last = rows[end - 1]
            token = base64.b64encode(json.dumps([self.era, query, last[order], last["id"]]).encode()).decode()
            return rows[start:end], {"cursor": token}, {}

        return page

    def _endpoints(self) -> list[Endpoint]:
        between = {
            "updated_at_begin_time": Filter("updated_at", "ge"),
            "updated_at_end_time": Filter("updated_at", "le"),
        }
        begun = {"begin_time": Filter("created_at", "ge")}
        here = {"location_id": Filter("location_id")}

        def search(path: str, corpus: str, order: str, span: str, field: str, **more: Any) -> Endpoint:
            filters = {f"{span}.start_at": Filter(field, "ge"), f"{span}.end_at": Filter(field, "le")} if span else {}
            filters |= more.pop("filters", {})
            return Endpoint(f"/v2/{path}", corpus, "POST", filters, order, self._paging(order, LIMITS[corpus]), **more)

        return [
            Endpoint("/v2/locations", "locations", records="locations"),
            Endpoint("/v2/payments", "payments", "GET", between | begun | here, "updated_at",
                     self._paging("updated_at", 100), "payments", params=SORT, required=("location_id",)),
            Endpoint("/v2/refunds", "refunds", "GET", between | begun | here, "updated_at",
                     self._paging("updated_at", 100), "refunds", params=SORT),
            search("orders/search", "orders", "updated_at", CHANGED, "updated_at", records="orders",
                   filters={"location_ids": Filter("location_id", "in")}, required=("location_ids",),
                   params=tuple(f"query.sort.{name}" for name in SORT)),
            search("customers/search", "customers", "created_at", "query.filter.updated_at", "updated_at",
                   records="customers", params=("query.sort.field", "query.sort.order")),
            search("loyalty/accounts/search", "loyalty_accounts", "created_at", "", "", records="loyalty_accounts"),
            search("loyalty/events/search", "loyalty_events", "created_at", MADE, "created_at", records="events"),
            search("catalog/search", "catalog", "updated_at", "", "", records="objects",
                   filters={"begin_time": Filter("updated_at", "gt"), "object_types": Filter("type", "in")},
                   params=("include_deleted_objects",), extra={"latest_time": at(START)}),
            Endpoint("/oauth2/token", method="POST", handler=grant),
        ]  # fmt: skip


def grant(service: Service, request: Request) -> Answer:
    """A new access token for a refresh token; a personal one has no refresh token."""
    form = request.body
    if form.get("client_secret") != CLIENT_SECRET or form.get("refresh_token") != REFRESH:
        return service.failure(401, "UNAUTHORIZED")
    return Answer(
        {
            "access_token": service.token,
            "token_type": "bearer",
            "expires_at": at(datetime.now(UTC) + timedelta(days=30)),
            "merchant_id": "M1",
            "refresh_token": REFRESH,
        }
    )


def failure(status: int, code: str) -> Row:
    """An error, with a text that shows too much."""
    code = "INVALID_CURSOR" if code == "no_such_place" else code
    return {"errors": [{"category": "API_ERROR", "code": code, "detail": "shows jenny@example.com"}]}


def service(rows: int = 350, corpus: dict[str, list[Row]] | None = None) -> Square:
    """A seller with so many customers and three locations."""
    return Square(corpus or make(rows))


def large(rows: int) -> Square:
    """A seller with so many payments at one location, one every five minutes."""
    step = timedelta(minutes=5)
    return Square(make(1, 1) | {"payments": [payment(number, 1, step) for number in range(rows)]})


def make(rows: int, places: int = 3) -> dict[str, list[Row]]:
    """A corpus; every declared field has a value in some row."""
    some = max(rows // 7, 1)
    return {
        "locations": [location(number) for number in range(places)],
        "payments": [payment(number, places) for number in range(some)],
        "refunds": [refund(number, places) for number in range(some)],
        "orders": [order(number, places) for number in range(some)],
        "customers": [customer(number) for number in range(rows)],
        "loyalty_accounts": [loyalty_account(number) for number in range(some)],
        "loyalty_events": [loyalty_event(number, places) for number in range(some)],
        "catalog": [thing(number) for number in range(20)],
    }


def money(amount: int, currency: str = "USD") -> Row:
    """An amount in the currency's smallest unit."""
    return {"amount": amount, "currency": currency}


ADDRESS = {
    "address_line_1": "1 Elm St",
    "locality": "Chicago",
    "administrative_district_level_1": "IL",
    "postal_code": "60601",
    "country": "US",
}


def location(number: int) -> Row:
    """A location; one in three is closed for good."""
    return {
        "id": f"L{number:04}", "name": f"Shop {number}", "address": ADDRESS, "timezone": "America/Chicago",
        "capabilities": ["CREDIT_CARD_PROCESSING"], "status": "INACTIVE" if number % 3 == 2 else "ACTIVE",
        "created_at": at(START), "merchant_id": "M1", "country": "US", "language_code": "en-US", "currency": "USD",
        "phone_number": "+1 312-555-0100", "business_name": "Beans", "type": "PHYSICAL", "website_url": "example.com",
        "business_hours": {"periods": []}, "business_email": "shop@example.com", "description": "Coffee",
        "coordinates": {"latitude": 41.9, "longitude": -87.6}, "mcc": "5814",
    }  # fmt: skip


def payment(number: int, places: int = 1, step: timedelta = STEP, **changes: Any) -> Row:
    """A payment; of three, one is a walk-in's in cash, one a guest's by card, one a customer's."""
    who: Row = {
        0: {"source_type": "CASH", "cash_details": {"buyer_supplied_money": money(2000)}},
        1: {"source_type": "CARD", "buyer_email_address": f"guest{number}@example.com"},
        2: {"source_type": "CARD", "customer_id": f"C{number:08}"},
    }[number % 3]
    if who["source_type"] == "CARD":
        who["card_details"] = {"card": {"card_brand": "VISA", "fingerprint": f"sq-1-{number:08}"}}
    return {
        "id": f"P{number:08}", "created_at": stamp(number, step), "updated_at": stamp(number, step, seconds=3),
        "amount_money": money(1000 + number), "tip_money": money(100), "total_money": money(1100 + number),
        "approved_money": money(1100 + number), "app_fee_money": money(10), "refunded_money": money(0),
        "processing_fee": [{"amount_money": money(30), "type": "INITIAL"}], "status": "COMPLETED",
        "delay_action": "CANCEL", "delayed_until": stamp(number, step, days=7), "location_id": f"L{number % places:04}",
        "order_id": f"O{number:08}", "reference_id": "till", "note": "Thanks", "receipt_number": f"r{number}",
        "receipt_url": "https://example.com/r", "team_member_id": "T1", "version_token": "v1", "refund_ids": [],
        "application_details": {"square_product": "SQUARE_POS"}, "device_details": {"device_id": "d"},
        "billing_address": ADDRESS, "shipping_address": ADDRESS, "risk_evaluation": {"risk_level": "NORMAL"},
        "external_details": {"type": "CHECK"}, **who, **changes,
    }  # fmt: skip


def refund(number: int, places: int = 1, **changes: Any) -> Row:
    """A refund."""
    return {
        "id": f"R{number:08}", "status": "COMPLETED", "location_id": f"L{number % places:04}", "unlinked": False,
        "destination_type": "CARD", "destination_details": {"cash_details": {}}, "amount_money": money(100),
        "app_fee_money": money(1), "processing_fee": [], "payment_id": f"P{number:08}", "order_id": f"OR{number:08}",
        "reason": "Spilled", "created_at": stamp(number, hours=1), "updated_at": stamp(number, hours=2),
        "team_member_id": "T1", **changes,
    }  # fmt: skip


def order(number: int, places: int = 1, **changes: Any) -> Row:
    """An order."""
    total = money(1100 + number)
    return {
        "id": f"O{number:08}", "location_id": f"L{number % places:04}", "customer_id": f"C{number:08}",
        "reference_id": "till", "ticket_name": "Ann", "state": "COMPLETED", "version": 4, "total_money": total,
        "line_items": [{"uid": "u1", "name": "Coffee", "quantity": "1", "total_money": total}],
        "tenders": [{"id": f"P{number:08}", "type": "CARD"}], "taxes": [], "discounts": [], "service_charges": [],
        "fulfillments": [], "returns": [], "refunds": [], "rewards": [], "metadata": {"table": "4"},
        "net_amounts": {"total_money": total}, "return_amounts": {"total_money": money(0)},
        "pricing_options": {"auto_apply_taxes": True}, "source": {"name": "Point of Sale"},
        "total_discount_money": money(0), "total_service_charge_money": money(0), "total_tax_money": money(90),
        "total_tip_money": money(100), "created_at": stamp(number), "updated_at": stamp(number, seconds=5),
        "closed_at": stamp(number, seconds=4), **changes,
    }  # fmt: skip


def customer(number: int, **changes: Any) -> Row:
    """A customer; every fifth is an instant profile, which has neither name nor address for e-mail."""
    told: Row = {
        "given_name": f"Person{number}", "family_name": "Rosen", "email_address": f"person{number}@example.com",
        "phone_number": f"+1312555{number % 10000:04}", "birthday": "0000-05-17" if number % 2 else "1990-05-17",
        "nickname": "Jo", "company_name": "Acme", "note": "Regular", "reference_id": f"crm-{number}",
        "address": ADDRESS, "tax_ids": {"eu_vat": "IE3426675K"},
    }  # fmt: skip
    return {
        "id": f"C{number:08}", "created_at": stamp(number), "updated_at": stamp((number * 7) % 350),
        "preferences": {"email_unsubscribed": False}, "group_ids": ["g"], "segment_ids": ["s"], "version": number,
        "creation_source": "INSTANT_PROFILE" if number % 5 == 0 else "DIRECTORY",
        **(told if number % 5 else {}), **changes,
    }  # fmt: skip


def loyalty_account(number: int) -> Row:
    """A member."""
    return {
        "id": f"LA{number:08}", "program_id": "LP1", "balance": 10, "lifetime_points": 20,
        "customer_id": f"C{number:08}", "enrolled_at": stamp(number), "created_at": stamp(number),
        "updated_at": stamp(number), "mapping": {"id": f"m{number}", "phone_number": f"+1312555{number:04}"},
        "expiring_point_deadlines": [{"points": 5, "expires_at": stamp(number, days=90)}],
    }  # fmt: skip


def loyalty_event(number: int, places: int) -> Row:
    """What happened to a member's points; each kind has a field of its own."""
    kinds = "accumulate_points accumulate_promotion_points adjust_points create_reward delete_reward expire_points "
    kind = (kinds + "other_event redeem_reward").split()[number % 8]
    return {
        "id": f"LE{number:08}", "type": kind.upper(), "created_at": stamp(number), kind: {"points": 5},
        "loyalty_account_id": f"LA{number:08}", "location_id": f"L{number % places:04}", "source": "SQUARE",
    }  # fmt: skip


def thing(number: int) -> Row:
    """An object of the catalog; every tenth is deleted."""
    kind = ["ITEM", "ITEM_VARIATION", "MODIFIER", "MODIFIER_LIST", "CATEGORY", "DISCOUNT", "TAX"][number % 7]
    return {
        "type": kind, "id": f"K{number:08}", "updated_at": stamp(number), "created_at": stamp(number),
        "version": 1_700_000_000_000 + number, "is_deleted": number % 10 == 9, "present_at_all_locations": False,
        "present_at_location_ids": ["L0000"], "absent_at_location_ids": ["L0001"],
        f"{kind.lower()}_data": {"name": f"Thing {number}"},
    }  # fmt: skip
