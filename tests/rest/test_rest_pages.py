"""Pagers of the REST base: every row once, also when rows come and go between pages."""

from __future__ import annotations

from typing import Any

import pytest
from rest_things import FIELDS, STYLES, run, styled, tap, thing, things
from servers.rest import Answer, Endpoint, Fault, Request, Row, Service

from pipe.errors import DataError
from taps.base.rest.pages import LinkHeader, NextUrl, Pages, Token
from taps.base.rest.resource import Resource


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
