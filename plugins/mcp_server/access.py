"""What a server may do, for whom, and the trail of what it did."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipe import times
from pipe.errors import ConfigurationError
from plugins.project import listing

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from plugins.project import Project, Tenant

SCOPES = ("read", "write", "admin")
"""Each holds the ones before it: look; start runs; change tenants."""


@dataclass(frozen=True)
class Access:
    """Scope and tenants of one server."""

    scope: str = "read"
    tenants: frozenset[str] | None = None
    """The only tenants it serves; None: all."""

    def allows(self, scope: str) -> bool:
        """Whether tools of that scope are offered."""
        return SCOPES.index(scope) <= SCOPES.index(self.scope)

    def serves(self, tenant: str) -> bool:
        """Whether it serves that tenant."""
        return self.tenants is None or tenant in self.tenants

    def tenant(self, project: Project, name: str) -> Tenant:
        """The tenant of that name.

        Raises:
            ConfigurationError: there is none, or not for this server: it does not tell which, nor repeats the name.
        """
        if name in project.tenants and self.serves(name):
            return project.tenants[name]
        raise ConfigurationError(
            "this server serves no such tenant", field="customer_id", remedy="list_connectors names those it serves"
        )


def check_known(field: str, name: str | None, among: Iterable[str]) -> None:
    """Refuse a name that is not known, without repeating it.

    Raises:
        ConfigurationError: lists those there are.
    """
    if name is not None and name not in {*among}:
        raise ConfigurationError("there is none of that name", field=field, remedy=f"There is: {listing(among)}")


class Trail:
    """The audit trail: a JSON line for every call, with a hash of its arguments in their place."""

    def __init__(self, path: Path, access: Access) -> None:
        """Append to the file `path`, for our user's eyes only."""
        self._path, self._access = path, access

    def note(self, tool: str, arguments: Mapping[str, Any], outcome: str, seconds: float, tenant: str | None) -> None:
        """Add a call.

        Args:
            tool: its name, or the address of a resource.
            arguments: as they came.
            outcome: `ok`, `refused`, or the class of the error.
            seconds: how long it took.
            tenant: whom it was for, if that is one this server serves.
        """
        text = json.dumps(arguments, sort_keys=True, default=str)
        line = {
            "at": times.now_text(),
            "tool": tool,
            "customer_id": tenant,
            "arguments_sha256": hashlib.sha256(text.encode()).hexdigest(),
            "outcome": outcome,
            "seconds": round(seconds, 3),
            "scope": self._access.scope,
            "pid": os.getpid(),
        }
        self._path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(descriptor, json.dumps(line).encode() + b"\n")
        finally:
            os.close(descriptor)
