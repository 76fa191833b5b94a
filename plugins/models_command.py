"""`growthnav models`: the tables computed from a tenant's conversions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pipe.errors import EXIT_FAILED
from plugins import rfm_check, warehouse
from plugins.groups import Group
from plugins.project import open_project
from transforms.models.queries import Parameters

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path


@click.group(cls=Group)
def models() -> None:
    """Compute tables from what is in a tenant's warehouse."""


@models.command("run")
@click.argument("tenant")
@click.option(
    "--observation-end",
    type=click.DateTime(["%Y-%m-%d"]),
    metavar="YYYY-MM-DD",
    help="Last day that counts; by default that of the last purchase.",
)
@click.option("--include-first", is_flag=True, help="Count the first day with a purchase as a repeat, too.")
@click.pass_obj
def run_command(directory: Path | None, tenant: str, observation_end: datetime | None, *, include_first: bool) -> None:
    """Make the customer-value tables of TENANT anew, all or none."""
    parameters = Parameters(observation_end.date() if observation_end else None, include_first)
    project = open_project(directory)
    for model, rows in warehouse.of_tenant(project, project.tenant(tenant)).make_models(parameters).items():
        click.echo(f"{model:<16}{rows:>12,} rows")


@models.command("check")
@click.argument("model", type=click.Choice(["rfm"]))
@click.option("--tenant", default="cdnow", show_default=True, help="The tenant that holds the CDNOW purchases.")
@click.pass_context
def check_command(context: click.Context, model: str, tenant: str) -> None:
    """Compare the customer summary with published figures, and with lifetimes if it is installed.

    \b
    Exit code  0  every figure is equal
               2  some are not
    """
    checks = rfm_check.check(*_warehouse(context.obj, tenant))
    line = "{:<12}{:<28}{:>18}{:>18}  {}"
    click.echo(line.format("until", model, "expected", "found", ""))
    for check in checks:
        verdict = "ok" if check.passed else click.style("DIFFERS", fg="red", bold=True)
        click.echo(line.format(check.horizon.isoformat(), check.what, check.expected, check.found, verdict))
    if not any("lifetimes" in check.what for check in checks):
        click.echo("Not compared customer by customer: lifetimes is not installed (it comes with the extra 'dev').")
    if not all(check.passed for check in checks):
        context.exit(EXIT_FAILED)


def _warehouse(directory: Path | None, tenant: str) -> tuple[Path, str]:
    """File and schema of a tenant's data.

    Raises:
        ConfigurationError: there is no such tenant.
    """
    project = open_project(directory)
    name = project.tenant(tenant).name
    return project.root / "out" / f"{name}.duckdb", f"growthnav_{name}"
