"""`growthnav schedules`: the tenants' schedules, for what shall start them."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from pipe.files import keep
from plugins import table
from plugins.groups import Group
from plugins.orchestration import cron, schedules, systemd
from plugins.project import open_project

DAGSTER = '''\
"""The tenants' schedules for Dagster: dagster dev -f this_file.py"""

from plugins.orchestration.dagster_definitions import load

defs = load({root!r})
'''


@click.group("schedules", cls=Group)
def command() -> None:
    """List the schedules, or write them for cron, systemd or Dagster."""


@command.command("list")
@click.pass_obj
def list_command(directory: Path | None, /) -> None:
    """List every schedule with its tenant and job."""
    found = schedules.of(open_project(directory))
    rows = [(each.name, each.tenant, each.job, each.interval, each.cron or "by hand") for each in found]
    table.show(("schedule", "tenant", "job", "interval", "cron"), rows)


@command.command("export")
@click.option("--format", "form", type=click.Choice(["cron", "systemd", "dagster"]), required=True, help="For what.")
@click.option(
    "--directory", "into", type=click.Path(file_okay=False, path_type=Path), help="systemd: write the units there."
)
@click.pass_obj
def export_command(directory: Path | None, /, form: str, into: Path | None) -> None:
    """Print the schedules for what shall start them; systemd's units go into a directory."""
    project = open_project(directory)
    growthnav = Path(sys.executable).with_name("growthnav")
    found = list(schedules.of(project))
    if form == "cron":
        click.echo("\n".join(cron.lines(found, project.root, growthnav)))
    elif form == "dagster":
        click.echo(DAGSTER.format(root=str(project.root)), nl=False)
    else:
        for name, unit in systemd.units(found, project.root, growthnav).items():
            if into:
                keep(into / name, unit.encode())
            click.echo(f"{into / name}" if into else f"# {name}\n{unit}")
