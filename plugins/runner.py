"""One run of a tenant: its jobs through Meltano, watched, ended cleanly, as one result.

Plain `meltano --environment=TENANT run JOB` reads the same files and makes the same tables. Added here: a Meltano
system directory a tenant, a lock, no other tenant's secrets in the environment, no secret in any output, further tries
after passing errors, a budget of API calls, and the exit codes 0 (all done), 1 (some records or streams left out) and
2 (failed).
"""

from __future__ import annotations

import json
import os
import time
import uuid
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING

from pipe import times
from pipe.errors import EXIT_FAILED, ConfigurationError, PipeError, RetriableError, of_system
from plugins import (
    lease,
    lease_stores,
    lock,
    mappings,
    meltano_call,
    meltano_log,
    redact,
    verdict,
    webhook,
)
from plugins.bookmarks import Bookmarks
from plugins.processes import Child
from plugins.registry import open_registry
from plugins.result import RunResult
from plugins.secrets import open_vault, vault

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from plugins.processes import Stopper
    from plugins.progress import Reporter
    from plugins.project import Plugin, Project, Tenant
    from plugins.verdict import Verdict

LOGS_KEPT = 20
LOOKBACK = "lookback_days"
"""The setting of taps that says how far before the bookmark they begin."""
ONLY = "only_rejected"
"""The setting of the mapper that names the records of a replay."""


@dataclass(frozen=True)
class Request:
    """What to run."""

    tenant: str
    job: str | None = None
    full_refresh: bool = False
    max_retries: int | None = None
    """Further tries after a passing error; None: as the tenant's file says."""
    lookback_days: float | None = None
    """Days before the bookmark that are read again; None: as the taps are set."""
    wait_seconds: float = 3600
    """How long the end of another job of the tenant is waited for."""
    only_rejected: Path | None = None
    """Names the rejected records to read again: no others are loaded, and the bookmarks stay (see `plugins.replay`)."""
    events: Path | None = None
    """Where the run's log goes; by default `.growthnav/<tenant>/logs/<run id>.jsonl`."""

    def for_tenant(self, name: str) -> Request:
        """The same for another tenant."""
        return replace(self, tenant=name)


def run(project: Project, request: Request, reporter: Reporter, stopper: Stopper) -> RunResult:
    """Run it to its end; every failure is in the result.

    Args:
        project: where the tenant is.
        request: what to run.
        reporter: is told how it goes.
        stopper: passes signals on.
    """
    result = begin(request)
    clock = time.monotonic()
    try:
        tenant = project.tenant(request.tenant)
        run = TenantRun(project, tenant, project.jobs_for(tenant, request.job), request, result)
        with run.alone(stopper) as held:
            reporter.begin(tenant.name, result.job)
            try:
                run.go(held, reporter, stopper)
            except (PipeError, OSError) as error:
                known = _known(error)
                result.end(EXIT_FAILED, run.masked(str(known)), known.kind)
            finally:
                reporter.end(tenant.name)
                _complete(result, clock)
                run.keep(reporter)
    except (PipeError, OSError) as error:
        known = _known(error)
        result.end(EXIT_FAILED, str(known), known.kind)
        _complete(result, clock)
    return result


def begin(request: Request) -> RunResult:
    """The result of a run that has not got anywhere yet."""
    return RunResult(
        run_id=str(uuid.uuid4()),
        connector_name="",
        customer_id=request.tenant,
        job=request.job or "",
        sync_mode="replay" if request.only_rejected else "full" if request.full_refresh else "incremental",
        started_at=times.now_text(),
    )


def directory(project: Project, tenant: Tenant) -> Path:
    """Where a tenant's own files are kept: identity store, lock, results, logs."""
    return project.root / ".growthnav" / tenant.name


