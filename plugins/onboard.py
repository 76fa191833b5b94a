"""`growthnav onboard`: the command."""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipe import times
from pipe.errors import EXIT_FAILED, EXIT_SUCCESS, ConfigurationError, PipeError
from plugins import progress
from plugins.onboarding import quality, reading
from plugins.onboarding.onboarding import Onboarder
from plugins.processes import Stopper
from plugins.project import open_project
from plugins.run import summary

if TYPE_CHECKING:
    from plugins.onboarding.definition import DataSource, Definition
    from plugins.onboarding.onboarding import Outcome
    from plugins.onboarding.steps import Step
    from plugins.project import Project


class Lines:
    """Tells how it goes: lines for people, or JSON lines with `--events`."""

    def __init__(self, customer_id: str, *, as_json: bool) -> None:
        """Write to standard error, and events to standard output."""
        self._customer_id, self._as_json = customer_id, as_json

    def status(self, status: str) -> None:
        """A status, with its time."""
        self._event("status", status=status)

    def tested(self, source: DataSource) -> None:
        """A data source answers."""
        self._line(f"{source.connector_id} answers")

    def done(self, step: Step) -> None:
        """A change is made."""
        self._line(str(step))

    def undone(self, step: Step) -> None:
        """A change is taken back."""
        self._line(f"taken back: {step}")

    def result(self, **values: Any) -> None:
        """How it ended."""
        self._event("result", **values)

    def _event(self, name: str, **values: Any) -> None:
        if self._as_json:
            event = {"event": name, "customer_id": self._customer_id, "at": times.now_text(), **values}
            click.echo(json.dumps(event))

    def _line(self, text: str) -> None:
        click.echo(f"{self._customer_id}: {text}", err=True)


@click.command("onboard")
@click.argument("file", required=False, type=click.Path(dir_okay=False, path_type=Path))
@click.option("--interactive", is_flag=True, help="Ask for everything, instead of reading FILE.")
@click.option("--plan", "plan_only", is_flag=True, help="Show what would be changed; change nothing.")
@click.option("--update", is_flag=True, help="Change a tenant that is there already.")
@click.option("--initial-sync", is_flag=True, help="Read everything once, and report on the data.")
@click.option("--events", is_flag=True, help="Print each status as a JSON line.")
@click.pass_obj
def command(
    directory: Path | None,
    file: Path | None,
    *,
    interactive: bool,
    plan_only: bool,
    update: bool,
    initial_sync: bool,
    events: bool,
) -> None:
    """Set up the tenant that FILE describes, all of it or nothing.

    That is its dataset, its rows in the registry, its secrets and its schedules. Every data source is connected to
    before anything is kept. Onboarding the same file again changes nothing; after a change in it, the difference is
    shown, and made with --update.

    \b
    Exit code  0  the tenant is there as FILE says
               1  it is, but the first sync left some records out
               2  it is not, and nothing was kept
    """
    signal.signal(signal.SIGTERM, _interrupt)
    project = open_project(directory)
    definition = _definition(project, file, interactive=interactive)
    lines = Lines(definition.customer_id, as_json=events)
    for note in definition.notes:
        click.echo(f"note: {note}", err=True)
    onboarder = Onboarder(project, definition, lines)
    changes, known = onboarder.plan(), onboarder.is_known()
    if not changes and not (initial_sync and onboarder.was_never_read() and not plan_only):
        click.echo(f"{definition.customer_id} is there already, and nothing in it changes.", err=events)
        sys.exit(EXIT_SUCCESS)
    if plan_only or (known and changes and not update):
        click.echo(_text(definition, changes, known=known), err=events)
        if plan_only:
            sys.exit(EXIT_SUCCESS)
        raise ConfigurationError(
            f"tenant '{definition.customer_id}' is there already", remedy="Add --update to change it"
        )
    sys.exit(_run(onboarder, changes, lines, initial_sync=initial_sync, events=events))


def _run(onboarder: Onboarder, changes: list[Step], lines: Lines, *, initial_sync: bool, events: bool) -> int:
    reporter = progress.reporter()
    try:
        with Stopper() as stopper:
            outcome = onboarder.run(changes, reporter, stopper, initial_sync=initial_sync)
    except PipeError as error:
        lines.result(exit_code=EXIT_FAILED, error=str(error), error_class=error.kind)
        raise
    finally:
        reporter.close()
    code = outcome.run.exit_code if outcome.run else EXIT_SUCCESS
    run = outcome.run.as_dict() if outcome.run else None
    lines.result(exit_code=code, error=None, error_class=None, run=run, quality=outcome.quality)
    if not events:
        click.echo(_ended(outcome, onboarder.definition))
    return code


def _definition(project: Project, file: Path | None, *, interactive: bool) -> Definition:
    if interactive == (file is not None):
        raise click.UsageError("give the FILE that describes the tenant, or --interactive")
    if file:
        return reading.read_file(project, file)
    from plugins.onboarding import wizard

    return wizard.ask(project)


def _text(definition: Definition, changes: list[Step], *, known: bool) -> str:
    """The plan for people."""
    title = f"Onboarding {definition.customer_id} would " + ("change:" if known else "make:")
    lines = [title]
    for step in changes:
        lines += [f"  {step}", *(f"      {detail}" for detail in step.detail)]
    return "\n".join(lines)


def _ended(outcome: Outcome, definition: Definition) -> str:
    lines = [f"{outcome.customer_id} is onboarded: {len(outcome.changes)} changes."]
    if outcome.run and outcome.quality:
        lines += [summary(outcome.run), quality.text(outcome.quality)]
    elif definition.data_sources:
        lines.append(f"Read its data: growthnav run {outcome.customer_id}")
    return "\n".join(lines)


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt
