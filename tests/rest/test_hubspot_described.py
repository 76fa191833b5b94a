"""Requests of tap-hubspot and answers of its stand-in, checked against HubSpot's own API description."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from contract.rest_runs import run_tap
from jsonschema import Draft202012Validator
from servers import hubspot
from servers.rest import Answer, Packed, Request, Service

from taps.hubspot.tap import TapHubSpot

SHARED = Path(os.environ.get("GROWTHNAV_SHARED", "../shared"))
DESCRIPTIONS = {"2026-03": "hubspot-objects-2026-03.json", "v3": "hubspot-contacts-v3.json"}


class Checked(Service):
    """The stand-in, whose every request and answer is held against a description."""

    def __init__(self, made: Service, description: dict[str, Any]) -> None:
        self.__dict__ = made.__dict__
        self.description, self.checked = description, 0

    def answer(self, request: Request) -> Answer:
        answer = super().answer(request)
        operation = self._operation(request)
        if operation:
            self.checked += 1
            self._check_parameters(operation, request)
            if request.method == "POST":
                self._check(operation["requestBody"]["content"]["application/json"]["schema"], request.body, request)
            body = answer.body.body() if isinstance(answer.body, Packed) else answer.body
            schema = operation["responses"][str(answer.status)]["content"]["application/json"]["schema"]
            self._check(schema, json.loads(json.dumps(body)), request)
        return answer

    def _operation(self, request: Request) -> dict[str, Any] | None:
        paths = self.description["paths"]
        for path in (request.path, *(request.path.replace(f"/{kind}", "/{objectType}", 1) for kind in hubspot.KINDS)):
            if path in paths and request.method.lower() in paths[path]:
                return dict(paths[path][request.method.lower()])
        return None

    def _check_parameters(self, operation: dict[str, Any], request: Request) -> None:
        known = {item["name"]: item for item in operation.get("parameters", []) if item["in"] == "query"}
        given = request.params if request.method == "GET" else {}
        for name, value in given.items():
            if name not in known:
                self.problems.append(f"{request.path}: {name} is not in the description")
            elif known[name]["schema"]["type"] == "boolean" and value not in {"true", "false"}:
                self.problems.append(f"{request.path}: {name} is no boolean")

    def _check(self, schema: dict[str, Any], value: Any, request: Request) -> None:
        rule = _nullable({**schema, "components": self.description["components"]})
        for error in Draft202012Validator(rule).iter_errors(value):
            place = ".".join(map(str, error.absolute_path))
            self.problems.append(f"{request.method} {request.path}: {place}: {error.validator} {error.validator_value}")


def _nullable(schema: Any) -> Any:
    """OpenAPI 3.0 as JSON schema; values of properties may be null, which the description does not say."""
    if isinstance(schema, list):
        return [_nullable(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    made = {name: _nullable(item) for name, item in schema.items() if name != "example"}
    if made.get("additionalProperties") == {"type": "string"}:
        made["additionalProperties"] = {"type": ["string", "null"]}
    return made


@pytest.mark.parametrize("version", DESCRIPTIONS)
def test_requests_and_answers_are_as_described(version: str):
    path = SHARED / "specs" / DESCRIPTIONS[version]
    if not path.exists():
        pytest.skip(f"HubSpot's description is not here: {path.name} (GROWTHNAV_SHARED names its folder)")
    made = hubspot.service(45, version=version)
    hubspot.archive(made, "contacts", made.corpus["contacts"][0]["id"])
    service = Checked(made, json.loads(path.read_text()))
    with service.serving():
        config = {
            "access_token": hubspot.TOKEN,
            "api_url": service.url,
            "api_version": version,
            "page_size": 20,
            "objects": ["contacts", "deals"],
            "property_history": ["contacts.email"],
        }
        run = run_tap(TapHubSpot, config, streams=["contacts", "deals"])
    assert run.error is None, run.error
    assert service.problems == []
    assert service.checked >= 8
    assert len(run.rows("contacts")) == 45


def test_the_check_itself_finds_what_is_not_as_described():
    description = {
        "components": {},
        "paths": {"/crm/objects/2026-03/{objectType}": {"get": {
            "parameters": [{"name": "archived", "in": "query", "schema": {"type": "boolean"}}],
            "responses": {"200": {"content": {"application/json": {"schema": {
                "type": "object", "required": ["results", "nothing"]}}}}}}}},
    }  # fmt: skip
    service = Checked(hubspot.service(3), description)
    headers = {"authorization": f"Bearer {hubspot.TOKEN}"}
    service.answer(Request("GET", "/crm/objects/2026-03/contacts", {"archived": "False"}, headers))
    assert len(service.problems) == 2
