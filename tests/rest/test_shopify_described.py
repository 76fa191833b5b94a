"""What tap-shopify asks and what its stand-in answers, judged by Shopify's own schema."""

from __future__ import annotations

import json
from typing import Any

import pytest
from contract.rest_runs import run_tap
from graphql import GraphQLResolveInfo, execute, parse, validate
from servers import shopify, shopify_rows
from servers.rest import Row
from servers.shopify_schema import schema

from taps.base.rest.resource import DELETED_AT, EXTRA
from taps.base.rest.template import fill
from taps.shopify import queries
from taps.shopify.lists import ListResource
from taps.shopify.streams import streams
from taps.shopify.tap import TapShopify

KINDS = {"string": "String", "integer": "Int", "boolean": "Boolean"}
SPAN = {"since": "2024-01-01T00:00:00Z", "until": "2024-02-01T00:00:00Z"}


def texts() -> dict[str, str]:
    """Every query that the tap ever sends."""
    found = {"events": queries.EVENTS, "scopes": queries.SCOPES, "run": queries.RUN, "operation": queries.OPERATION}
    for stream in streams(by_bulk=True):
        found[stream.name] = stream.body["query"]
        if isinstance(stream, ListResource):
            found[f"{stream.name} in bulk"] = fill(stream.bulk_query, SPAN)
            if stream.inner[0]:
                found[f"{stream.name}, more"] = queries.following(stream.kind, stream.inner)
            if part := stream.nested:
                found[f"{stream.name}, {part.field}"] = queries.several(part.kind, part.inner)
                found[f"{stream.name}, more of {part.field}"] = queries.following(part.kind, part.inner)
    return found


@pytest.mark.parametrize("version", ["2026-10", "2026-07", "2026-04", "2026-01"])
def test_every_query_is_one_of_shopifys_schema(version: str):
    described = schema(version)
    wrong = {name: found for name, text in texts().items() if (found := validate(described, parse(text)))}
    assert wrong == {}


def test_no_query_asks_for_what_shopify_deprecates():
    described = schema("2026-10")
    for stream in streams(by_bulk=True):
        kind = "Location" if stream.name == "locations" else getattr(stream, "kind", "")
        known: Any = described.get_type(kind)
        for name, declared in stream.full_schema()["properties"].items():
            if name in {EXTRA, DELETED_AT}:
                continue
            field = known.fields[name]
            assert not field.deprecation_reason, f"{kind}.{name}"
            text = str(field.type).rstrip("!")
            assert (declared["type"][0] == "array") == (text.startswith("[") or text.endswith("Connection")), name
            assert ("date-time" in declared.values()) == (text == "DateTime"), name
            if text in KINDS.values():
                assert text == KINDS[declared["type"][0]], name


def judged(query: str, variables: Row, data: Row) -> Any:
    """The answer as Shopify's schema would have completed it; raises what is wrong with it."""

    def value(source: Row, info: GraphQLResolveInfo, **arguments: Any) -> Any:
        return source[info.path.key]  # type: ignore[index]

    def kind(value: Row, info: GraphQLResolveInfo, abstract: Any) -> str:
        return "BasicEvent" if abstract.name == "Event" else value["id"].split("/")[3]

    document = parse(query)
    errors = validate(schema("2026-10"), document)
    assert not errors, errors
    done = execute(
        schema("2026-10"), document, data, variable_values=variables, field_resolver=value, type_resolver=kind
    )
    assert not done.errors, done.errors  # type: ignore[union-attr]
    return done.data  # type: ignore[union-attr]


@pytest.mark.parametrize("first_load", ["bulk", "pages"])
def test_requests_and_answers_are_as_described(first_load: str):
    store = shopify.service(60)
    order = store.corpus["orders"][9]
    order |= shopify_rows.refund(order, "2.50", order["updatedAt"], lines=12)
    shopify_rows.destroy(store, "products", 3)
    store.answers = []
    with store.serving() as url:
        config = {"shop": "flowers", "access_token": shopify.TOKEN, "api_url": url, "first_load": first_load}
        run = run_tap(TapShopify, {**config, "start_date": "2023-11-14"})
    assert run.error is None, run.error
    assert not store.problems
    seen = set()
    for request, status, content in store.answers:
        if request.path != shopify.PATH:
            continue
        assert status == 200
        data = json.loads(content)["data"]
        assert judged(request.body["query"], request.body["variables"], data) == data
        seen |= set(data)
    roots = {"bulkOperationRunQuery", "bulkOperation"} if first_load == "bulk" else {"orders", "customers"}
    assert seen >= roots | {"locations", "events", "currentAppInstallation", "node", "nodes"}


def test_lines_of_bulk_operations_are_as_described():
    store = shopify.service(20)
    for stream in streams(by_bulk=True):
        if not isinstance(stream, ListResource):
            continue
        known = {"query": fill(stream.bulk_query, SPAN)}
        field = shopify._bulk_field(known)
        lines = list(map(json.loads, shopify.bulk_lines(field, store.corpus[stream.name])))
        roots = {line["id"]: {**line, **({stream.inner[0]: []} if stream.inner[0] else {})}
                 for line in lines if "__parentId" not in line}  # fmt: skip
        for line in lines:
            if "__parentId" in line:
                own = {name: value for name, value in line.items() if name != "__parentId"}
                roots[line["__parentId"]][stream.inner[0]].append(own)
        nodes = []
        for row in roots.values():
            inner = (
                {stream.inner[0]: {"edges": [{"node": one} for one in row[stream.inner[0]]]}} if stream.inner[0] else {}
            )
            nodes.append({"node": {**row, **inner}})
        data = {field.name.value: {"edges": nodes}}
        assert judged(known["query"], {}, data) == data
