"""`growthnav tenants`: who there is, what they run, how it went last."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from plugins import runner, table
from plugins.project import Project, open_project

if TYPE_CHECKING:
    from pathlib import Path

    from plugins.project import Tenant


@click.command("tenants")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
@click.pass_obj
def command(directory: Path | None, *, as_json: bool) -> None:
    """List the tenants, their schedules and their last run."""
    project = open_project(directory)
    tenants = [describe(project, tenant) for _, tenant in sorted(project.tenants.items())]
    if as_json:
        click.echo(json.dumps(tenants))
        return
    table.show(("tenant", "schedule", "last run", "status", "loaded"), [_row(tenant) for tenant in tenants])


def _row(tenant: dict[str, Any]) -> tuple[str | None, ...]:
    last = tenant["last_run"] or {}
    schedules = ", ".join(f"{job} {interval}" for interval, job in tenant["schedules"]) or "-"
    loaded = f"{last['records_loaded']:,}" if last else ""
    return tenant["tenant"], schedules, (last.get("started_at") or "never")[:19], last.get("status"), loaded


def describe(project: Project, tenant: Tenant) -> dict[str, Any]:
    """A tenant as one row."""
    return {
        "tenant": tenant.name,
        "file": str(tenant.document.path.relative_to(project.root)),
        "schedules": tenant.schedules,
        "last_run": last_run(project, tenant),
    }


def last_run(project: Project, tenant: Tenant) -> dict[str, Any] | None:
    """The last result, if there is one."""
    path = runner.directory(project, tenant) / "runs.jsonl"
    if not path.is_file():
        return None
    for line in reversed(path.read_bytes().splitlines()):
        try:
            return dict(json.loads(line))
        except ValueError:  # cut off when the machine stopped
            continue
    return None
