"""What tap-stripe asks and what its stand-in answers, judged by Stripe's own description and examples."""

from __future__ import annotations

import json
from typing import Any

import pytest
from contract.rest_runs import run_tap
from servers import stripe
from servers.openapi import Description
from servers.rest import Request, Row, merged
from servers.specs import spec

from taps.base.rest.resource import DELETED_AT, EXTRA
from taps.stripe.streams import STREAMS
from taps.stripe.tap import TapStripe

NEWER = (
    # The description is of 2023-08, the examples of 2026-08; between them Stripe removed
    "'paid' is a required", "'paid_out_of_band' is a required", "'total_tax_amounts' is a required",
    "'current_period_end' is a required", "'current_period_start' is a required", "'features' is a required",
    # and added
    "/v1/checkout/sessions has no parameter created",
    # The description here has ids where the examples have objects.
    ".transfer_data: ",
)  # fmt: skip
KINDS: dict[str, type | tuple[type, ...]] = {
    "string": str, "integer": int, "number": (int, float), "boolean": bool, "array": list, "object": dict,
}  # fmt: skip


@pytest.fixture(scope="module")
def examples() -> dict[str, Row]:
    """Kind of object -> Stripe's example of it."""
    found: dict[str, Row] = json.loads(spec("stripe-fixtures.json").read_text())["resources"]
    return found


@pytest.fixture(scope="module")
def description() -> Description:
    return Description(json.loads(spec("stripe-lists.json").read_text()))


def full(corpus: dict[str, list[Row]], examples: dict[str, Row]) -> dict[str, list[Row]]:
    """The corpus with every field that Stripe's examples have; a discount in them is of a form nobody describes."""
    return {
        name: [
            merged(examples[row["object"]] | {"discount": None}, row)
            if name == "customers"
            else merged(examples[row["object"]], row)
            for row in rows
        ]
        for name, rows in corpus.items()
    }


@pytest.mark.parametrize("name", [stream.name for stream in STREAMS])
def test_declared_fields_are_those_of_stripes_examples(name: str, examples: dict[str, Row]):
    stream = next(stream for stream in STREAMS if stream.name == name)
    kind = stripe.make(1)[name][0]["object"]
    for field, schema in stream.full_schema()["properties"].items():
        if field in {EXTRA, DELETED_AT}:
            continue
        assert field in examples[kind], field
        value = examples[kind][field]
        assert value is None or isinstance(value, KINDS[schema["type"][0]]), field


def test_requests_and_answers_are_as_described(examples: dict[str, Row], description: Description):
    account = stripe.service(corpus=full(stripe.make(120), examples))
    account.answers = []
    account.corpus["events"] = [
        merged(examples["event"], stripe.event("charge.refunded", account.corpus["charges"][5], stripe.START + 10))
    ]
    with account.serving() as url:
        config = {"api_key": stripe.KEY, "api_url": url, "start_date": "2023-11-14"}
        first = run_tap(TapStripe, config)
        state = first.state
        second = run_tap(TapStripe, config, state)
    assert first.error is None, first.error
    assert second.error is None, second.error
    problems: list[str] = []
    judged = set()
    for request, status, body in account.answers:
        if not description.has(request):
            assert request.path.startswith("/v1/"), request.path
            continue
        judged.add(request.path)
        problems += description.problems(request, json.loads(body), status)
    assert {"/v1/charges", "/v1/customers", "/v1/events", "/v1/refunds", "/v1/subscriptions"} <= judged
    assert [text for text in problems if not any(known in text for known in NEWER)] == []


def test_the_description_would_notice(description: Description):
    def problems(params: dict[str, Any], body: Any, *, signed: bool = True) -> str:
        headers = {"authorization": f"Bearer {stripe.KEY}"} if signed else {}
        return " ".join(description.problems(Request("GET", "/v1/charges", params, headers), body))

    good = {"object": "list", "url": "/v1/charges", "has_more": False, "data": []}
    assert problems({"limit": "100", "created[gte]": "1"}, good) == ""
    assert "no parameter page" in problems({"page": "2"}, good)
    assert "created" in problems({"created[gte]": "yesterday"}, good)
    assert "limit" in problems({"limit": "many"}, good)
    assert "Security" in problems({"limit": "100"}, good, signed=False)
    assert "has_more" in problems({}, {"object": "list", "url": "/v1/charges", "data": []})
    assert "data.0" in problems({}, {**good, "data": [{"id": "ch_1", "amount": "5"}]})
