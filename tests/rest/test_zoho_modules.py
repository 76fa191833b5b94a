"""tap-zoho: bulk jobs, wide modules, ties, edits and deletions, data centres, settings."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from contract.rest_runs import Runner
from servers import zoho
from servers.rest import Answer, Fault, Service
from servers.zoho import change, delete

from pipe.errors import ConfigurationError, CredentialsError, DataError, RetriableError
from taps.base.rest.client import Client
from taps.zoho.fields import reader
from taps.zoho.streams import others
from taps.zoho.tap import TapZoho

RUNNER = Runner(TapZoho, {**zoho.LOGIN, "start_date": "2024-01-01"})
attempt, sync = RUNNER.attempt, RUNNER.sync


@pytest.fixture
def organisation() -> Iterator[Service]:
    """Sixty deals and eight of all else; a bulk job gives 25 records a page."""
    service = zoho.service(60, bulk_page=25)
    with service.serving():
        yield service


def test_a_bulk_job_and_queries_give_the_same_records(organisation: Service):
    names = ["deals", "contacts", "products"]
    bulk, query = sync(organisation, names), sync(organisation, names, first_load="query")
    assert sum(call.path.endswith("/result") for call in organisation.calls) == 5  # three pages of deals
    for name in names:
        assert len(bulk.rows(name)) in {60, 8}
        assert bulk.rows(name) == query.rows(name), name
    assert bulk.state["bookmarks"]["deals"]["replication_key_value"] == "2024-02-06T21:00:00.000000Z"


def test_after_a_bulk_job_what_changed_is_queried(organisation: Service):
    first = sync(organisation, ["deals"])
    edited = change(organisation, "Deals", organisation.corpus["Deals"][7]["id"], Amount=1.25)
    organisation.forget()
    second = sync(organisation, ["deals"], first.state, lookback_days=0)
    newest = organisation.corpus["Deals"][-1]["id"]  # ties with the bookmark
    assert set(second.rows("deals")) == {(edited["id"],), (newest,)}
    assert not [call for call in organisation.calls if "/bulk/" in call.path]


def test_a_run_that_is_cut_goes_on_with_the_same_job(organisation: Service):
    organisation.faults.append(Fault("status", after=0, times=1000, value=503, path="/result"))
    broken = attempt(organisation, ["deals"], retry_seconds=0)
    assert isinstance(broken.error, RetriableError)
    assert broken.state["bookmarks"]["deals"]["job"]["id"] == "1"
    organisation.faults.clear()
    organisation.forget()
    again = sync(organisation, ["deals"], broken.state)
    assert len(again.rows("deals")) == 60
    assert sum(call.method == "POST" and "/bulk/" in call.path for call in organisation.calls) == 2  # pages 2 and 3
    assert again.state["bookmarks"]["deals"]["job"] is None


def test_a_job_that_is_lost_is_made_again(organisation: Service):
    broken = {"bookmarks": {"deals": {}}}
    first = sync(organisation, ["deals"])
    mark = first.states[0]["bookmarks"]["deals"]
    assert mark["job"]["id"] == "1"
    mark["job"]["id"] = "99"
    broken["bookmarks"]["deals"] = mark
    assert len(sync(organisation, ["deals"], broken).rows("deals")) == 60


def test_a_job_whose_file_is_no_longer_kept_is_made_again(organisation: Service):
    organisation.faults.append(Fault("status", times=1000, value=503, path="/result"))
    broken = attempt(organisation, ["deals"], retry_seconds=0)
    organisation.faults[:] = [Fault("status", times=1000, value=404, path="/1/result")]
    assert len(sync(organisation, ["deals"], broken.state).rows("deals")) == 60


def test_a_token_that_expires_before_a_download_is_renewed(organisation: Service):
    organisation.faults.append(Fault("expire_token", path="/result"))
    run = sync(organisation, ["deals"])
    assert len(run.rows("deals")) == 60
    assert run.waits == [2.0, 5.0, 5.0]  # for the jobs alone


def test_a_damaged_file_ends_the_run(organisation: Service, monkeypatch: pytest.MonkeyPatch):
    made = zoho._packed
    monkeypatch.setattr(zoho, "_packed", lambda *arguments: made(*arguments)[:-40])
    run = attempt(organisation, ["deals"])
    assert isinstance(run.error, RetriableError)
    assert "damaged" in str(run.error)


def test_a_module_with_more_fields_than_a_query_may_name():
    service = zoho.service(30)
    for number, deal in enumerate(service.corpus["Deals"]):
        deal |= {f"Own_{field:03}": f"{number}-{field}" for field in range(120)}
    with service.serving():
        run = sync(service, ["deals"], first_load="query", per_page=10)
    for number, deal in enumerate(service.corpus["Deals"]):
        row = run.rows("deals")[(deal["id"],)]
        assert [row[f"Own_{field:03}"] for field in (0, 60, 119)] == [f"{number}-{field}" for field in (0, 60, 119)]
        assert row["Deal_Name"] == f"Order {number}"


def wide(rows: int) -> Service:
    """An organisation whose deals have 120 fields of its own."""
    service = zoho.service(rows, step=timedelta(minutes=10))
    for number, deal in enumerate(service.corpus["Deals"]):
        deal |= {f"Own_{field:03}": f"{number}-{field}" for field in range(120)}
    return service


def test_edits_far_apart_in_a_wide_module_have_all_fields():
    service = wide(2_300)
    deals = service.corpus["Deals"]
    with service.serving():
        first = sync(service, ["deals"])
        for place in (3, 2_250):
            change(service, "Deals", deals[place]["id"], Amount=1.25)
        second = sync(service, ["deals"], first.state)
    for place in (3, 2_250):
        row = second.rows("deals")[(deals[place]["id"],)]
        assert [row[f"Own_{field:03}"] for field in (0, 60, 119)] == [f"{place}-{field}" for field in (0, 60, 119)]


def test_a_record_edited_between_the_queries_of_a_wide_module_comes_whole_with_the_next_run():
    service = wide(20)
    key = service.corpus["Deals"][7]["id"]

    def edit(service: Service) -> None:
        change(service, "Deals", key, Modified_Time=zoho.stamp(datetime.now(UTC) + timedelta(seconds=5)))

    service.faults.append(Fault("change", after=1, value=edit, path="/coql"))
    with service.serving():
        first = sync(service, ["deals"], first_load="query", start_date="2024-01-01")
        change(service, "Deals", key, Stage="Lost")
        second = sync(service, ["deals"], first.state)
    assert len(first.rows("deals")) == 19
    assert all("Own_119" in row for row in first.records("deals") + second.records("deals"))
    assert (second.rows("deals")[(key,)]["Stage"], second.rows("deals")[(key,)]["Own_119"]) == ("Lost", "7-119")


def test_thousands_of_records_of_one_second_are_all_read():
    service = zoho.service(5_000, step=timedelta())
    with service.serving():
        run = sync(service, ["deals"], first_load="query")
    assert len(run.records("deals")) == len(run.rows("deals")) == 5_000


def test_records_edited_and_deleted_while_they_are_read_cost_no_other(organisation: Service):
    ids = [row["id"] for row in organisation.corpus["Deals"]]

    def meanwhile(service: Service) -> None:
        change(service, "Deals", ids[0], Stage="Lost")
        delete(service, "Deals", ids[1])

    organisation.faults.append(Fault("change", after=2, value=meanwhile, path="/coql"))
    run = sync(organisation, ["deals"], first_load="query", per_page=10)
    again = sync(organisation, ["deals"], run.state, first_load="query", per_page=10)
    assert {(key,) for key in ids} <= set(run.rows("deals")) | set(again.rows("deals"))
    assert again.rows("deals")[(ids[0],)]["Stage"] == "Lost"


def test_deleted_records_are_marked(organisation: Service):
    first = sync(organisation, ["deals"])
    gone = organisation.corpus["Deals"][3]["id"]
    delete(organisation, "Deals", gone)
    second = sync(organisation, ["deals"], first.state)
    record = second.rows("deals")[(gone,)]
    assert set(record) == {"id", "_sdc_deleted_at"}  # nothing of who deleted it, or what it was called
    assert record["_sdc_deleted_at"].endswith(".000000Z")


@pytest.mark.parametrize(
    ("kinds", "value", "expected"),
    [
        (("datetime", "string"), "2026-01-02T09:30:00+05:30", "2026-01-02T04:00:00.000000Z"),
        (("currency", "double"), "12.50", 12.5),
        (("integer", "integer"), "7", 7),
        (("boolean", "boolean"), "true", True),
        (("boolean", "boolean"), "yes", None),
        (("multiselectpicklist", "jsonarray"), "a;b", ["a", "b"]),
        (("lookup", "jsonobject"), "42", {"id": "42"}),
        (("lookup", "jsonobject"), {"id": "42", "name": "Ada"}, {"id": "42"}),
        (("date", "string"), "2026-01-02", "2026-01-02"),
        (("currency", "double"), "much", None),
        (("text", "string"), "", ""),
    ],
)
def test_how_a_value_is_read(kinds: tuple[str, str], value: Any, expected: Any):
    record = reader([{"api_name": "f", "data_type": kinds[0], "json_type": kinds[1]}])({"f": value, "$state": "save"})
    assert record["f"] == expected
    assert record.get("f_unreadable") == (value if expected is None else None)
    assert "$state" not in record


def test_a_page_out_of_order_ends_the_run(organisation: Service, monkeypatch: pytest.MonkeyPatch):
    ordered = zoho._sorted
    monkeypatch.setattr(zoho, "_sorted", lambda *arguments: ordered(*arguments)[::-1])
    run = attempt(organisation, ["deals"], first_load="query")
    assert isinstance(run.error, DataError)


@pytest.mark.parametrize(
    ("domain", "answer", "accounts", "host"),
    [
        ("zohoapis.eu", "https://www.zohoapis.eu", "accounts.zoho.eu", "https://www.zohoapis.eu"),
        ("zohoapis.com", "https://www.zohoapis.in", "accounts.zoho.com", "https://www.zohoapis.in"),
        ("zohoapis.ca", "", "accounts.zohocloud.ca", "https://www.zohoapis.ca"),
        ("zohoapis.com", "https://www.evil.example", "accounts.zoho.com", "https://www.zohoapis.com"),
    ],
)
def test_the_data_centre_is_the_one_the_sign_in_names(
    domain: str, answer: str, accounts: str, host: str, monkeypatch: pytest.MonkeyPatch
):
    asked = []

    def exchange(self: Client, perform: Any, accept: Any, where: str, **more: Any) -> Any:
        asked.append(where)
        return {"access_token": "t", "api_domain": answer}

    monkeypatch.setattr(Client, "exchange", exchange)
    monkeypatch.setattr(TapZoho, "resources", lambda self: others("/crm/v8"))
    tap = TapZoho(config={**zoho.LOGIN, "domain": domain})
    assert tap.client.base_url == host
    assert tap._sign_in._url == f"https://{accounts}/oauth/v2/token"
    assert asked == ["sign-in"]


def test_a_stale_refresh_token_answered_with_status_200(organisation: Service):
    run = attempt(organisation, ["deals"], refresh_token="stale-canary")
    assert isinstance(run.error, CredentialsError)
    assert "stale-canary" not in str(run.error) + run.log


def test_tokens_asked_for_too_often_are_no_matter_of_credentials(organisation: Service):
    body = {"error_description": "You have made too many requests.", "error": "Access Denied", "status": "failure"}
    organisation.faults.append(Fault("answer", times=99, value=Answer(body, 400), path="/oauth"))
    run = attempt(organisation, ["deals"])
    assert isinstance(run.error, RetriableError)
    assert "rate limit" in str(run.error)
    assert len(organisation.calls) == 1  # only a pause takes the limit away


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"client_id": None}, "client_id"),
        ({"domain": "zoho.com"}, "domain"),
        ({"modules": []}, "modules"),
        ({"module": "Deals; drop"}, "module"),
        ({"first_load": "fast"}, "first_load"),
        ({"per_page": 2001}, "per_page"),
        ({"api_version": "latest"}, "api_version"),
        ({"start_date": "soon"}, "start_date"),
    ],
)
def test_wrong_settings_are_named_before_anything_is_sent(organisation: Service, settings: dict[str, Any], said: str):
    run = attempt(organisation, [], **settings)
    assert isinstance(run.error, ConfigurationError)
    assert said in str(run.error)
    assert not organisation.calls


def test_one_module_by_the_earlier_setting_and_one_that_is_not_there(organisation: Service):
    tap = TapZoho(config={**zoho.LOGIN, "api_url": organisation.url, "module": "Deals", "per_page": 200})
    assert set(tap.streams) == {"deals", "users"}
    run = attempt(organisation, [], modules=["Unicorns"])
    assert isinstance(run.error, ConfigurationError)
    assert "no module 'Unicorns'" in str(run.error)


def test_the_test_option_makes_no_bulk_job(organisation: Service, capsys: pytest.CaptureFixture[str]):
    TapZoho(config={**zoho.LOGIN, "api_url": organisation.url}).test()
    assert "7 of 7 streams can be read" in capsys.readouterr().out
    assert not [call for call in organisation.calls if "/bulk/" in call.path]
