"""tap-salesforce: queries and bulk jobs, ties, edits and deletions, custom fields and queries, the quota."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from contract.rest_runs import Runner, run_tap
from servers import salesforce
from servers.rest import Answer, Fault, Row
from servers.salesforce import Organisation, change, delete, key

from pipe.errors import ConfigurationError, DataError, RetriableError
from taps.salesforce import objects
from taps.salesforce.fields import reader
from taps.salesforce.tap import TapSalesforce

RESULTS = "/results"


RUNNER = Runner(TapSalesforce, {**salesforce.LOGIN, "start_date": "2020-01-01", "page_size": 200})
attempt, sync = RUNNER.attempt, RUNNER.sync


@pytest.fixture
def organisation() -> Iterator[Organisation]:
    """Six hundred opportunities, ten hours apart, and eight of all else."""
    service = salesforce.service(600, step=timedelta(hours=10))
    with service.serving():
        yield service


def calls(service: Organisation, part: str) -> int:
    return sum(part in call.path for call in service.calls)


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages of a job's result with 200 rows, the fewest there are."""
    monkeypatch.setattr(objects, "CELLS", 1)


@pytest.mark.usefixtures("small_pages")
def test_a_bulk_job_and_queries_give_the_same_records(organisation: Organisation):
    names = [name.lower() for name in salesforce.OBJECTS]
    bulk, query = sync(organisation, names, api_type="bulk"), sync(organisation, names, api_type="rest")
    assert calls(organisation, RESULTS) == 3 + 8  # three pages of opportunities
    for name in names:
        assert len(bulk.rows(name)) in {600, 8}
        assert bulk.rows(name) == query.rows(name), name
    assert bulk.state["bookmarks"]["opportunity"]["replication_key_value"] == "2020-09-06T14:00:00.000000Z"


def test_many_rows_come_by_a_job_and_few_by_query(organisation: Organisation):
    first = sync(organisation, ["opportunity", "contact"], bulk_threshold=500)
    assert [row["query"].sobject for row in organisation.jobs.values()] == ["Opportunity"]
    assert (len(first.rows("opportunity")), len(first.rows("contact"))) == (600, 8)
    edited = change(organisation, "Opportunity", key("Opportunity", 7), Amount=1.25)
    organisation.forget()
    second = sync(organisation, ["opportunity"], first.state, bulk_threshold=500)
    assert set(second.rows("opportunity")) == {(edited["Id"],), (key("Opportunity", 599),)}  # the last ties
    assert not calls(organisation, "/jobs/")
    assert calls(organisation, "/queryAll") == 1  # counting costs no call of its own


def test_a_small_run_costs_a_call_an_object(organisation: Organisation):
    state = sync(organisation, ["contact", "lead"]).state
    organisation.forget()
    sync(organisation, ["contact", "lead"], state)
    assert calls(organisation, "/query") == 2


@pytest.mark.usefixtures("small_pages")
def test_a_run_that_is_cut_goes_on_with_the_same_job_where_it_was(organisation: Organisation):
    organisation.faults.append(Fault("status", after=1, times=1000, value=503, path=RESULTS))
    broken = attempt(organisation, ["opportunity"], api_type="bulk", retry_seconds=0)
    assert isinstance(broken.error, RetriableError)
    assert len(broken.rows("opportunity")) == 200
    assert broken.state["bookmarks"]["opportunity"]["job"]["locator"] == "200"
    organisation.faults.clear()
    organisation.forget()
    again = sync(organisation, ["opportunity"], broken.state)
    assert len(again.rows("opportunity")) == 400
    assert len(broken.rows("opportunity") | again.rows("opportunity")) == 600
    assert (len(organisation.jobs), calls(organisation, RESULTS)) == (1, 2)
    assert again.state["bookmarks"]["opportunity"]["job"] is None


@pytest.mark.usefixtures("small_pages")
def test_a_full_read_begins_anew_whatever_job_was_left(organisation: Organisation):
    config = {**salesforce.LOGIN, "api_url": organisation.url, "api_type": "bulk", "retry_seconds": 0}
    catalog = TapSalesforce(config=config).catalog_dict
    for entry in catalog["streams"]:
        entry["replication_method"] = "FULL_TABLE"
    organisation.faults.append(Fault("status", after=1, times=1000, value=503, path=RESULTS))
    cut = run_tap(TapSalesforce, config, None, ["opportunity"], catalog)
    assert cut.state["bookmarks"]["opportunity"]["job"]["locator"] == "200"
    organisation.faults.clear()
    run = run_tap(TapSalesforce, config, cut.state, ["opportunity"], catalog)
    assert run.messages[-2]["type"] == "ACTIVATE_VERSION"
    assert len(run.rows("opportunity")) == 600


