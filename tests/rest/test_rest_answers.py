"""Odd answers, GraphQL's among them, and how fast calls may follow one another."""

from __future__ import annotations

import pytest
from contract.rest_runs import run_tap
from rest_things import FIELDS, run, styled, tap, thing
from servers.rest import Answer, Endpoint, Fault, Request, Row, Service

from pipe.errors import ConfigurationError, DataError
from taps.base.rest import graphql
from taps.base.rest.budget import Budget
from taps.base.rest.client import Client
from taps.base.rest.pages import Token
from taps.base.rest.resource import Resource
from taps.base.rest.retry import RateHeaders, Retry


def test_calls_are_held_to_a_rate():
    made, service = styled("token", 45)
    waits: list[float] = []
    made.make_client = lambda self: Client(self.config["api_url"], budget=Budget(per_second=2), sleep=waits.append)  # type: ignore[method-assign]
    assert run(made, service).error is None
    assert len(waits) == 4
    assert 1.9 < waits[-1] <= 2  # as nobody really waited, the fifth call is due two seconds after the first


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


@pytest.mark.parametrize("address", ["nowhere", "http://", "ftp://127.0.0.1", "http://api.example.com"])
def test_an_address_that_is_none_is_a_matter_of_settings(address: str):
    made, _ = styled("token", 5)
    done = run_tap(made, {"api_url": address})
    assert isinstance(done.error, ConfigurationError), done.error
    assert "api_url must" in str(done.error)


def test_who_is_told_to_wait_no_time_waits_all_the_same():
    made, service = styled("token", 25)
    service.faults.append(Fault("answer", times=5, value=Answer({}, 429, {"Retry-After": "0"})))
    done = run(made, service)
    assert done.error is None, done.error
    assert len(done.waits) == 5
    assert all(done.waits)


def test_an_answer_that_comes_too_slowly_is_asked_for_again():
    made, service = styled("token", 25)
    service.faults.append(Fault("slow", after=1, value=1.5))
    made.make_client = lambda self: Client(self.config["api_url"], timeout=1, sleep=self.sleep)  # type: ignore[method-assign]
    done = run(made, service)
    assert done.error is None, done.error
    assert len(done.rows("things")) == 25
    assert len(done.waits) == 1
