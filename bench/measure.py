"""Running a pipe of processes and reading what each cost: the system's own accounting, not a clock inside."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Cost:
    """What one run took."""

    wall: float
    cpu: dict[str, float] = field(default_factory=dict)
    """CPU seconds (user and system) by process name."""
    peak_mb: dict[str, float] = field(default_factory=dict)

    @property
    def total_cpu(self) -> float:
        """CPU seconds of all processes."""
        return sum(self.cpu.values())


def pipe(commands: Sequence[Sequence[str]], log: Path, source: Path | None = None, sink: Path | None = None) -> Cost:
    """Run `commands` as a shell would run `a | b | c`.

    Raises:
        RuntimeError: one of them failed; names it and the log file.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    running: list[tuple[str, subprocess.Popen[bytes]]] = []
    with log.open("wb") as errors:
        feed = source.open("rb") if source else subprocess.DEVNULL
        for number, command in enumerate(commands):
            last = number == len(commands) - 1
            out = (sink.open("wb") if sink else subprocess.DEVNULL) if last else subprocess.PIPE
            process = subprocess.Popen(command, stdin=feed, stdout=out, stderr=errors)
            if running and running[-1][1].stdout:
                running[-1][1].stdout.close()
            running.append((f"{number + 1} {Path(command[0]).name}", process))
            feed = process.stdout or subprocess.DEVNULL
        cost = Cost(0.0)
        failed = [name for name, process in running if _reap(name, process, cost)]
    cost.wall = time.monotonic() - started
    if failed:
        raise RuntimeError(f"{', '.join(failed)} failed: see {log}")
    return cost


def command(name: str, arguments: Sequence[str], cwd: Path, environment: dict[str, str], log: Path) -> Cost:
    """Run one command with everything it starts; the CPU seconds are those of the whole process tree."""
    log.parent.mkdir(parents=True, exist_ok=True)
    before = os.times()
    started = time.monotonic()
    with log.open("wb") as errors:
        done = subprocess.run(
            arguments, cwd=cwd, env={**os.environ, **environment}, stdout=errors, stderr=errors, check=False
        )
    after = os.times()
    if done.returncode:
        raise RuntimeError(f"{name} failed with {done.returncode}: see {log}")
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return Cost(time.monotonic() - started, {name: cpu})


def _reap(name: str, process: subprocess.Popen[bytes], cost: Cost) -> bool:
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    cost.cpu[name] = usage.ru_utime + usage.ru_stime
    cost.peak_mb[name] = usage.ru_maxrss / 1024
    return process.returncode != 0