@pytest.mark.usefixtures("small_pages")
def test_a_run_from_every_state_of_a_bulk_job_completes_the_set(organisation: Organisation):
    whole = sync(organisation, ["opportunity"], api_type="bulk")
    seen = 0
    for place, message in enumerate(whole.messages):
        if message["type"] == "STATE":
            before = {row["record"]["Id"] for row in whole.messages[:place] if row["type"] == "RECORD"}
            rest = sync(organisation, ["opportunity"], message["value"], api_type="bulk")
            assert len(before | {one[0] for one in rest.rows("opportunity")}) == 600
            seen += 1
    assert seen >= 4


@pytest.mark.parametrize("state", ["Failed", "Aborted", None])
def test_a_job_that_is_lost_is_made_again(organisation: Organisation, state: str | None):
    first = sync(organisation, ["opportunity"], api_type="bulk").states[0]
    if state:
        next(iter(organisation.jobs.values()))["state"] = state
    else:
        organisation.jobs.clear()
    again = sync(organisation, ["opportunity"], first, api_type="bulk")
    assert len(again.rows("opportunity")) == 600


def test_a_job_that_fails_again_and_again_ends_the_run(organisation: Organisation, monkeypatch: pytest.MonkeyPatch):
    submit = salesforce._submit

    def failing(service: Any, request: Any) -> Any:
        answer = submit(service, request)
        service.jobs[answer.body["id"]]["state"] = "Failed"
        return answer

    organisation.endpoints = [
        type(one)(one.path, method=one.method, handler=failing if one.handler is submit else one.handler)
        for one in organisation.endpoints
    ]
    run = attempt(organisation, ["opportunity"], api_type="bulk")
    assert isinstance(run.error, RetriableError)
    assert "again and again" in str(run.error)
    assert len(organisation.jobs) == 3


@pytest.mark.parametrize(
    "fault",
    [
        Fault("rate_seconds", value=7),
        Fault("status", value=503, times=2),
        Fault("reset"),
        Fault("short"),
        Fault("html"),
        Fault("empty"),
        Fault("expire_token"),
    ],
    ids=lambda fault: fault.kind,
)
@pytest.mark.parametrize("path", ["/jobs/query", RESULTS])
@pytest.mark.usefixtures("small_pages")
def test_a_passing_fault_of_a_bulk_job_costs_no_row(organisation: Organisation, fault: Fault, path: str):
    organisation.faults.append(Fault(fault.kind, 1, fault.times, path, fault.value))
    run = sync(organisation, ["opportunity"], api_type="bulk")
    assert organisation.counts[fault.kind] == fault.times
    assert len(run.records("opportunity")) == len(run.rows("opportunity")) == 600


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda body: body[: len(body) // 2].rpartition(b"\n")[0] + b"\n", "rows missing"),
        (lambda body: body.replace(b'"Amount"', b'"Amounts"', 1), "other fields"),
        (lambda body: b'"Id"\n"un"closed', "not CSV"),
    ],
)
def test_a_result_that_is_not_whole_ends_the_run(
    organisation: Organisation, monkeypatch: pytest.MonkeyPatch, spoil: Any, said: str
):
    perform = objects.BulkQuery._page

    def page(self: Any, *arguments: Any) -> Any:
        client = self._client
        real = client.perform
        monkeypatch.setattr(
            client,
            "perform",
            lambda *given, **more: (reply := real(*given, **more))._replace(content=spoil(reply.content)),
        )
        return perform(self, *arguments)

    monkeypatch.setattr(objects.BulkQuery, "_page", page)
    run = attempt(organisation, ["opportunity"], api_type="bulk")
    assert isinstance(run.error, DataError)
    assert said in str(run.error)
    assert not run.records("opportunity")


def test_an_object_that_no_job_reads_is_read_page_by_page(organisation: Organisation):
    organisation.no_bulk.add("Opportunity")
    for way in ("auto", "bulk"):
        run = sync(organisation, ["opportunity"], api_type=way, bulk_threshold=500)
        assert len(run.records("opportunity")) == 600
        assert "page by page" in run.log


def test_nul_bytes_and_long_texts_in_a_result(organisation: Organisation):
    change(organisation, "Opportunity", key("Opportunity", 3), Name="a\0b", Description="x" * 200_000)
    run = sync(organisation, ["opportunity"], api_type="bulk")
    row = run.rows("opportunity")[(key("Opportunity", 3),)]
    assert (row["Name"], len(row["Description"])) == ("ab", 200_000)


