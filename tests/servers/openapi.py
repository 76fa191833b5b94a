"""A vendor's own OpenAPI description as a judge of what a tap asks and what a stand-in answers.

openapi-core judges path, method, sign-in, parameters, bodies and answers. It lets parameters pass that are not
described; those are looked for here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from openapi_core import OpenAPI
from openapi_core.datatypes import RequestParameters
from openapi_core.exceptions import OpenAPIError
from openapi_core.templating.paths.exceptions import PathError
from openapi_core.templating.paths.finders import APICallPathFinder
from servers.rest import Request
from werkzeug.datastructures import Headers, ImmutableMultiDict

_JSON = "application/json"


class Description:
    """An OpenAPI 3 document."""

    def __init__(self, document: dict[str, Any]) -> None:
        """Take it."""
        self._api = OpenAPI.from_dict({**_plain(document), "openapi": "3.1.0"})  # type: ignore[arg-type]
        self._host = document["servers"][0]["url"].rstrip("/")

    def has(self, request: Request) -> bool:
        """Whether it describes the request's path and method."""
        try:
            self._operation(request)
        except PathError:
            return False
        return True

    def problems(self, request: Request, body: Any, status: int = 200) -> list[str]:
        """What is wrong with a request, and with the answer to it."""
        if not self.has(request):
            return [f"{request.method} {request.path} is not described"]
        asked = _Asked(self._host, request)
        known = {(parameter / "name").read_value() for parameter in self._operation(request) / "parameters"}
        strangers = {name.partition("[")[0] for name in asked.parameters.query} - known
        found = [f"{request.path} has no parameter {name}" for name in sorted(strangers)]
        errors = self._api.iter_request_errors(asked)
        found += [f"request {request.path}: {text}" for error in errors for text in _texts(error)]
        answers = self._api.iter_response_errors(asked, _Answered(body, status))
        return found + [f"answer of {request.path}: {text}" for error in answers for text in _texts(error)]

    def _operation(self, request: Request) -> Any:
        return APICallPathFinder(self._api.spec).find(request.method.lower(), self._host + request.path).operation


class _Asked:
    """A request as openapi-core looks at it."""

    content_type = _JSON

    def __init__(self, host: str, request: Request) -> None:
        self.host_url, self.path, self.method = host, request.path, request.method.lower()
        query = [(name, each) for name, value in request.params.items() for each in _listed(value)]
        self.parameters = RequestParameters(
            query=ImmutableMultiDict([] if request.body is not None else query), header=Headers(request.headers)
        )
        self.body = None if request.body is None else json.dumps(request.body).encode()


class _Answered:
    """An answer as openapi-core looks at it."""

    content_type = _JSON

    def __init__(self, body: Any, status: int) -> None:
        self.data, self.status_code, self.headers = json.dumps(body).encode(), status, Headers()


def _listed(value: Any) -> list[str]:
    return [*map(str, value)] if isinstance(value, list) else [str(value)]


def _texts(error: Exception) -> Iterator[str]:
    """One text for each thing that is wrong."""
    cause: BaseException | None = error
    while cause is not None:
        if broken := getattr(cause, "schema_errors", None):
            yield from (f"{'.'.join(map(str, each.absolute_path))}: {each.message[:200]}" for each in broken)
            return
        cause = cause.__cause__
    yield f"{error}" if isinstance(error, OpenAPIError) else repr(error)


def _plain(node: Any) -> Any:
    """The document without what openapi-core cannot read: a `deepObject` that may also be a plain value, or a list.

    And in the words of OpenAPI 3.1, whose null is a type: in those of 3.0 a reference cannot be `nullable`.
    """
    if isinstance(node, list):
        return [_plain(item) for item in node]
    if not isinstance(node, dict):
        return node
    made = {name: _plain(item) for name, item in node.items() if name not in {"nullable", "example"}}
    if "flows" in made:  # OAuth: what it ends in is a bearer token
        return {"type": "http", "scheme": "bearer"}
    if made.get("style") == "deepObject":
        kinds = made["schema"].get("anyOf", [made["schema"]])
        made["schema"] = next((kind for kind in kinds if kind.get("type") == "object"), kinds[0])
        made["style"] = "deepObject" if made["schema"].get("type") == "object" else "form"
    return {"anyOf": [made, {"type": "null"}]} if node.get("nullable") is True else made
