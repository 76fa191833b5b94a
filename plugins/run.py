"""`growthnav run`: the command."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipe.errors import EXIT_FAILED, PipeError
from plugins import fan_out, progress, project, runner
from plugins.processes import Stopper

if TYPE_CHECKING:
    from plugins.result import RunResult

COLOURS = {"success": "green", "partial": "yellow", "failed": "red"}


@click.command("run")
@click.argument("tenant", required=False)
@click.argument("job", required=False)
@click.option("--all", "everyone", is_flag=True, help="Run every tenant that schedules a job.")
@click.option(
    "--max-parallel", type=click.IntRange(1, 64), default=2, show_default=True, help="With --all: tenants at a time."
)
@click.option("--full-refresh", is_flag=True, help="Read everything again, whatever was read before.")
@click.option(
    "--lookback-days", type=click.FloatRange(0), metavar="DAYS", help="Read so many days before the bookmark again."
)
@click.option(
    "--retries", type=click.IntRange(0, 10), metavar="N", help="Further tries after a passing error, at most (3)."
)
@click.option(
    "--wait",
    type=click.IntRange(0),
    default=3600,
    show_default=True,
    metavar="SECONDS",
    help="How long another job of the tenant is waited for; the same job is never.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object.")
@click.option("--events", type=click.Path(dir_okay=False, path_type=Path), help="Write the run's log to this file.")
@click.pass_obj
def command(
    directory: Path | None,
    /,
    tenant: str | None,
    job: str | None,
    *,
    everyone: bool,
    max_parallel: int,
    as_json: bool,
    **options: Any,
) -> None:
    """Run a tenant: read its sources, map them, resolve people, load.

    Runs the JOB named, or else the jobs that the TENANT's schedules name. A second run reads only what is new.

    \b
    Exit code  0  all done
               1  done, but some records or streams were left out (with --all: or some tenants failed)
               2  failed; what was loaded stays, and running again is safe
    """
    request = _request(tenant, job, everyone=everyone, **options)
    reporter = progress.reporter()
    try:
        with Stopper() as stopper:
            if everyone:
                sound, broken = project.open_sound(directory)
                every = fan_out.run(sound, request, max_parallel, reporter, stopper, broken=broken)
                shown, text, code = every.as_dict(), "\n".join(fan_out.lines(every)), every.exit_code
            else:
                found = project.open_project(directory, tenant=request.tenant)
                result = runner.run(found, request, reporter, stopper)
                shown, text, code = result.as_dict(), summary(result), result.exit_code
    except PipeError as error:
        result = runner.begin(request)
        result.end(EXIT_FAILED, str(error), error.kind)
        shown, text, code = result.as_dict(), summary(result), result.exit_code
    finally:
        reporter.close()
    click.echo(json.dumps(shown) if as_json else text)
    sys.exit(code)


def _request(tenant: str | None, job: str | None, *, everyone: bool, **options: Any) -> runner.Request:
    """What was asked for; with --all, the one argument is a job.

    Raises:
        UsageError: no tenant, or one beside --all.
    """
    if everyone:
        if job:
            raise click.UsageError("--all takes no tenant: growthnav run --all [JOB]")
        if options["events"]:
            raise click.UsageError("--events is for one tenant; each run's log is in .growthnav/<tenant>/logs")
        tenant, job = "", tenant
    if tenant is None:
        raise click.UsageError("Missing argument 'TENANT' (or --all).")
    return runner.Request(
        tenant,
        job,
        options["full_refresh"],
        max_retries=options["retries"],
        lookback_days=options["lookback_days"],
        wait_seconds=options["wait"],
        events=options["events"],
    )


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
