"""`growthnav state`: a tenant's bookmarks, out of its state backend and into it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipe import times
from pipe.errors import EXIT_FAILED, ConfigurationError, DataError, PipeError
from pipe.files import keep
from plugins import lock, runner, state_file, states
from plugins.groups import Group
from plugins.project import listing, open_project
from plugins.registry import open_registry

if TYPE_CHECKING:
    from plugins.project import Project, Tenant

IMPORTED = "imported_states.json"
"""State id -> when it was imported, and when its streams had been read."""

EXTRACTOR = click.option("--extractor", metavar="TAP", help="Whose state; needed where the tenant has several taps.")


@click.group("state", cls=Group)
def command() -> None:
    """Export or import what a tenant's taps have read."""


@command.command("export")
@click.argument("tenant")
@EXTRACTOR
@click.option("--file", type=click.Path(dir_okay=False, path_type=Path), help="Write it there; else it is printed.")
@click.pass_obj
def export_command(directory: Path | None, /, tenant: str, extractor: str | None, file: Path | None) -> None:
    """Export the state of TENANT's tap as JSON: one entry a stream, one a file."""
    project = open_project(directory)
    found = project.tenant(tenant)
    state_id = _state_id(project, found, extractor)
    exported = state_file.export(states.States(project, found).read(state_id), _last_syncs(project, found, state_id))
    text = json.dumps(exported, indent=2, ensure_ascii=False)
    if file:
        keep(file, f"{text}\n".encode())
        click.echo(f"{file}: {len(exported)} entries", err=True)
    else:
        click.echo(text)


@command.command("import")
@click.argument("tenant")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@EXTRACTOR
@click.pass_obj
def import_command(directory: Path | None, /, tenant: str, file: Path, extractor: str | None) -> None:
    """Import the state in FILE: the next run of TENANT goes on from there. It replaces what was saved."""
    project = open_project(directory)
    found = project.tenant(tenant)
    state_id = _state_id(project, found, extractor)
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except ValueError:
        raise DataError(f"{file.name} is not JSON", remedy="docs/running.md shows the form") from None
    state, last_sync = state_file.read(content)
    place = runner.directory(project, found)
    with lock.hold(place / "run.lock", tenant):
        states.States(project, found).write(state_id, state)
        imported = _imported(project, found) | {state_id: {"at": times.now_text(), "streams": last_sync}}
        keep(place / IMPORTED, json.dumps(imported).encode())
    click.echo(f"{state_id}: {len(state['bookmarks'])} streams")


def _state_id(project: Project, tenant: Tenant, extractor: str | None) -> str:
    """The one state meant.

    Raises:
        ConfigurationError: there are several, or none.
    """
    try:
        jobs = project.jobs_for(tenant, None)
    except PipeError:
        if extractor is None:
            raise
        jobs = list(project.jobs)
    found = states.pipes(project, tenant, jobs)
    taps = {tap.name for tap in found.values()}
    mine = [state_id for state_id, tap in found.items() if extractor in {None, tap.name}]
    if len(mine) == 1:
        return mine[0]
    said = f"tenant '{tenant.name}' has {'several states' if mine else f'no tap {extractor!r} in its jobs'}"
    raise ConfigurationError(said, remedy=f"Name one: --extractor TAP ({listing(taps)})")


def _last_syncs(project: Project, tenant: Tenant, state_id: str) -> dict[str, str]:
    """Stream -> when it was last read: by our runs, or before the import as the imported file says."""
    imported = _imported(project, tenant).get(state_id, {"at": "", "streams": {}})
    found = dict(imported["streams"])
    for run in reversed(open_registry(project).runs(tenant.name)):
        if run["exit_code"] != EXIT_FAILED and run["started_at"] > imported["at"]:
            found |= dict.fromkeys(run["cursor"], run["completed_at"])
    return found


def _imported(project: Project, tenant: Tenant) -> dict[str, Any]:
    path = runner.directory(project, tenant) / IMPORTED
    return dict(json.loads(path.read_text())) if path.is_file() else {}
