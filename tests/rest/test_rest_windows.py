"""Windows and bookmarks of the REST base."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from contract.rest_runs import stored
from rest_things import CHANGED, FIELDS, TIMES, WINDOWED, TapThings, run, tap, thing, things
from servers.rest import Endpoint, Fault, Service, by_token

from pipe.errors import DataError, RetriableError
from taps.base.rest.pages import Token
from taps.base.rest.resource import Resource


def windowed(count: int = 500, **more: Any) -> tuple[type[TapThings], Service]:
    params = {**WINDOWED, "cursor": "{token}"}
    options = {"params": params, "cursor": CHANGED, "pages": Token("next"), **more}
    endpoint = Endpoint("/things", "things", filters=TIMES, paging=by_token("cursor", "next", 10))
    return tap(Resource("things", "/things", FIELDS, **options)), Service({"things": things(count)}, [endpoint])


def test_row_30_a_thousand_rows_of_one_moment_and_a_crash_in_the_middle():
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


def test_a_start_date_in_the_future_is_named_as_such():
    made, service = windowed(10)
    done = run(made, service, start_date="2999-01-01")
    assert done.error is None, done.error
    assert not service.calls
    assert "start_date lies in the future" in done.log
    assert "bookmark" not in done.log


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
