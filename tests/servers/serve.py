"""Serves a stand-in in a process of its own: `python serve.py servers.stripe:service 100000` prints its address."""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def apart(factory: str, rows: int) -> Iterator[str]:
    """Its address; a service beside the tap must not share its processor time.

    Args:
        factory: `module:function`, called with the number of rows.
        rows: that number.
    """
    command = [sys.executable, __file__, factory, str(rows)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.kill()


def main() -> None:
    """Serve until the standard input closes."""
    sys.path.insert(0, str(Path(__file__).parents[1]))
    module, _, name = sys.argv[1].partition(":")
    service = getattr(importlib.import_module(module), name)(int(sys.argv[2]))
    with service.serving() as url:
        print(url, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
