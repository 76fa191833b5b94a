"""The REST base by itself: pagers under change, sign-in, parents, jobs, GraphQL, and odd answers."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest
from contract.rest_runs import run_tap, stored
from servers.rest import Answer, Endpoint, Fault, Filter, Request, Row, Service, by_number, by_offset, by_token

from pipe.errors import ConfigurationError, CredentialsError, DataError, RetriableError
from taps.base.rest import bulk, graphql
from taps.base.rest.auth import Auth, Fixed, OAuth, bearer
from taps.base.rest.budget import Budget
from taps.base.rest.client import Client, MissingError
from taps.base.rest.credentials import CredentialStore
from taps.base.rest.cursor import Cursor, Window
from taps.base.rest.deletes import DeletedPass, SoftFlag
from taps.base.rest.pages import Keyset, LinkHeader, NextUrl, Offset, PageNumber, Pages, Token
from taps.base.rest.resource import Resource, shape
from taps.base.rest.retry import RateHeaders, Retry
from taps.base.rest.session import GuardedSession
from taps.base.rest.stream import RESTStream
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


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("count", [0, 1, 9, 10, 11, 37, 40])
def test_every_pager_reads_every_row(style: str, count: int):
    made, service = styled(style, count)
    done = run(made, service)
    assert done.error is None, done.error
    assert len(done.rows("things")) == count
    assert not service.problems


@pytest.mark.parametrize("style", ["offset", "keyset"])
@pytest.mark.parametrize("victims", [[0], [3, 4, 5], list(range(10)), [0, 15, 30]])
def test_rows_deleted_while_paging_cost_none_of_the_others(style: str, victims: list[int]):
    made, service = styled(style, 60)

    def delete(service: Service) -> None:
        gone = {f"t{number:05}" for number in victims}
        service.corpus["things"] = [row for row in service.corpus["things"] if row["id"] not in gone]

    service.faults.append(Fault("change", after=2, value=delete))
    done = run(made, service)
    assert done.error is None, done.error
    kept = {(row["id"],) for row in service.corpus["things"]}
    assert kept <= set(done.rows("things"))


@pytest.mark.parametrize("style", ["offset", "keyset"])
def test_rows_inserted_while_paging_cost_none_of_the_others(style: str):
    made, service = styled(style, 60)

    def insert(service: Service) -> None:
        service.corpus["things"] = [*service.corpus["things"], *(thing(1, id=f"a{number}") for number in range(7))]

    before = {(row["id"],) for row in service.corpus["things"]}
    service.faults.append(Fault("change", after=2, value=insert))
    done = run(made, service)
    assert done.error is None, done.error
    assert before <= set(done.rows("things"))


def by_links(kind: str) -> Any:
    def handler(service: Service, request: Request) -> Answer:
        start = int(request.params.get("from", 0))
        address = f"{service.url}/things?from={start + 10}"
        more = start + 10 < len(service.corpus["things"])
        body: Row = {"data": service.corpus["things"][start : start + 10]}
        if kind == "body":
            body["next"] = f"/things?from={start + 10}" if more else None
        return Answer(
            body, 200, {"Link": f'<{address}>; rel="next", <x>; rel="last"'} if more and kind == "header" else {}
        )

    return handler


@pytest.mark.parametrize(("kind", "pages"), [("header", LinkHeader()), ("body", NextUrl("next"))])
def test_addresses_of_the_next_page(kind: str, pages: Pages):
    service = Service({"things": things(25)}, [Endpoint("/things", handler=by_links(kind))])
    done = run(tap(Resource("things", "/things", FIELDS, pages=pages)), service)
    assert done.error is None, done.error
    assert len(done.rows("things")) == 25


def test_an_address_of_another_host_is_not_followed():
    def elsewhere(service: Service, request: Request) -> Answer:
        return Answer({"data": [thing(1)], "next": "http://127.0.0.2:9/things"})

    service = Service({}, [Endpoint("/things", handler=elsewhere)])
    done = run(tap(Resource("things", "/things", FIELDS, pages=NextUrl("next"))), service)
    assert isinstance(done.error, DataError)
    assert "another host" in str(done.error)


def test_tokens_that_go_round_are_an_error():
    def round_and_round(service: Service, request: Request) -> Answer:
        at = {"a": "b", "b": "a"}.get(request.params.get("cursor", ""), "a")
        return Answer({"data": [thing(len(service.calls))], "next": at})

    service = Service({}, [Endpoint("/things", handler=round_and_round)])
    made = tap(Resource("things", "/things", FIELDS, params={"cursor": "{token}"}, pages=Token("next")))
    done = run(made, service)
    assert isinstance(done.error, DataError)
    assert "leads back" in str(done.error)
    assert len(service.calls) < 10


def windowed(count: int = 500, **more: Any) -> tuple[type[TapThings], Service]:
    params = {**WINDOWED, "cursor": "{token}"}
    options = {"params": params, "cursor": CHANGED, "pages": Token("next"), **more}
    endpoint = Endpoint("/things", "things", filters=TIMES, paging=by_token("cursor", "next", 10))
    return tap(Resource("things", "/things", FIELDS, **options)), Service({"things": things(count)}, [endpoint])


def test_a_thousand_rows_of_one_moment_and_a_crash_in_the_middle():
    made, service = windowed(0)
    service.corpus["things"] = [thing(5, id=f"t{number}") for number in range(1000)]
    service.faults.append(Fault("status", after=50, times=1000, value=500))
    first = run(made, service)
    assert isinstance(first.error, RetriableError)
    assert 0 < len(first.rows("things")) < 1000
    service.faults.clear()
    second = run(made, service, first.state if first.states else None)
    assert second.error is None, second.error
    assert len(stored(first.messages, second.messages)["things"]) == 1000


def test_rows_that_change_between_runs_and_nothing_else():
    made, service = windowed(500)
    first = run(made, service)
    for row in service.corpus["things"][::100]:
        row |= {"name": "changed", "changed_at": "2025-01-01T00:00:00Z"}
    service.touch()
    second = run(made, service, first.state)
    changed = {key for key, row in second.rows("things").items() if row["name"] == "changed"}
    assert len(changed) == 5
    assert len(second.records("things")) <= 6
    assert not run(made, service, second.state).rows("things").keys() - changed


def test_years_without_rows_cost_a_few_calls():
    made, service = windowed(10)
    first = run(made, service, start_date="2024-01-01")
    calls = len(service.calls)
    days = (datetime.now(UTC) - datetime(2024, 1, 1, tzinfo=UTC)).days
    assert calls <= days / 120 + 6  # windows of 30 days that grow to 120
    service.forget()
    assert run(made, service, first.state).error is None
    assert len(service.calls) <= 7  # 30 days, then 120, 480, 1920 and so on


@pytest.mark.parametrize(
    ("pages", "first_load", "days"), [(0, True, 60), (1, True, 60), (2, True, 30), (101, True, 15), (1, False, 120)]
)
def test_windows_grow_where_little_is_and_shrink_where_much_is(pages: int, first_load: bool, days: int):
    month = timedelta(days=30)
    assert CHANGED.resized(month, pages, first_load=first_load) == timedelta(days=days)
    assert CHANGED.resized(month * 4, 0, first_load=True) == month * 4


def test_rows_of_the_future_and_rows_without_a_time():
    made, service = windowed(20)
    service.corpus["things"] += [thing(0, id="x", changed_at=None), thing(0, id="y", changed_at="2999-01-01T00:00:00Z")]
    service.endpoints = [
        Endpoint("/things", "things", params=("since", "until"), paging=by_token("cursor", "next", 10))
    ]
    done = run(made, service, start_date="2026-11-01")
    assert done.error is None, done.error
    assert done.state["bookmarks"]["things"]["replication_key_value"].startswith("2024-01-01T19")
    assert done.count("undated_count") == 1
    assert ("x",) in done.rows("things")


@pytest.mark.parametrize(
    "text",
    ["2024-03-01T10:00:00Z", "2024-03-01T10:00:00+00:00", "2024-03-01T10:00:00.000000Z", "2024-03-01T05:00:00-05:00"],
)
def test_bookmarks_are_times_whatever_their_form(text: str):
    made, service = windowed(500 * 4)
    state = {"bookmarks": {"things": {"replication_key": "changed_at", "replication_key_value": text}}}
    done = run(made, service, state)
    assert done.error is None, done.error
    assert min(row["changed_at"] for row in done.records("things")) == "2024-03-01T10:00:00Z"


@pytest.mark.parametrize("value", ["soon", 5, ["x"]])
def test_a_bookmark_that_is_no_time_is_refused(value: Any):
    made, service = windowed(5)
    done = run(made, service, {"bookmarks": {"things": {"replication_key_value": value}}})
    assert isinstance(done.error, DataError)
    assert not service.calls


def test_children_are_read_for_new_parents_and_orphans_are_passed_over():
    parents = Resource("things", "/things", FIELDS, params=WINDOWED, cursor=CHANGED)
    parts = Resource("parts", "/things/{parent.id}/parts", shape(string="id thing_id"), parent="things")
    made = tap(parents, parts)
    corpus = {"things": things(8), "parts": [{"id": f"p{n}", "thing_id": f"t{n % 8:05}"} for n in range(24)]}

    def children(service: Service, request: Request) -> Answer:
        key = request.ids["thing"]
        if key == "t00003":
            return Answer({"error": {}}, 404)
        return Answer({"data": [row for row in service.corpus["parts"] if row["thing_id"] == key]})

    service = Service(
        corpus, [Endpoint("/things/{thing}/parts", handler=children), Endpoint("/things", "things", filters=TIMES)]
    )
    first = run(made, service)
    assert first.error is None, first.error
    assert len(first.rows("parts")) == 21
    assert first.count("missing_parent_count", "parts") == 1
    service.corpus["things"].append(thing(9))
    service.corpus["parts"].append({"id": "new", "thing_id": "t00009"})
    service.touch()
    second = run(made, service, first.state)
    assert ("new",) in second.rows("parts")
    assert len(second.records("parts")) <= 4  # those of the parent that ties, and the new one


def test_parents_can_share_a_call():
    parts = Resource(
        "parts",
        "/parts",
        shape(string="id"),
        method="POST",
        body={"of": "{parent.id}"},
        parent="things",
        parents_at_once=3,
    )
    service = Service(
        {"things": things(8)},
        [
            Endpoint("/things", "things"),
            Endpoint(
                "/parts",
                method="POST",
                handler=lambda _, request: Answer({"data": [{"id": "+".join(request.body["of"])}]}),
            ),
        ],
    )
    done = run(tap(Resource("things", "/things", FIELDS), parts), service)
    assert done.error is None, done.error
    assert [record["id"] for record in done.records("parts")] == [
        "t00000+t00001+t00002",
        "t00003+t00004+t00005",
        "t00006+t00007",
    ]


def test_a_session_for_vendors_libraries_has_the_same_policies(guarded: tuple[Service, Tokens]):
    service, _ = guarded
    auth = OAuth(f"{service.url}/token", {"grant_type": "refresh_token"}, store=CredentialStore(None, "first"))
    waits: list[float] = []
    seen: list[int] = []
    client = Client(service.url, auth=auth, sleep=waits.append, watch=lambda reply: seen.append(reply.status))
    service.faults += [Fault("rate_seconds", path="/things", value=3), Fault("expire_token", after=1, path="/things")]
    session = GuardedSession(client)
    session.where = "things"
    answers = [session.get(f"{service.url}/things", headers={"Authorization": "Bearer stale"}).json() for _ in range(3)]
    assert [len(answer["data"]) for answer in answers] == [10, 10, 10]
    assert waits == [3]
    assert seen == [429, 200, 401, 200, 200]
    assert client.account.calls["things"] == 5
    with pytest.raises(MissingError):
        session.get(f"{service.url}/nothing")


def test_calls_are_held_to_a_rate():
    made, service = styled("token", 45)
    waits: list[float] = []
    made.make_client = lambda self: Client(self.config["api_url"], budget=Budget(per_second=2), sleep=waits.append)  # type: ignore[method-assign]
    assert run(made, service).error is None
    assert len(waits) == 4
    assert 1.9 < waits[-1] <= 2  # as nobody really waited, the fifth call is due two seconds after the first


def test_sign_in_counts_as_calls_too(guarded: tuple[Service, Tokens]):
    service, _ = guarded
    done = run_tap(signed_in(Tokens(), CredentialStore(None, "first"), service.url), {"api_url": service.url})
    assert done.count("http_request_count", "sign-in") == 1
    assert done.count("http_request_count") == len(service.calls)


def test_connection_test_says_what_can_be_read(capsys: pytest.CaptureFixture[str]):
    parts = Resource("parts", "/things/{parent.id}/parts", FIELDS, parent="things", permission="parts.read")
    secret = Resource("secret", "/secret", FIELDS, permission="secrets.read")
    service = Service(
        {"things": things(12), "parts": [], "secret": [thing(1)]},
        [Endpoint("/things/{x}/parts", "parts"), Endpoint("/things", "things"), Endpoint("/secret", "secret")],
        forbidden={"secret"},
    )
    with service.serving() as url:
        tap(Resource("things", "/things", FIELDS), parts, secret)(config={"api_url": url}).test()
    assert capsys.readouterr().out.splitlines() == [
        "  parts: 0 rows on the first page",
        "  secret: not allowed: status 403; needs secrets.read",
        "  things: 12 rows on the first page",
        "tap-things: connected; 2 of 3 streams can be read",
    ]


def test_a_snapshot_is_closed_only_when_it_is_complete():
    made, service = styled("token", 30)
    done = run(made, service)
    assert [message["type"] for message in done.messages][-2:] == ["ACTIVATE_VERSION", "STATE"]
    service.faults.append(Fault("html", after=1, times=99))
    broken = run(made, service)
    assert isinstance(broken.error, DataError)
    assert not [message for message in broken.messages if message["type"] == "ACTIVATE_VERSION"]


def test_a_flag_and_an_archive_show_what_is_deleted():
    archive = DeletedPass({"params": {**WINDOWED, "archived": "true"}, "cursor": CHANGED}, at="archived_at")
    flagged = Resource("flagged", "/flagged", FIELDS, deletes=SoftFlag("gone", at="changed_at"))
    things_ = Resource(
        "things", "/things", FIELDS, params={**WINDOWED, "archived": "false"}, cursor=CHANGED, deletes=archive
    )
    rows = [thing(1, archived="false"), thing(2, archived="true", archived_at="2024-02-01T00:00:00Z")]
    service = Service(
        {"things": rows, "flagged": [thing(1, gone=True), thing(2, gone=False)]},
        [
            Endpoint("/things", "things", filters={**TIMES, "archived": Filter("archived")}),
            Endpoint("/flagged", "flagged"),
        ],
    )
    done = run(tap(things_, flagged), service)
    assert done.error is None, done.error
    assert done.rows("things")[("t00002",)]["_sdc_deleted_at"] == "2024-02-01T00:00:00.000000Z"
    assert "_sdc_deleted_at" not in done.rows("things")[("t00001",)]
    deleted = {key for key, row in done.rows("flagged").items() if row.get("_sdc_deleted_at")}
    assert deleted == {("t00001",)}


class Tokens:
    """A token endpoint whose refresh tokens work once."""

    def __init__(self) -> None:
        self.valid = "first"
        self.count = 0
        self.asked: list[str] = []

    def __call__(self, service: Service, request: Request) -> Answer:
        self.asked.append(request.params["refresh_token"])
        if request.params["refresh_token"] != self.valid:
            return Answer({"error": "invalid_grant"}, 400)
        self.count += 1
        self.valid, service.token = f"refresh-{self.count}", f"access-{self.count}"
        return Answer({"access_token": service.token, "refresh_token": self.valid, "expires_in": 3600})


def signed_in(tokens: Tokens, store: CredentialStore, url: str) -> type[TapThings]:
    auth = OAuth(f"{url}/token", {"grant_type": "refresh_token", "client_id": "me"}, store=store)
    return tap(Resource("things", "/things", FIELDS, params={"cursor": "{token}"}, pages=Token("next")), auth=auth)


@pytest.fixture
def guarded() -> Iterator[tuple[Service, Tokens]]:
    tokens = Tokens()
    endpoints = [
        Endpoint("/token", method="POST", handler=tokens),
        Endpoint("/things", "things", paging=by_token("cursor", "next", 10)),
    ]
    service = Service({"things": things(45)}, endpoints, token="none yet")
    with service.serving():
        yield service, tokens


def test_a_token_that_expires_in_mid_run_is_renewed_once(guarded: tuple[Service, Tokens], tmp_path: Path):
    service, tokens = guarded
    path = tmp_path / "tenant" / "things.json"
    service.faults.append(Fault("expire_token", after=3, path="/things"))
    made = signed_in(tokens, CredentialStore(str(path), "first"), service.url)
    done = run_tap(made, {"api_url": service.url})
    assert done.error is None, done.error
    assert len(done.rows("things")) == 45
    assert tokens.asked == ["first", "refresh-1"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    again = run_tap(signed_in(tokens, CredentialStore(str(path), "first"), service.url), {"api_url": service.url})
    assert again.error is None, again.error
    assert tokens.asked[2:] == ["refresh-2"]
    for secret in ("refresh-1", "refresh-2", "access-1", "access-2"):
        assert secret not in done.log + done.output


def test_the_token_before_still_opens_when_the_newest_was_never_taken(guarded: tuple[Service, Tokens], tmp_path: Path):
    service, tokens = guarded
    path = tmp_path / "things.json"
    store = CredentialStore(str(path), "first")
    with store.held():
        store.keep("written-but-never-used")
    done = run_tap(signed_in(tokens, CredentialStore(str(path), "first"), service.url), {"api_url": service.url})
    assert done.error is None, done.error
    assert tokens.asked == ["written-but-never-used", "first"]


def test_a_new_token_in_the_settings_replaces_the_kept_one(guarded: tuple[Service, Tokens], tmp_path: Path):
    service, tokens = guarded
    path = tmp_path / "things.json"
    old = CredentialStore(str(path), "an old one")
    with old.held():
        old.keep("a newer one")
    run_tap(signed_in(tokens, CredentialStore(str(path), "first"), service.url), {"api_url": service.url})
    assert tokens.asked == ["first"]


def test_a_store_that_cannot_be_written_stops_before_the_new_token_is_used(
    guarded: tuple[Service, Tokens], tmp_path: Path
):
    service, tokens = guarded
    path = tmp_path / "things.json"
    (tmp_path / "things.new").mkdir()
    done = run_tap(signed_in(tokens, CredentialStore(str(path), "first"), service.url), {"api_url": service.url})
    assert isinstance(done.error, RetriableError)
    assert "credentials_file" in str(done.error)
    assert not [call for call in service.calls if call.path == "/things"]


def test_a_store_that_is_something_else_is_refused(guarded: tuple[Service, Tokens], tmp_path: Path):
    service, tokens = guarded
    (tmp_path / "things.json").write_text('{"a": "list of other things"}')
    made = signed_in(tokens, CredentialStore(str(tmp_path / "things.json"), "first"), service.url)
    assert isinstance(run_tap(made, {"api_url": service.url}).error, ConfigurationError)


def test_refused_refresh_tokens_are_a_matter_of_credentials(guarded: tuple[Service, Tokens]):
    service, tokens = guarded
    done = run_tap(signed_in(tokens, CredentialStore(None, "wrong"), service.url), {"api_url": service.url})
    assert isinstance(done.error, CredentialsError)
    assert "wrong" not in str(done.error)


class ExportStream(RESTStream):
    """Reads by a job of the service."""

    def read(self, window: Window | None) -> Iterator[list[Row]]:
        yield from bulk.read(Export(self), self, window, bulk.Patience(first=0.1))


class Export:
    def __init__(self, stream: RESTStream) -> None:
        self.client, self.name = stream._tap.client, stream.name

    def submit(self) -> Row:
        return self.client.json("POST", "/jobs", lambda body, _: {"id": body["id"]}, self.name)

    def poll(self, job: Row) -> bool:
        state = self.client.json("GET", f"/jobs/{job['id']}", lambda body, _: body["state"], self.name)
        if state == "failed":
            raise bulk.LostJobError
        return bool(state == "done")

    def rows(self, job: Row) -> Iterator[list[Row]]:
        with self.client.download(self.client.url(f"/jobs/{job['id']}/rows"), self.name) as response:
            yield [json.loads(line) for line in response.iter_lines()]


def exporting(states: list[str]) -> tuple[type[TapThings], Service, list[str]]:
    submitted: list[str] = []

    def submit(service: Service, request: Request) -> Answer:
        submitted.append(f"job{len(submitted)}")
        return Answer({"id": submitted[-1]})

    def ask(service: Service, request: Request) -> Answer:
        return Answer({"state": states.pop(0) if states else "done"})

    def result(service: Service, request: Request) -> Answer:
        return Answer(b"\n".join(json.dumps(row).encode() for row in service.corpus["things"]))

    endpoints = [
        Endpoint("/jobs", method="POST", handler=submit),
        Endpoint("/jobs/{id}", handler=ask),
        Endpoint("/jobs/{id}/rows", handler=result),
    ]
    made = tap(Resource("things", "/things", FIELDS, cursor=Cursor("changed_at", window=None), stream=ExportStream))
    return made, Service({"things": things(50)}, endpoints), submitted


def test_a_job_is_waited_for_and_another_is_started_when_one_fails():
    made, service, submitted = exporting(["running", "running", "failed", "running", "done"])
    done = run(made, service)
    assert done.error is None, done.error
    assert len(done.rows("things")) == 50
    assert submitted == ["job0", "job1"]
    assert done.state["bookmarks"]["things"]["job"] is None


def test_a_run_that_is_cut_goes_on_with_its_job():
    made, service, _ = exporting([])
    service.faults.append(Fault("status", after=1, times=99, value=500))
    first = run(made, service)
    assert isinstance(first.error, RetriableError)
    assert first.state["bookmarks"]["things"]["job"]["id"] == "job0"
    service.faults.clear()
    second = run(made, service, first.state)
    assert second.error is None, second.error
    asked = [call.path for call in service.calls if call.path.endswith("/rows")]
    assert asked == ["/jobs/job0/rows", "/jobs/job1/rows"]  # the second for the time between the two runs
    assert len(second.rows("things")) == 50


def test_a_download_that_breaks_off_is_read_again_by_the_next_run():
    made, service, submitted = exporting([])
    service.faults.append(Fault("short", path="/rows"))
    first = run(made, service)
    assert isinstance(first.error, RetriableError)
    assert "broke off" in str(first.error)
    second = run(made, service, first.state)
    assert second.error is None, second.error
    assert len(second.rows("things")) == 50
    assert submitted[0] == first.state["bookmarks"]["things"]["job"]["id"]


def test_redirects_are_not_followed():
    service = Service(
        {}, [Endpoint("/things", handler=lambda *_: Answer({}, 302, {"Location": "http://127.0.0.2:9/"}))]
    )
    done = run(tap(Resource("things", "/things", FIELDS)), service)
    assert isinstance(done.error, DataError)
    assert "status 302" in str(done.error)


def test_graphql_waits_for_its_cost_and_takes_no_answer_with_errors():
    answers: list[Row] = [
        {
            "errors": [{"message": "jenny@example.com", "extensions": {"code": "THROTTLED"}}],
            "extensions": {
                "cost": {"requestedQueryCost": 300, "throttleStatus": {"currentlyAvailable": 100, "restoreRate": 50}}
            },
        },
        {"data": {"things": {"nodes": [thing(1)], "pageInfo": {"hasNextPage": True, "endCursor": "c1"}}}},
        {"data": {"things": {"nodes": [thing(2)], "pageInfo": {"hasNextPage": False, "endCursor": "c2"}}}},
    ]

    def answer(service: Service, request: Request) -> Answer:
        assert request.body["query"] == "query($after: String) { things(after: $after) { nodes {id} pageInfo {x} } }"
        return Answer(answers.pop(0))

    resource = Resource(
        "things",
        "/graphql",
        FIELDS,
        method="POST",
        records="data.things.nodes",
        body=graphql.request(
            "query($after: String) { things(after: $after) { nodes {id} pageInfo {x} } }", {"after": "{token}"}
        ),
        pages=Token("data.things.pageInfo.endCursor", more="data.things.pageInfo.hasNextPage"),
    )
    made = tap(resource, retry=Retry(body=graphql.rules(), code=graphql.CODE))
    service = Service({}, [Endpoint("/graphql", method="POST", handler=answer)])
    done = run(made, service)
    assert done.error is None, done.error
    assert done.waits == [4.0]
    assert [call.body["variables"] for call in service.calls] == [{}, {}, {"after": "c1"}]
    answers += [
        {"data": {"things": None}, "errors": [{"message": "jenny@example.com", "extensions": {"code": "OTHER"}}]}
    ] * 6
    broken = run(made, service)
    assert isinstance(broken.error, DataError)
    assert "jenny" not in str(broken.error) + broken.log
    assert "OTHER" in str(broken.error)


def test_a_vendors_header_of_calls_left_is_respected():
    def answer(service: Service, request: Request) -> Answer:
        start = int(request.params.get("cursor", 0))
        left = {"X-Left": "0" if start == 1 else "9", "X-Reset": "2500"}
        return Answer({"data": [thing(start)], "next": start + 1 if start < 3 else None}, 200, left)

    resource = Resource("things", "/things", FIELDS, params={"cursor": "{token}"}, pages=Token("next"))
    made = tap(resource, retry=Retry(rates=RateHeaders("X-Left", "X-Reset", "milliseconds")))
    done = run(made, Service({}, [Endpoint("/things", handler=answer)]))
    assert done.waits == [2.5]
    assert len(done.rows("things")) == 4


def test_amounts_keep_every_digit_and_odd_json_is_read():
    body = b'{"data": [{"id": "a", "size": 12345678901234567890.1234567890, "name": "x\\ud800"}, {"id": "b", "size": NaN}]}'
    service = Service({}, [Endpoint("/things", handler=lambda service, request: Answer(body))])
    done = run(tap(Resource("things", "/things", FIELDS)), service)
    assert done.error is None, done.error
    assert [record["id"] for record in done.records("things")] == ["a", "b"]
    plain = b'{"data": [{"id": "a", "size": 12345678901234567890.1234567890}]}'
    service = Service({}, [Endpoint("/things", handler=lambda service, request: Answer(plain))])
    assert '"size":12345678901234567890.1234567890' in run(tap(Resource("things", "/things", FIELDS)), service).output


@pytest.mark.parametrize("key", ["line\nend", "n\u00f6", " \x00"])
def test_a_key_that_no_header_can_carry_is_a_matter_of_settings(key: str):
    made, service = styled("token", 5)
    made.auth = bearer(key)
    done = run(made, service)
    assert isinstance(done.error, ConfigurationError)
    assert key not in str(done.error)
    assert not service.calls


@pytest.mark.parametrize("address", ["nowhere", "http://", "ftp://127.0.0.1", "http://api.example.com"])
def test_an_address_that_is_none_is_a_matter_of_settings(address: str):
    made, _ = styled("token", 5)
    done = run_tap(made, {"api_url": address})
    assert isinstance(done.error, ConfigurationError), done.error
    assert "api_url must" in str(done.error)


def test_a_row_without_its_key_is_left_out_and_counted():
    service = Service({"things": [thing(1), thing(2, id=None), thing(3, id="")]}, [Endpoint("/things", "things")])
    done = run(tap(Resource("things", "/things", FIELDS)), service)
    assert len(done.records("things")) == 1
    assert done.count("reject_count", "things") == 2


def test_an_answer_that_comes_too_slowly_is_asked_for_again():
    made, service = styled("token", 25)
    service.faults.append(Fault("slow", after=1, value=1.5))
    made.make_client = lambda self: Client(self.config["api_url"], timeout=1, sleep=self.sleep)  # type: ignore[method-assign]
    done = run(made, service)
    assert done.error is None, done.error
    assert len(done.rows("things")) == 25
    assert len(done.waits) == 1
