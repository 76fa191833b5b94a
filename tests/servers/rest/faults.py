"""What can go wrong in a service, and how."""

from __future__ import annotations

import email.utils
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from servers.rest.values import Answer, Request, Row, encode

if TYPE_CHECKING:
    from servers.rest.service import Service


@dataclass
class Fault:
    """One thing that goes wrong, `times` times, after `after` calls of paths that hold `path`.

    Kinds: see `Service.FAULTS`. `value` is a status, seconds, an answer, or a function of the service, as the kind
    needs.
    """

    kind: str
    after: int = 0
    times: int = 1
    path: str = ""
    value: Any = None


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


BEFORE: dict[str, Callable[[Service, Fault], Answer | None]] = {
    "rate_seconds": lambda service, fault: Answer(
        service.error(429, "rate_limit"), 429, {"Retry-After": str(fault.value or 1)}
    ),
    "rate_date": _http_date,
    "status": lambda service, fault: Answer(service.error(fault.value or 503, "broken"), fault.value or 503),
    "answer": lambda service, fault: fault.value,
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


SPOIL: dict[str, Callable[[Service, Request, Any, Fault], bytes]] = {
    "cut": lambda service, request, body, fault: encode(body)[: len(encode(body)) // 2],
    "duplicate_page": lambda service, request, body, fault: service.last.get(request.path) or encode(body),
    "token_loop": lambda service, request, body, fault: service.first.get(request.path) or encode(body),
    "new_field": _spoil_rows(lambda row: row.update(brand_new="value")),
    "wrong_type": _spoil_rows(_wrong_type),
}


def _rows_in(body: Any) -> list[Row]:
    """The longest list of objects in an answer."""
    found: list[Row] = body if isinstance(body, list) else []
    if isinstance(body, dict):
        for value in body.values():
            inner = _rows_in(value) if isinstance(value, dict | list) else []
            if len(inner) > len(found) and all(isinstance(row, dict) for row in inner):
                found = inner
    return found
