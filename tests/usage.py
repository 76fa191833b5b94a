"""What a process took: CPU seconds and memory, by the system's own accounting."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any, NamedTuple

_WATCH = """
import os, resource, subprocess, sys
code = subprocess.run(sys.argv[2:]).returncode
used = resource.getrusage(resource.RUSAGE_CHILDREN)
unit = 1 if sys.platform == "darwin" else 1024
os.write(int(sys.argv[1]), f"{code} {used.ru_utime + used.ru_stime} {used.ru_maxrss * unit}".encode())
"""


class Usage(NamedTuple):
    """A process that has ended, with those that it started and waited for."""

    code: int
    cpu_seconds: float
    megabytes: float
    """Most memory that one of them had, in units of 2**20 bytes."""


def watched(*command: str, **streams: Any) -> Usage:
    """Run `command`; `streams` (stdin, stdout, stderr) as `subprocess.run` takes them.

    A small process starts it: a child's peak memory is at first that of the process it was forked from.
    """
    reader, writer = os.pipe()
    try:
        starter = [sys.executable, "-S", "-c", _WATCH, str(writer), *command]
        subprocess.run(starter, check=True, pass_fds=[writer], **streams)
        code, seconds, memory = os.read(reader, 100).split()
    finally:
        os.close(reader)
        os.close(writer)
    return Usage(int(code), float(seconds), int(memory) / 2**20)
