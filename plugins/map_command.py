"""`growthnav map`: what a tenant's records become, before and after a change of the mapping."""

from __future__ import annotations

import io
import json
import subprocess
import tempfile
import threading
from contextlib import redirect_stdout
from itertools import islice
from typing import TYPE_CHECKING, Any

import click

from pipe.errors import ConfigurationError
from plugins import mappings, meltano_call, redact, runner
from plugins.project import choose, listing, open_project
from plugins.secrets import open_vault

if TYPE_CHECKING:
    from pathlib import Path

    from plugins.project import Plugin, Project, Tenant

LINES_READ = 5000
"""Lines of a tap's output that a preview looks at, at most."""


@click.group("map")
def command() -> None:
    """Show what a tenant's records become."""


@command.command("preview")
@click.argument("tenant")
@click.argument("extractor", required=False, metavar="[TAP]")
@click.option("--rows", type=click.IntRange(1, 100), default=5, show_default=True, help="Records of each stream.")
@click.option(
    "--seconds", type=click.IntRange(1, 3600), default=60, show_default=True, help="How long the source is read."
)
@click.pass_obj
def preview_command(directory: Path | None, /, tenant: str, extractor: str | None, rows: int, seconds: int) -> None:
    """Show the first records of each stream of TENANT before and after, personal values masked.

    Reads from the source itself, from its beginning; loads nothing and saves no bookmark.
    """
    project = open_project(directory)
    found = project.tenant(tenant)
    click.echo(preview(project, found, _tap(project, found, extractor), rows, seconds), nl=False)


@command.command("changes")
@click.argument("tenant")
@click.pass_obj
def changes_command(directory: Path | None, /, tenant: str) -> None:
    """Name the streams of TENANT whose mapping has changed: the next run reads them in full."""
    project = open_project(directory)
    found = project.tenant(tenant)
    changed = mappings.Memory(runner.directory(project, found)).changed(mappings.of(project, found))
    for name, mapped in changed.items():
        click.echo(f"{name}: changed; the next run reads {', '.join(mapped.match)} in full")
    if not changed:
        click.echo("no mapping has changed since the last run")


def preview(project: Project, tenant: Tenant, tap: Plugin, rows: int, seconds: float) -> str:
    """Records before and after, as text, masked.

    Raises:
        ConfigurationError: the tap could not start, or nothing maps what it reads.
    """
    from transforms import preview as shown
    from transforms.map_conversions import MapConversions

    settings = mappings.settings(project, tenant) | {"tenant": tenant.name, "emit": "records"}
    mapper = MapConversions(config=settings)
    text = io.StringIO()
    with tempfile.TemporaryDirectory() as scratch, redirect_stdout(text):
        lines = _head(project, tenant, tap, rows, seconds, scratch=scratch)
        shown.run(mapper, rows, io.BytesIO(b"".join(lines)))
    return text.getvalue()


def _head(project: Project, tenant: Tenant, tap: Plugin, rows: int, seconds: float, *, scratch: str) -> list[bytes]:
    """The first lines a tap sends, from its source's beginning; all its files are in the directory `scratch`.

    Raises:
        ConfigurationError: it sent none.
    """
    secrets = open_vault(project).resolve(tenant)
    redact.check_references(project, tenant, [tap], {**project.environment, **secrets})
    environment = {**meltano_call.environment(project, tenant, ""), **secrets}
    environment["MELTANO_SYS_DIR_ROOT"] = scratch  # a run of the tenant may be under way
    if tap.has("max_rows"):
        environment[tap.variable("max_rows")] = str(rows)
    if tap.has("batch_config"):
        environment[tap.variable("batch_config")] = json.dumps({"storage": {"root": scratch}, "batch_size": LINES_READ})
    process = subprocess.Popen(
        [*meltano_call.base(tenant), "invoke", tap.name],
        cwd=project.root,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    alarm = threading.Timer(seconds, process.terminate)
    alarm.start()
    try:
        assert process.stdout is not None  # noqa: S101  it was asked for
        lines = [line for line in islice(process.stdout, LINES_READ) if line.startswith(b"{")]
    finally:
        alarm.cancel()
        process.terminate()
        process.communicate()
    if not lines:
        raise ConfigurationError(
            f"{tap.name} sent nothing", remedy=f"Run it to be told why: growthnav run {tenant.name}"
        )
    return lines


def _tap(project: Project, tenant: Tenant, name: str | None) -> Plugin:
    """The tap named, or the only one that the tenant's jobs start.

    Raises:
        ConfigurationError: unknown, or not to be guessed.
    """
    taps: dict[str, Any] = {p.name: p for p in project.plugins.values() if p.kind == "extractors"}
    if name is not None:
        return choose("tap", name, taps)  # type: ignore[no-any-return]
    mine = [entry["name"] for _, entry in tenant.entries("extractors") if entry.get("name") in taps]
    if len(mine) == 1:
        return taps[mine[0]]  # type: ignore[no-any-return]
    raise ConfigurationError(
        f"tenant '{tenant.name}' has {len(mine)} taps",
        remedy=f"Name one: growthnav map preview {tenant.name} TAP ({listing(mine)})",
    )
