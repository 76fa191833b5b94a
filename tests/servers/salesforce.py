"""Salesforce, standing in: descriptions, SOQL, query locators, jobs of Bulk API 2.0, limits, every sign-in."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from servers.rest import Answer, Endpoint, Packed, Request, Row, Service
from servers.soql import Soql, SoqlError

TOKEN = "00D!access-canary-55"
SECRET = "salesforce-client-secret-canary"
REFRESH = "5Aep-refresh-canary-12"
PASSWORD, SECURITY = "password-canary<&>", "security-canary-9"
USER = "olga@acme.example"
LOGIN = {"client_id": "3MVG-client", "client_secret": SECRET, "refresh_token": REFRESH}
START = datetime(2020, 1, 1, tzinfo=UTC)
ROOT = "/services/data/v67.0"
OBJECTS = ["Opportunity", "Lead", "Account", "Contact", "OpportunityLineItem", "Product2", "Campaign", "CampaignMember", "Order"]  # fmt: skip
TYPES = {
    "Id": "id", "IsDeleted": "boolean", "SystemModstamp": "datetime", "CreatedDate": "datetime", "Amount": "currency",
    "CloseDate": "date", "IsWon": "boolean", "IsClosed": "boolean", "AccountId": "reference", "ContactId": "reference",
    "Email": "email", "Phone": "phone", "IsConverted": "boolean", "Score__c": "int", "Quantity": "double",
    "UnitPrice": "currency", "TotalAmount": "currency", "EffectiveDate": "date", "Birthdate": "date", "Interests__c": "multipicklist",
    "IsActive": "boolean", "StartDate": "date", "BudgetedCost": "currency", "HasResponded": "boolean", "StageName": "picklist",
    "AnnualRevenue": "currency", "NumberOfEmployees": "int", "Description": "textarea", "BillingAddress": "address",
    "Photo__c": "base64", "Place__c": "location", "Probability": "percent", "ConvertedDate": "date",
    "MasterRecordId": "reference", "IsPersonAccount": "boolean",
}  # fmt: skip
UNREAD = {"address", "base64", "location"}
UNFILTERED: set[str] = set()
"""Fields that no condition may name."""
PREFIX = dict(zip(OBJECTS, ["006", "00Q", "001", "003", "00k", "01t", "701", "00v", "801"], strict=True))


class Organisation(Service):
    """The service, and what it remembers."""

    def __init__(self, corpus: dict[str, list[Row]], endpoints: list[Endpoint]) -> None:
        super().__init__(corpus, endpoints, token=TOKEN, error=_error)
        self.locators: dict[str, tuple[Soql, list[Row], int]] = {}
        self.jobs: dict[str, Row] = {}
        self.polls: dict[str, int] = {}
        self.used, self.total = 18, 15_000
        self.no_bulk: set[str] = set()
        self.public_key = ""
        self.soap = True

    def answer(self, request: Request) -> Answer:
        answer = super().answer(request)
        if request.path.startswith(ROOT):
            self.used += 1
            usage = f"api-usage={self.used}/{self.total}; per-app-api-usage=17/250(appName=growthnav)"
            answer.headers = {**answer.headers, "Sforce-Limit-Info": usage}
        return answer


def large(rows: int) -> Organisation:
    """An organisation with so many opportunities, one every two minutes."""
    return service(rows, step=timedelta(minutes=2), others=1)


def service(rows: int = 900, *, step: timedelta = timedelta(hours=32), others: int = 8) -> Organisation:
    """An organisation with so many opportunities and some records of every other object."""
    corpus: dict[str, list[Row]] = {
        name: [record(name, number, step) for number in range(rows if name == "Opportunity" else others)]
        for name in OBJECTS
    }
    return Organisation(
        corpus,
        [
            Endpoint("/services/oauth2/token", method="POST", handler=_sign_in),
            Endpoint("/services/Soap/u/64.0", method="POST", handler=_soap),
            Endpoint(f"{ROOT}/sobjects/{{name}}/describe", handler=_describe),
            Endpoint(f"{ROOT}/query", handler=_query),
            Endpoint(f"{ROOT}/queryAll", handler=_query),
            Endpoint(f"{ROOT}/query/{{locator}}", handler=_more),
            Endpoint(f"{ROOT}/queryAll/{{locator}}", handler=_more),
            Endpoint(f"{ROOT}/jobs/query", method="POST", handler=_submit),
            Endpoint(f"{ROOT}/jobs/query/{{job}}", handler=_state),
            Endpoint(f"{ROOT}/jobs/query/{{job}}/results", handler=_result),
        ],
    )


def _error(status: int, code: str) -> Any:
    code = {401: "INVALID_SESSION_ID", 403: "INSUFFICIENT_ACCESS", 404: "NOT_FOUND"}.get(status, code.upper())
    return [{"message": "shows jenny@example.com", "errorCode": code}]


def _fields(service: Service, name: str) -> dict[str, str]:
    """Field -> type."""
    names = sorted(
        {field for row in service.corpus[name][:3] for field in row} | {"BillingAddress", "Photo__c", "Place__c"}
    )
    return {
        field: TYPES.get(field, "string")
        for field in names
        if not isinstance(_sample(service, name, field), dict | list)
    }


def _sample(service: Service, name: str, field: str) -> Any:
    return next((row[field] for row in service.corpus[name][:3] if row.get(field) is not None), None)


def _describe(service: Service, request: Request) -> Answer:
    name = request.ids["name"]
    if name not in service.corpus:
        return service.failure(404, "not_found")
    if refused := service.refusal(name, request):
        return refused
    fields = [
        {
            "name": field,
            "type": kind,
            "label": field.replace("__c", ""),
            "filterable": kind not in UNREAD and field not in UNFILTERED,
        }
        for field, kind in _fields(service, name).items()
    ]
    return Answer({"name": name, "queryable": True, "fields": fields[::-1]})


def _parsed(service: Service, request: Request, text: str) -> Soql | Answer:
    """The query; refused where Salesforce would refuse it."""
    try:
        query = Soql(text)
    except SoqlError as error:
        return _refused(service, request, str(error), text)
    if query.sobject not in service.corpus:
        return _refused(service, request, "INVALID_TYPE", query.sobject)
    if refused := service.refusal(query.sobject, request):
        return refused
    known = _fields(service, query.sobject)
    unknown = {name for name in query.named() if name not in known or known[name] in UNREAD}
    unknown |= {field for field, _, _ in query.conditions if field in UNFILTERED}
    return _refused(service, request, "INVALID_FIELD", str(sorted(unknown))) if unknown else query


def _query(service: Service, request: Request) -> Answer:
    assert isinstance(service, Organisation)
    size = re.fullmatch(r"batchSize=(\d+)", request.headers.get("sforce-query-options", ""))
    if set(request.params) != {"q"} or not size or not 200 <= int(size[1]) <= 2000:
        return _refused(service, request, "MALFORMED_QUERY", str(request.params))
    query = _parsed(service, request, request.params["q"])
    if isinstance(query, Answer):
        return query
    rows = _found(service, query, deleted=request.path.endswith("queryAll"))
    if query.counts:
        return Answer({"totalSize": len(rows), "done": True, "records": []})
    return _page(service, request.path, query, rows, 0, int(size[1]))


def _found(service: Service, query: Soql, *, deleted: bool) -> list[Row]:
    key = ("found", query.sobject, str(query.conditions), deleted)
    if key not in service._cache or query.order or query.limit:
        rows = [row for row in service.corpus[query.sobject] if deleted or not row["IsDeleted"]]
        service._cache[key] = query.rows(rows)
    return service._cache[key]


def _page(service: Organisation, path: str, query: Soql, rows: list[Row], start: int, size: int) -> Answer:
    """A page of what the query found; rows that are gone since are left out, and those that changed are as they are."""
    key = ("page", query.sobject, id(rows), start, tuple(query.items))
    if key not in service._cache:
        now = service._cache.setdefault(
            ("now", query.sobject), {row["Id"]: row for row in service.corpus[query.sobject]}
        )
        service._cache[key] = [query.chosen(now[row["Id"]]) for row in rows[start : start + size] if row["Id"] in now]
    more: Row = {"totalSize": len(rows), "done": start + size >= len(rows)}
    if not more["done"]:
        locator = f"01g{len(service.locators):015}-{start + size}"
        service.locators[locator] = (query, rows, size)
        more["nextRecordsUrl"] = f"{path.partition('/01g')[0]}/{locator}"
    return Answer(Packed(service._cache[key], more, "records", service))


def _more(service: Service, request: Request) -> Answer:
    assert isinstance(service, Organisation)
    locator = request.ids["locator"]
    if locator not in service.locators:
        return service.failure(400, "invalid_query_locator")
    query, rows, size = service.locators[locator]
    if refused := service.refusal(query.sobject, request):
        return refused
    return _page(service, request.path, query, rows, int(locator.rpartition("-")[2]), size)


def _submit(service: Service, request: Request) -> Answer:
    assert isinstance(service, Organisation)
    body = request.body
    form = {"contentType": "CSV", "columnDelimiter": "COMMA", "lineEnding": "LF"}
    if {name: body.get(name) for name in form} != form or body["operation"] not in {"query", "queryAll"}:
        return _refused(service, request, "INVALIDJOB", str(body))
    query = _parsed(service, request, body["query"])
    if isinstance(query, Answer):
        return query
    if query.sobject in service.no_bulk:
        return service.failure(400, "invalidentity")
    if query.counts or any("(" in item or "." in item for item in query.items):
        return _refused(service, request, "API_ERROR", body["query"])
    job = f"750{len(service.jobs):012}"
    service.jobs[job] = {"query": query, "deleted": body["operation"] == "queryAll"}
    return Answer({"id": job, "operation": body["operation"], "object": query.sobject, "state": "UploadComplete"})


def _job(service: Organisation, request: Request) -> Row | Answer:
    job = service.jobs.get(request.ids["job"])
    if job is None:
        return service.failure(404, "not_found")
    return service.refusal(job["query"].sobject, request) or job


def _state(service: Service, request: Request) -> Answer:
    assert isinstance(service, Organisation)
    job, number = _job(service, request), request.ids["job"]
    if isinstance(job, Answer):
        return job
    service.polls[number] = service.polls.get(number, 0) + 1
    state = job.get("state") or ("InProgress" if service.polls[number] == 1 else "JobComplete")
    return Answer({"id": number, "state": state, "object": job["query"].sobject, "numberRecordsProcessed": 0})


def _result(service: Service, request: Request) -> Answer:
    assert isinstance(service, Organisation)
    job = _job(service, request)
    if isinstance(job, Answer):
        return job
    start, size = int(request.params.get("locator") or 0), int(request.params["maxRecords"])
    query = job["query"]
    rows = job.setdefault("rows", _found(service, query, deleted=job["deleted"]))
    key = ("csv", request.ids["job"], start, size)
    if key not in service._cache:
        text = io.StringIO()
        table = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n")
        table.writerow(query.items)
        table.writerows([_written(row.get(name)) for name in query.items] for row in rows[start : start + size])
        service._cache[key] = text.getvalue().encode()
    following = str(start + size) if start + size < len(rows) else "null"
    count = len(rows[start : start + size])
    headers = {"Content-Type": "text/csv", "Sforce-Locator": following, "Sforce-NumberOfRecords": str(count)}
    return Answer(service._cache[key], 200, headers)


def _written(value: Any) -> Any:
    if isinstance(value, bool):
        return str(value).lower()
    return value.replace("+0000", "Z") if isinstance(value, str) else value


def _sign_in(service: Service, request: Request) -> Answer:
    assert isinstance(service, Organisation)
    given = request.params
    check: dict[str, Callable[[], bool]] = {
        "refresh_token": lambda: given == {"grant_type": "refresh_token", **LOGIN},
        "client_credentials": lambda: request.headers.get("authorization", "") == "Basic M01WRy1jbGllbnQ6" + _basic(),
        "password": lambda: (
            (given["username"], given["password"], given["client_secret"]) == (USER, PASSWORD + SECURITY, SECRET)
        ),
        "urn:ietf:params:oauth:grant-type:jwt-bearer": lambda: _signed(service, given["assertion"]),
    }
    grant = given.get("grant_type", "")
    if grant not in check or not check[grant]():
        return Answer({"error": "invalid_grant", "error_description": "shows jenny@example.com"}, 400)
    return Answer({"access_token": service.token, "instance_url": service.url, "token_type": "Bearer"})


def _basic() -> str:
    import base64

    return base64.b64encode(SECRET.encode()).decode()


def _signed(service: Organisation, assertion: str) -> bool:
    import jwt

    try:
        claims = jwt.decode(
            assertion, service.public_key, algorithms=["RS256"], audience="https://login.salesforce.com"
        )
    except jwt.PyJWTError:
        return False
    return (claims["iss"], claims["sub"]) == (LOGIN["client_id"], USER)


def _soap(service: Service, request: Request) -> Answer:
    assert isinstance(service, Organisation)
    xml = {"Content-Type": "text/xml"}
    text = request.raw.decode()
    escaped = PASSWORD.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    if not service.soap or f"<n1:password>{escaped}{SECURITY}<" not in text or f"<n1:username>{USER}<" not in text:
        code = "INVALID_LOGIN" if service.soap else "INVALID_OPERATION"
        fault = (
            f"<sf:exceptionCode>{code}</sf:exceptionCode><sf:exceptionMessage>jenny@example.com</sf:exceptionMessage>"
        )
        return Answer(f'<e xmlns:sf="urn:fault">{fault}</e>'.encode(), 500, xml)
    server = f"{service.url}/services/Soap/u/64.0/00D".replace("http://", "https://")
    body = f"<r><serverUrl>{server}</serverUrl><sessionId>{service.token}</sessionId></r>"
    return Answer(body.encode(), 200, xml)


def _refused(service: Service, request: Request, code: str, why: str) -> Answer:
    service.problems.append(f"{request.path}: {code} {why}")
    return service.failure(400, code)


def stamp(moment: datetime) -> str:
    """As Salesforce writes times."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03}+0000"


