"""`growthnav registry`: look into the registry, take it out, put it back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from pipe.errors import ConfigurationError
from plugins import table
from plugins.groups import Group
from plugins.project import choose, open_project
from plugins.registry import Connector, Customer, Onboarding, Registry, open_registry
from plugins.registry.tables import CONNECTORS, CUSTOMERS, ONBOARDINGS, RUNS, TABLES

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TextIO

ALL = 1_000_000
"""Runs in an export: all of them, in any registry that fits into one."""


@click.group("registry", cls=Group)
@click.pass_context
def command(context: click.Context) -> None:
    """Look into the registry of tenants, take it out, put it back."""
    context.obj = open_registry(open_project(context.obj))


@command.command("list")
@click.pass_obj
def list_command(registry: Registry) -> None:
    """List tenants and their data sources, inactive ones too, with the reason."""
    connectors, rows = registry.connectors(), []
    for customer in registry.customers():
        rows.append((customer.customer_id, "", _yes(customer.is_active), "", "", customer.error_message))
        for row in (row for row in connectors if row.customer_id == customer.customer_id):
            synced = (row.last_sync or "never")[:19]
            rows.append(("", row.connector_id, _yes(row.is_active), row.sync_schedule, synced, row.error_message))
    table.show(("tenant", "connector", "active", "schedule", "last sync", "message"), rows)


@command.command("show")
@click.argument("tenant")
@click.pass_obj
def show_command(registry: Registry, tenant: str) -> None:
    """Print all the registry holds about TENANT, as JSON."""
    customer = choose("registered tenant", tenant, {row.customer_id: row for row in registry.customers()})
    found = {
        "customer": customer.as_dict(),
        "connectors": [row.as_dict() for row in registry.connectors(tenant)],
        "onboardings": [row.as_dict() for row in registry.onboardings(tenant)],
        "runs": registry.runs(tenant),
    }
    click.echo(json.dumps(found, indent=1))


@command.command("export")
@click.pass_obj
def export_command(registry: Registry) -> None:
    """Print the whole registry as JSON: a list of rows for each table. No secret is in it."""
    found = {
        CUSTOMERS.name: [row.as_dict() for row in registry.customers()],
        CONNECTORS.name: [row.as_dict() for row in registry.connectors()],
        ONBOARDINGS.name: [row.as_dict() for row in registry.onboardings()],
        RUNS.name: registry.runs(limit=ALL)[::-1],
    }
    click.echo(json.dumps(found, indent=1))


@command.command("import")
@click.argument("file", type=click.File(encoding="utf-8"))
@click.pass_obj
def import_command(registry: Registry, file: TextIO) -> None:
    """Put the rows of an export into the registry; rows of the same key are replaced, others stay."""
    content = _read(file)
    put: dict[str, Callable[[dict[str, Any]], None]] = {
        CUSTOMERS.name: lambda row: registry.put_customer(Customer(**row)),
        CONNECTORS.name: lambda row: registry.put_connector(Connector(**row)),
        ONBOARDINGS.name: lambda row: registry.put_onboarding(Onboarding(**row)),
        RUNS.name: registry.record_run,
    }
    for name, entries in content.items():
        for row in entries:
            put[name](row)
        click.echo(f"{name}: {len(entries)} rows")


def _read(file: TextIO) -> dict[str, list[dict[str, Any]]]:
    """An export, checked whole before any of it is put."""
    columns = {table.name: {column.name: column for column in table.columns} for table in TABLES}
    try:
        content = json.load(file)
    except ValueError:
        raise ConfigurationError(f"{file.name} is not JSON") from None
    if not isinstance(content, dict) or not all(isinstance(rows, list) for rows in content.values()):
        raise ConfigurationError(f"{file.name} is no export: a mapping of tables to lists of rows")
    found = [f"there is no table '{name}'" for name in content if name not in columns]
    for name, rows in content.items():
        known = columns.get(name, {})
        for index, row in enumerate(rows):
            given = set(row) if isinstance(row, dict) else set()
            missing = {column.name for column in known.values() if column.required} - given
            unknown = given - set(known) if name != RUNS.name else set()
            found += [f"{name}[{index}].{column} is missing" for column in sorted(missing)]
            found += [f"{name}[{index}].{column} is no column" for column in sorted(unknown)]
    if found:
        raise ConfigurationError(f"{file.name}: {'; '.join(found)}")
    return content


def _yes(value: bool) -> str:
    return "yes" if value else "no"
