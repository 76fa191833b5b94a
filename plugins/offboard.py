"""`growthnav offboard`: a tenant leaves."""

from __future__ import annotations

import dataclasses
import sys
import time
from typing import TYPE_CHECKING

import click

from pipe import times
from pipe.errors import ConfigurationError
from plugins import lock, warehouse
from plugins.onboarding import leaving, tenant_file
from plugins.project import choose, open_project
from plugins.registry import open_registry
from plugins.secrets import open_vault

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from plugins.project import Project
    from plugins.registry import Registry
    from plugins.warehouse import Warehouse


@click.command("offboard")
@click.argument("tenant")
@click.option("--purge", is_flag=True, help="Remove its data, bookmarks, identities and history, too.")
@click.option("--yes", is_flag=True, help="Do not ask before a purge; without a terminal, nobody is asked.")
@click.pass_obj
def command(directory: Path | None, tenant: str, *, purge: bool, yes: bool) -> None:
    """Let TENANT go.

    There are no more runs, its secrets are forgotten, and it is inactive in the registry. Its data, bookmarks and
    history stay, so that onboarding it again goes on where it ended; with --purge they go.
    """
    project = open_project(directory)
    registry = open_registry(project)
    _check(project, registry, tenant)
    if purge and not yes and sys.stdin.isatty():
        click.confirm(f"Remove all data of {tenant}? It cannot be brought back", abort=True, err=True)
    for line in offboard(project, registry, tenant, purge=purge):
        click.echo(line)


def offboard(project: Project, registry: Registry, tenant: str, *, purge: bool) -> Iterator[str]:
    """Do it, telling each thing removed. What a broken offboarding left behind, the next one removes.

    Raises:
        RetriableError: a run of the tenant is under way.
    """
    path = project.root / ".growthnav" / tenant / "run.lock"
    with lock.hold(path, tenant, ["offboarding"], time.monotonic(), lambda _: True):
        file = tenant_file.path(project, tenant)
        if file.exists():
            file.unlink()
            yield f"removed file {file.relative_to(project.root)}"
        vault = open_vault(project)
        for secret in vault.paths(tenant):
            vault.delete(tenant, secret)
            yield f"removed secret {secret}"
        yield from _rows(registry, tenant, purge=purge)
        if purge:
            place = _warehouse(project, registry, tenant)
            if place.exists():
                place.drop()
                yield f"dropped dataset {place.name}"
            for gone in leaving.forget_files(project, tenant):
                yield f"removed {gone.relative_to(project.root)}"
        elif not any(path.parent.iterdir()):
            path.parent.rmdir()


def _rows(registry: Registry, tenant: str, *, purge: bool) -> Iterator[str]:
    for connector in registry.connectors(tenant):
        if purge:
            registry.remove_connector(tenant, connector.connector_id)
        elif connector.is_active:
            registry.put_connector(dataclasses.replace(connector, is_active=False, updated_at=None))
    if purge:
        runs, onboardings = registry.remove_runs(tenant), registry.remove_onboardings(tenant)
        yield f"removed {runs} runs and {onboardings} onboardings from the registry"
    customer = registry.customer(tenant)
    if customer and not customer.is_active and not purge:
        yield f"{tenant} is inactive in the registry already: {customer.error_message}"
    elif customer:
        reason = f"{'purged' if purge else 'offboarded'} at {times.now_text()}"
        registry.put_customer(dataclasses.replace(customer, is_active=False, error_message=reason, updated_at=None))
        yield f"{tenant} is inactive in the registry: {reason}"


def _check(project: Project, registry: Registry, tenant: str) -> None:
    """Only what an onboarding made can be taken away.

    Raises:
        ConfigurationError: there is no such tenant, or its file was written by hand.
    """
    known = {row.customer_id: row for row in registry.customers()}
    choose("tenant", tenant, {**project.tenants, **known})
    found = project.tenants.get(tenant)
    if found and found.document.path != tenant_file.path(project, tenant):
        where = found.document.path.relative_to(project.root)
        raise ConfigurationError(
            f"tenant '{tenant}' is in {where}, which was written by hand", remedy="Remove it there"
        )
    if found and tenant not in known:
        raise ConfigurationError(
            f"tenant '{tenant}' was not onboarded", remedy=f"Remove its file: {found.document.path.name}"
        )


def _warehouse(project: Project, registry: Registry, tenant: str) -> Warehouse:
    """Where its data is: as its file says, or, once that is gone, as the registry does."""
    if tenant in project.tenants:
        return warehouse.of_tenant(project, project.tenants[tenant])
    customer = registry.customer(tenant)
    bigquery = customer.gcp_project_id if customer else None
    loader = project.plugins[warehouse.LOADERS[1 if bigquery else 0]]
    return warehouse.open_warehouse(project, tenant, loader, {"project": bigquery} if bigquery else {})
