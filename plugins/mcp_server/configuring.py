"""The tool that adds or changes a data source: first a plan with a token, then, with the token, the change."""

import hashlib
import json
import secrets
import time
from dataclasses import dataclass, field
from typing import Any

from pipe.errors import ConfigurationError
from plugins import settings
from plugins.mcp_server import bounds, replies
from plugins.mcp_server.door import Door
from plugins.mcp_server.syncing import Latest
from plugins.onboarding import reading
from plugins.onboarding.onboarding import Onboarder
from plugins.processes import Stopper
from plugins.project import Project, Tenant
from plugins.registry import open_registry
from plugins.registry.rows import Connector
from plugins.secrets import open_vault
from plugins.secrets.vault import connectors

TOKEN_SECONDS = 600
"""How long a plan may wait for its application."""

_NOT_ASKED = ("mapping", "sync_mode")
"""Of a data source, what the tool has no argument for: it stays."""
_SAID_ELSEWHERE = {"preset", "connector", "extractor", "field_overrides"}


@dataclass
class Tokens:
    """One-time tokens, each for one plan: for the arguments, and for what they would change."""

    _open: dict[str, tuple[str, float]] = field(default_factory=dict)

    def issue(self, plan: str) -> str:
        """A token for a plan."""
        now = time.monotonic()
        self._open = {token: entry for token, entry in self._open.items() if entry[1] > now}
        token = secrets.token_urlsafe(24)
        self._open[token] = plan, now + TOKEN_SECONDS
        return token

    def spend(self, token: str, plan: str) -> None:
        """Take a token; it is gone whatever comes of it.

        Raises:
            ConfigurationError: it is unknown, spent, too old, or another plan's.
        """
        known, until = self._open.pop(token, ("", 0.0))
        if known != plan or until < time.monotonic():
            raise ConfigurationError(
                "the token is not, or no more, for this change", field="token", remedy="Call without it for a new plan"
            )


class _Silent:
    """Watches an onboarding and says nothing: the reply does."""

    def status(self, status: str) -> None:
        """A status."""

    def tested(self, source: Any) -> None:
        """A data source answers."""

    def done(self, step: Any) -> None:
        """A change is made."""

    def undone(self, step: Any) -> None:
        """A change is taken back."""


def configure_data_source(
    door: Door, tokens: Tokens, customer_id: str, source: dict[str, Any], token: str | None
) -> replies.Configured:
    """Plan a data source, or apply the plan.

    Args:
        door: the server.
        tokens: those it has issued.
        customer_id: the tenant, which is onboarded already.
        source: connector_type, name, connection_params, field_overrides, sync_schedule, preset, credential_variables.
        token: of the plan, to apply it.
    """
    project = door.project
    tenant = door.access.tenant(project, customer_id)
    wanted = {name: value for name, value in source.items() if value and name != "credential_variables"}
    variables = source.get("credential_variables") or {}
    wanted["credentials"] = {setting: f"${{{name}}}" for setting, name in variables.items()}
    content = _definition(project, tenant)
    connector_id = f"{wanted['connector_type']}-{wanted['name']}"
    before = {f"{each['connector_type']}-{each['name']}": each for each in content["data_sources"]}
    known = before.get(connector_id, {})
    bounds.check(project, tenant, source, known)
    wanted = {name: known[name] for name in _NOT_ASKED if name in known} | wanted
    if not wanted["credentials"]:
        wanted["credentials"] = known.get("credentials", {})
    definition = reading.read(
        project, content | {"data_sources": [*(before | {connector_id: wanted}).values()]}, "call"
    )
    onboarder = Onboarder(project, definition, _Silent())
    changes = onboarder.plan()
    told = [line for step in changes for line in (str(step), *(f"  {detail}" for detail in step.detail))]
    plan = hashlib.sha256(json.dumps([customer_id, source, told], sort_keys=True).encode()).hexdigest()
    reply = replies.Configured(customer_id=tenant.name, connector_id=connector_id, applied=False, changes=told)
    if token is not None:
        tokens.spend(token, plan)
        onboarder.run(changes, Latest(), Stopper(), initial_sync=False)
        reply.applied = True
    elif changes:
        reply.token, reply.expires_in_seconds = tokens.issue(plan), TOKEN_SECONDS
    return reply


def _definition(project: Project, tenant: Tenant) -> dict[str, Any]:
    """What the tenant was onboarded with, secrets included, for this process alone.

    Raises:
        ConfigurationError: it was not onboarded.
    """
    registry, vault = open_registry(project), open_vault(project)
    row = registry.customer(tenant.name)
    if row is None or not row.is_active:
        raise ConfigurationError(
            "the tenant is not in the registry", field="customer_id", remedy="Onboard it: growthnav onboard FILE"
        )
    identity = _config(project, tenant, "resolve-identity")
    entries = {
        entry.get("connector"): entry for entry in _config(project, tenant, "map-conversions").get("sources", [])
    }
    content: dict[str, Any] = {
        "customer_id": row.customer_id,
        "customer_name": row.customer_name,
        "industry": row.industry,
        "gcp_project_id": row.gcp_project_id,
        "location": _config(project, tenant, "target-bigquery").get("location"),
        "google_ads_customer_ids": row.google_ads_customer_ids,
        "meta_ad_account_ids": row.meta_ad_account_ids,
        "tags": row.tags,
        "region": identity.get("default_region"),
        "personal_data": identity.get("personal_data"),
        "run": settings.of(tenant.environment).get("run"),
    }
    sources = []
    rows = {each.connector_id: each for each in registry.connectors(tenant.name)}
    for each in (rows.get(str(entry.get("id"))) for entry in connectors(tenant)):  # in the order of the file
        if each and each.is_active:
            stored = vault.read(tenant.name, each.credentials_secret_path) if each.credentials_secret_path else None
            sources.append(_source(each, entries.get(each.connector_id, {}), stored or {}, project))
    return {name: value for name, value in content.items() if value} | {"data_sources": sources}


def _source(row: Connector, entry: dict[str, Any], stored: dict[str, Any], project: Project) -> dict[str, Any]:
    extractor = project.parents.get(str(entry.get("extractor")))
    found = {
        "connector_type": row.connector_type,
        "name": row.name,
        "extractor": extractor,
        "connection_params": row.connection_params,
        "field_overrides": row.field_overrides,
        "sync_mode": row.sync_mode,
        "sync_schedule": row.sync_schedule,
        "preset": entry.get("preset"),
        "mapping": {name: value for name, value in entry.items() if name not in _SAID_ELSEWHERE},
        "credentials": stored,
    }
    return {name: value for name, value in found.items() if value}


def _config(project: Project, tenant: Tenant, plugin: str) -> dict[str, Any]:
    return tenant.config(project.plugins[plugin])[1] if plugin in project.plugins else {}
