"""`growthnav runs`: the history of a tenant's runs, from the registry."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from plugins import table
from plugins.project import open_project
from plugins.registry import open_registry

if TYPE_CHECKING:
    from pathlib import Path


@click.command("runs")
@click.argument("tenant")
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help="Runs to show.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list of the whole results.")
@click.pass_obj
def command(directory: Path | None, /, tenant: str, limit: int, *, as_json: bool) -> None:
    """Show how a tenant's runs went, the newest first."""
    project = open_project(directory)
    found = open_registry(project).runs(project.tenant(tenant).name, limit)
    if as_json:
        click.echo(json.dumps(found))
        return
    if not found:
        click.echo(f"{tenant} has not run yet")
        return
    headers = ("started", "job", "status", "seconds", "read", "loaded", "rejected", "error")
    table.show(headers, [_row(run) for run in found])


def _row(run: dict[str, Any]) -> tuple[str, ...]:
    counts = (f"{run[name]:,}" for name in ("records_fetched", "records_loaded", "records_failed"))
    seconds = f"{run['duration_seconds'] or 0:,.1f}"
    error = f"{run['error_class']}: {run['error']}" if run["error"] else ""
    return run["started_at"][:19], run["job"], run["status"], seconds, *counts, error
