"""Where a tenant's people are: the settings its `tap-identity` runs with, found as Meltano would."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from identity.reconcile import settings
from identity.reconcile.tap import open_ledger, work_space
from identity.reconcile.warehouse import opened, stage
from plugins import wiring
from plugins.project import open_project
from plugins.wiring import TENANT_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import duckdb

    from identity.hashing import Hasher
    from identity.reconcile.ledger import Ledger
    from plugins.project import Project

TAP = "tap-identity"


def settings_of(directory: Path | None, tenant: str) -> settings.Settings:
    """The tenant's settings.

    Raises:
        ConfigurationError: there is no such tenant, or they are wrong.
    """
    return read(open_project(directory), tenant)


def read(project: Project, tenant: str) -> settings.Settings:
    """The same in an open project."""
    known, tap = project.tenant(tenant), project.plugins[TAP]
    _, own = known.config(tap)
    defaults = {str(item["name"]): item["value"] for item in tap.settings if "value" in item}
    variables = {**project.dotenv, **os.environ, "MELTANO_PROJECT_ROOT": str(project.root), TENANT_VARIABLE: known.name}
    secrets = {name: variables[tap.variable(name)] for name in tap.secrets if tap.variable(name) in variables}
    return settings.read(_expanded({**defaults, **tap.config, **own, **secrets}, variables))


def _expanded(value: Any, variables: dict[str, str]) -> Any:
    if isinstance(value, str):
        return wiring.expand(value, variables)
    if isinstance(value, dict):
        return {name: _expanded(item, variables) for name, item in value.items()}
    return [_expanded(item, variables) for item in value] if isinstance(value, list) else value


@contextmanager
def staged(chosen: settings.Settings) -> Iterator[tuple[duckdb.DuckDBPyConnection, Ledger, Hasher]]:
    """The warehouse's records and the store, for questions about them."""
    with work_space(chosen) as db, open_ledger(chosen) as (ledger, hasher):
        with opened(db, chosen.warehouse) as source:
            stage(db, source)
        yield db, ledger, hasher
