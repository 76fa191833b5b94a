"""Shopify, standing in: queries of its GraphQL API answered field by field, their cost, bulk operations, the sign-in."""

from __future__ import annotations

import base64
import binascii
import functools
import hashlib
import json
import re
from bisect import bisect_right
from collections import deque
from datetime import UTC, datetime, timedelta
from typing import Any

from graphql import DocumentNode, FieldNode, InlineFragmentNode, OperationDefinitionNode, SelectionSetNode, parse
from graphql.utilities import value_from_ast_untyped
from servers.rest import Answer, Endpoint, Packed, Request, Row, Service, encode

TOKEN = "shpat_canary_0123456789"
CLIENT_SECRET = "shpss_canary_0123456789"
REFRESH = "shprt_refresh_canary_1"
VERSION = "2026-10"
PATH = f"/admin/api/{VERSION}/graphql.json"
START = datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)
STEP = timedelta(hours=6)
SCOPES = frozenset({"read_orders", "read_all_orders", "read_customers", "read_products", "read_locations"})
NAMES = {"abandonedCheckouts": "abandoned_checkouts"}
SORTED = {"UPDATED_AT": "updatedAt", "CREATED_AT": "createdAt"}
KINDS = {"Order": "orders", "Product": "products", "AbandonedCheckout": "abandoned_checkouts"}
MOST_POINTS, BUCKET, RESTORED = 1000, 2000.0, 100.0
_TERM = re.compile(r"(?P<field>\w+):(?P<op>>=|<=|<|)'?(?P<value>[^' ]+)'?")
_PLANS = {"updated_at": "updatedAt", "created_at": "createdAt", "action": "action", "subject_type": "subjectType"}


class Shopify(Service):
    """The stand-in.

    `plan` says how the next bulk operations end: a status, or a status and an error's code. `busy` submissions are
    refused first. `points` are left of the bucket; None is a full one always.
    """

    def __init__(self, corpus: dict[str, list[Row]]) -> None:
        """Serve the corpus."""
        self.scopes = set(SCOPES)
        self.plan: deque[tuple[str, str | None]] = deque()
        self.busy = 0
        self.running = 1
        """Questions after a bulk operation that are answered with RUNNING."""
        self.points: float | None = None
        self.operations: dict[str, Row] = {}
        self.refresh = REFRESH
        self.served = VERSION
        endpoints = [
            Endpoint(PATH, method="POST", handler=_graphql),
            Endpoint("/bulk/{key}.jsonl", handler=_download),
            Endpoint("/admin/oauth/access_token", method="POST", handler=_grant),
        ]
        super().__init__(corpus, endpoints, token=TOKEN, header="X-Shopify-Access-Token", scheme="", error=failure)

    def refused(self, why: str, code: str = "undefinedField") -> Answer:
        """A query that no real service would take."""
        self.problems.append(why)
        return Answer(failure(200, code))


def failure(status: int, code: str) -> Row:
    """An error, with a text that shows too much: a list beside status 200, a text beside others."""
    text = "shows jenny@example.com"
    return {"errors": [{"message": text, "extensions": {"code": code}}] if status == 200 else text}


@functools.lru_cache(maxsize=500)
def parsed(query: str) -> DocumentNode:
    """The query as a tree."""
    return parse(query)


def _graphql(service: Service, request: Request) -> Answer:
    assert isinstance(service, Shopify)
    if not service.allowed(request):
        return service.failure(401, "unauthorized")
    [operation] = parsed(request.body["query"]).definitions
    assert isinstance(operation, OperationDefinitionNode)
    [field] = operation.selection_set.selections
    assert isinstance(field, FieldNode)
    variables = request.body.get("variables") or {}
    asked = cost(operation.selection_set, variables)
    if asked > MOST_POINTS:
        return service.refused(f"the query costs {asked}", "MAX_COST_EXCEEDED")
    points = BUCKET if service.points is None else service.points
    told = {"requestedQueryCost": asked, "actualQueryCost": asked, "throttleStatus": {
        "maximumAvailable": BUCKET, "currentlyAvailable": points, "restoreRate": RESTORED}}  # fmt: skip
    if asked > points:
        service.points = BUCKET  # whoever is told so waits
        told["actualQueryCost"] = None
        return Answer(failure(200, "THROTTLED") | {"extensions": {"cost": told}})
    if service.points is not None:
        service.points -= asked
        told["throttleStatus"]["currentlyAvailable"] = service.points
    name, given = field.name.value, arguments(field, variables)
    answer = _FIELDS.get(name, _listed)(service, request, field, given)
    answer.headers["X-Shopify-API-Version"] = service.served
    extensions = {"extensions": {"cost": told}}
    if isinstance(answer.body, Packed):
        answer.body.more |= extensions
    elif not isinstance(answer.body, dict) or "errors" not in answer.body:
        answer.body = {"data": {name: answer.body}, **extensions}
    return answer


