"""Dagster definitions of a project's tenants: an asset, a job and a schedule for each of their schedules.

```python
from plugins.orchestration.dagster_definitions import load

defs = load("/path/of/the/project")
```

The group of an asset is its tenant. A run that failed for a passing reason is tried again by Dagster, after the waits
of the tenant's policy; any other failure is final. Our own command does the work, in a process of its own, so a run
has its lock, its result in the registry and its webhook however it was started.
"""

# Without `from __future__ import annotations`: Dagster looks at the type of `context` itself.
import json
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import dagster as dg

from pipe.errors import EXIT_FAILED, EXIT_PARTIAL, RetriableError
from plugins.orchestration import runner_yaml, schedules
from plugins.orchestration.runner_yaml import Planned
from plugins.project import open_project

PREFIX = "growthnav"
_SHOWN = ("records_fetched", "records_loaded", "records_failed", "api_calls", "duration_seconds", "run_id", "status")


def load(project: str | Path, runner: str | Path | None = None, timezone: str = "UTC") -> dg.Definitions:
    """Everything the tenants schedule.

    Args:
        project: the directory with `meltano.yml`.
        runner: an earlier `runner.yaml`, whose schedules are added.
        timezone: IANA name of the zone that cron expressions mean.

    Raises:
        ConfigurationError: mistakes in the files, all of them.
    """
    opened = open_project(Path(project))
    planned = [Planned(each, opened.tenants[each.tenant].policy.retry) for each in schedules.of(opened)]
    if runner is not None:
        planned += runner_yaml.read(Path(runner), opened)
    assets: dict[tuple[str, str], dg.AssetsDefinition] = {}
    jobs, timers = [], []
    for each in planned:
        target = each.schedule.tenant, each.schedule.job
        if target not in assets:
            assets[target] = _asset(opened.root, each)
        job = dg.define_asset_job(_name(each.schedule.name), selection=[assets[target]], tags=_tags(target))
        jobs.append(job)
        if each.schedule.cron is not None:
            timers.append(dg.ScheduleDefinition(job=job, cron_schedule=each.schedule.cron, execution_timezone=timezone))
    return dg.Definitions(assets=list(assets.values()), jobs=jobs, schedules=timers)


def command(root: Path, tenant: str, job: str) -> list[str]:
    """The call of one try; Dagster does the waiting."""
    growthnav = Path(sys.executable).with_name("growthnav")
    return [str(growthnav), "--project", str(root), "run", tenant, job, "--retries", "0", "--json"]


def _asset(root: Path, planned: Planned) -> dg.AssetsDefinition:
    tenant, job, retry = planned.schedule.tenant, planned.schedule.job, planned.retry

    @dg.asset(
        key=dg.AssetKey([PREFIX, tenant, job]),
        group_name=tenant,
        kinds={"meltano"},
        description=f"What the job {job} loads for tenant {tenant}.",
    )
    def run(context: dg.AssetExecutionContext) -> dg.MaterializeResult[Any]:
        result = _run(command(root, tenant, job), context.log.info)
        metadata = {name: result[name] for name in _SHOWN if result.get(name) is not None}
        if result["exit_code"] == EXIT_FAILED:
            said = f"{result['error']} ({result['error_class']})"
            if result["error_class"] == RetriableError.kind and context.retry_number < retry.max_retries:
                context.log.warning(said)
                raise dg.RetryRequested(retry.max_retries, retry.waits[context.retry_number])
            raise dg.Failure(said, metadata=metadata, allow_retries=False)
        if result["exit_code"] == EXIT_PARTIAL:
            context.log.warning(result["error"])
        return dg.MaterializeResult(metadata=metadata)

    return run


def _run(call: Iterable[str], log: Any) -> dict[str, Any]:
    """The result object of a run; the run is ended, in order, when this process is asked to end."""
    process = subprocess.Popen(list(call), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        out, said = process.communicate()
    except BaseException:
        process.terminate()
        process.communicate()
        raise
    for line in said.splitlines():
        log(line)
    try:
        return dict(json.loads(out))
    except ValueError:
        raise dg.Failure(f"growthnav gave no result (exit code {process.returncode})", allow_retries=False) from None


def _tags(target: tuple[str, str]) -> dict[str, str]:
    return {f"{PREFIX}/tenant": target[0], f"{PREFIX}/job": target[1]}


def _name(text: str) -> str:
    """What Dagster allows in names."""
    return re.sub(r"\W", "_", text)
