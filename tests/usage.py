"""What a process took: CPU seconds and memory, by the system's own accounting."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from typing import Any, NamedTuple

import pytest

_WATCH = """
import os, resource, subprocess, sys
code = subprocess.run(sys.argv[2:]).returncode
used = resource.getrusage(resource.RUSAGE_CHILDREN)
unit = 1 if sys.platform == "darwin" else 1024
os.write(int(sys.argv[1]), f"{code} {used.ru_utime + used.ru_stime} {used.ru_maxrss * unit}".encode())
"""


measured = pytest.mark.flaky(reruns=2, only_rerun="AssertionError")
"""A test that holds a measurement to a bar: one that misses is taken again, since whatever else the machine does only
ever adds to it."""


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


PURCHASE = json.dumps(
    {
        "id": "T000000001",
        "date": "1997-01-01T10:00:00Z",
        "quantity": 3,
        "amount": "12.34",
        "currency": "USD",
        "coupon": None,
        "channel": "instore",
        "email": "user23570@example.com",
        "first": "Jane",
        "last": "Doe",
        "zip": "12345",
        "street": "Main St 5",
        "city": "Berlin",
        "country": "DE",
        "sku": "P499",
        "product": "Product, name",
        "category": "category",
        "paid": True,
    }
)
_RECORDS, _ROUNDS = 20_000, 5


def yardstick() -> float:
    """CPU seconds that the standard library takes now to parse and write a million purchases of 18 fields.

    Seconds say nothing on a machine whose cores others share; so many yardsticks do. The median of some rounds.
    """
    rounds = []
    for _ in range(_ROUNDS):
        start = time.process_time()
        for _ in range(_RECORDS):
            json.dumps(json.loads(PURCHASE))
        rounds.append((time.process_time() - start) * 1_000_000 / _RECORDS)
    return statistics.median(rounds)