def arguments(field: FieldNode, variables: Row) -> Row:
    """The values of a field's arguments."""
    return {
        argument.name.value: value_from_ast_untyped(argument.value, variables) for argument in field.arguments or ()
    }


def cost(chosen: SelectionSetNode, variables: Row) -> int:
    """Points, by the published rules: an object one, a list of pages two and its objects, a value nothing."""
    points = 0
    for field in chosen.selections:
        if isinstance(field, InlineFragmentNode):
            points += cost(field.selection_set, variables)
        elif isinstance(field, FieldNode) and field.selection_set and field.name.value != "pageInfo":
            size = arguments(field, variables).get("first")
            inside = cost(field.selection_set, variables)
            points += inside if field.name.value in {"nodes", "edges"} else 2 + size * inside if size else 1 + inside
        if isinstance(field, FieldNode) and field.name.value in {"nodes", "node"}:
            points += 1
    return points


def project(chosen: SelectionSetNode, value: Any, variables: Row) -> Any:
    """What of a value is asked for; a list whose pages are asked for is given in pages."""
    if isinstance(value, list):
        return [project(chosen, item, variables) for item in value]
    if value is None:
        return None
    found: Row = {}
    for field in chosen.selections:
        if isinstance(field, InlineFragmentNode):
            found |= project(field.selection_set, value, variables)
        elif isinstance(field, FieldNode):
            name = field.name.value
            inner = value[name]
            if field.selection_set and _is_paged(field.selection_set):
                inner = _inner_page(field, inner, variables)
            elif field.selection_set:
                inner = project(field.selection_set, inner, variables)
            found[field.alias.value if field.alias else name] = inner
    return found


def _is_paged(chosen: SelectionSetNode) -> bool:
    return any(isinstance(field, FieldNode) and field.name.value in {"nodes", "edges"} for field in chosen.selections)


def _inner_page(field: FieldNode, rows: list[Row], variables: Row) -> Row:
    given = arguments(field, variables)
    start = int(given.get("after") or 0)
    end = start + given["first"]
    assert field.selection_set
    [nodes] = [
        one for one in field.selection_set.selections if isinstance(one, FieldNode) and one.name.value == "nodes"
    ]
    assert nodes.selection_set
    return {
        "nodes": project(nodes.selection_set, rows[start:end], variables),
        "pageInfo": {"hasNextPage": end < len(rows), "endCursor": str(min(end, len(rows)))},
    }


def _listed(service: Shopify, request: Request, field: FieldNode, given: Row) -> Answer:
    """A page of a list."""
    root = field.name.value
    name = NAMES.get(root, root)
    if name not in service.corpus:
        return service.refused(f"no field {root}")
    if service.refusal(name, request):
        return Answer({**failure(200, "ACCESS_DENIED"), "data": {root: None}})
    order = SORTED.get(given.get("sortKey", ""), "id")
    with service._lock:
        rows = _found(service, name, given.get("query") or "", order)
        mark = hashlib.sha256(f"{root} {given.get('query')} {order}".encode()).hexdigest()[:12]
        start = 0
        if after := given.get("after"):
            try:
                same, *place = json.loads(base64.b64decode(after))
            except (binascii.Error, ValueError):
                same, place = "", []
            if same != mark:
                return service.refused("a cursor of another list", "INVALID_CURSOR")
            start = bisect_right(rows, tuple(place), key=lambda row: (row[order], row["id"]))
        end = start + given["first"]
        if given["first"] > 250:
            return service.refused("more than 250 objects")
        page = [_chosen(service, row, field, request.body) for row in rows[start:end]]
        last = [mark, rows[end - 1][order], rows[end - 1]["id"]] if end <= len(rows) and page else [mark]
    token = base64.b64encode(json.dumps(last).encode()).decode()
    more = {"data": {root: {"pageInfo": {"hasNextPage": end < len(rows), "endCursor": token if page else None}}}}
    return Answer(Packed(page, more, f"data.{root}.nodes", service))


