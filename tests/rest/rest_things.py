"""A tap over whatever a test declares, and the service that it reads."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from contract.rest_runs import run_tap
from servers.rest import Endpoint, Filter, Row, Service, by_number, by_offset, by_token

from taps.base.rest.auth import Auth, Fixed
from taps.base.rest.client import Client
from taps.base.rest.cursor import Cursor
from taps.base.rest.pages import Keyset, Offset, PageNumber, Pages, Token
from taps.base.rest.resource import Resource, shape
from taps.base.rest.retry import Retry
from taps.base.rest.tap import SETTINGS, RESTTap

FIELDS = shape(string="id name", integer="size", time="changed_at")


CHANGED = Cursor("changed_at", start=datetime(2024, 1, 1, tzinfo=UTC))


WINDOWED = {"limit": 10, "since": "{since}", "until": "{until}"}


TIMES = {"since": Filter("changed_at", "ge"), "until": Filter("changed_at", "lt")}


class TapThings(RESTTap):
    """A tap over whatever a test declares."""

    name = "tap-things"
    config_jsonschema: ClassVar[dict[str, Any]] = {"type": "object", "properties": SETTINGS}
    declared: ClassVar[list[Resource]] = []
    auth: ClassVar[Auth] = Fixed()
    retry: ClassVar[Retry] = Retry()

    def make_client(self) -> Client:
        return Client(
            self.config["api_url"], auth=self.auth, retry=self.retry, budget=self.budget, sleep=self.sleep, timeout=5
        )

    def resources(self) -> list[Resource]:
        return self.declared


def tap(*declared: Resource, auth: Auth | None = None, retry: Retry | None = None) -> type[TapThings]:
    made = {"declared": list(declared), "auth": auth or Fixed(), "retry": retry or Retry(base=0.01)}
    return type("TapThings", (TapThings,), made)


def thing(number: int, **changes: Any) -> Row:
    changed = datetime(2024, 1, 1, tzinfo=UTC) + timedelta(hours=number)
    text = changed.isoformat(timespec="seconds").replace("+00:00", "Z")
    return {"id": f"t{number:05}", "name": f"Thing {number}", "size": number, "changed_at": text, **changes}


def things(count: int) -> list[Row]:
    return [thing(number) for number in range(count)]


def run(made: type[TapThings], service: Service, state: Any = None, **settings: Any) -> Any:
    with service.serving() as url:
        return run_tap(made, {"api_url": url, **settings}, state)


STYLES: dict[str, tuple[Pages, Any, Row, dict[str, Filter]]] = {
    "offset": (Offset(10), by_offset(), {"offset": "{offset}"}, {}),
    "page number": (PageNumber(10), by_number(limit="limit"), {"page": "{page}"}, {}),
    "token": (Token("meta.next"), by_token("cursor", "meta.next"), {"cursor": "{token}"}, {}),
    "keyset": (Keyset("id", 10, ""), by_offset(), {"above": "{last}"}, {"above": Filter("id", "gt")}),
}


def styled(style: str, count: int, **more: Any) -> tuple[type[TapThings], Service]:
    pages, paging, params, filters = STYLES[style]
    made = tap(Resource("things", "/things", FIELDS, params={"limit": 10, **params}, pages=pages, **more))
    return made, Service(
        {"things": things(count)}, [Endpoint("/things", "things", order="id", paging=paging, filters=filters)]
    )
