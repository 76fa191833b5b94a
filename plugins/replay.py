"""`growthnav replay`: the records that were rejected, read once more."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import click

from pipe.errors import EXIT_FAILED
from plugins import progress, runner, warehouse
from plugins.processes import Stopper
from plugins.project import open_project
from plugins.run import summary

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from plugins.result import RunResult
    from plugins.warehouse import Warehouse

STAGE = "map-conversions"
_MANY = 1000
"""Ids in one statement."""

Rejects = list[tuple[str, str, str]]
"""Id, source stream and record hash of each."""


@click.command("replay")
@click.argument("tenant")
@click.argument("job", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object.")
@click.pass_obj
def command(directory: Path | None, /, tenant: str, job: str | None, *, as_json: bool) -> None:
    """Read the rejected records of TENANT again, and load those that can be mapped by now.

    For after the source was mended, or its mapping. The source is read in full, and only what is in the table rejects
    is taken of it; the bookmarks stay. What is mapped leaves rejects, what is not stays.

    \b
    Exit code  0  all of them are loaded, or there were none
               1  some were rejected again
               2  failed; running again is safe
    """
    project = open_project(directory, tenant=tenant)
    found = project.tenant(tenant)
    place = warehouse.of_tenant(project, found)
    before = _rejects(place)
    if not before:
        click.echo(json.dumps({"customer_id": tenant, "status": "success"}) if as_json else "no record is rejected")
        return
    wanted: dict[str, list[str]] = {}
    for _, stream, hashed in before:
        wanted.setdefault(stream, []).append(hashed)
    path = runner.directory(project, found) / "replay.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(wanted), encoding="utf-8")
    reporter = progress.reporter()
    try:
        with Stopper() as stopper:
            result = runner.run(project, runner.Request(tenant, job, only_rejected=path), reporter, stopper)
        if result.exit_code != EXIT_FAILED:
            _forget(place, before, result)
    finally:
        reporter.close()
        path.unlink(missing_ok=True)
    click.echo(json.dumps(result.as_dict()) if as_json else summary(result))
    sys.exit(result.exit_code)


def _rejects(place: Warehouse, but_of: str = "") -> Rejects:
    """Those of the mapper; without what the run of that id has met."""
    if "rejects" not in place.tables():
        return []
    sql = f"SELECT reject_id, source_stream, record_hash FROM {place.place}.rejects WHERE stage = '{STAGE}'"  # noqa: S608
    return [
        (str(key), str(stream), str(hashed)) for key, stream, hashed in place.query(f"{sql} AND run_id <> '{but_of}'")
    ]


def _forget(place: Warehouse, before: Rejects, result: RunResult) -> None:
    """Take out of `rejects` what was read again without being rejected again.

    A stream of which nothing came was not read by this job, or has none of them any more: its rows stay.
    """
    came = result.stages.get(STAGE, {}).get("fetched_count", {})
    still = {key for key, _, _ in _rejects(place, result.run_id)}
    gone = [key for key, stream, _ in before if key in still and came.get(stream)]
    for some in _parts(gone):
        keys = ", ".join(f"'{key}'" for key in some)  # they are hexadecimal digits
        place.execute(f"DELETE FROM {place.place}.rejects WHERE reject_id IN ({keys})")  # noqa: S608


def _parts(keys: list[str]) -> Iterable[list[str]]:
    return (keys[start : start + _MANY] for start in range(0, len(keys), _MANY))
