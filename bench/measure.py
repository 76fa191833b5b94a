"""Running a pipe of processes and reading what each cost: the system's own accounting, not a clock inside.

The processes are started by this file as a program of its own: Linux counts the memory of whoever starts a process into
its peak, so the one who starts them must be small.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path


@dataclass
class Cost:
    """What one run took."""

    wall: float
    """Seconds."""
    cpu: dict[str, float] = field(default_factory=dict)
    """CPU seconds (user and system) by process name, with those of everything the process started."""
    peak_mb: dict[str, float] = field(default_factory=dict)
    """The most memory one process had, the process itself or one that it started."""
    failed: list[str] = field(default_factory=list)
    """Names of the processes whose exit code was not 0."""

    @property
    def total_cpu(self) -> float:
        """CPU seconds of all processes."""
        return sum(self.cpu.values())

    @property
    def highest_peak(self) -> float:
        """Megabytes of the largest process."""
        return max(self.peak_mb.values())


def pipe(commands: Sequence[Sequence[str]], log: Path, cwd: Path | None = None) -> Cost:
    """Run `commands` as a shell would run `a | b | c`; what they say goes to `log`.

    Raises:
        RuntimeError: one of them failed; names it and the log file.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    order = json.dumps([list(map(list, commands)), str(log), str(cwd) if cwd else None])
    done = subprocess.run([sys.executable, "-S", __file__], input=order, stdout=subprocess.PIPE, text=True, check=True)
    cost = Cost(**json.loads(done.stdout))
    if cost.failed:
        raise RuntimeError(f"{', '.join(cost.failed)} failed: see {log}")
    return cost


def _run(commands: list[list[str]], log: str, cwd: str | None) -> Cost:
    started = time.monotonic()
    running: list[tuple[str, subprocess.Popen[bytes]]] = []
    with Path(log).open("ab") as errors:
        for number, command in enumerate(commands, 1):
            feed = running[-1][1].stdout if running else subprocess.DEVNULL
            out = subprocess.DEVNULL if number == len(commands) else subprocess.PIPE
            process = subprocess.Popen(command, stdin=feed, stdout=out, stderr=errors, cwd=cwd)
            if running and running[-1][1].stdout:
                running[-1][1].stdout.close()
            running.append((f"{number} {Path(command[0]).name}", process))
        cost = Cost(0.0)
        for name, process in running:
            _reap(name, process, cost)
    cost.wall = time.monotonic() - started
    return cost


def _reap(name: str, process: subprocess.Popen[bytes], cost: Cost) -> None:
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    cost.cpu[name] = usage.ru_utime + usage.ru_stime
    cost.peak_mb[name] = usage.ru_maxrss / 1024
    if process.returncode:
        cost.failed.append(name)


if __name__ == "__main__":
    print(json.dumps(asdict(_run(*json.load(sys.stdin)))))