def _chosen(service: Shopify, row: Row, field: FieldNode, body: Row) -> Row:
    key = ("chosen", id(row), body["query"])
    if key not in service._cache:
        assert field.selection_set
        nodes = next(
            one for one in field.selection_set.selections if isinstance(one, FieldNode) and one.name.value == "nodes"
        )
        assert nodes.selection_set
        service._cache[key] = project(nodes.selection_set, row, body.get("variables") or {})
    made: Row = service._cache[key]
    return made


def _found(service: Shopify, name: str, query: str, order: str) -> list[Row]:
    """The rows that a search finds, sorted."""
    key = (name, query, order)
    if key not in service._cache:
        rows = service.corpus[name]
        if name == "orders" and "read_all_orders" not in service.scopes:
            since = stamp_of(datetime.now(UTC) - timedelta(days=60))
            rows = [row for row in rows if row["createdAt"] >= since]
        for term in query.split(" AND ") if query else ():
            rows = [row for row in rows if _holds(service, name, row, term)]
        service._cache[key] = sorted(rows, key=lambda row: (row[order], row["id"]))
    found: list[Row] = service._cache[key]
    return found


def _holds(service: Shopify, name: str, row: Row, term: str) -> bool:
    found = _TERM.fullmatch(term)
    if found is None or (found["field"] not in _PLANS and term != "comments:false"):
        service.problems.append(f"no such filter: {term}")
        return False
    if term == "comments:false":
        return True
    value, limit = row[_PLANS[found["field"]]], found["value"]
    if name == "customers":
        value, limit = value[:10], limit[:10]  # "matching a whole day", says the schema
    tests = {"": value == limit, ">=": value >= limit, "<": value < limit, "<=": value <= limit}
    return tests[found["op"]]


def _node(service: Shopify, request: Request, field: FieldNode, given: Row) -> Answer:
    name = KINDS[given["id"].split("/")[3]]
    row = next((row for row in service.corpus[name] if row["id"] == given["id"]), None)
    assert field.selection_set
    return Answer(project(field.selection_set, row, request.body["variables"]))


def _installation(service: Shopify, request: Request, field: FieldNode, given: Row) -> Answer:
    assert field.selection_set
    scopes = {"accessScopes": [{"handle": scope} for scope in sorted(service.scopes)]}
    return Answer(project(field.selection_set, scopes, {}))


# Bulk operations.


def _submit(service: Shopify, request: Request, field: FieldNode, given: Row) -> Answer:
    errors: list[Row] = []
    key = f"gid://shopify/BulkOperation/{len(service.operations) + 1}"
    if service.busy:
        service.busy -= 1
        errors = [{"code": "OPERATION_IN_PROGRESS"}]
    elif problem := _bulk_problem(given["query"]):
        service.problems.append(problem)
        errors = [{"code": "INVALID"}]
    else:
        status, code = service.plan.popleft() if service.plan else ("COMPLETED", None)
        service.operations[key] = {"query": given["query"], "end": status, "code": code, "left": service.running}
    made = {"bulkOperation": None if errors else {"id": key}, "userErrors": errors}
    assert field.selection_set
    return Answer(project(field.selection_set, made, {}))


def _bulk_problem(query: str) -> str:
    """Why Shopify would not take it."""
    if query.count("edges") > 5:
        return "more than five connections"
    if "first:" in query or "pageInfo" in query:
        return "a bulk operation is not paged"
    return "a connection in a list" if re.search(r"(refunds|transactions|options) \{[^}]*edges", query) else ""


def _operation(service: Shopify, request: Request, field: FieldNode, given: Row) -> Answer:
    known = service.operations.get(given["id"])
    if known is None:
        return Answer(None)
    status, code = "RUNNING", None
    if known["left"]:
        known["left"] -= 1
    else:
        status, code = known["end"], known["code"]
    root, rows = _bulk_rows(service, known)
    if NAMES.get(root, root) in service.forbidden:
        status, code = "FAILED", "ACCESS_DENIED"
    url = f"{service.url}/bulk/{given['id'].rpartition('/')[2]}.jsonl" if status == "COMPLETED" and rows else None
    made = {"status": status, "errorCode": code, "url": url, "rootObjectCount": str(len(rows))}
    assert field.selection_set
    return Answer(project(field.selection_set, made, {}))


