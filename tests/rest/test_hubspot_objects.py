"""tap-hubspot and what searches do not show: ties, edits while reading, associations, histories, deletions, merges."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from contract.rest_runs import Runner, run_tap
from servers import hubspot
from servers.hubspot import START, archive, change, link
from servers.rest import Fault, Service

from pipe.errors import ConfigurationError, CredentialsError, DataError
from taps.hubspot.library import LibraryClient
from taps.hubspot.properties import reader
from taps.hubspot.tap import TapHubSpot

RUNNER = Runner(TapHubSpot, {"access_token": hubspot.TOKEN, "start_date": "2024-01-01"})
attempt, sync = RUNNER.attempt, RUNNER.sync


@pytest.fixture
def account() -> Iterator[Service]:
    """Sixty contacts and a dozen of all else."""
    service = hubspot.service(60)
    with service.serving():
        yield service


def test_25000_objects_of_one_second_are_all_read_although_a_search_gives_10000():
    service = hubspot.service(25_000, step=timedelta())
    with service.serving():
        run = sync(service, ["contacts"])
    assert len(run.records("contacts")) == len(run.rows("contacts")) == 25_000
    assert {call.body["after"] for call in service.calls if call.path.endswith("/search")} == {"0"}


def test_a_run_cut_among_ties_and_run_again_has_all_of_them():
    service = hubspot.service(1_000, step=timedelta())
    with service.serving():
        service.faults.append(Fault("status", after=5, times=10_000, value=503, path="/contacts/search"))
        broken = attempt(service, ["contacts"], page_size=100, retry_seconds=0)
        assert broken.error is not None
        service.faults.clear()
        again = sync(service, ["contacts"], broken.states[-1] if broken.states else None, page_size=100)
    assert len(again.rows("contacts")) == 1_000


def test_objects_edited_made_and_deleted_while_they_are_read_cost_no_other(account: Service):
    first, last = account.corpus["contacts"][0]["id"], account.corpus["contacts"][-1]["id"]

    def meanwhile(service: Service) -> None:
        change(service, "contacts", first, city="Berlin")
        change(service, "contacts", last, city="Berlin")
        archive(service, "contacts", service.corpus["contacts"][1]["id"])
        service.corpus["contacts"].insert(0, hubspot._object("contacts", 70, timedelta(hours=9)) | {"id": "999"})

    before = {(row["id"],) for row in account.corpus["contacts"]}
    account.faults.append(Fault("change", after=2, value=meanwhile, path="/contacts/search"))
    run = sync(account, ["contacts"], page_size=10)
    again = sync(account, ["contacts"], run.state, page_size=10)
    assert before <= set(run.rows("contacts")) | set(again.rows("contacts"))
    assert again.rows("contacts")[(last,)]["city"] == again.rows("contacts")[(first,)]["city"] == "Berlin"


def test_an_edit_brings_that_object_and_nothing_else(account: Service):
    first = sync(account, ["deals"])
    edited = change(account, "deals", account.corpus["deals"][3]["id"], amount="7.10", hs_is_closed_won="true")
    second = sync(account, ["deals"], first.state, lookback_days=0)
    newest = account.corpus["deals"][-1]["id"]  # ties with the bookmark
    assert set(second.rows("deals")) == {(edited["id"],), (newest,)}
    assert second.rows("deals")[(edited["id"],)]["amount"] == 7.10


def test_properties_have_types_and_custom_ones_are_found(account: Service):
    account.corpus["deals properties"].append({"name": "my_own", "label": "Mine", "type": "date"})
    place = account.corpus["deals"][1]
    place["properties"] |= {"my_own": "1714521600000", "amount": "1234567890123456789.25", "hs_closed_amount": "many"}
    run = sync(account, ["deals"])
    deal = run.rows("deals")[(place["id"],)]
    assert deal["my_own"] == "2024-05-01"
    assert '"amount":1234567890123456789.25' in run.output
    assert deal["hs_is_closed_won"] is True
    assert deal["closedate"] == "2024-01-01T09:00:00.000000Z"
    assert (deal["hs_closed_amount"], deal["_extra"]) == (None, {"hs_closed_amount_unreadable": "many"})
    (schema,) = [message["schema"]["properties"] for message in run.messages if message["type"] == "SCHEMA"]
    assert schema["my_own"] == {"type": ["string", "null"], "format": "date", "description": "Mine"}
    assert schema["amount"] == {"type": ["number", "null"], "description": "Amount"}


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("number", "1e3", Decimal(1000)),
        ("number", "NaN", None),
        ("number", "", None),
        ("bool", "TRUE", True),
        ("bool", "maybe", None),
        ("datetime", "1714521600000", "2024-05-01T00:00:00.000000Z"),
        ("datetime", "2024-05-01T00:00:00.123Z", "2024-05-01T00:00:00.123000Z"),
        ("datetime", "soon", None),
        ("date", "2024-05-01", "2024-05-01"),
        ("enumeration", "a;b", "a;b"),
    ],
)
def test_how_a_text_is_read(kind: str, text: str, value: Any):
    record = reader([{"name": "p", "type": kind}])({"id": "1", "properties": {"p": text}, "url": "x"})
    assert record["p"] == value
    assert record.get("p_unreadable") == (text if value is None and text else None)
    assert "url" not in record


def test_associations_come_with_every_object_the_primary_one_first(account: Service):
    deal, other = account.corpus["deals"][0]["id"], account.corpus["deals"][1]["id"]
    for number in range(5):  # the stand-in gives two at a time
        link(account, "deals", deal, "contacts", str(1_000_000 + number), "Primary" if number == 3 else None)
    link(account, "deals", other, "companies", "2000001")
    run = sync(account, ["deals"])
    linked = run.rows("deals")[(deal,)]["associations"]
    assert [to["id"] for to in linked["contacts"]] == ["1000003", "1000000", "1000001", "1000002", "1000004"]
    assert linked["contacts"][0] == {"id": "1000003", "types": [3, 5], "labels": ["Primary"]}
    assert set(run.rows("deals")[(other,)]["associations"]) == {"companies"}
    changed = change(account, "deals", other)
    second = sync(account, ["deals"], run.state)  # incremental reads have them, too
    assert second.rows("deals")[(changed["id"],)]["associations"]["companies"][0]["id"] == "2000001"


def test_associations_that_may_not_be_read_are_left_out_and_named(account: Service):
    account.forbidden = {"deals to contacts"}
    link(account, "deals", account.corpus["deals"][0]["id"], "companies", "2000001")
    run = sync(account, ["deals"])
    assert len(run.rows("deals")) == 12
    assert "associations to contacts are left out" in run.log
    assert run.rows("deals")[(account.corpus["deals"][0]["id"],)]["associations"]["companies"]


def test_histories_of_chosen_properties(account: Service):
    run = sync(account, ["contacts"], property_history=["contacts.lifecyclestage"])
    history = run.rows("contacts")[(account.corpus["contacts"][55]["id"],)]["property_history"]
    assert [entry["value"] for entry in history["lifecyclestage"]] == ["customer", "before"]
    assert "property_history" not in sync(account, ["contacts"]).records("contacts")[0]


def test_archived_objects_come_with_all_properties_and_once(account: Service):
    first = sync(account, ["deals"])
    gone = account.corpus["deals"][4]
    archive(account, "deals", gone["id"])
    second = sync(account, ["deals"], first.state)
    record = second.rows("deals")[(gone["id"],)]
    assert record["_sdc_deleted_at"] == record["archivedAt"].replace("Z", "000Z")
    assert (record["archived"], record["dealname"]) == (True, "Order 4")
    state = second.state
    state["bookmarks"]["deals"]["changes"] = "2999-01-01T00:00:00.000000Z"
    assert (gone["id"],) not in sync(account, ["deals"], state).rows("deals")


def test_the_loser_of_a_merge_is_deleted(account: Service):
    first = sync(account, ["contacts"])
    loser, winner = (row["id"] for row in account.corpus["contacts"][:2])
    del account.corpus["contacts"][0]
    change(account, "contacts", winner, hs_merged_object_ids=f"{loser};{winner}")
    second = sync(account, ["contacts"], first.state)
    assert second.rows("contacts")[(loser,)]["_sdc_deleted_at"]
    assert second.rows("contacts")[(loser,)]["merged_into"] == winner
    assert "_sdc_deleted_at" not in second.rows("contacts")[(winner,)]


def test_a_full_table_read_finds_everything_again(account: Service):
    run = sync(account, ["contacts"])
    catalog = TapHubSpot(config={"access_token": hubspot.TOKEN, "api_url": account.url}).catalog_dict
    for entry in catalog["streams"]:
        entry["replication_method"] = "FULL_TABLE"
        entry["metadata"][-1]["metadata"]["selected"] = entry["tap_stream_id"] == "contacts"
    config = {"access_token": hubspot.TOKEN, "api_url": account.url}
    full = run_tap(TapHubSpot, config, run.state, ["contacts"], catalog)
    assert full.error is None
    assert full.rows("contacts").keys() == run.rows("contacts").keys()


def test_a_page_out_of_order_ends_the_run(account: Service, monkeypatch: pytest.MonkeyPatch):
    found = hubspot._found
    monkeypatch.setattr(hubspot, "_found", lambda *arguments: found(*arguments)[::-1])
    run = attempt(account, ["contacts"])
    assert isinstance(run.error, DataError)
    assert "not sorted" in str(run.error)


def test_the_version_of_the_api_is_a_setting():
    service = hubspot.service(5, version="v3")
    link(service, "deals", service.corpus["deals"][0]["id"], "contacts", "1000000")
    with service.serving():
        run = sync(service, ["contacts", "deals", "owners", "deal_pipelines"], api_version="v3")
    assert len(run.rows("contacts")) == 5
    assert all(call.path.startswith(("/crm/v3/", "/crm/v4/associations/")) for call in service.calls)


def test_an_oauth_app_gets_tokens_and_renews_them(account: Service, tmp_path: Any):
    app = {"client_id": "client", "client_secret": hubspot.CLIENT_SECRET, "refresh_token": hubspot.REFRESH}
    account.faults.append(Fault("expire_token", 1, 1, "/contacts/search"))
    run = sync(account, ["contacts"], access_token=None, credentials_file=str(tmp_path / "tokens"), page_size=10, **app)
    assert len(run.rows("contacts")) == 60
    assert sum(call.path.startswith("/oauth/") for call in account.calls) == 2
    for secret in app.values():
        assert secret not in run.output + run.log or secret == "client"
    refused = attempt(account, ["contacts"], access_token=None, **{**app, "refresh_token": "stale"})
    assert isinstance(refused.error, CredentialsError)


def test_what_the_library_prints_does_not_reach_the_pipe(account: Service, monkeypatch: pytest.MonkeyPatch):
    class Loud(LibraryClient):
        @property
        def library(self) -> Any:
            print("HTTP error occurred: jenny@example.com")
            return super().library

    monkeypatch.setattr("taps.hubspot.library.LibraryClient", Loud)
    run = sync(account, ["contacts"])
    assert all(json.loads(line)["type"] for line in run.output.splitlines())
    assert "HTTP error" not in run.log


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"access_token": None}, "access_token is missing"),
        ({"refresh_token": "r"}, "exclude each other"),
        ({"access_token": None, "client_id": "c"}, "client_secret, refresh_token"),
        ({"api_version": "2026-04"}, "api_version"),
        ({"objects": []}, "objects"),
        ({"objects": ["a/b"]}, "objects"),
        ({"object_type": "../x"}, "object_type"),
        ({"property_history": ["dealstage"]}, "property_history"),
        ({"property_history": ["carts.x"]}, "objects does not have"),
        ({"page_size": 201}, "page_size"),
        ({"start_date": "soon"}, "start_date"),
    ],
)
def test_wrong_settings_are_named_before_anything_is_sent(account: Service, settings: dict[str, Any], said: str):
    run = attempt(account, [], **settings)
    assert isinstance(run.error, ConfigurationError)
    assert said in str(run.error)
    assert not account.calls


def test_an_unknown_object_type_is_named(account: Service):
    run = attempt(account, [], objects=["deals", "unicorns"])
    assert isinstance(run.error, ConfigurationError)
    assert "no object type 'unicorns'" in str(run.error)


def test_one_object_type_by_the_earlier_setting(account: Service):
    tap = TapHubSpot(config={"access_token": hubspot.TOKEN, "api_url": account.url, "object_type": "deals"})
    assert set(tap.streams) == {"deals", "owners", "deal_pipelines", "ticket_pipelines"}


def test_the_test_option_says_what_can_be_read(account: Service, capsys: pytest.CaptureFixture[str]):
    account.forbidden = {"tickets", "tickets properties"}
    change(account, "contacts", account.corpus["contacts"][0]["id"], START + timedelta(days=1))
    TapHubSpot(config={"access_token": hubspot.TOKEN, "api_url": account.url}).test()
    said = capsys.readouterr().out
    assert "needs crm.objects.tickets.read" in said
    assert "tap-hubspot: connected; 13 of 14 streams can be read" in said
