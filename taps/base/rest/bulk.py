"""Jobs that a service runs by itself: submitted, asked after, and their result read in pieces.

The job's name is in the state as soon as the service has taken it, so a run that is cut goes on with the same job.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from pipe import times
from pipe.errors import RetriableError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from taps.base.rest.cursor import Window
    from taps.base.rest.resource import Row
    from taps.base.rest.stream import RESTStream


class Job(Protocol):
    """A service's jobs for one stream and window."""

    def submit(self) -> dict[str, Any]:
        """Have the job started; what names it, as it is kept in the state."""

    def poll(self, job: dict[str, Any]) -> bool:
        """Whether the result is ready.

        Raises:
            LostJobError: the job is unknown, failed or too old; another one may do.
            PipeError: no other will do either.
        """

    def rows(self, job: dict[str, Any]) -> Iterator[list[Row]]:
        """The result, in lists of some thousand rows: never the whole of it in memory."""


class LostJobError(Exception):
    """The job cannot be used any more."""


@dataclass(frozen=True)
class Patience:
    """How long to wait for a job: `first` seconds between two questions, growing to `longest`, `total` in all."""

    first: float = 1.0
    longest: float = 30.0
    total: float = 6 * 3600.0
    submissions: int = 3


def read(job: Job, stream: RESTStream, window: Window | None, patience: Patience) -> Iterator[list[Row]]:
    """The rows of a job for that window, from its submission on, or from where the last run left it.

    Raises:
        RetriableError: it takes too long, or is lost again and again.
    """
    for _ in range(patience.submissions):
        if stream.mark.job is None:
            span = {"since": times.to_text(window.since), "until": times.to_text(window.until)} if window else {}
            stream.save_job({**span, **job.submit()})
        try:
            _wait(job, stream, patience)
            yield from job.rows(stream.mark.job or {})
        except LostJobError:
            stream.mark.job = None
            continue
        stream.mark.job = None
        return
    raise RetriableError("the service lost the bulk job again and again", stream=stream.name, remedy="Run again later")


def _wait(job: Job, stream: RESTStream, patience: Patience) -> None:
    pause, waited = patience.first, 0.0
    while not job.poll(stream.mark.job or {}):
        if waited > patience.total:
            raise RetriableError(
                "the bulk job is not ready in time",
                stream=stream.name,
                remedy="Run again: the next run goes on with the same job",
            )
        stream.sleep(pause)
        waited += pause
        pause = min(pause * 1.5, patience.longest)
