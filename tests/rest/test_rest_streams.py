"""Streams of the REST base: parents, deletions, what the connection test says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from contract.rest_runs import run_tap
from rest_things import CHANGED, FIELDS, TIMES, WINDOWED, run, styled, tap, thing, things
from servers.rest import Answer, Endpoint, Fault, Filter, Request, Service, by_token

from pipe.errors import DataError
from taps.base.rest.deletes import DeletedPass, SoftFlag
from taps.base.rest.pages import Token
from taps.base.rest.resource import Resource, shape

PAGED = {**WINDOWED, "cursor": "{token}"}


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


def test_what_changes_while_everything_is_read_is_in_the_snapshot():
    made = tap(Resource("things", "/things", FIELDS, params=PAGED, cursor=CHANGED, pages=Token("next")))
    pages = Endpoint("/things", "things", filters=TIMES, paging=by_token("cursor", "next", 10))
    service = Service({"things": things(30)}, [pages])

    def edit(service: Service) -> None:
        service.corpus["things"][25] |= {"changed_at": f"{datetime.now(UTC) + timedelta(seconds=5):%Y-%m-%dT%H:%M:%SZ}"}

    service.faults.append(Fault("change", after=1, value=edit))
    with service.serving() as url:
        catalog = made(config={"api_url": url}).catalog_dict
        catalog["streams"][0]["replication_method"] = "FULL_TABLE"
        done = run_tap(made, {"api_url": url}, catalog=catalog)
    assert done.error is None, done.error
    assert service.counts["change"] == 1
    assert len(done.rows("things")) == 30
    assert done.messages[-2]["type"] == "ACTIVATE_VERSION"


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


def test_a_row_without_its_key_is_left_out_and_counted():
    service = Service({"things": [thing(1), thing(2, id=None), thing(3, id="")]}, [Endpoint("/things", "things")])
    done = run(tap(Resource("things", "/things", FIELDS)), service)
    assert len(done.records("things")) == 1
    assert done.count("reject_count", "things") == 2
