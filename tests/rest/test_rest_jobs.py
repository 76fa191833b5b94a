"""Reading by a job of the service."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

from rest_things import FIELDS, TapThings, run, tap, things
from servers.rest import Answer, Endpoint, Fault, Request, Row, Service

from pipe.errors import RetriableError
from taps.base.rest import bulk
from taps.base.rest.cursor import Cursor, Window
from taps.base.rest.resource import Resource
from taps.base.rest.stream import RESTStream


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


def test_what_was_committed_late_is_read_after_a_job_of_an_earlier_run():
    made, service, _ = exporting([])
    asked: list[Window] = []

    class Watched(ExportStream):
        def read(self, window: Window | None) -> Iterator[list[Row]]:
            assert window
            asked.append(window)
            yield from super().read(window)

    cursor = Cursor("changed_at", window=None, lookback=timedelta(minutes=15))
    made.declared = [replace(made.declared[0], cursor=cursor, stream=Watched)]
    service.faults.append(Fault("status", after=1, times=99, value=500))
    first = run(made, service)
    service.faults.clear()
    assert run(made, service, first.state).error is None
    of_job, again, following = asked
    assert again == of_job
    assert following.since == of_job.until - cursor.lookback  # the job saw only what there was when it began


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