def change(service: Service, name: str, key: str, at: datetime | None = None, **values: Any) -> Row:
    """Edit a record, now unless said otherwise."""
    place = next(place for place, row in enumerate(service.corpus[name]) if row["Id"] == key)
    row = {**service.corpus[name][place], "SystemModstamp": stamp(at or datetime.now(UTC)), **values}
    service.corpus[name][place] = row
    service.touch()
    return row


def delete(service: Service, name: str, key: str, **values: Any) -> Row:
    """Put a record into the recycle bin now."""
    return change(service, name, key, IsDeleted=True, **values)


def key(name: str, number: int) -> str:
    """The id of an object's record."""
    return f"{PREFIX[name]}{number:012}AAA"


def record(name: str, number: int, step: timedelta) -> Row:
    """A record of an object."""
    made = stamp(START + number * step)
    common = {"Id": key(name, number), "IsDeleted": False, "SystemModstamp": made, "CreatedDate": made}
    return {**common, **RECORDS[name](number)}


def _opportunity(number: int) -> Row:
    return {"Name": f"Order {number}", "Amount": 100 + number + 0.5, "StageName": "Closed Won" if number % 3 else "Closed Lost",
            "IsWon": number % 3 != 0, "IsClosed": True, "CloseDate": "2024-03-01", "AccountId": key("Account", number % 8),
            "ContactId": key("Contact", number) if number % 2 else None, "LeadSource": "Web", "Score__c": number,
            "CurrencyIsoCode": "EUR", "Description": 'two\nlines, "quoted"', "Probability": 100.0,
            "Account": {"Name": "Acme", "Industry": "Food"}, "OpportunityLineItems": {"records": [{"Quantity": 1.0}]}}  # fmt: skip


