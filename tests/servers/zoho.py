"""Zoho CRM, standing in: COQL over what a module has, bulk jobs, deleted records, fields, users, the sign-in."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from bisect import bisect_right
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from servers.rest import Answer, Endpoint, Packed, Request, Row, Service, by_number

TOKEN = "1000.access-canary-77"
CLIENT_SECRET = "zoho-client-secret-canary"
REFRESH = "1000.refresh-canary-31"
LOGIN = {"client_id": "client", "client_secret": CLIENT_SECRET, "refresh_token": REFRESH}
START = datetime(2024, 1, 1, tzinfo=UTC)
ZONE = timezone(timedelta(hours=5, minutes=30))
MODULES = ["Deals", "Leads", "Accounts", "Contacts", "Products", "Invoices"]
MOST, MOST_FIELDS = 2000, 50
TYPES = {
    "id": ("bigint", "string"), "Modified_Time": ("datetime", "string"), "Created_Time": ("datetime", "string"),
    "Amount": ("currency", "double"), "Closing_Date": ("date", "string"), "Account_Name": ("lookup", "jsonobject"),
    "Contact_Name": ("lookup", "jsonobject"), "Owner": ("ownerlookup", "jsonobject"), "Score": ("integer", "integer"),
    "Email_Opt_Out": ("boolean", "boolean"), "Interests": ("multiselectpicklist", "jsonarray"),
    "Unit_Price": ("currency", "double"), "Grand_Total": ("formula", "double"), "Date_of_Birth": ("date", "string"),
}  # fmt: skip
_QUERY = re.compile(
    r"select (?P<fields>[\w, ]+) from (?P<module>\w+) where (?P<where>.+) order by id asc limit 0, (?P<limit>\d+)"
)
_SPAN = re.compile(
    r"\(?\(\(Modified_Time >= '(?P<since>[^']+)' and Modified_Time < '(?P<until>[^']+)'\) and id > (?P<last>\d+)\)"
    r"(?: and id <= (?P<end>\d+)\))?"
)


def stamp(moment: datetime) -> str:
    """As Zoho writes times: in the zone of whoever signed in."""
    return moment.astimezone(ZONE).isoformat(timespec="seconds")


def large(rows: int) -> Service:
    """An organisation with so many deals, one every ten minutes."""
    return service(rows, step=timedelta(minutes=10), others=1)


def service(
    rows: int = 150, *, step: timedelta = timedelta(hours=15), others: int = 8, bulk_page: int = 200_000
) -> Service:
    """An organisation with so many deals and some records of every other module."""
    corpus: dict[str, list[Row]] = {
        name: [record(name, number, step) for number in range(rows if name == "Deals" else others)] for name in MODULES
    }
    corpus |= {f"{name} deleted": [] for name in MODULES}
    corpus["users"] = [_user(number) for number in range(3)]
    listed = {"paging": by_number(more="info.more_records"), "params": ("type",)}
    endpoints = [
        Endpoint("/oauth/v2/token", method="POST", handler=_sign_in),
        Endpoint("/crm/v8/settings/fields", handler=_fields),
        Endpoint("/crm/v8/users", "users", records="users", **listed),
        Endpoint("/crm/v8/coql", method="POST", handler=_coql),
        Endpoint("/crm/bulk/v8/read", method="POST", handler=_submit),
        Endpoint("/crm/bulk/v8/read/{job}", handler=_state),
        Endpoint("/crm/bulk/v8/read/{job}/result", handler=_result),
        *(Endpoint(f"/crm/v8/{name}/deleted", handler=_deleted(name)) for name in MODULES),
    ]
    made = Service(
        corpus,
        endpoints,
        token=TOKEN,
        scheme="Zoho-oauthtoken ",
        error=lambda status, code: {
            "code": {401: "INVALID_TOKEN", 403: "NO_PERMISSION", 429: "TOO_MANY_REQUESTS"}.get(status, code.upper()),
            "details": {},
            "message": "shows jenny@example.com",
            "status": "error",
        },
    )
    made.jobs, made.bulk_page, made.polls = {}, bulk_page, {}  # type: ignore[attr-defined]
    return made


def _fields(service: Service, request: Request) -> Answer:
    name = request.params["module"]
    if name not in service.corpus:
        return service.failure(404, "invalid_module")
    if refused := service.refusal(name, request):
        return refused
    names = sorted({field for row in service.corpus[name][:5] for field in row})
    return Answer({"fields": [_field(field) for field in names] + [_field("Lines", ("subform", "jsonarray"))]})


def _field(name: str, kinds: tuple[str, str] | None = None) -> Row:
    data_type, json_type = kinds or TYPES.get(name, ("text", "string"))
    return {"api_name": name, "field_label": name.replace("_", " "), "data_type": data_type, "json_type": json_type}


def _coql(service: Service, request: Request) -> Answer:
    found = _QUERY.fullmatch(request.body["select_query"])
    span = _SPAN.fullmatch(found["where"]) if found else None
    if found is None or span is None:
        return _refused(service, request, f"no such query: {request.body}")
    name, names = found["module"], found["fields"].split(", ")
    if refused := service.refusal(name, request):
        return refused
    limit = int(found["limit"])
    if limit > MOST or len(set(names)) != len(names) or len(names) > MOST_FIELDS:
        return _refused(service, request, "too many records or fields")
    rows = _between(service, name, span["since"], span["until"])
    keys = service._cache[("ids", name, span["since"], span["until"])]
    start = bisect_right(keys, int(span["last"]))
    end = bisect_right(keys, int(span["end"])) if span["end"] else len(rows)
    page = rows[start : min(end, start + limit)]
    if not page:
        return Answer(b"", 204)
    chosen = [_chosen(service, row, names) for row in page]
    more = {"info": {"count": len(page), "more_records": end - start > limit}}
    return Answer(Packed(chosen, more, "data", service))


def _chosen(service: Service, row: Row, names: list[str]) -> Row:
    key = ("chosen", id(row), names[-1], len(names))
    if key not in service._cache:
        service._cache[key] = {name: row.get(name) for name in names}
    return service._cache[key]


def _sorted(service: Service, name: str) -> list[Row]:
    return sorted(service.corpus[name], key=lambda row: int(row["id"]))


def _between(service: Service, name: str, since: str, until: str) -> list[Row]:
    key = (name, since, until)
    if key not in service._cache:
        first, last = datetime.fromisoformat(since), datetime.fromisoformat(until)
        rows = [row for row in _sorted(service, name) if first <= datetime.fromisoformat(row["Modified_Time"]) < last]
        service._cache[key] = rows
        service._cache[("ids", *key)] = [int(row["id"]) for row in rows]
    return service._cache[key]


def _submit(service: Service, request: Request) -> Answer:
    query = request.body["query"]
    name = query["module"]["api_name"]
    if refused := service.refusal(name, request):
        return refused
    rule = query["criteria"]
    if (rule["field"], rule["comparator"]) != ({"api_name": "Modified_Time"}, "between") or "Lines" in query["fields"]:
        return _refused(service, request, "bulk")
    job = str(len(service.jobs) + 1)  # type: ignore[attr-defined]
    service.jobs[job] = query  # type: ignore[attr-defined]
    return Answer({"data": [{"status": "success", "code": "ADDED_SUCCESSFULLY", "details": {"id": job}}]}, 201)


def _part(service: Service, job: str) -> tuple[list[Row], bool]:
    query, size = service.jobs[job], service.bulk_page  # type: ignore[attr-defined]
    rows = _between(service, query["module"]["api_name"], *query["criteria"]["value"])
    start = (query["page"] - 1) * size
    return rows[start : start + size], start + size < len(rows)


def _state(service: Service, request: Request) -> Answer:
    job = request.ids["job"]
    if refused := service.refusal("jobs", request):
        return refused
    if job not in service.jobs:  # type: ignore[attr-defined]
        return service.failure(404, "resource_not_found")
    polls = service.polls  # type: ignore[attr-defined]
    polls[job] = polls.get(job, 0) + 1
    if polls[job] == 1:
        return Answer({"data": [{"id": job, "state": "IN PROGRESS"}]})
    rows, more = _part(service, job)
    return Answer({"data": [{"id": job, "state": "COMPLETED", "result": {"count": len(rows), "more_records": more}}]})


def _result(service: Service, request: Request) -> Answer:
    job = request.ids["job"]
    if refused := service.refusal("jobs", request):
        return refused
    names = service.jobs[job]["fields"]  # type: ignore[attr-defined]
    text = io.StringIO()
    table = csv.writer(text)
    table.writerow(["Id" if name == "id" else name for name in names])
    for row in _part(service, job)[0]:
        table.writerow([_written(row.get(name)) for name in names])
    return Answer(_packed(job, text.getvalue()), 200, {"Content-Type": "application/x-download"})


def _packed(job: str, text: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{job}.csv", text)
    return packed.getvalue()


def _written(value: Any) -> Any:
    if isinstance(value, dict):
        return value["id"]
    if isinstance(value, list):
        return ";".join(value)
    return str(value).lower() if isinstance(value, bool) else value


def _deleted(name: str) -> Any:
    def deleted(service: Service, request: Request) -> Answer:
        if refused := service.refusal(name, request):
            return refused
        since = datetime.fromisoformat(request.headers["if-modified-since"])
        rows = [row for row in service.corpus[f"{name} deleted"] if datetime.fromisoformat(row["deleted_time"]) > since]
        return Answer({"data": rows, "info": {"more_records": False}}) if rows else Answer(b"", 204)

    return deleted


def _sign_in(service: Service, request: Request) -> Answer:
    if request.params != {"grant_type": "refresh_token", **LOGIN}:
        return Answer({"error": "invalid_code"})  # with status 200
    return Answer(
        {"access_token": service.token, "expires_in": 3600, "api_domain": service.url, "token_type": "Bearer"}
    )


def _refused(service: Service, request: Request, why: str) -> Answer:
    service.problems.append(f"{request.path}: {why}")
    return service.failure(400, "invalid_query")


def change(service: Service, module: str, key: str, **values: Any) -> Row:
    """Edit a record now."""
    place = next(place for place, row in enumerate(service.corpus[module]) if row["id"] == key)
    row = {**service.corpus[module][place], "Modified_Time": stamp(datetime.now(UTC)), **values}
    service.corpus[module][place] = row
    service.touch()
    return row


def delete(service: Service, module: str, key: str) -> None:
    """Delete a record now."""
    service.corpus[module] = [row for row in service.corpus[module] if row["id"] != key]
    gone = {"id": key, "display_name": "Jenny", "type": "recycle", "deleted_time": stamp(datetime.now(UTC))}
    service.corpus[f"{module} deleted"].append(gone)
    service.touch()


def record(module: str, number: int, step: timedelta) -> Row:
    """A record of a module."""
    made = stamp(START + number * step)
    key = str(4_000_000_000_000_000_000 + MODULES.index(module) * 1_000_000 + number)
    common = {"id": key, "Modified_Time": made, "Created_Time": made, "Owner": {"name": "Olga", "id": "70"}}
    return {**common, **RECORDS[module](number)}


def _deal(number: int) -> Row:
    return {"Deal_Name": f"Order {number}", "Amount": 100 + number + 0.5, "Stage": "Closed Won" if number % 3 else "Lost",
            "Closing_Date": "2024-03-01", "Account_Name": {"name": "Acme", "id": "4000000000002000000"},
            "Contact_Name": {"name": "P", "id": str(4_000_000_000_003_000_000 + number)} if number % 2 else None,
            "Currency": "EUR", "Lead_Source": "Web"}  # fmt: skip


def _person(number: int) -> Row:
    return {"First_Name": f"Person {number}", "Last_Name": "Roe", "Email": f"person{number}@example.com",
            "Phone": f"+1312555{number % 10000:04}", "Email_Opt_Out": number % 2 == 0, "Interests": ["bread", "cake"],
            "Score": number, "Mailing_City": "Chicago", "Date_of_Birth": "1990-02-03"}  # fmt: skip


RECORDS: dict[str, Any] = {
    "Deals": _deal,
    "Leads": lambda number: {**_person(number), "Company": "Acme", "Lead_Status": "Open"},
    "Accounts": lambda number: {"Account_Name": {"id": "1"}, "Website": "acme.example", "Phone": "+13125550000"},
    "Contacts": _person,
    "Products": lambda number: {"Product_Name": "Bread", "Product_Code": "B1", "Unit_Price": 4.25},
    "Invoices": lambda number: {"Subject": "Order", "Status": "Paid", "Grand_Total": 8.5, "Currency": "EUR"},
}


def _user(number: int) -> Row:
    return {"id": str(70 + number), "full_name": "Olga Roe", "first_name": "Olga", "last_name": "Roe", "status": "active",
            "email": f"owner{number}@example.com", "time_zone": "Asia/Kolkata", "role": {"id": "1"}, "profile": {"id": "2"}}  # fmt: skip
