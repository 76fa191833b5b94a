"""What every place for secrets can do, and what follows from it."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Protocol

from pipe.errors import CredentialsError
from plugins import settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from plugins.project import Tenant

Content = dict[str, Any]
"""What a secret holds: setting of the tap -> value, a text or (as with a tunnel) something nested."""


class Resolver(Protocol):
    """A place that keeps secrets by their path."""

    def read(self, tenant: str, path: str) -> Content | None:
        """The newest content, or None where there is none."""

    def write(self, tenant: str, path: str, content: Content) -> None:
        """Keep new content."""

    def delete(self, tenant: str, path: str) -> None:
        """Forget the secret; nothing happens where there is none."""

    def paths(self, tenant: str) -> list[str]:
        """Paths of the tenant's secrets."""


class Vault:
    """The secrets of all tenants, in one place."""

    def __init__(self, resolver: Resolver) -> None:
        """Keep them in `resolver`."""
        self._resolver = resolver

    def resolve(self, tenant: Tenant) -> Mapping[str, str]:
        """Variables for the environment of the tenant's child process: name -> value, JSON for nested values.

        Raises:
            CredentialsError: a data source's secret is missing; names its path.
        """
        found: dict[str, str] = {}
        for entry in connectors(tenant):
            if not (place := entry.get("secret")):
                continue
            content = self.read(tenant.name, place)
            if content is None:
                raise CredentialsError(
                    f"the secret {place} of connector '{entry['id']}' is missing",
                    remedy=f"Store it: growthnav reauth {tenant.name} {entry['id']}",
                )
            found |= variables(tenant.name, str(entry["id"]), content)
        return found

    def read(self, tenant: str, place: str) -> Content | None:
        """What the secret at a path holds, or None."""
        return self._resolver.read(tenant, place)

    def write(self, tenant: str, place: str, content: Content) -> None:
        """Keep new content at a path."""
        self._resolver.write(tenant, place, content)

    def delete(self, tenant: str, place: str) -> None:
        """Forget the secret at a path."""
        self._resolver.delete(tenant, place)

    def paths(self, tenant: str) -> list[str]:
        """Paths of a tenant's secrets."""
        return sorted(self._resolver.paths(tenant))


def path(customer_id: str, connector_id: str) -> str:
    """Where a data source's secret is kept (F030)."""
    return f"{prefix(customer_id)}{connector_id}"


def prefix(customer_id: str) -> str:
    """How the paths of a tenant's secrets begin."""
    return f"growthnav-{customer_id}-connector-"


def plugin_name(customer_id: str, connector_id: str) -> str:
    """The extractor of a data source: two dashes, which no id holds, keep two tenants from meeting in one name."""
    return f"{customer_id}--{connector_id}"


def variable(customer_id: str, connector_id: str, setting: str) -> str:
    """The environment variable of a value: the one Meltano itself reads for that setting of the extractor."""
    return re.sub(r"\W", "_", f"{plugin_name(customer_id, connector_id)}_{setting}").upper()


def variables(customer_id: str, connector_id: str, content: Content) -> dict[str, str]:
    """A secret's content as environment variables."""
    return {
        variable(customer_id, connector_id, name): item if isinstance(item, str) else json.dumps(item)
        for name, item in content.items()
    }


def connectors(tenant: Tenant) -> list[dict[str, Any]]:
    """The data sources the tenant's file names: `id`, `extractor`, `job`, and `secret` where it has one."""
    return [entry for entry in settings.of(tenant.environment).get("connectors") or [] if isinstance(entry, dict)]


def decode(place: str, text: str | bytes) -> Content:
    """A secret's content out of its JSON text.

    Raises:
        CredentialsError: it is no JSON object; the text is not shown.
    """
    try:
        content = json.loads(text)
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise CredentialsError(f"the secret {place} is not a JSON object", remedy="Store it anew: growthnav reauth")
    return content