def _person(number: int) -> Row:
    return {"FirstName": f"Person {number}", "LastName": "Roe", "Email": f"person{number}@example.com",
            "Phone": f"+1312555{number % 10000:04}", "MobilePhone": None if number % 2 else "+13125559999",
            "Interests__c": "bread;cake", "MasterRecordId": key("Contact", 0) if number == 1 else None}  # fmt: skip


RECORDS: dict[str, Callable[[int], Row]] = {
    "Opportunity": _opportunity,
    "Lead": lambda number: {**_person(number), "Company": "Acme", "Status": "Open", "IsConverted": number == 1, "LeadSource": "Web",
                            "ConvertedDate": "2024-02-01" if number == 1 else None,
                            "ConvertedContactId": key("Contact", 1) if number == 1 else None, "CurrencyIsoCode": "EUR"},
    "Account": lambda number: {"Name": "Acme", "Industry": "Food", "AnnualRevenue": 1e6, "NumberOfEmployees": 12,
                               "BillingCity": "Chicago", "IsPersonAccount": False, "Phone": "+13125550000"},
    "Contact": lambda number: {**_person(number), "MailingCity": "Chicago", "Birthdate": "1990-02-03",
                               "AccountId": key("Account", number % 8)},
    "OpportunityLineItem": lambda number: {"OpportunityId": key("Opportunity", number), "Quantity": 2.0, "UnitPrice": 4.25,
                                           "Product2Id": key("Product2", 0)},
    "Product2": lambda number: {"Name": "Bread", "ProductCode": "B1", "IsActive": True},
    "Campaign": lambda number: {"Name": "Spring", "Status": "Planned", "StartDate": "2024-03-01", "BudgetedCost": 99.9},
    "CampaignMember": lambda number: {"CampaignId": key("Campaign", 0), "ContactId": key("Contact", number), "Status": "Sent",
                                      "HasResponded": False},
    "Order": lambda number: {"OrderNumber": f"{number:08}", "Status": "Activated", "TotalAmount": 12.5, "EffectiveDate": "2024-03-01",
                             "AccountId": key("Account", number % 8), "OpportunityId": key("Opportunity", number)},
}  # fmt: skip
