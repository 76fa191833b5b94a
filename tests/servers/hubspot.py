"""HubSpot, standing in: searches with their limits, archived lists, batch reads, associations, properties, owners."""

from __future__ import annotations

from bisect import bisect_right
from datetime import UTC, datetime, timedelta
from typing import Any

from servers.rest import Answer, Endpoint, Packed, Request, Row, Service, by_token, nested

TOKEN = "pat-na1-canary-0123456789"
CLIENT_SECRET = "client-secret-canary-42"
REFRESH = "refresh-canary-7"
VERSION = "2026-03"
START = datetime(2024, 1, 1, tzinfo=UTC)
MOST_RESULTS = 10_000
SEARCH_PAGE = 200
BATCH = 100
WITH_HISTORY = 50
OBJECTS = ["contacts", "companies", "deals", "tickets", "line_items", "products"]
ENGAGEMENTS = ["calls", "emails", "meetings", "notes", "tasks"]
KINDS = OBJECTS + ENGAGEMENTS
LINKS = {
    "contacts": ["companies"],
    "deals": ["contacts", "companies", "line_items"],
    "tickets": ["contacts", "companies", "deals"],
    "line_items": ["deals"],
    **{kind: ["contacts", "companies", "deals", "tickets"] for kind in ENGAGEMENTS},
}
TYPES = {
    "amount": "number", "hs_closed_amount": "number", "price": "number", "quantity": "number", "closedate": "datetime",
    "createdate": "datetime", "hs_createdate": "datetime", "hs_lastmodifieddate": "datetime",
    "lastmodifieddate": "datetime", "hs_is_closed_won": "bool", "birthday": "date", "hs_timestamp": "datetime",
    "favourite_number": "number", "hs_object_id": "number",
}  # fmt: skip


def modified(kind: str) -> str:
    """The property that says when an object was last changed."""
    return "lastmodifieddate" if kind == "contacts" else "hs_lastmodifieddate"