def _bulk_rows(service: Shopify, known: Row) -> tuple[str, list[Row]]:
    field = _bulk_field(known)
    return field.name.value, _found(
        service, NAMES.get(field.name.value, field.name.value), arguments(field, {})["query"], "id"
    )


def _bulk_field(known: Row) -> FieldNode:
    [operation] = parsed(known["query"]).definitions
    assert isinstance(operation, OperationDefinitionNode)
    [field] = operation.selection_set.selections
    assert isinstance(field, FieldNode)
    return field


def _download(service: Service, request: Request) -> Answer:
    assert isinstance(service, Shopify)
    if "x-shopify-access-token" in request.headers:
        service.problems.append("the token was sent to the storage of files")
    known = service.operations[f"gid://shopify/BulkOperation/{request.ids['key']}"]
    if "file" not in known:
        known["file"] = b"".join(bulk_lines(_bulk_field(known), _bulk_rows(service, known)[1]))
    return Answer(known["file"])


def bulk_lines(field: FieldNode, rows: list[Row]) -> list[bytes]:
    """The result as lines: objects, and behind them, but not next to them, those of their inner list."""
    node = _below(field)
    inner = [one for one in node.selections if isinstance(one, FieldNode) and one.selection_set and _is_paged(one.selection_set)]  # fmt: skip
    own = SelectionSetNode(selections=tuple(one for one in node.selections if one not in inner))
    lines: list[bytes] = []
    waiting: deque[list[bytes]] = deque()
    for row in rows:
        lines.append(encode(project(own, row, {})) + b"\n")
        waiting.append(
            [
                encode({**project(_below(one), child, {}), "__parentId": row["id"]}) + b"\n"
                for one in inner
                for child in row[one.name.value]
            ]
        )
        if len(waiting) > 3:
            lines += waiting.popleft()
    return lines + [line for some in waiting for line in some]


def _below(field: FieldNode) -> SelectionSetNode:
    """What is selected of `edges { node { ... } }`."""
    found: Any = field
    for name in ("edges", "node"):
        found = next(one for one in found.selection_set.selections if one.name.value == name)
    chosen: SelectionSetNode = found.selection_set
    return chosen


_FIELDS: dict[str, Any] = {
    "node": _node,
    "currentAppInstallation": _installation,
    "bulkOperationRunQuery": _submit,
    "bulkOperation": _operation,
}


def _grant(service: Service, request: Request) -> Answer:
    """A token for an app; a refresh token is good once."""
    assert isinstance(service, Shopify)
    form = request.params
    if form.get("client_secret") != CLIENT_SECRET:
        return Answer({"error": "invalid_client"}, 400)
    if form["grant_type"] == "client_credentials":
        return Answer({"access_token": service.token, "scope": "read_orders", "expires_in": 86399})
    if form["grant_type"] != "refresh_token" or form.get("refresh_token") != service.refresh:
        return Answer({"error": "invalid_grant"}, 400)
    head, _, number = service.refresh.rpartition("_")
    service.refresh = f"{head}_{int(number) + 1}"
    return Answer({"access_token": service.token, "expires_in": 3600, "refresh_token": service.refresh})


# What is in the store.


def stamp_of(when: datetime) -> str:
    """The moment as Shopify writes it."""
    return when.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def stamp(number: int, step: timedelta = STEP, **more: float) -> str:
    """When the row of that number was made."""
    return stamp_of(START + number * step + timedelta(**more))


def gid(kind: str, number: int) -> str:
    """A global id."""
    return f"gid://shopify/{kind}/{1000 + number}"


def ids(kind: str, number: int) -> Row:
    """Both ids."""
    return {"id": gid(kind, number), "legacyResourceId": str(1000 + number)}


def amount(text: str, currency: str = "USD") -> Row:
    """An amount, in the currency's major unit."""
    return {"amount": text, "currencyCode": currency}


def money(text: str, currency: str = "USD") -> Row:
    """The same for an order."""
    return {"shopMoney": amount(text, currency)}


ADDRESS = {"firstName": "Ann", "lastName": "Rosen", "company": "Acme", "address1": "1 Main St", "address2": "Apt 2",
           "city": "Chicago", "provinceCode": "IL", "zip": "60601", "countryCodeV2": "US", "countryCode": "US",
           "phone": "+13125550100"}  # fmt: skip


