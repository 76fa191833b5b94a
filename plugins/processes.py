"""The processes of a run: Meltano in a session of its own, ended as a whole."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import FrameType

GRACE_SECONDS = 30
"""For plugins to let go of what they hold after a signal, before they are killed."""

DRAIN_SECONDS = 5
"""For plugins to come to their end by themselves after Meltano was killed: they see the end of their input."""

_POLL_SECONDS = 0.05


class Child:
    """A command in its own session: signals of the terminal reach only us, and we pass on what should be passed on."""

    def __init__(
        self, command: Sequence[str], *, cwd: Path, environment: Mapping[str, str], keep_open: Sequence[int] = ()
    ) -> None:
        """Start it; what it says on standard error and output can be read from `log`."""
        self._process = subprocess.Popen(
            command,
            cwd=cwd,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=keep_open,
        )
        self.group = self._process.pid
        self.stopped_by: str | None = None
        self._killer: threading.Timer | None = None

    @property
    def log(self) -> IO[bytes]:
        """What it says, as lines."""
        assert self._process.stdout is not None  # noqa: S101  it was asked for
        return self._process.stdout

    def stop(self, signal_name: str) -> None:
        """Ask it to end, once; kill the whole group when it does not, or when asked again."""
        if self._process.returncode is not None:
            return  # it has ended, and its number may be somebody else's by now
        if self.stopped_by:
            self.kill()
            return
        self.stopped_by = signal_name
        self._killer = threading.Timer(GRACE_SECONDS, self.kill)
        self._killer.daemon = True
        self._killer.start()
        self._process.terminate()

    def kill(self) -> None:
        """End the whole group at once."""
        _signal_group(self.group, signal.SIGKILL)

    def wait(self) -> int:
        """Wait for its end and that of everything it started; returns its exit code, negative for a signal."""
        code = self._process.wait()
        if self._killer:
            self._killer.cancel()
        if not wait_for_group(self.group, DRAIN_SECONDS):
            _signal_group(self.group, signal.SIGTERM)
            if not wait_for_group(self.group, GRACE_SECONDS):
                self.kill()
        self.log.close()
        return code


class Stopper:
    """Passes SIGINT and SIGTERM on to every child under way; a second signal kills them."""

    def __init__(self) -> None:
        """Nothing runs yet."""
        self.signal_name: str | None = None
        self._stopped = threading.Event()
        self._children: list[Child] = []
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Stopper:
        """Listen for the signals; only the main thread may."""
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        """Listen no more."""
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def watch(self, child: Child) -> None:
        """Pass signals on to `child`, also one that has come already."""
        self._children.append(child)
        if self.signal_name:
            child.stop(self.signal_name)

    def wait(self, seconds: float) -> bool:
        """Wait so long; returns early, with true, when asked to stop."""
        return self._stopped.wait(seconds)

    def stop(self, reason: str) -> None:
        """Ask every child to end, once; again: kill them. `reason` is a signal's name, or `cancelled`."""
        self.signal_name = reason
        self._stopped.set()
        for child in self._children:
            child.stop(reason)

    def _handle(self, number: int, _: FrameType | None) -> None:
        if self.signal_name is None and sys.stderr.isatty():
            # Written past every buffer and lock: this may interrupt any other line of the program.
            os.write(2, b"\nStopping: what was read is being stored. Once more to stop at once.\n")
        self.stop(signal.Signals(number).name)


def wait_for_group(group: int, seconds: float) -> bool:
    """Whether no process of the group works any more, waiting so long for it."""
    deadline = time.monotonic() + seconds
    while _works(group):
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_SECONDS)
    return True


def _works(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return False  # the number belongs to somebody else by now
    members = _members(group)
    return members is None or bool(members)


def _members(group: int) -> list[int] | None:
    """Living processes of the group, or None where the system does not tell (no /proc).

    Without it, a dead process that nobody has collected would look alive.
    """
    if not Path("/proc/self/stat").exists():
        return None
    members = []
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            try:
                fields = Path(entry.path, "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[2]) == group and fields[0] not in "ZX":
                members.append(int(entry.name))
    return members


def _signal_group(group: int, number: signal.Signals) -> None:
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return