def test_a_query_too_long_for_an_address_goes_by_job(organisation: Organisation):
    for row in organisation.corpus["Lead"]:
        row |= {f"Custom_field_of_the_organisation_{number:03}__c": str(number) for number in range(400)}
    run = sync(organisation, ["lead"], api_type="rest")
    assert run.records("lead")[0]["Custom_field_of_the_organisation_399__c"] == "399"
    assert len(organisation.jobs) == 1


def test_thousands_of_rows_of_one_moment_and_a_crash_among_them():
    service = salesforce.service(1000, step=timedelta())
    with service.serving():
        service.faults.append(Fault("status", after=3, times=1000, value=503, path="/queryAll"))
        cut = attempt(service, ["opportunity"], retry_seconds=0)
        assert isinstance(cut.error, RetriableError)
        assert 0 < len(cut.rows("opportunity")) < 1000
        service.faults.clear()
        rest = sync(service, ["opportunity"], cut.states[-1] if cut.states else None)
    assert len(cut.rows("opportunity") | rest.rows("opportunity")) == 1000


def test_a_row_committed_late_is_read_with_the_next_run(organisation: Organisation):
    change(organisation, "Contact", key("Contact", 1), datetime.now(UTC) - timedelta(minutes=1))
    first = sync(organisation, ["contact"])
    change(organisation, "Contact", key("Contact", 2), datetime.now(UTC) - timedelta(minutes=11), LastName="Late")
    second = sync(organisation, ["contact"], first.state)
    assert second.rows("contact")[(key("Contact", 2),)]["LastName"] == "Late"


def test_deleted_and_merged_records_come_marked(organisation: Organisation):
    first = sync(organisation, ["contact"])
    gone = delete(organisation, "Contact", key("Contact", 5), MasterRecordId=key("Contact", 0))
    for way in ("auto", "bulk"):
        record = sync(organisation, ["contact"], first.state, api_type=way).rows("contact")[(gone["Id"],)]
        assert record["IsDeleted"] is True
        assert record["_sdc_deleted_at"] == record["SystemModstamp"]
        assert record["MasterRecordId"] == key("Contact", 0)


def test_a_locator_that_has_expired_starts_the_query_anew(organisation: Organisation):
    organisation.faults.append(
        Fault("change", after=1, value=lambda service: service.locators.clear(), path="/queryAll")
    )
    run = sync(organisation, ["opportunity"])
    assert len(run.rows("opportunity")) == 600


def test_custom_objects_by_name_and_the_earlier_setting(organisation: Organisation):
    organisation.corpus["Gift_Card__c"] = [
        {"Id": f"a0{number}", "IsDeleted": False, "SystemModstamp": salesforce.stamp(salesforce.START), "Amount": 5.5}
        for number in range(3)
    ]
    assert len(sync(organisation, ["gift_card__c"], objects=["Gift_Card__c", "Lead"]).rows("gift_card__c")) == 3
    tap = TapSalesforce(config={**salesforce.LOGIN, "api_url": organisation.url, "object_type": "Lead"})
    assert set(tap.streams) == {"lead"}
    assert tap.streams["lead"].schema["properties"]["ConvertedDate"]["format"] == "date"


def test_objects_without_a_time_that_can_be_asked_for_are_read_in_full(
    organisation: Organisation, monkeypatch: pytest.MonkeyPatch
):
    organisation.corpus["History"] = [
        {"Id": f"a0{number}", "IsDeleted": False, "SystemModstamp": "2024-01-01T00:00:00.000+0000"} for number in (1, 2)
    ]
    monkeypatch.setattr(salesforce, "UNFILTERED", {"SystemModstamp"})
    for way in ("auto", "bulk"):
        run = sync(organisation, ["history"], objects=["History"], api_type=way)
        assert len(run.rows("history")) == 2
        assert [message["type"] for message in run.messages][-2] == "ACTIVATE_VERSION"


@pytest.mark.parametrize("way", ["rest", "bulk"])
def test_a_full_read_when_the_catalog_asks_for_one(organisation: Organisation, way: str):
    text = "SELECT Id, SystemModstamp FROM Lead WHERE SystemModstamp >= {since} AND SystemModstamp < {until}"
    config = {**salesforce.LOGIN, "api_url": organisation.url, "api_type": way, "queries": {"own": text}}
    state = run_tap(TapSalesforce, config).state
    catalog = TapSalesforce(config=config).catalog_dict
    for entry in catalog["streams"]:
        entry["replication_method"] = "FULL_TABLE"
    run = run_tap(TapSalesforce, config, state, ["contact", "own"], catalog)
    assert run.error is None, run.error
    assert not organisation.problems
    assert (len(run.rows("contact")), len(run.rows("own"))) == (8, 8)
    assert [message["stream"] for message in run.messages if message["type"] == "ACTIVATE_VERSION"] == [
        "contact",
        "own",
    ]


