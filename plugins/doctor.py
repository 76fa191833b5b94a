"""`growthnav doctor`: whether a tenant can run, and how it has been."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import click
from croniter import croniter

from pipe import times
from pipe.errors import EXIT_FAILED, PipeError
from plugins import plugin_call, reauth, redact, warehouse
from plugins.orchestration import schedules
from plugins.project import open_project
from plugins.registry import open_registry
from plugins.secrets import open_vault, vault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from plugins.project import Project, Tenant

MISSED = 2
"""Turns of its schedule after which a data source counts as late."""

CLOCK_SECONDS = 60
"""How far in the future a past run may seem to have ended."""


@dataclass(frozen=True)
class Check:
    """One thing looked at. Details never hold a secret's value."""

    name: str
    ok: bool
    detail: str


@click.command("doctor")
@click.argument("tenant")
@click.option("--connect", is_flag=True, help="Connect to every data source, too.")
@click.option("--json", "as_json", is_flag=True, help="Print the checks as one JSON object.")
@click.pass_context
def command(context: click.Context, tenant: str, *, connect: bool, as_json: bool) -> None:
    """Look whether TENANT can run.

    Looked at are plugins, secrets, warehouse, clock, bookmarks and the last run.

    \b
    Exit code  0  all is well
               2  something is not
    """
    project = open_project(context.obj)
    checks = list(examine(project, project.tenant(tenant), connect=connect))
    well = all(check.ok for check in checks)
    if as_json:
        click.echo(json.dumps({"customer_id": tenant, "ok": well, "checks": [asdict(check) for check in checks]}))
    else:
        for check in checks:
            mark = click.style("ok  ", fg="green") if check.ok else click.style("FAIL", fg="red", bold=True)
            click.echo(f"{mark} {check.name}: {check.detail}")
    if not well:
        context.exit(EXIT_FAILED)


def examine(project: Project, tenant: Tenant, *, connect: bool = False) -> Iterator[Check]:
    """All checks; each is made whatever became of those before."""
    yield _tried("plugins", lambda: _plugins(project, tenant))
    for entry in vault.connectors(tenant):
        if entry.get("secret"):
            yield _tried(f"secret of {entry['id']}", partial(_secret, project, tenant, entry))
    yield _tried("variables", lambda: _variables(project, tenant))
    yield _tried("warehouse", lambda: _warehouse(project, tenant))
    yield _tried("clock", lambda: _clock(project, tenant))
    yield from _schedules(project, tenant)
    yield _tried("last run", lambda: _last_run(project, tenant))
    if connect:
        for entry in vault.connectors(tenant):
            yield _tried(f"connection of {entry['id']}", partial(_connect, project, tenant, entry))


def _tried(name: str, look: Callable[[], tuple[bool, str]]) -> Check:
    try:
        return Check(name, *look())
    except PipeError as error:
        return Check(name, ok=False, detail=str(error))


def _plugins(project: Project, tenant: Tenant) -> tuple[bool, str]:
    plugins = project.plugins_of(job for _, job in tenant.schedules)
    missing = [plugin.name for plugin in plugins if not os.access(project.root / plugin.executable, os.X_OK)]
    if missing:
        return False, f"not installed: {', '.join(missing)}. Run: make demo"
    return bool(plugins), f"{len(plugins)} installed" if plugins else "its schedules name none"


def _secret(project: Project, tenant: Tenant, entry: dict[str, Any]) -> tuple[bool, str]:
    content = open_vault(project).read(tenant.name, str(entry["secret"]))
    again = f"growthnav reauth {tenant.name} {entry['id']}"
    if content is None:
        return False, f"{entry['secret']} is missing. Run: {again}"
    missing = [name for name in reauth.needed(project, tenant, entry) if not content.get(name)]
    return (False, f"it lacks {', '.join(missing)}. Run: {again}") if missing else (True, f"{entry['secret']} is there")


def _variables(project: Project, tenant: Tenant) -> tuple[bool, str]:
    plugins = project.plugins_of(job for _, job in tenant.schedules)
    known = {**project.environment, **open_vault(project).resolve(tenant)}
    redact.check_references(project, tenant, plugins, known)
    return True, "all that its file refers to are set"


def _warehouse(project: Project, tenant: Tenant) -> tuple[bool, str]:
    place = warehouse.of_tenant(project, tenant)
    if not place.exists():
        return False, f"{place.name} is not there. Run: growthnav run {tenant.name}"
    return True, f"{place.name}, {len(place.tables())} tables"


def _clock(project: Project, tenant: Tenant) -> tuple[bool, str]:
    """A clock that went back would make new bookmarks older than old ones."""
    ended = [_moment(run["completed_at"]) for run in open_registry(project).runs(tenant.name) if run["completed_at"]]
    ahead = (max(ended) - datetime.now(UTC)).total_seconds() if ended else 0
    if ahead > CLOCK_SECONDS:
        return False, f"a run ended {ahead:.0f} s in the future: set this machine's clock"
    return True, times.now_text()[:19] + "Z"


def _schedules(project: Project, tenant: Tenant) -> Iterator[Check]:
    """The age of each data source's last sync, against what its schedules promise."""
    try:
        connectors = [row for row in open_registry(project).connectors(tenant.name) if row.is_active]
    except PipeError as error:
        yield Check("state", ok=False, detail=str(error))
        return
    now = datetime.now(UTC)
    for row in connectors:
        last = _moment(row.last_sync) if row.last_sync else None
        told = f"read {(now - last).total_seconds() / 3600:.1f} hours ago" if last else "never read"
        what = f"{told}, schedule {row.sync_schedule}" + (f"; {row.error_message}" if row.error_message else "")
        yield Check(f"state of {row.connector_id}", ok=not is_late(row.sync_schedule, last, now), detail=what)


def is_late(schedule: str, last: datetime | None, now: datetime) -> bool:
    """Whether so many turns of a schedule have passed since the last sync; a manual one has none."""
    cron = schedules.NAMED.get(f"@{schedule}", schedule)
    if cron is None or not schedules.is_valid(cron):
        return False
    turns = croniter(cron, last)
    return last is None or [turns.get_next(datetime) for _ in range(MISSED)][-1] < now


def _last_run(project: Project, tenant: Tenant) -> tuple[bool, str]:
    runs = open_registry(project).runs(tenant.name, 1)
    if not runs:
        return True, "none yet"
    run = runs[0]
    told = f"{run['status']} at {run['completed_at'][:19]}Z"
    return run["exit_code"] != EXIT_FAILED, f"{told}: {run['error']}" if run["error"] else told


def _connect(project: Project, tenant: Tenant, entry: dict[str, Any]) -> tuple[bool, str]:
    content = open_vault(project).read(tenant.name, str(entry["secret"])) if entry.get("secret") else {}
    plugin = project.plugins[str(entry["extractor"])]
    plugin_call.call(project, plugin, reauth.test_config(project, tenant, entry, content or {}), "--test")
    return True, f"{entry['id']} answers"


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
