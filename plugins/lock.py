"""One run a tenant at a time: a lock that ends with its holders, so that none is ever stale.

The same job again is refused. Another job of the tenant waits for its turn: they share warehouse and identity store,
which take one writer.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pipe.errors import RetriableError
from plugins import processes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

_POLL_SECONDS = 0.5
LEFTOVER_SECONDS = 15
"""How long a new run waits for what a killed one left to come to its end."""


class RunLock:
    """The held lock of a tenant. Its descriptor may be inherited: the lock lasts until the last holder ends."""

    def __init__(self, descriptor: int, jobs: Sequence[str]) -> None:
        """Wrap the open lock file."""
        self.descriptor = descriptor
        self._jobs = list(jobs)

    def note(self, group: int | None = None) -> None:
        """Write down who holds it, and the process group of its children."""
        since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        text = json.dumps({"pid": os.getpid(), "group": group, "since": since, "jobs": self._jobs})
        os.ftruncate(self.descriptor, 0)
        os.pwrite(self.descriptor, text.encode(), 0)

    def read(self) -> dict[str, object]:
        """What its last holder wrote down."""
        try:
            content = json.loads(os.pread(self.descriptor, 4096, 0))
        except ValueError:
            return {}
        return content if isinstance(content, dict) else {}


@contextmanager
def hold(
    path: Path,
    tenant: str,
    jobs: Sequence[str] = (),
    deadline: float = 0,
    wait: Callable[[float], bool] = lambda _: True,
) -> Iterator[RunLock]:
    """Hold the tenant's lock for a run of `jobs`.

    Args:
        path: the lock file.
        tenant: for messages.
        jobs: what will run.
        deadline: monotonic seconds until which another job's end is waited for; it is not unless given.
        wait: waits so many seconds; true when the run was stopped meanwhile.

    Raises:
        RetriableError: a run of one of the jobs holds it, another's lasts too long, or processes of a killed one work.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    lock = RunLock(descriptor, jobs)
    try:
        while not _locked(descriptor):
            holder = lock.read()
            theirs = holder.get("jobs")
            same = not isinstance(theirs, list) or {*jobs} & {*theirs}
            if same or time.monotonic() > deadline or wait(_POLL_SECONDS):
                raise RetriableError(
                    f"a run of tenant '{tenant}' is under way (process {holder.get('pid', '?')}, "
                    f"since {holder.get('since', 'just now')})",
                    remedy="Wait for its end, or stop that process",
                )
        group = lock.read().get("group")
        if isinstance(group, int) and not processes.wait_for_group(group, LEFTOVER_SECONDS):
            raise RetriableError(
                f"processes of a killed run of tenant '{tenant}' still work (process group {group})",
                remedy=f"Run again in a moment, or end them: kill -TERM -- -{group}",
            )
        lock.note()
        yield lock
    finally:
        os.close(descriptor)


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
