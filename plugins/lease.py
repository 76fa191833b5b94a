"""A tenant's lease: the lock for machines that share a state backend, kept beside the states.

The holder renews it; one that is not renewed for `SECONDS` may be taken over. Whoever finds its lease taken stops.
Times are those of the machines' clocks, which must agree within half of `SECONDS`.
"""

from __future__ import annotations

import json
import os
import socket
import threading
import time
import uuid
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from pipe import times
from pipe.errors import PipeError, RetriableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

SECONDS = 120
"""A lease not renewed for so long is nobody's."""

_POLL_SECONDS = 5


class LeaseStore(Protocol):
    """One small object that several machines can see, changed only by whoever has seen its present version.

    Each method raises `PipeError` or `OSError` where the place cannot be asked.
    """

    def read(self) -> tuple[bytes, str] | None:
        """Content and version, or None where there is none."""

    def write(self, content: bytes, version: str | None) -> str | None:
        """Replace that version (None: make the first); the new version, or None if somebody was quicker."""

    def delete(self, version: str) -> None:
        """Remove it, if it still is that version."""


class Lease:
    """The tenant's lease as held, or hoped for, by this process."""

    def __init__(self, store: LeaseStore, tenant: str, jobs: Sequence[str]) -> None:
        """Nothing is held yet."""
        self._store, self._tenant, self._jobs = store, tenant, list(jobs)
        self._holder = str(uuid.uuid4())
        self._version: str | None = None

    def take(self, deadline: float, wait: Callable[[float], bool]) -> None:
        """Take it; wait while another job of the tenant has it.

        Args:
            deadline: monotonic seconds at which to give up.
            wait: waits so many seconds; true when the run was stopped meanwhile.

        Raises:
            RetriableError: it is another machine's.
        """
        while True:
            found = self._store.read()
            holder = _decode(found[0]) if found else {}
            if found is None or self._is_free(holder):
                self._version = self._store.write(self._content(), found[1] if found else None)
                if self._version:
                    return
                continue
            if {*self._jobs} & {*holder.get("jobs", [])} or time.monotonic() > deadline or wait(_POLL_SECONDS):
                raise RetriableError(
                    f"a run of tenant '{self._tenant}' is under way on {holder.get('machine', 'another machine')} "
                    f"(process {holder.get('pid', '?')}, since {holder.get('since', 'just now')})",
                    remedy=f"Wait for its end; if that machine is gone, {SECONDS} s are enough",
                )

    def renew(self) -> bool:
        """Whether it is still ours; raises as `LeaseStore`.

        A write whose answer was lost may have been done: the version is another then, the holder is not.
        """
        version = self._store.write(self._content(), self._version)
        if version is None and (found := self._store.read()) and _decode(found[0]).get("holder") == self._holder:
            version = self._store.write(self._content(), found[1])
        self._version = version or self._version
        return version is not None

    def release(self) -> None:
        """Give it back."""
        if self._version:
            self._store.delete(self._version)

    def _is_free(self, holder: dict[str, Any]) -> bool:
        """Whether nobody holds it: a lease of this very machine is a killed run's, as the local lock is ours."""
        return holder.get("boot") == _boot() or time.time() - float(holder.get("renewed", 0)) > SECONDS

    def _content(self) -> bytes:
        content = {
            "holder": self._holder,
            "machine": socket.gethostname(),
            "boot": _boot(),
            "pid": os.getpid(),
            "jobs": self._jobs,
            "since": times.now_text(),
            "renewed": time.time(),
        }
        return json.dumps(content).encode()


@contextmanager
def hold(
    lease: Lease, deadline: float, wait: Callable[[float], bool], lost: Callable[[], None], every: float = SECONDS / 4
) -> Iterator[None]:
    """Hold the lease, renewing it `every` so many seconds; `lost` is called, once, when that fails for good.

    Raises:
        RetriableError: it is another machine's.
    """
    lease.take(deadline, wait)
    done = threading.Event()

    def keep() -> None:
        try:
            _renew_until(done, lease, every)
        finally:  # an error nobody foresaw must not leave a run with a lease that nobody renews
            if not done.is_set():
                lost()

    thread = threading.Thread(target=keep, name="lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
        lease.release()


def _renew_until(done: threading.Event, lease: Lease, every: float) -> None:
    """Renew it; come back when `done` is set, when it is another's, or when it could not be renewed for too long."""
    renewed = time.monotonic()
    while not done.wait(every):
        try:
            if not lease.renew():
                return
            renewed = time.monotonic()
        except (PipeError, OSError):
            if time.monotonic() - renewed > SECONDS - every:
                return


def _decode(content: bytes) -> dict[str, Any]:
    try:
        found = json.loads(content)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _boot() -> str:
    """This machine since it was started; containers on one machine differ by their host name."""
    path = Path("/proc/sys/kernel/random/boot_id")
    return f"{socket.gethostname()} {path.read_text().strip() if path.exists() else uuid.getnode()}"
