"""A stand-in for Google Secret Manager: the REST calls of the client library, kept in memory, each call noted."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from servers.answering import answering

_SECRET = re.compile(
    r"/v1/projects/(?P<project>[^/]+)/secrets(?:/(?P<id>[\w-]{1,255}))?(?P<rest>/versions/latest:access|:addVersion)?"
)


@dataclass
class SecretManager:
    """A running stand-in."""

    url: str = ""
    secrets: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Id -> {labels, versions}."""
    calls: list[tuple[str, str]] = field(default_factory=list)
    """(method, path) of every request."""
    fault: int = 0
    """A status to answer everything with."""

    def answer(self, method: str, url: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """The answer to a request."""
        parts = urlsplit(url)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        self.calls.append((method, unquote(parts.path)))
        found = _SECRET.fullmatch(unquote(parts.path))
        if self.fault or not found:
            return _error(self.fault or 404)
        full = f"projects/{found['project']}/secrets"
        if found["id"] is None:
            return self._create(full, query["secretId"], body) if method == "POST" else self._list(full, query)
        secret = self.secrets.get(found["id"])
        wanted_version = found["rest"] == "/versions/latest:access"
        if secret is None or (wanted_version and not secret["versions"]):
            return _error(404)
        content: dict[str, Any] = {}
        if found["rest"] == ":addVersion":
            secret["versions"].append(base64.b64decode(body["payload"]["data"]))
        elif wanted_version:
            content["payload"] = {"data": base64.b64encode(secret["versions"][-1]).decode()}
        elif method == "DELETE":
            del self.secrets[found["id"]]
            return 200, {}
        return 200, {"name": f"{full}/{found['id']}/versions/{len(secret['versions'])}", **content}

    def _create(self, full: str, name: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if name in self.secrets:
            return _error(409)
        self.secrets[name] = {"labels": body.get("labels", {}), "versions": []}
        return 200, {"name": f"{full}/{name}"}

    def _list(self, full: str, query: dict[str, str]) -> tuple[int, dict[str, Any]]:
        wanted = query.get("filter", "").removeprefix("name:")
        return 200, {"secrets": [{"name": f"{full}/{name}"} for name in self.secrets if wanted in name]}


def _error(status: int) -> tuple[int, dict[str, Any]]:
    return status, {"error": {"code": status, "message": "no"}}


@contextmanager
def server() -> Iterator[SecretManager]:
    """A new, empty stand-in on a free port of this machine."""
    manager = SecretManager()

    def answer(method: str, url: str, body: bytes, _: Mapping[str, str]) -> tuple[int, bytes, dict[str, str]]:
        status, content = manager.answer(method, url, json.loads(body or b"{}"))
        return status, json.dumps(content).encode(), {"content-type": "application/json"}

    with answering(answer) as manager.url:
        yield manager
