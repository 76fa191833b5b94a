"""A stand-in for a REST service: endpoints as data over a corpus, served over real HTTP, with a plan of faults.

service = Service(
    {"charges": rows},
    [Endpoint("/v1/charges", "charges", filters={"created[gte]": Filter("created", "ge")}, order="-created",
              paging=after_last("starting_after"), one="/v1/charges/{id}")],
    token="sk_test",
)
with service.serving() as url: ...
service.faults.append(Fault("html", after=2))      # the third call gets a page of HTML
service.corpus["charges"].append({...}); service.touch()
"""

from __future__ import annotations

import email.utils
import json
import re
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec

Row = dict[str, Any]
Params = dict[str, Any]
encode = msgspec.json.Encoder(decimal_format="number").encode


@dataclass(frozen=True)
class Filter:
    """A parameter that filters rows: field, operator (eq ne ge gt le lt in), and how its text becomes a value."""

    field: str
    op: str = "eq"
    convert: Callable[[Any], Any] | None = None


@dataclass
class Request:
    """One request as the service sees it. `params` has the address's parameters and the body's, nested ones dotted."""

    method: str
    path: str
    params: Params
    headers: dict[str, str]
    body: Any = None
    raw: bytes = b""
    ids: dict[str, str] = field(default_factory=dict)


@dataclass
class Answer:
    """One answer: `body` is encoded as JSON unless it is bytes."""

    body: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


Handler = Callable[["Service", Request], Answer]
Paging = Callable[[list[Row], Params], tuple[list[Row], Row, dict[str, str]]]
"""(rows that pass the filters, parameters) -> rows of the page, what the body has besides, headers."""


def whole(rows: list[Row], params: Params) -> tuple[list[Row], Row, dict[str, str]]:
    """Everything on one page."""
    return rows, {}, {}


def after_last(param: str, more: str = "has_more", size: int = 10, most: int = 100, key: str = "id") -> Paging:
    """Stripe's way: the page after the row of that id; `more` says whether others follow."""

    def page(rows: list[Row], params: Params) -> tuple[list[Row], Row, dict[str, str]]:
        last = params.get(param)
        start = 0 if last is None else _index(rows, key)[last] + 1
        end = start + min(int(params.get("limit", size)), most)
        return rows[start:end], {more: end < len(rows)}, {}

    return page


def by_token(
    param: str, path: str, size: int = 100, most: int = 100, limit: str = "limit", wrap: Callable[[int], Any] = str
) -> Paging:
    """An opaque token in the answer, at the dotted `path`, asked back as `param`; absent at the end."""

    def page(rows: list[Row], params: Params) -> tuple[list[Row], Row, dict[str, str]]:
        start = int(params.get(param) or 0)
        end = start + min(int(params.get(limit, size)), most)
        return rows[start:end], nested(path, wrap(end)) if end < len(rows) else {}, {}

    return page


def by_offset(param: str = "offset", size: int = 100, most: int = 100, limit: str = "limit") -> Paging:
    """So many rows left out."""

    def page(rows: list[Row], params: Params) -> tuple[list[Row], Row, dict[str, str]]:
        start = int(params.get(param) or 0)
        return rows[start : start + min(int(params.get(limit, size)), most)], {}, {}

    return page


def by_number(param: str = "page", size: int = 100, most: int = 200, limit: str = "per_page", more: str = "") -> Paging:
    """Numbered pages, from 1; `more` is the dotted path of whether others follow."""

    def page(rows: list[Row], params: Params) -> tuple[list[Row], Row, dict[str, str]]:
        width = min(int(params.get(limit, size)), most)
        start = (int(params.get(param) or 1) - 1) * width
        return rows[start : start + width], nested(more, start + width < len(rows)) if more else {}, {}

    return page


