"""Requests of tap-hubspot and answers of its stand-in, judged by HubSpot's own API description."""

from __future__ import annotations

import json
from typing import Any

import pytest
from contract.rest_runs import run_tap
from servers import hubspot
from servers.openapi import Description
from servers.rest import Request
from servers.specs import spec

from taps.hubspot.tap import TapHubSpot

DESCRIPTIONS = {"2026-03": "hubspot-objects-2026-03.json", "v3": "hubspot-contacts-v3.json"}


def description(version: str) -> Description:
    """HubSpot's; that values of properties may be null is known, but it does not say so."""
    text = spec(DESCRIPTIONS[version]).read_text()
    document = json.loads(text, object_hook=_with_nulls)
    assert document["openapi"].startswith("3.0")
    return Description(document)


def _with_nulls(node: dict[str, Any]) -> dict[str, Any]:
    if node.get("additionalProperties") == {"type": "string"}:
        node["additionalProperties"] = {"type": "string", "nullable": True}
    return node


@pytest.mark.parametrize("version", DESCRIPTIONS)
def test_requests_and_answers_are_as_described(version: str):
    judge = description(version)
    service = hubspot.service(45, version=version)
    service.answers = []
    hubspot.archive(service, "contacts", service.corpus["contacts"][0]["id"])
    with service.serving() as url:
        config = {
            "access_token": hubspot.TOKEN,
            "api_url": url,
            "api_version": version,
            "page_size": 20,
            "objects": ["contacts", "deals"],
            "property_history": ["contacts.email"],
        }
        run = run_tap(TapHubSpot, config, streams=["contacts", "deals"])
    assert run.error is None, run.error
    assert service.problems == []
    judged = [(request, status, json.loads(body)) for request, status, body in service.answers if judge.has(request)]
    assert len(judged) >= 8
    assert [text for request, status, body in judged for text in judge.problems(request, body, status)] == []
    assert len(run.rows("contacts")) == 45


def test_the_description_would_notice():
    judge, headers = description("2026-03"), {"authorization": f"Bearer {hubspot.TOKEN}"}

    def problems(params: dict[str, Any], body: Any) -> str:
        return " ".join(judge.problems(Request("GET", "/crm/objects/2026-03/contacts", params, headers), body))

    assert problems({"archived": "true"}, {"results": []}) == ""
    assert "archived" in problems({"archived": "perhaps"}, {"results": []})
    assert "no parameter page" in problems({"page": "2"}, {"results": []})
    assert "results" in problems({}, {"nothing": []})
