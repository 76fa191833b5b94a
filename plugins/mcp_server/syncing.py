"""The tool that starts a run, tells how far it is, and ends it when the caller gives up."""

import math
from datetime import UTC, datetime
from typing import Any

import anyio
from anyio import to_thread
from mcp.server.mcpserver import Context

from pipe.errors import ConfigurationError
from plugins import progress, runner
from plugins.mcp_server import looking, replies
from plugins.mcp_server.access import check_known
from plugins.mcp_server.door import Door
from plugins.meltano_log import Event, RunLog
from plugins.processes import Stopper

PROGRESS_SECONDS = 0.5
"""Between two reports."""


class Latest:
    """A reporter that keeps the latest: rows, and where the run stands."""

    def __init__(self) -> None:
        """Nothing has happened."""
        self.rows, self.stage = 0, "starting"

    def begin(self, tenant: str, job: str) -> None:
        """A run starts."""

    def event(self, tenant: str, event: Event, log: RunLog) -> None:
        """Take how far it is."""
        self.rows, self.stage = progress.rows(log), log.stage

    def note(self, tenant: str, text: str) -> None:
        """Notes are in the run's log."""

    def end(self, tenant: str) -> None:
        """The result says it."""

    def close(self) -> None:
        """Nothing is open."""


async def sync_data_source(
    door: Door, context: Context[Any, Any], customer_id: str, job: str | None, *, since: str | None, full_refresh: bool
) -> replies.Run:
    """Run a tenant to its end."""
    project, tenant = door.of_tenant(customer_id)
    check_known("job", job, project.jobs)
    days = None if since is None else lookback(since, datetime.now(UTC))
    request = runner.Request(tenant.name, job, full_refresh, max_retries=0, wait_seconds=0, lookback_days=days)
    stopper, latest, ended = Stopper(), Latest(), anyio.Event()
    results: list[replies.Run] = []

    async def tell() -> None:
        shown = -1
        while not ended.is_set():
            if latest.rows > shown:
                shown = latest.rows
                await context.report_progress(shown, message=latest.stage)
            await anyio.sleep(PROGRESS_SECONDS)

    async def work() -> None:
        try:
            result = await to_thread.run_sync(runner.run, project, request, latest, stopper)
            results.append(looking.run(result.as_dict()))
        finally:
            ended.set()

    async with anyio.create_task_group() as group:
        group.start_soon(work)  # a thread: when the caller gives up, it is still waited for
        try:
            await tell()
        finally:
            if not ended.is_set():
                stopper.stop("cancelled")
    return results[0]


def lookback(since: str, now: datetime) -> float:
    """Days before the bookmark that cover everything since a moment: bookmarks are never later than now.

    Raises:
        ConfigurationError: it is no moment of the past.
    """
    try:
        given = datetime.fromisoformat(since)
    except ValueError:
        given = datetime.max.replace(tzinfo=UTC)
    moment = given if given.tzinfo else given.replace(tzinfo=UTC)
    if moment > now:
        raise ConfigurationError("it must be a moment of the past, such as 2026-01-02T00:00:00Z", field="since")
    return math.ceil((now - moment).total_seconds() / 86400)
