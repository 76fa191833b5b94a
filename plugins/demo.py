"""`growthnav demo`: two tenants with real purchases, from files to people, at the same time."""

from __future__ import annotations

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import click

from pipe.errors import EXIT_FAILED
from plugins import demo_report, progress, runner
from plugins.demo_data import bakery, cdnow
from plugins.demo_report import Shown
from plugins.people.commands import JOB
from plugins.processes import Stopper
from plugins.project import open_project
from plugins.run import summary

if TYPE_CHECKING:
    from pathlib import Path

    from plugins.project import Project
    from plugins.result import RunResult

CDNOW, BAKERY = "cdnow", "bakery"


@click.command("demo")
@click.pass_obj
def command(directory: Path | None) -> None:
    """Run two tenants with real purchases, from files to people.

    cdnow is the CDNOW purchase history, whose customer-value figures are published; bakery holds the same purchases
    as a till, an online shop and a CRM would have recorded them. Both run at the same time; then the bakery's people
    are reconciled. A second demo finds nothing new and changes nothing.
    """
    clock = time.monotonic()
    project = open_project(directory)
    for name in (CDNOW, BAKERY):
        project.tenant(name)
    click.echo("Preparing the files of two tenants ...", err=True)
    inputs = project.root / ".growthnav" / "demo"
    cdnow.prepare(inputs / CDNOW)
    truth = bakery.prepare(inputs / BAKERY).truth
    results = _run(project)
    failed = [result for result in results if result.exit_code == EXIT_FAILED]
    if failed:
        click.echo("\n".join(summary(result) for result in failed))
        sys.exit(EXIT_FAILED)
    click.echo("Reconciling the people of bakery ...", err=True)
    reconciled = _reconcile(project)
    if reconciled.exit_code == EXIT_FAILED:
        click.echo(summary(reconciled))
        sys.exit(EXIT_FAILED)
    click.echo("Computing the customer-value tables ...", err=True)
    shown = [_look(project, result, truth) for result in results]
    demo_report.show(shown, time.monotonic() - clock)
    sys.exit(0 if all(check.passed for tenant in shown for check in tenant.checks) else EXIT_FAILED)


def _run(project: Project) -> list[RunResult]:
    """Both tenants at once."""
    reporter = progress.reporter()
    try:
        with Stopper() as stopper, ThreadPoolExecutor(2) as pool:
            runs = [
                pool.submit(runner.run, project, runner.Request(name), reporter, stopper) for name in (CDNOW, BAKERY)
            ]
            return [run.result() for run in runs]
    finally:
        reporter.close()


def _reconcile(project: Project) -> RunResult:
    """Find the bakery's people anew: its three sources know the same ones."""
    reporter = progress.reporter()
    try:
        with Stopper() as stopper:
            return runner.run(project, runner.Request(BAKERY, JOB), reporter, stopper)
    finally:
        reporter.close()


def _look(project: Project, result: RunResult, truth: Path) -> Shown:
    """Compute the models of a tenant, measure it, and write its page."""
    from plugins import report, rfm_check
    from plugins.demo_data.truth import score
    from plugins.report import figures
    from transforms.models import runner as models

    name = result.customer_id
    database, schema = project.root / "out" / f"{name}.duckdb", f"growthnav_{name}"
    models.run(database, schema)
    shown = Shown(name, result, project.root / "out" / f"{name}.html", figures.read(database, schema))
    if name == BAKERY:
        shown.before = score(database, schema, truth, reconciled=False)
        shown.score = score(database, schema, truth)
    else:
        shown.checks = rfm_check.check(database, schema)
    report.write_page(database, schema, name, shown.page, shown.facts)
    return shown
