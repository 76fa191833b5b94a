"""How a run is followed while it lasts: one live line a tenant on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import threading
import time
from typing import TYPE_CHECKING, Protocol

import click

from plugins.meltano_log import EXTRACTOR, LOADER, MAPPER

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from plugins.meltano_log import Event, RunLog

LINE_SECONDS = 10
"""Between two plain progress lines of one tenant."""

_SHOWN = {"warning"}  # an error ends in the result; below a warning is for the log file


class Reporter(Protocol):
    """Is told what happens; may be told of several tenants at once, from several threads."""

    def begin(self, tenant: str, job: str) -> None:
        """A run starts."""

    def event(self, tenant: str, event: Event, log: RunLog) -> None:
        """One more line of its log, already taken into `log`."""

    def note(self, tenant: str, text: str) -> None:
        """Something the operator should know."""

    def end(self, tenant: str) -> None:
        """The run is over."""

    def close(self) -> None:
        """There will be no more."""


def reporter() -> Reporter:
    """The reporter that fits standard error."""
    return LiveLines() if sys.stderr.isatty() else PlainLines()


def rows(log: RunLog) -> int:
    """Records that have come furthest."""
    fetched = log.total("record_count", EXTRACTOR), log.total("fetched_count", MAPPER)
    return max(log.total("record_count", LOADER), *fetched)


class PlainLines:
    """A line now and then, with the time in front."""

    def __init__(self) -> None:
        """Write to standard error."""
        self._next: dict[str, float] = {}

    def begin(self, tenant: str, job: str) -> None:
        """Say that it starts."""
        self._next[tenant] = time.monotonic() + LINE_SECONDS
        self.note(tenant, f"job {job} starts")

    def event(self, tenant: str, event: Event, log: RunLog) -> None:
        """Pass on warnings; say how far it is when the time has come."""
        if event.plugin and event.level in _SHOWN:
            self.note(tenant, f"{event.plugin}: {event.text}")
        if time.monotonic() >= self._next[tenant]:
            self._next[tenant] = time.monotonic() + LINE_SECONDS
            self.note(tenant, f"{log.stage}, {rows(log):,} rows")

    def note(self, tenant: str, text: str) -> None:
        """Write a line."""
        click.echo(f"{time.strftime('%H:%M:%S')} {tenant}: {text}", err=True)

    def end(self, tenant: str) -> None:
        """Nothing: the result says it."""

    def close(self) -> None:
        """Nothing is open."""


class LiveLines:
    """A line a tenant, kept up to date in place."""

    def __init__(self) -> None:
        """Draw on standard error."""
        from rich.console import Console
        from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        self._progress: Progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.fields[tenant]}", style="bold"),
            TextColumn("{task.description}"),
            TextColumn("{task.completed:,} rows", justify="right"),
            TextColumn("{task.fields[speed]}", justify="right", style="cyan"),
            TimeElapsedColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        self._tasks: dict[str, TaskID] = {}
        self._since: dict[str, float] = {}
        self._lock = threading.Lock()

    def begin(self, tenant: str, job: str) -> None:
        """Add the tenant's line."""
        with self._lock:
            self._progress.start()
            self._tasks[tenant] = self._progress.add_task(f"{job}: starting", total=None, tenant=tenant, speed="")

    def event(self, tenant: str, event: Event, log: RunLog) -> None:
        """Bring the line up to date; print warnings above it."""
        if event.plugin and event.level in _SHOWN:
            self.note(tenant, f"{event.plugin}: {event.text}")
        count, now = rows(log), time.monotonic()
        since = self._since.setdefault(tenant, now) if log.roles else now
        speed = f"{count / (now - since):,.0f} rows/s" if count and now > since else ""
        self._progress.update(self._tasks[tenant], description=log.stage, completed=count, speed=speed)

    def note(self, tenant: str, text: str) -> None:
        """Write a line above."""
        self._progress.console.print(f"{tenant}: {text}", markup=False, highlight=False, style="yellow")

    def end(self, tenant: str) -> None:
        """Take the line away."""
        self._progress.remove_task(self._tasks.pop(tenant))

    def close(self) -> None:
        """Give the terminal back."""
        self._progress.stop()