def iso(moment: datetime) -> str:
    """As HubSpot writes times."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03}Z"


def large(rows: int) -> Service:
    """An account with so many contacts, one every ten minutes."""
    return service(rows, step=timedelta(minutes=10), others=1)


def service(
    rows: int = 250, *, version: str = VERSION, step: timedelta = timedelta(hours=9), others: int = 12
) -> Service:
    """An account with so many contacts and some objects of every other kind."""

    def path(area: str, rest: str) -> str:
        old = {"associations": "v4"}.get(area, "v3")
        return f"/crm/{old}/{area}/{rest}" if version == "v3" else f"/crm/{area}/{version}/{rest}"

    corpus: dict[str, list[Row]] = {kind: [_object(kind, n, step) for n in range(rows if kind == "contacts" else others)]
                                    for kind in KINDS}  # fmt: skip
    for kind in KINDS:
        corpus[f"{kind} properties"] = _described(corpus[kind])
        corpus[f"{kind} archived"] = []
    corpus["owners"] = [_owner(number) for number in range(5)]
    corpus["owners archived"] = [_owner(9) | {"archived": True}]
    corpus |= {"deal_pipelines": [_pipeline("deal")], "ticket_pipelines": [_pipeline("ticket")], "associations": []}
    listed = {"order": "id", "records": "results", "paging": by_token("after", "paging.next.after"), "key": "id"}
    endpoints = [
        Endpoint(path("owners", "").rstrip("/"), handler=_owners),
        Endpoint(path("pipelines", "deals"), "deal_pipelines", records="results"),
        Endpoint(path("pipelines", "tickets"), "ticket_pipelines", records="results"),
        Endpoint(path("associations", "{of}/{to}/batch/read"), method="POST", handler=_associations),
        Endpoint("/oauth/v1/token", method="POST", handler=_sign_in),
    ]
    for kind in KINDS:
        endpoints += [
            Endpoint(path("properties", kind), f"{kind} properties", records="results"),
            Endpoint(path("objects", f"{kind}/search"), kind, method="POST", handler=_search(kind)),
            Endpoint(path("objects", f"{kind}/batch/read"), kind, method="POST", handler=_batch(kind)),
            Endpoint(path("objects", kind), f"{kind} archived", params=("archived",), **listed),
        ]
    return Service(
        corpus,
        endpoints,
        token=TOKEN,
        error=lambda status, code: {
            "status": "error",
            "message": "shows jenny@example.com",
            "correlationId": "aeb5f871-7f07-4993-9211-075dc63e7cbf",
            "category": code.upper(),
        },
    )


# What HubSpot does with a request.


def _search(kind: str) -> Any:
    def search(service: Service, request: Request) -> Answer:
        if refused := service.refusal(kind, request):
            return refused
        body = request.body
        problems = [name for name in ("filterGroups", "sorts", "properties", "limit", "after") if name not in body]
        filters = body["filterGroups"][0]["filters"]
        if problems or len(body["filterGroups"]) != 1 or len(filters) > 6 or not 1 <= body["limit"] <= SEARCH_PAGE:
            return _refused(service, request, f"search {problems}")
        if any(not isinstance(rule["value"], str) for rule in filters):
            return _refused(service, request, "values of filters are texts")
        rows = _found(service, kind, filters, body["sorts"])
        after = int(body["after"])
        if after + body["limit"] > MOST_RESULTS:
            return _refused(service, request, "no more than 10,000 results")
        page = rows[after : after + body["limit"]]
        end = after + len(page)
        more = nested("paging.next.after", str(end)) if end < len(rows) else {}
        chosen = [_chosen(service, row, body["properties"]) for row in page]
        return Answer(Packed(chosen, {"total": len(rows), **more}, "results", service))

    return search


def _found(service: Service, kind: str, filters: list[Row], sorts: list[str]) -> list[Row]:
    """Objects that pass the filters. The last one, on the id, is a cut through what the others leave."""
    *span, above = filters
    assert sorts == ["hs_object_id"] == [above["propertyName"]]
    assert above["operator"] == "GT"
    key = (kind, repr(span))
    if key not in service._cache:
        rows = sorted(service.corpus[kind], key=lambda row: int(row["id"]))
        for rule in span:
            name, limit = rule["propertyName"], int(rule["value"])
            test = {"GTE": limit.__le__, "LTE": limit.__ge__, "GT": limit.__lt__, "LT": limit.__gt__}[rule["operator"]]
            rows = [row for row in rows if test(_milliseconds(row["properties"][name]))]
        service._cache[key] = (rows, [int(row["id"]) for row in rows])
    rows, ids = service._cache[key]
    return rows[bisect_right(ids, int(above["value"])) :]


def _milliseconds(text: str) -> int:
    return (datetime.fromisoformat(text) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def _chosen(service: Service, row: Row, names: list[str]) -> Row:
    """The row with those properties alone; HubSpot gives its own three besides."""
    key = ("chosen", id(row), len(names), names[0] if names else "")
    if key not in service._cache:
        kept = {name: row["properties"].get(name) for name in names}
        service._cache[key] = {**row, "properties": kept}
    return service._cache[key]


def _batch(kind: str) -> Any:
    def batch(service: Service, request: Request) -> Answer:
        if refused := service.refusal(kind, request):
            return refused
        body = request.body
        most = WITH_HISTORY if body["propertiesWithHistory"] else BATCH
        if len(body["inputs"]) > most or {"inputs", "properties", "propertiesWithHistory"} - set(body):
            return _refused(service, request, "batch")
        archived = request.params.get("archived") == "true"
        by_id = {row["id"]: row for row in service.corpus[f"{kind} archived" if archived else kind]}
        found = [by_id[item["id"]] for item in body["inputs"] if item["id"] in by_id]
        results = []
        for row in found:
            kept = {**row, "properties": {name: row["properties"].get(name) for name in body["properties"]}}
            if names := body["propertiesWithHistory"]:
                kept["propertiesWithHistory"] = {name: _history(row, name) for name in names}
            results.append(kept)
        at = iso(datetime.now(UTC))
        return Answer({"status": "COMPLETE", "results": results, "startedAt": at, "completedAt": at})

    return batch


def _history(row: Row, name: str) -> list[Row]:
    value = row["properties"].get(name) or ""
    return [{"value": value, "timestamp": row["updatedAt"], "sourceType": "CRM_UI"},
            {"value": "before", "timestamp": row["createdAt"], "sourceType": "IMPORT"}]  # fmt: skip


def _associations(service: Service, request: Request) -> Answer:
    of, to = request.ids["of"], request.ids["to"]
    if refused := service.refusal(f"{of} to {to}", request):
        return refused
    if len(request.body["inputs"]) > BATCH or to not in LINKS.get(of, []):
        return _refused(service, request, f"associations of {of} to {to}")
    results, missing = [], []
    for item in request.body["inputs"]:
        links = [
            link
            for link in service.corpus["associations"]
            if (link["of"], link["id"], link["to"]) == (of, item["id"], to)
        ]
        start = int(item.get("after", 0))
        page = links[start : start + 2]
        if not page:
            missing.append({"category": "OBJECT_NOT_FOUND", "subCategory": "crm.associations.NO_ASSOCIATIONS_FOUND"})
            continue
        more = nested("paging.next.after", str(start + 2)) if start + 2 < len(links) else {}
        results.append({"from": {"id": item["id"]}, "to": [link["row"] for link in page], **more})
    return Answer({"status": "COMPLETE", "results": results, "errors": missing}, 207 if missing else 200)


def link(service: Service, of: str, key: str, to: str, other: str, label: str | None = None) -> None:
    """Associate two objects."""
    kinds = [{"category": "HUBSPOT_DEFINED", "typeId": 3, "label": None}]
    if label:
        kinds.append({"category": "HUBSPOT_DEFINED", "typeId": 5, "label": label})
    row = {"toObjectId": int(other), "associationTypes": kinds}
    service.corpus["associations"].append({"of": of, "id": key, "to": to, "row": row})


def archive(service: Service, kind: str, key: str) -> None:
    """Delete an object as a user would: it goes into the recycle bin."""
    (row,) = [row for row in service.corpus[kind] if row["id"] == key]
    service.corpus[kind].remove(row)
    service.corpus[f"{kind} archived"].append({**row, "archived": True, "archivedAt": iso(datetime.now(UTC))})
    service.touch()


def change(service: Service, kind: str, key: str, moment: datetime | None = None, **values: Any) -> Row:
    """Edit an object now (or then)."""
    place = next(place for place, row in enumerate(service.corpus[kind]) if row["id"] == key)
    row = service.corpus[kind][place]
    at = iso(moment or datetime.now(UTC))
    row = {**row, "updatedAt": at, "properties": {**row["properties"], **values, modified(kind): at}}
    service.corpus[kind][place] = row
    service.touch()
    return row


def _owners(service: Service, request: Request) -> Answer:
    archived = request.params.get("archived") == "true"
    if refused := service.refusal("owners", request):
        return refused
    return Answer(Packed(service.corpus["owners archived" if archived else "owners"], {}, "results", service))


def _sign_in(service: Service, request: Request) -> Answer:
    wanted = {
        "grant_type": "refresh_token",
        "client_id": "client",
        "client_secret": CLIENT_SECRET,
        "refresh_token": REFRESH,
    }
    if request.params != wanted:
        return service.failure(400, "bad_refresh_token")
    return Answer({"access_token": service.token, "refresh_token": REFRESH, "expires_in": 1800, "token_type": "bearer"})


def _refused(service: Service, request: Request, why: str) -> Answer:
    service.problems.append(f"{request.path}: {why}")
    return service.failure(400, "validation_error")


# What is in the account.


def _object(kind: str, number: int, step: timedelta) -> Row:
    made = START + number * step
    key = str((KINDS.index(kind) + 1) * 1_000_000 + number)
    return {
        "id": key,
        "properties": {
            "hs_object_id": key,
            modified(kind): iso(made),
            "hs_merged_object_ids": None,
            **PROPERTIES.get(kind, _engagement)(number, iso(made)),
        },
        "createdAt": iso(made),
        "updatedAt": iso(made),
        "archived": False,
    }


def _contact(number: int, made: str) -> Row:
    return {"email": f"person{number}@example.com", "firstname": f"Person {number}", "lastname": "Roe",
            "phone": f"+1312555{number % 10000:04}", "company": "Acme", "city": "Chicago", "zip": "60601",
            "createdate": made, "birthday": "1990-02-03", "favourite_number": str(number) if number % 2 else "",
            "lifecyclestage": "customer"}  # fmt: skip


def _deal(number: int, made: str) -> Row:
    won = number % 3 != 0
    return {"dealname": f"Order {number}", "amount": f"{100 + number}.50", "closedate": made, "createdate": made,
            "dealstage": "closedwon" if won else "appointmentscheduled", "pipeline": "default",
            "hs_is_closed_won": "true" if won else "false", "deal_currency_code": "EUR", "hs_closed_amount": "0"}  # fmt: skip


def _line_item(number: int, made: str) -> Row:
    return {"name": "Bread", "quantity": "2", "price": "4.25", "amount": "8.50", "hs_sku": "B1", "createdate": made}


def _engagement(number: int, made: str) -> Row:
    return {"hs_timestamp": made, "hs_createdate": made, "hs_body_preview": "Hello"}


PROPERTIES: dict[str, Any] = {
    "contacts": _contact,
    "companies": lambda number, made: {"name": f"Company {number}", "domain": "acme.example", "createdate": made},
    "deals": _deal,
    "tickets": lambda number, made: {"subject": "Question", "hs_pipeline_stage": "1", "createdate": made},
    "line_items": _line_item,
    "products": lambda number, made: {"name": "Bread", "price": "4.25", "hs_sku": "B1", "createdate": made},
}


def _described(rows: list[Row]) -> list[Row]:
    return [{"name": name, "label": name.title(), "type": TYPES.get(name, "string"), "fieldType": "text"}
            for name in rows[0]["properties"]]  # fmt: skip


def _owner(number: int) -> Row:
    return {"id": str(70 + number), "email": f"owner{number}@example.com", "firstName": "Olga", "lastName": "Roe",
            "type": "PERSON", "userId": number, "userIdIncludingInactive": number, "createdAt": iso(START),
            "updatedAt": iso(START), "archived": False, "teams": [{"id": "1", "name": "Sales"}]}  # fmt: skip


def _pipeline(kind: str) -> Row:
    return {"id": "default", "label": "Sales", "displayOrder": 0, "createdAt": iso(START), "updatedAt": iso(START),
            "archived": False, "stages": [{"id": "closedwon", "label": "Won", "metadata": {"probability": "1.0"}}]}  # fmt: skip