@dataclass(frozen=True)
class Endpoint:
    """One list (or what `handler` makes of a request), and with `one` also the single rows of it."""

    path: str
    corpus: str = ""
    method: str = "GET"
    filters: dict[str, Filter] = field(default_factory=dict)
    order: str = ""
    """Field the rows are sorted by; descending with a minus."""
    paging: Paging = whole
    records: str = "data"
    """Dotted path of the rows in the answer; empty for a bare list."""
    extra: Row = field(default_factory=dict)
    """What every answer has besides."""
    one: str = ""
    """Path of a single row, with {id}."""
    key: str = "id"
    required: tuple[str, ...] = ()
    """Parameters without which the answer is 400."""
    params: tuple[str, ...] = ()
    """Other parameters that are allowed; one that nobody knows gets 400."""
    handler: Handler | None = None


@dataclass
class Fault:
    """One thing that goes wrong, `times` times, after `after` calls of paths that hold `path`.

    Kinds: see `Service.FAULTS`. `value` is a status, seconds, or a function of the service, as the kind needs.
    """

    kind: str
    after: int = 0
    times: int = 1
    path: str = ""
    value: Any = None


class Service:
    """The service; start it with `serving`."""

    FAULTS = (
        "rate_seconds", "rate_date", "status", "reset", "short", "html", "empty", "cut", "error_object", "no_records",
        "slow", "duplicate_page", "token_loop", "change", "new_field", "wrong_type", "expire_token",
    )  # fmt: skip

    def __init__(
        self,
        corpus: dict[str, list[Row]],
        endpoints: list[Endpoint],
        *,
        token: str | None = None,
        header: str = "Authorization",
        scheme: str = "Bearer ",
        forbidden: set[str] | None = None,
        error: Callable[[int, str], Any] = lambda status, text: {"error": {"code": text}},
        required_headers: dict[str, str] | None = None,
        per_second: float | None = None,
    ) -> None:
        """Serve `corpus`.

        Args:
            corpus: name -> rows.
            endpoints: what there is; the first that fits a request answers it.
            token: what must be in `header` after `scheme`; None lets everyone in.
            header: where the token is.
            scheme: what stands before it.
            forbidden: corpora that get 403.
            error: makes the body of an error out of its status and a code.
            required_headers: headers with the values that every request must have.
            per_second: calls above this rate get 429.
        """
        self.corpus, self.endpoints = corpus, endpoints
        self.token, self.header, self.scheme = token, header, scheme
        self.forbidden = forbidden or set()
        self.error = error
        self.required_headers = required_headers or {}
        self.per_second = per_second
        self.faults: list[Fault] = []
        self.calls: list[Request] = []
        self.answers: list[tuple[Request, int, bytes]] | None = None
        """Requests with what they got, once this is a list."""
        self.problems: list[str] = []
        """Requests that no real service would have taken."""
        self.counts: Counter[str] = Counter()
        self.url = ""
        self.token_count = 0
        self._cache: dict[Any, Any] = {}
        self._encoded: dict[int, bytes] = {}
        self._first: dict[str, bytes] = {}
        self._last: dict[str, bytes] = {}
        self._lock = threading.RLock()
        self._times: list[float] = []

    def touch(self) -> None:
        """To be called after a change of the corpus."""
        with self._lock:
            self._cache.clear()
            self._encoded.clear()

    def forget(self) -> None:
        """Forget the calls so far."""
        self.calls.clear()
        self._first.clear()
        self._last.clear()

    @contextmanager
    def serving(self) -> Iterator[str]:
        """The service's address while it runs."""
        service = self

        class _Handler(_Talk):
            pass

        _Handler.service = service
        server = _Server(("127.0.0.1", 0), _Handler)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        self.url = f"http://127.0.0.1:{server.server_port}"
        try:
            yield self.url
        finally:
            server.shutdown()
            server.server_close()
            thread.join()

    # One request.

    def answer(self, request: Request) -> Answer:
        """What the service says, faults apart."""
        for name, value in self.required_headers.items():
            if request.headers.get(name.lower()) != value:
                self.problems.append(f"{request.path}: header {name} is not {value}")
                return self.failure(400, "bad_header")
        for endpoint in self.endpoints:
            if endpoint.method != request.method:
                continue
            if (ids := _match(endpoint.path, request.path)) is not None:
                request.ids = ids
                return self._list(endpoint, request)
            if endpoint.one and (ids := _match(endpoint.one, request.path)) is not None:
                return self._single(endpoint, request, ids["id"])
        self.problems.append(f"no endpoint {request.method} {request.path}")
        return self.failure(404, "no_such_endpoint")

    def allowed(self, request: Request) -> bool:
        """Whether the token is the right one."""
        return self.token is None or request.headers.get(self.header.lower()) == f"{self.scheme}{self.token}"

    def refusal(self, corpus: str, request: Request) -> Answer | None:
        """401 or 403 where the request or its rights are not good; for handlers, too."""
        if not self.allowed(request):
            return self.failure(401, "unauthorized")
        return self.failure(403, "forbidden") if corpus in self.forbidden else None

    def _list(self, endpoint: Endpoint, request: Request) -> Answer:
        if endpoint.handler:
            return endpoint.handler(self, request)
        if refused := self.refusal(endpoint.corpus, request):
            return refused
        with self._lock:
            rows = self.rows(endpoint, request)
            if isinstance(rows, Answer):
                return rows
            try:
                page, more, headers = endpoint.paging(rows, request.params)
            except LookupError:
                return self.failure(400, "no_such_place")
        return Answer(Packed(page, {**endpoint.extra, **more}, endpoint.records, self), 200, headers)

    def rows(self, endpoint: Endpoint, request: Request) -> list[Row] | Answer:
        """The rows that pass the request's filters, sorted; an answer where a parameter is unknown or missing."""
        given = {name: value for name, value in request.params.items() if name in endpoint.filters}
        unknown = set(request.params) - set(endpoint.filters) - set(endpoint.params) - _PAGING
        missing = [name for name in endpoint.required if name not in request.params]
        if unknown or missing:
            self.problems.append(f"{request.path}: unknown {sorted(unknown)}, missing {missing}")
            return self.failure(400, "parameter_unknown" if unknown else "parameter_missing")
        ids = tuple(sorted(request.ids.items()))
        key = (endpoint.path, endpoint.corpus, ids, json.dumps(given, sort_keys=True, default=str))
        if key not in self._cache:
            rows = self.corpus[endpoint.corpus]
            rows = [row for row in rows if all(str(_dig(row, name)) == value for name, value in ids)]
            for name, value in given.items():
                rows = _filtered(rows, endpoint.filters[name], value)
            if endpoint.order:
                name = endpoint.order.lstrip("-")
                rows = sorted(rows, key=lambda row: _dig(row, name), reverse=endpoint.order.startswith("-"))
            self._cache[key] = rows
        return self._cache[key]

    def _single(self, endpoint: Endpoint, request: Request, key: str) -> Answer:
        if refused := self.refusal(endpoint.corpus, request):
            return refused
        found = _index(self.corpus[endpoint.corpus], endpoint.key).get(key)
        return Answer(self.corpus[endpoint.corpus][found]) if found is not None else self.failure(404, "missing")

    def encoded(self, row: Row) -> bytes:
        """A row as JSON, made once."""
        made = self._encoded.get(id(row))
        if made is None:
            made = self._encoded[id(row)] = encode(row)
        return made

    def failure(self, status: int, code: str) -> Answer:
        """An error in the service's own form."""
        return Answer(self.error(status, code), status)

    def due(self, path: str) -> Fault | None:
        """The fault that this call meets, if any."""
        with self._lock:
            if self.per_second:
                now = time.monotonic()
                self._times = [at for at in self._times if at > now - 1] + [now]
                if len(self._times) > self.per_second:
                    return Fault("rate_seconds", value=1)
            for fault in self.faults:
                if fault.path not in path:
                    continue
                if fault.after > 0:
                    fault.after -= 1
                elif fault.times > 0:
                    fault.times -= 1
                    self.counts[fault.kind] += 1
                    return fault
        return None


