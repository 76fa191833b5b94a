"""A vendor's own OpenAPI description as a judge of what a tap asks and what a stand-in answers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jsonschema import Draft7Validator
from servers.rest import Request

_WORDS = {"true": True, "false": False}


class Description:
    """An OpenAPI 3 document."""

    def __init__(self, path: Path) -> None:
        """Read it."""
        self._document = _nullable(json.loads(path.read_text()))

    def has(self, request: Request) -> bool:
        """Whether it describes the request's path."""
        return self._operation(request) is not None

    def problems(self, request: Request, body: Any, status: int = 200) -> Iterator[str]:
        """What is wrong with a request or with the answer to it."""
        operation = self._operation(request)
        if operation is None:
            yield f"{request.method} {request.path} is not described"
            return
        yield from self._parameters(operation, request)
        if request.body is not None and (content := operation.get("requestBody", {}).get("content", {})):
            yield from self._errors(content["application/json"]["schema"], request.body, f"body of {request.path}")
        answers = operation["responses"]
        answer = answers.get(str(status), answers.get("default", {}))
        if schema := answer.get("content", {}).get("application/json", {}).get("schema"):
            yield from self._errors(schema, body, f"answer of {request.path}")

    def _operation(self, request: Request) -> dict[str, Any] | None:
        for path, operations in self._document["paths"].items():
            theirs, ours = path.split("/"), request.path.split("/")
            fits = len(theirs) == len(ours) and all(
                a == b or a.startswith("{") for a, b in zip(theirs, ours, strict=True)
            )
            if fits and request.method.lower() in operations:
                return operations[request.method.lower()]
        return None

    def _parameters(self, operation: dict[str, Any], request: Request) -> Iterator[str]:
        known = {parameter["name"]: parameter for parameter in operation.get("parameters", [])}
        given: dict[str, Any] = {}
        for name, value in request.params.items():
            base, _, inner = name.partition("[")
            if base not in known:
                yield f"{request.path} has no parameter {base}"
            elif inner.rstrip("]"):
                given.setdefault(base, {})[inner.rstrip("]")] = _typed(value)
            else:
                given[base] = value if isinstance(value, list) else _typed(value)
        for name, value in given.items():
            yield from self._errors(known[name]["schema"], value, f"parameter {name} of {request.path}")
        for name, parameter in known.items():
            if parameter.get("required") and parameter["in"] == "query" and name not in given:
                yield f"{request.path} needs the parameter {name}"

    def _errors(self, schema: dict[str, Any], value: Any, place: str) -> Iterator[str]:
        root = {"components": self._document["components"], "allOf": [schema]}
        for error in Draft7Validator(root).iter_errors(value):
            yield f"{place}: {'.'.join(map(str, error.path))}: {error.message[:200]}"


def _typed(text: str) -> Any:
    """A parameter's text as the value it stands for."""
    return int(text) if text.lstrip("-").isdecimal() else _WORDS.get(text, text)


def _nullable(node: Any) -> Any:
    """OpenAPI's `nullable` in the words of JSON schema."""
    if isinstance(node, list):
        return [_nullable(item) for item in node]
    if not isinstance(node, dict):
        return node
    made = {name: _nullable(item) for name, item in node.items() if name != "nullable"}
    return {"anyOf": [made, {"type": "null"}]} if node.get("nullable") is True else made
