"""`growthnav map`: what a tenant's records become, before and after a change of the mapping."""

from __future__ import annotations

import io
import tempfile
from contextlib import redirect_stdout
from typing import TYPE_CHECKING

import click

from plugins import mappings, runner, sample
from plugins.groups import Group
from plugins.project import open_project

if TYPE_CHECKING:
    from pathlib import Path

    from plugins.project import Plugin, Project, Tenant


@click.group("map", cls=Group)
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
    click.echo(preview(project, found, sample.choose_tap(project, found, extractor), rows, seconds), nl=False)


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

    settings = mappings.settings(project, tenant) | {
        "tenant": tenant.name,
        "emit": "records",
        "extractor": tap.name,
    }
    mapper = MapConversions(config=settings)
    text = io.StringIO()
    with tempfile.TemporaryDirectory() as scratch, redirect_stdout(text):
        lines = sample.lines(project, tenant, tap, rows, seconds, scratch=scratch)
        shown.run(mapper, rows, io.BytesIO(b"".join(lines)))
    return text.getvalue()