@dataclass
class Packed:
    """A page whose rows are encoded already."""

    rows: list[Row]
    more: Row
    records: str
    service: Service

    def body(self) -> Any:
        """As a value, for faults to spoil."""
        if not self.records:
            return list(self.rows)
        return merged(nested(self.records, list(self.rows)), self.more)

    def encode(self) -> bytes:
        """As JSON."""
        rows = b"[" + b",".join(map(self.service.encoded, self.rows)) + b"]"
        if not self.records:
            return rows
        return encode(merged(nested(self.records, msgspec.Raw(rows)), self.more))


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is none of our business."""


class _Talk(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    service: Service

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Say nothing."""

    def setup(self) -> None:
        super().setup()
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def _do(self) -> None:
        request = self._request()
        service = self.service
        service.calls.append(request)
        fault = service.due(request.path)
        if fault and fault.kind in _BEFORE and (answer := _BEFORE[fault.kind](service, fault)):
            self._send(answer)
            return
        answer = service.answer(request)
        data = answer.body if isinstance(answer.body, bytes) else None
        if data is None and fault and fault.kind in _SPOIL and answer.status == 200:
            value = answer.body.body() if isinstance(answer.body, Packed) else answer.body
            data = _SPOIL[fault.kind](service, request, value, fault)
        if data is None:
            data = answer.body.encode() if isinstance(answer.body, Packed) else encode(answer.body)
        if service.answers is not None:
            service.answers.append((request, answer.status, data))
        if not fault and answer.status == 200 and isinstance(answer.body, Packed) and answer.body.rows:
            service._last[request.path] = data
            service._first.setdefault(request.path, data)
        if fault and fault.kind == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True
            self.connection.close()
            return
        if fault and fault.kind == "slow":
            time.sleep(fault.value)
        self._send(Answer(data, answer.status, answer.headers), short=bool(fault and fault.kind == "short"))

    do_GET = do_POST = do_PATCH = do_DELETE = do_PUT = _do  # noqa: N815

    def _request(self) -> Request:
        parts = urlsplit(self.path)
        params: Params = {
            name: values[0] if len(values) == 1 and not name.endswith("[]") else values
            for name, values in parse_qs(parts.query, keep_blank_values=True).items()
        }
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = None
        kind = self.headers.get("Content-Type", "")
        if raw and "json" in kind:
            body = json.loads(raw)
            params |= dict(_flat(body)) if isinstance(body, dict) else {}
        elif raw and "form" in kind:
            params |= {name: values[0] for name, values in parse_qs(raw.decode()).items()}
        headers = {name.lower(): value for name, value in self.headers.items()}
        return Request(self.command, parts.path, params, headers, body, raw)

    def _send(self, answer: Answer, *, short: bool = False) -> None:
        data = answer.body if isinstance(answer.body, bytes) else encode(answer.body)
        if answer.status in {204, 304}:
            data = b""
        headers = {"Content-Type": "application/json", **answer.headers}
        lines = [f"HTTP/1.1 {answer.status} Answer", *(f"{name}: {value}" for name, value in headers.items())]
        head = "\r\n".join([*lines, f"Content-Length: {len(data)}", "", ""]).encode()
        self.wfile.write(head + (data[: len(data) // 2] if short else data))
        self.close_connection = short or self.headers.get("Connection") == "close"


def _expire(service: Service, fault: Fault) -> None:
    """From now on another token is the right one; whoever signs in again gets it."""
    service.token_count += 1
    service.token = f"{(service.token or '').split('#')[0]}#{service.token_count}"


def _change(service: Service, fault: Fault) -> None:
    fault.value(service)
    service.touch()


def _http_date(service: Service, fault: Fault) -> Answer:
    when = email.utils.formatdate(time.time() + (fault.value or 1), usegmt=True)
    return Answer(service.error(429, "rate_limit"), 429, {"Retry-After": when})


_BEFORE: dict[str, Callable[[Service, Fault], Answer | None]] = {
    "rate_seconds": lambda service, fault: Answer(
        service.error(429, "rate_limit"), 429, {"Retry-After": str(fault.value or 1)}
    ),
    "rate_date": _http_date,
    "status": lambda service, fault: Answer(service.error(fault.value or 503, "broken"), fault.value or 503),
    "html": lambda service, fault: Answer(b"<html><body>One moment</body></html>", 200, {"Content-Type": "text/html"}),
    "empty": lambda service, fault: Answer(b"", 200),
    "error_object": lambda service, fault: Answer(service.error(200, "went_wrong"), 200),
    "no_records": lambda service, fault: Answer({"unexpected": True}, 200),
    "expire_token": _expire,
    "change": _change,
}


def _spoil_rows(change: Callable[[Row], None]) -> Callable[[Service, Request, Any, Fault], bytes]:
    def spoil(service: Service, request: Request, body: Any, fault: Fault) -> bytes:
        copy = json.loads(encode(body))
        for row in _rows_in(copy)[1::2]:
            change(row)
        return encode(copy)

    return spoil


def _wrong_type(row: Row) -> None:
    name = next((name for name, value in row.items() if isinstance(value, int) and name != "created"), None)
    if name:
        row[name] = "not a number"


_SPOIL: dict[str, Callable[[Service, Request, Any, Fault], bytes]] = {
    "cut": lambda service, request, body, fault: encode(body)[: len(encode(body)) // 2],
    "duplicate_page": lambda service, request, body, fault: service._last.get(request.path) or encode(body),
    "token_loop": lambda service, request, body, fault: service._first.get(request.path) or encode(body),
    "new_field": _spoil_rows(lambda row: row.update(brand_new="value")),
    "wrong_type": _spoil_rows(_wrong_type),
}

_PAGING = {"limit", "starting_after", "ending_before", "cursor", "offset", "page", "per_page", "after", "page_token"}


def _rows_in(body: Any) -> list[Row]:
    """The longest list of objects in an answer."""
    found: list[Row] = body if isinstance(body, list) else []
    if isinstance(body, dict):
        for value in body.values():
            inner = _rows_in(value) if isinstance(value, dict | list) else []
            if len(inner) > len(found) and all(isinstance(row, dict) for row in inner):
                found = inner
    return found


def _filtered(rows: list[Row], rule: Filter, value: Any) -> list[Row]:
    convert = rule.convert or (lambda text: text)
    if rule.op == "in":
        wanted = {convert(item) for item in (value if isinstance(value, list) else str(value).split(","))}
        return [row for row in rows if _dig(row, rule.field) in wanted]
    limit = convert(value)
    tests: dict[str, Callable[[Any], bool]] = {
        "eq": lambda found: found == limit,
        "ne": lambda found: found != limit,
        "ge": lambda found: found is not None and found >= limit,
        "gt": lambda found: found is not None and found > limit,
        "le": lambda found: found is not None and found <= limit,
        "lt": lambda found: found is not None and found < limit,
    }
    test = tests[rule.op]
    return [row for row in rows if test(_dig(row, rule.field))]


def _index(rows: list[Row], key: str, _made: dict[int, tuple[int, Any, dict[Any, int]]] = {}) -> dict[Any, int]:  # noqa: B006
    """Key -> place, made once a list."""
    kept = _made.get(id(rows))
    if kept is None or kept[0] != len(rows) or kept[1] is not rows:
        if len(_made) > 50:
            _made.clear()
        kept = _made[id(rows)] = (len(rows), rows, {str(_dig(row, key)): place for place, row in enumerate(rows)})
    return kept[2]


def _match(template: str, path: str) -> dict[str, str] | None:
    pattern = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(template))
    found = re.fullmatch(pattern, path)
    return found.groupdict() if found else None


def _dig(row: Any, path: str) -> Any:
    for name in path.split("."):
        row = row.get(name) if isinstance(row, dict) else None
    return row


def _flat(body: Row, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in body.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def nested(path: str, value: Any) -> Row:
    """{"a": {"b": value}} for "a.b"."""
    for name in reversed(path.split(".")):
        value = {name: value}
    return value


def merged(first: Row, second: Row) -> Row:
    """Two bodies as one, objects inside them merged, too."""
    result = dict(first)
    for name, value in second.items():
        inner = result.get(name)
        result[name] = merged(inner, value) if isinstance(inner, dict) and isinstance(value, dict) else value
    return result
