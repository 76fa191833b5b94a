"""Shopify, standing in: queries of its GraphQL API answered field by field, their cost, bulk operations, the sign-in."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from bisect import bisect_right
from collections import deque
from datetime import UTC, datetime, timedelta
from typing import Any

from graphql import FieldNode, OperationDefinitionNode, SelectionSetNode
from servers.rest import Answer, Endpoint, Packed, Request, Row, Service, encode
from servers.shopify_graph import arguments, cost, is_paged, parsed, project
from servers.shopify_rows import make, order, stamp_of

TOKEN = "shpat_canary_0123456789"


CLIENT_SECRET = "shpss_canary_0123456789"


REFRESH = "shprt_refresh_canary_1"


VERSION = "2026-10"


PATH = f"/admin/api/{VERSION}/graphql.json"


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
    assert field.selection_set
    return Answer(project(field.selection_set, _of_id(service, given["id"]), request.body["variables"]))


def _nodes(service: Shopify, request: Request, field: FieldNode, given: Row) -> Answer:
    assert field.selection_set
    rows = [_of_id(service, key) for key in given["ids"]]
    return Answer(project(field.selection_set, rows, request.body["variables"]))


def _of_id(service: Shopify, key: str) -> Row | None:
    kind = key.split("/")[3]
    if kind == "Refund":
        rows = [refund for order in service.corpus["orders"] for refund in order["refunds"]]
    else:
        rows = service.corpus[KINDS[kind]]
    return next((row for row in rows if row["id"] == key), None)


def _installation(service: Shopify, request: Request, field: FieldNode, given: Row) -> Answer:
    assert field.selection_set
    scopes = {"accessScopes": [{"handle": scope} for scope in sorted(service.scopes)]}
    return Answer(project(field.selection_set, scopes, {}))


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
    inner = [one for one in node.selections if isinstance(one, FieldNode) and one.selection_set and is_paged(one.selection_set)]  # fmt: skip
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
    "nodes": _nodes,
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


def service(rows: int = 350, corpus: dict[str, list[Row]] | None = None) -> Shopify:
    """The store."""
    return Shopify(corpus or make(rows))


def large(rows: int) -> Shopify:
    """A store with so many orders, one every five minutes."""
    step = timedelta(minutes=5)
    return Shopify(make(1) | {"orders": [order(number, step) for number in range(rows)]})