def line(kind: str, number: int, place: int) -> Row:
    """A line of an order, or of a basket that was left."""
    return {
        "id": f"gid://shopify/{kind}/{(1000 + number) * 100 + place}", "name": f"Tea {place} - Large",
        "title": f"Tea {place}", "variantTitle": "Large", "sku": f"T{place}", "vendor": "Leaf", "quantity": place + 1,
        "currentQuantity": place + 1, "isGiftCard": False, "requiresShipping": True,
        "originalUnitPriceSet": money("5.00"), "discountedTotalSet": money("4.50"),
        "discountedTotalPriceSet": money("4.50"), "product": ids("Product", place), "variant": ids("ProductVariant", place),
    }  # fmt: skip


def order(number: int, step: timedelta = STEP, **changes: Any) -> Row:
    """An order; every third is a guest's, and some have more lines than come with a page."""
    total = f"{10 + number % 90}.50"
    who: Row = {"customer": ids("Customer", number % 50)} if number % 3 else {"customer": None}
    lines = [line("LineItem", number, place) for place in range(1 + number % 3 if number % 40 else 7)]
    paid = {"id": gid("OrderTransaction", number), "kind": "SALE", "status": "SUCCESS", "gateway": "shopify_payments",
            "test": False, "createdAt": stamp(number, step), "processedAt": stamp(number, step),
            "amountSet": money(total)}  # fmt: skip
    return {
        **ids("Order", number), "name": f"#{1000 + number}", "email": f"guest{number}@example.com",
        "phone": f"+1312555{number % 10000:04}", "note": "Thanks", "poNumber": "PO1", "confirmationNumber": "XYZ",
        "currencyCode": "USD", "presentmentCurrencyCode": "CAD", "displayFinancialStatus": "PAID",
        "displayFulfillmentStatus": "FULFILLED", "returnStatus": "NO_RETURN",
        "cancelReason": "CUSTOMER" if number % 50 == 49 else None, "sourceName": "web", "sourceIdentifier": "s1",
        "customerLocale": "en", "test": False, "confirmed": True, "closed": True, "edited": False,
        "taxesIncluded": False, "customerAcceptsMarketing": True, "number": 1000 + number,
        "subtotalLineItemsQuantity": 2, "currentSubtotalLineItemsQuantity": 2, "createdAt": stamp(number, step),
        "updatedAt": stamp(number, step, seconds=30), "processedAt": stamp(number, step),
        "cancelledAt": stamp(number, step, seconds=20) if number % 50 == 49 else None,
        "closedAt": stamp(number, step, seconds=25), "tags": ["vip"], "discountCodes": ["TEN"],
        "paymentGatewayNames": ["shopify_payments"], "customAttributes": [{"key": "gift", "value": "yes"}],
        "lineItems": lines, "refunds": [], "transactions": [paid], **who, "retailLocation": ids("Location", 0),
        "billingAddress": ADDRESS, "shippingAddress": ADDRESS,
        "customerJourneySummary": {"lastVisit": {"landingPage": "https://example.com/", "utmParameters": {
            "source": "google", "medium": "cpc", "campaign": "spring", "term": None, "content": None}}},
        "totalPriceSet": money(total), "currentTotalPriceSet": money(total), "subtotalPriceSet": money("9.00"),
        "totalTaxSet": money("1.00"), "totalDiscountsSet": money("0.50"), "totalShippingPriceSet": money("0.50"),
        "totalTipReceivedSet": money("0.00"), "totalReceivedSet": money(total), "totalRefundedSet": money("0.00"),
        **changes,
    }  # fmt: skip


def refund(row: Row, text: str, when: str) -> Row:
    """What changes in an order when some of it is given back."""
    given = {**ids("Refund", row["number"]), "createdAt": when, "processedAt": when, "updatedAt": when, "note": "Broken",
             "totalRefundedSet": money(text)}  # fmt: skip
    return {"refunds": [*row["refunds"], given], "totalRefundedSet": money(text), "updatedAt": when,
            "displayFinancialStatus": "PARTIALLY_REFUNDED"}  # fmt: skip


