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

import json
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from servers.rest.faults import Fault
from servers.rest.http import Server, Talk
from servers.rest.pages import Paging, whole
from servers.rest.values import Answer, Packed, Request, Row, dig, encode, index_of


@dataclass(frozen=True)
class Filter:
    """A parameter that filters rows: field, operator (eq ne ge gt le lt in), and how its text becomes a value."""

    field: str
    op: str = "eq"
    convert: Callable[[Any], Any] | None = None


Handler = Callable[["Service", Request], Answer]


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


class Service:
    """The service; start it with `serving`."""

    FAULTS = (
        "rate_seconds", "rate_date", "status", "answer", "reset", "short", "html", "empty", "cut", "error_object", "no_records",
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
        self.first: dict[str, bytes] = {}
        self.last: dict[str, bytes] = {}
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
        self.first.clear()
        self.last.clear()

    @contextmanager
    def serving(self) -> Iterator[str]:
        """The service's address while it runs."""
        service = self

        class _Handler(Talk):
            pass

        _Handler.service = service
        server = Server(("127.0.0.1", 0), _Handler)
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
            rows = [row for row in rows if all(str(dig(row, name)) == value for name, value in ids)]
            for name, value in given.items():
                rows = _filtered(rows, endpoint.filters[name], value)
            if endpoint.order:
                name = endpoint.order.lstrip("-")
                rows = sorted(rows, key=lambda row: dig(row, name), reverse=endpoint.order.startswith("-"))
            self._cache[key] = rows
        return self._cache[key]

    def _single(self, endpoint: Endpoint, request: Request, key: str) -> Answer:
        if refused := self.refusal(endpoint.corpus, request):
            return refused
        found = index_of(self.corpus[endpoint.corpus], endpoint.key).get(key)
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


_PAGING = {"limit", "starting_after", "ending_before", "cursor", "offset", "page", "per_page", "after", "page_token"}


def _filtered(rows: list[Row], rule: Filter, value: Any) -> list[Row]:
    convert = rule.convert or (lambda text: text)
    if rule.op == "in":
        wanted = {convert(item) for item in (value if isinstance(value, list) else str(value).split(","))}
        return [row for row in rows if dig(row, rule.field) in wanted]
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
    return [row for row in rows if test(dig(row, rule.field))]


def _match(template: str, path: str) -> dict[str, str] | None:
    pattern = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(template))
    found = re.fullmatch(pattern, path)
    return found.groupdict() if found else None
