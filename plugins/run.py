"""`growthnav run`: the command."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipe.errors import EXIT_FAILED, PipeError
from plugins import progress, project, runner
from plugins.processes import Stopper

if TYPE_CHECKING:
    from plugins.result import RunResult

COLOURS = {"success": "green", "partial": "yellow", "failed": "red"}


@click.command("run")
@click.argument("tenant")
@click.argument("job", required=False)
@click.option("--full-refresh", is_flag=True, help="Read everything again, whatever was read before.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object.")
@click.option("--events", type=click.Path(dir_okay=False, path_type=Path), help="Write the run's log to this file.")
@click.pass_obj
def command(
    directory: Path | None, tenant: str, job: str | None, *, full_refresh: bool, as_json: bool, events: Path | None
) -> None:
    """Run a tenant: read its sources, map them, resolve people, load.

    Runs the JOB named, or else the jobs that the TENANT's schedules name. A second run reads only what is new.

    \b
    Exit code  0  all done
               1  done, but some records or streams were left out
               2  failed; what was loaded stays, and running again is safe
    """
    request = runner.Request(tenant, job, full_refresh, events)
    reporter = progress.reporter()
    try:
        with Stopper() as stopper:
            result = runner.run(project.open_project(directory), request, reporter, stopper)
    except PipeError as error:
        result = runner.begin(request)
        result.end(EXIT_FAILED, str(error), error.kind)
    finally:
        reporter.close()
    click.echo(json.dumps(result.as_dict()) if as_json else summary(result))
    sys.exit(result.exit_code)


def summary(result: RunResult) -> str:
    """The result for people."""
    name = click.style(result.customer_id, bold=True)
    status = click.style(result.status, fg=COLOURS[result.status], bold=True)
    time = f" in {result.duration_seconds:.1f} s" if result.duration_seconds is not None else ""
    lines = [f"{name}: {status}{time}"]
    if result.stages:
        counts = {
            "read": result.records_fetched,
            "mapped": result.records_normalized,
            "filtered out": result.records_filtered,
            "rejected": result.records_failed,
            "loaded": result.records_loaded,
        }
        lines.append("  " + " · ".join(f"{count:,} {what}" for what, count in counts.items()))
    if result.error:
        lines.append(f"  {result.error}")
    if result.log and result.status != "success":
        lines.append(f"  log: {result.log}")
    return "\n".join(lines)