def customer(number: int, **changes: Any) -> Row:
    """A customer, changed at another time than made."""
    return {
        **ids("Customer", number), "displayName": f"Person{number} Rosen", "firstName": f"Person{number}",
        "lastName": "Rosen", "locale": "en", "note": "Regular", "state": "ENABLED", "numberOfOrders": "3",
        "verifiedEmail": True, "taxExempt": False, "dataSaleOptOut": False, "createdAt": stamp(number),
        "updatedAt": stamp((number * 7) % 350), "tags": ["vip"], "amountSpent": amount("31.50"),
        "defaultEmailAddress": {"emailAddress": f"person{number}@example.com", "marketingState": "SUBSCRIBED"},
        "defaultPhoneNumber": {"phoneNumber": f"+1312666{number % 10000:04}"},
        "defaultAddress": ADDRESS, **changes,
    }  # fmt: skip


def product(number: int) -> Row:
    """A product with some variants."""
    variants = [
        {**ids("ProductVariant", number * 10 + place), "title": "Large", "sku": f"T{place}", "barcode": "123",
         "price": "5.00", "compareAtPrice": "6.00", "position": place + 1, "inventoryQuantity": 3, "taxable": True,
         "createdAt": stamp(number), "updatedAt": stamp(number), "selectedOptions": [{"name": "Size", "value": "L"}]}
        for place in range(1 + number % 8)
    ]  # fmt: skip
    return {
        **ids("Product", number), "title": f"Tea {number}", "handle": f"tea-{number}", "productType": "Tea",
        "vendor": "Leaf", "status": "ACTIVE", "isGiftCard": False, "tracksInventory": True,
        "hasOutOfStockVariants": False, "totalInventory": 9, "createdAt": stamp(number), "updatedAt": stamp(number),
        "publishedAt": stamp(number), "tags": ["green"], "variants": variants,
        "options": [{"id": gid("ProductOption", number), "name": "Size", "position": 1, "values": ["L"]}],
        "priceRangeV2": {"minVariantPrice": amount("5.0"), "maxVariantPrice": amount("5.0")},
        "category": {"id": "gid://shopify/TaxonomyCategory/fb-1", "fullName": "Food"},
    }  # fmt: skip


def location(number: int) -> Row:
    """A place."""
    return {
        **ids("Location", number), "name": f"Shop {number}", "deactivatedAt": stamp(number) if number else None,
        "isActive": number == 0, "fulfillsOnlineOrders": True, "shipsInventory": True, "hasActiveInventory": True,
        "isFulfillmentService": False, "createdAt": stamp(number), "updatedAt": stamp(number), "address": ADDRESS,
    }  # fmt: skip


def checkout(number: int) -> Row:
    """A basket that was left."""
    return {
        "id": gid("AbandonedCheckout", number), "name": f"#C{number}", "note": "", "taxesIncluded": False,
        "createdAt": stamp(number), "updatedAt": stamp(number, minutes=9), "completedAt": stamp(number, hours=2),
        "discountCodes": [], "customAttributes": [], "lineItems": [line("AbandonedCheckoutLineItem", number, 0)],
        "customer": ids("Customer", number), "billingAddress": ADDRESS, "shippingAddress": ADDRESS,
        "totalPriceSet": money("5.00"), "subtotalPriceSet": money("5.00"), "totalTaxSet": money("0.0"),
        "totalDiscountSet": money("0.0"), "totalLineItemsPriceSet": money("5.00"),
    }  # fmt: skip


def destroy(store: Shopify, name: str, number: int) -> None:
    """Take an object away now."""
    row = store.corpus[name].pop(number)
    now = stamp_of(datetime.now(UTC))
    store.corpus["events"].append({
        "id": gid("BasicEvent", len(store.corpus["events"])), "action": "destroy", "subjectId": row["id"],
        "subjectType": row["id"].split("/")[3].upper(), "createdAt": now,
    })  # fmt: skip
    store.touch()


def make(rows: int = 350) -> dict[str, list[Row]]:
    """A store with so many customers and some of everything else."""
    return {
        "orders": [order(number) for number in range(100)], "customers": [customer(number) for number in range(rows)],
        "products": [product(number) for number in range(30)], "locations": [location(number) for number in range(2)],
        "abandoned_checkouts": [checkout(number) for number in range(40)], "events": [],
    }  # fmt: skip


def service(rows: int = 350, corpus: dict[str, list[Row]] | None = None) -> Shopify:
    """The store."""
    return Shopify(corpus or make(rows))


def large(rows: int) -> Shopify:
    """A store with so many orders, one every five minutes."""
    step = timedelta(minutes=5)
    return Shopify(make(1) | {"orders": [order(number, step) for number in range(rows)]})
