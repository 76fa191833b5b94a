"""The earlier `runner.yaml`: schedules of jobs by the path of a job file, still accepted by the Dagster loader.

```yaml
name: acme-stripe
schedule: "0 */6 * * *"            # or {cron: ...}, or {interval: 3600} in seconds
job_path: jobs/acme/stripe.yaml
retry_policy: {max_retries: 3, delay_seconds: 60, backoff_factor: 2}
```

One such mapping, a list of them, or the list under `schedules`. A job file names `tenant_id` and `source_connector`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipe.errors import ConfigurationError
from plugins import policy, wiring
from plugins.orchestration.schedules import Schedule, is_valid
from plugins.project import listing
from plugins.secrets import vault

if TYPE_CHECKING:
    from pathlib import Path

    from plugins.policy import RetryPolicy
    from plugins.project import Project, Tenant
    from plugins.wiring import Keys, Problems

_KEYS = {"name", "schedule", "cron", "interval", "job_path", "retry_policy"}
MINUTE, HOUR, DAY = 60, 3600, 86400


@dataclass(frozen=True)
class Planned:
    """A schedule with the tries of its runs."""

    schedule: Schedule
    retry: RetryPolicy


def read(path: Path, project: Project) -> list[Planned]:
    """The schedules in a `runner.yaml`.

    Raises:
        ConfigurationError: names every mistake with file and line.
    """
    document = wiring.read(path, path.parent)
    problems = wiring.Problems(path.parent)
    found = []
    for keys, entry in _entries(document, problems):
        place = _Place(document, keys, problems)
        for key in sorted(set(entry) - _KEYS):
            place.add(key, f"there is no '{key}'. There is: {listing(_KEYS)}")
        interval = _interval(entry, place)
        tenant, job = _target(entry, path.parent, project, place)
        retry = policy.retry_policy(entry.get("retry_policy"), document, (*keys, "retry_policy"), problems)
        found.append(Planned(Schedule(str(entry.get("name") or f"{tenant}-{job}"), tenant, job, interval), retry))
    problems.raise_if_any()
    return found


@dataclass(frozen=True)
class _Place:
    """Where an entry stands, for what is wrong with it."""

    document: wiring.Document
    keys: Keys
    problems: Problems

    def add(self, key: str, text: str) -> None:
        self.problems.add(self.document, (*self.keys, key), text)


def _entries(document: wiring.Document, problems: wiring.Problems) -> list[tuple[Keys, dict[str, Any]]]:
    content = document.content
    if isinstance(content, dict) and "schedules" not in content:
        return [((), content)]
    keys = ("schedules",) if isinstance(content, dict) else ()
    found, given = list(wiring.entries(document, *keys)), content["schedules"] if keys else content
    if not isinstance(given, list) or len(found) != len(given):
        problems.add(document, keys, "must be a list of schedules, each with schedule and job_path")
    return found


def _interval(entry: dict[str, Any], place: _Place) -> str:
    """The cron expression, however it is told."""
    told = entry.get("schedule", {key: entry[key] for key in ("cron", "interval") if key in entry})
    if isinstance(told, dict):
        told = told.get("cron", told.get("interval"))
    cron = _every(told) if isinstance(told, int) and not isinstance(told, bool) else str(told)
    if cron is None or not is_valid(cron):
        place.add("schedule", "must be a cron expression, or an interval in seconds that divides an hour or a day")
        return "@manual"
    return cron


def _every(seconds: int) -> str | None:
    """A cron expression for an interval, where there is one."""
    if seconds > 0 and seconds % MINUTE == 0 and HOUR % seconds == 0:
        return "0 * * * *" if seconds == HOUR else f"*/{seconds // MINUTE} * * * *"
    if seconds > 0 and seconds % HOUR == 0 and DAY % seconds == 0:
        return "0 0 * * *" if seconds == DAY else f"0 */{seconds // HOUR} * * *"
    return None


def _target(entry: dict[str, Any], root: Path, project: Project, place: _Place) -> tuple[str, str]:
    """Tenant and job that the job file means."""
    try:
        job_file = wiring.read(root / str(entry.get("job_path", "")), root).content
    except (ConfigurationError, ValueError):
        job_file = None
    if not isinstance(job_file, dict) or "tenant_id" not in job_file:
        place.add("job_path", "must be the path, from here, of a YAML file with tenant_id and source_connector")
        return "", ""
    tenant, source = str(job_file["tenant_id"]), str(job_file.get("source_connector", ""))
    if tenant not in project.tenants:
        place.add("job_path", f"the job is of tenant '{tenant}'. There is: {listing(project.tenants)}")
        return tenant, ""
    jobs = [source] if source in project.jobs else _jobs(project, project.tenants[tenant], source)
    if len(jobs) != 1:
        place.add("job_path", f"source_connector '{source}' is the tap of {len(jobs)} jobs: name the job instead")
        return tenant, ""
    return tenant, jobs[0]


def _jobs(project: Project, tenant: Tenant, source: str) -> list[str]:
    """Jobs that read a source: of an onboarded tenant, its own."""
    if own := vault.connectors(tenant):
        return [str(each["job"]) for each in own if source in {each.get("id"), each.get("type")}]
    return [name for name, words in project.jobs.items() if source in words or f"tap-{source}" in words]