def test_an_object_the_organisation_does_not_have(organisation: Organisation):
    del organisation.corpus["Order"]
    run = sync(organisation, ["lead"])
    assert "no object 'Order'" in run.log
    assert len(run.rows("lead")) == 8
    asked = attempt(organisation, [], objects=["Order"])
    assert isinstance(asked.error, ConfigurationError)
    assert "no object 'Order'" in str(asked.error)


RELATED = "SELECT Id, SystemModstamp, Name, Account.Name, Account.Industry, (SELECT Quantity FROM OpportunityLineItems) FROM Opportunity"


def test_a_query_of_ones_own_reads_related_records(organisation: Organisation):
    text = f"{RELATED} WHERE IsWon = true AND Name LIKE 'Order 1%' ORDER BY Name"
    run = sync(organisation, ["won"], queries={"won": text})
    rows = [row for row in organisation.corpus["Opportunity"] if row["IsWon"] and row["Name"].startswith("Order 1")]
    assert len(run.rows("won")) == len(rows) > 50
    record = run.records("won")[0]
    assert (record["Account"]["Name"], record["Account"]["Industry"]) == ("Acme", "Food")
    assert record["OpportunityLineItems"] is None or record["OpportunityLineItems"]


def test_a_query_with_bounds_reads_what_is_new(organisation: Organisation):
    text = "SELECT Id, SystemModstamp, Email FROM Contact WHERE SystemModstamp >= {since} AND SystemModstamp < {until}"
    first = sync(organisation, ["contact"], query=text)
    assert len(first.rows("contact")) == 8
    assert set(first.records("contact")[0]) <= {"Id", "SystemModstamp", "Email"}
    change(organisation, "Contact", key("Contact", 3))
    second = sync(organisation, ["contact"], first.state, query=text)
    assert set(second.rows("contact")) == {(key("Contact", 3),), (key("Contact", 7),)}
    tap = TapSalesforce(config={**salesforce.LOGIN, "api_url": organisation.url, "query": text})
    assert set(tap.streams) == {"contact"}  # as in the earlier form: the query is all there is


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("datetime", "2026-01-02T09:30:00.123+0000", "2026-01-02T09:30:00.123000Z"),
        ("datetime", "2026-01-02T09:30:00.000Z", "2026-01-02T09:30:00.000000Z"),
        ("currency", "12.50", 12.5),
        ("percent", 7, 7),
        ("int", "7", 7),
        ("int", "7.5", None),
        ("boolean", "true", True),
        ("boolean", "yes", None),
        ("date", "2026-01-02", "2026-01-02"),
        ("double", "NaN", None),
        ("multipicklist", "a;b", "a;b"),
        ("string", None, None),
    ],
)
def test_how_a_value_is_read(kind: str, value: Any, expected: Any):
    record: Row = reader([{"name": "f", "type": kind}])({"f": value, "attributes": {"type": "X"}})
    assert record["f"] == expected
    assert record.get("f_unreadable") == (value if expected is None else None)
    assert "attributes" not in record


def test_the_quota_of_the_organisation_ends_a_run_before_it_is_spent(organisation: Organisation):
    organisation.used, organisation.total = 70, 100
    run = attempt(organisation, ["opportunity"], quota_percent=81)
    assert isinstance(run.error, RetriableError)
    assert "81 of the organisation's 100 calls" in str(run.error)
    assert len(organisation.calls) == 12  # the sign-in, and eleven until 81 of 100


def test_a_limit_that_is_reached_is_waited_for_and_then_named(organisation: Organisation):
    organisation.faults.append(Fault("answer", times=2, path="/queryAll", value=_limited()))
    assert len(sync(organisation, ["contact"]).rows("contact")) == 8
    organisation.faults.append(Fault("answer", times=1000, path="/queryAll", value=_limited()))
    run = attempt(organisation, ["contact"], retry_seconds=60)
    assert isinstance(run.error, RetriableError)
    assert "REQUEST_LIMIT_EXCEEDED" in str(run.error)
    assert "rate limit" in str(run.error)


def _limited() -> Answer:
    body = [{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": "TotalRequests Limit exceeded."}]
    return Answer(body, 403)


def test_the_test_option_says_what_can_be_read_and_makes_no_job(
    organisation: Organisation, capsys: pytest.CaptureFixture[str]
):
    TapSalesforce(config={**salesforce.LOGIN, "api_url": organisation.url, "api_type": "bulk"}).test()
    out = capsys.readouterr().out
    assert "opportunity: 600 rows" in out
    assert "9 of 9 streams can be read" in out
    assert "of 15000 calls of 24 hours are spent" in out
    assert not organisation.jobs