class TenantRun:
    """The run itself, under the tenant's lock."""

    def __init__(self, project: Project, tenant: Tenant, jobs: list[str], request: Request, result: RunResult) -> None:
        """Prepare to fill in `result`."""
        self.project, self.tenant, self.jobs, self.request, self.result = project, tenant, jobs, request, result
        self.plugins: list[Plugin] = project.plugins_of(jobs)
        self.bookmarks = Bookmarks(project, tenant, directory(project, tenant) / "bookmarks")
        self.log = meltano_log.RunLog()
        self._child: Child | None = None
        result.job = ",".join(jobs)
        result.connector_name = ",".join(plugin.name for plugin in self.plugins if plugin.kind == "extractors")

    @cached_property
    def _secrets(self) -> Mapping[str, str]:
        return open_vault(self.project).resolve(self.tenant)

    @cached_property
    def _variables(self) -> dict[str, str]:
        return {**self.project.environment, **self._secrets}

    @cached_property
    def masked(self) -> redact.Redactor:
        """Takes the tenant's secrets out of a text."""
        return redact.Redactor(redact.secrets_of(self.project, self.tenant, self._variables, self._secrets))

    @contextmanager
    def alone(self, stopper: Stopper) -> Iterator[lock.RunLock]:
        """Keep other runs of the tenant away, on this machine and on those that share the state backend.

        Raises:
            RetriableError: one is under way.
        """
        deadline = time.monotonic() + self.request.wait_seconds
        path = directory(self.project, self.tenant) / "run.lock"
        with lock.hold(path, self.tenant.name, self.jobs, deadline, stopper.wait) as held, ExitStack() as stack:
            if store := lease_stores.open_store(self.project, self.tenant.name):
                mine = lease.Lease(store, self.tenant.name, self.jobs)
                stack.enter_context(lease.hold(mine, deadline, stopper.wait, self._give_up))
            yield held

    def _give_up(self) -> None:
        """End the run under way: another machine may have begun one."""
        if self._child:
            self._child.stop("the loss of its lease")

    def go(self, held: lock.RunLock, reporter: Reporter, stopper: Stopper) -> None:
        """Run Meltano, again after passing errors, and fill in the result.

        Raises:
            ConfigurationError: something is missing before Meltano starts.
        """
        redact.check_references(self.project, self.tenant, self.plugins, self._variables)
        meltano_call.sweep(self.project, self.tenant)
        for state_id in self.bookmarks.mend():
            reporter.note(self.tenant.name, f"the bookmark {state_id} was damaged; its copy of the last run is used")
        if not self.request.only_rejected:
            self.result.resynced_streams += self._resynced(reporter)
        waits = self.tenant.policy.retry.waits
        for wait in [*waits[: self.request.max_retries], None]:
            end = self._try_once(held, reporter, stopper)
            self.result.end(end.exit_code, end.error, end.error_class, end.plugin)
            if wait is None or end.exit_code != EXIT_FAILED or end.error_class != RetriableError.kind:
                return
            reporter.note(self.tenant.name, f"{end.error}. The next try is in {wait:g} s")
            if stopper.wait(wait):
                return

    def _resynced(self, reporter: Reporter) -> list[str]:
        streams = mappings.resync(self.project, self.tenant, self.jobs, directory(self.project, self.tenant))
        for stream in streams:
            reporter.note(self.tenant.name, f"the mapping of stream '{stream}' has changed: it is read in full")
        return streams

    def keep(self, reporter: Reporter) -> None:
        """Put the result into the file and the registry, and tell who wants to know.

        What goes wrong in that is told, and changes nothing about the run.
        """
        try:
            _append(directory(self.project, self.tenant) / "runs.jsonl", self.result)
        except OSError as error:
            reporter.note(self.tenant.name, f"the run is not in runs.jsonl ({error.strerror})")
        names = {plugin.name for plugin in self.plugins}
        used = [str(entry["id"]) for entry in vault.connectors(self.tenant) if entry.get("extractor") in names]
        try:
            open_registry(self.project).record_run(self.result.as_dict(), used)
        except PipeError as error:
            reporter.note(self.tenant.name, self.masked(f"the run is not in the registry: {error}"))
        hook = self.tenant.policy.webhook
        if hook and (problem := webhook.send(hook, self._variables, self.result)):
            reporter.note(self.tenant.name, problem)

    def _try_once(self, held: lock.RunLock, reporter: Reporter, stopper: Stopper) -> Verdict:
        self.result.attempts += 1
        self.log = meltano_log.RunLog({plugin.name: plugin.kind.removesuffix("s") for plugin in self.plugins}, self.log)
        run_id = self.result.run_id
        only = self.request.only_rejected
        full = self.request.full_refresh or only is not None
        call = meltano_call.command(self.tenant, self.jobs, run_id, full_refresh=full, keep_state=only is not None)
        environment = meltano_call.environment(self.project, self.tenant, run_id)
        environment |= {**self._secrets, **self._budget_variables(), **self._lookback_variables()}
        environment |= {each.variable(ONLY): str(only) for each in self.plugins if only and each.has(ONLY)}
        with self._log_file(reporter) as log:
            child = Child(call, cwd=self.project.root, environment=environment, keep_open=[held.descriptor])
            self._child = child
            try:
                held.note(child.group)
                stopper.watch(child)
                self._follow(child, reporter, log)
            finally:
                code = child.wait()
                meltano_call.sweep(self.project, self.tenant)
        return self._conclude(code, child.stopped_by)

    def _log_file(self, reporter: Reporter) -> meltano_log.LogFile:
        path = self.request.events or self._log_path()
        self.result.log = os.path.relpath(path)
        return meltano_log.LogFile(
            path, "w" if self.result.attempts == 1 else "a", partial(reporter.note, self.tenant.name)
        )

    def _follow(self, child: Child, reporter: Reporter, log: meltano_log.LogFile) -> None:
        budget = self.tenant.policy.max_api_calls
        for line in child.log:
            event = meltano_log.parse(line.decode(errors="replace"))
            self.log.take(event)
            shown = event.masked(self.masked)
            log.add(shown)
            reporter.event(self.tenant.name, shown, self.log)
            if budget and not child.stopped_by and self.log.total("http_request_count") > budget:
                child.stop(verdict.MAX_API_CALLS)

    def _conclude(self, code: int, stopped_by: str | None) -> Verdict:
        self.result.count(self.log)
        self.bookmarks.copy()
        self.result.cursor = self.masked.deep(self.bookmarks.show(self.log.state_ids))
        end = verdict.judge(self.log, code, stopped_by)
        return replace(end, error=end.error and self.masked(end.error))

    def _lookback_variables(self) -> dict[str, str]:
        days = self.request.lookback_days
        if days is None:
            return {}
        taps = [plugin for plugin in self.plugins if plugin.kind == "extractors"]
        if lacking := [tap.name for tap in taps if not tap.has(LOOKBACK)]:
            raise ConfigurationError(
                f"{' and '.join(lacking)} cannot look back", remedy="Read everything instead: --full-refresh"
            )
        return {tap.variable(LOOKBACK): f"{days:g}" for tap in taps}

    def _budget_variables(self) -> dict[str, str]:
        """What is left of the budget, for the taps that keep to one themselves: they end with nothing half read."""
        budget = self.tenant.policy.max_api_calls
        if budget is None:
            return {}
        setting = verdict.MAX_API_CALLS
        left = str(max(budget - self.log.total("http_request_count"), 0))
        return {plugin.variable(setting): left for plugin in self.plugins if plugin.has(setting)}

    def _log_path(self) -> Path:
        logs = directory(self.project, self.tenant) / "logs"
        logs.mkdir(parents=True, exist_ok=True)
        for old in sorted(logs.glob("*.jsonl"), key=lambda path: path.stat().st_mtime)[: 1 - LOGS_KEPT]:
            old.unlink()
        return logs / f"{self.result.run_id}.jsonl"


def _known(error: PipeError | OSError) -> PipeError:
    """The error as ours; raises one that is not of the disk."""
    known = error if isinstance(error, PipeError) else of_system(error)
    if known is None:
        raise error
    return known


def _complete(result: RunResult, clock: float) -> None:
    result.completed_at = times.now_text()
    result.duration_seconds = round(time.monotonic() - clock, 3)


def _append(path: Path, result: RunResult) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(result.as_dict()) + "\n")
