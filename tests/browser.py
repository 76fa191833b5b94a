"""A real browser without a window: what a page shows, asks for and complains of."""

from __future__ import annotations

import functools
import json
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--enable-logging=stderr", "--v=0",
)  # fmt: skip

NEEDED = pytest.mark.skipif(BROWSER is None, reason="neither chromium nor google-chrome is installed")


@dataclass
class Visit:
    """What came of opening a page."""

    dom: str
    console: list[str]
    """Lines the page caused in the browser's console."""
    fetched: list[str]
    """Paths our server was asked for."""
    asked: list[str]
    """Addresses the page made the browser ask for, anywhere."""

    def text(self, element: str) -> str:
        found = re.search(rf'id="{element}"[^>]*>([^<]*)<', self.dom)
        assert found, element
        return found[1]


@dataclass
class Site:
    """A directory, served on this machine."""

    directory: Path
    address: str
    fetched: list[str]

    def visit(self, page: str, *flags: str) -> Visit:
        assert BROWSER is not None
        log = self.directory.parent / "net.json"
        profile = self.directory.parent / "profile"
        command = [BROWSER, *FLAGS, f"--user-data-dir={profile}", f"--log-net-log={log}", *flags, "--dump-dom"]
        done = subprocess.run([*command, f"{self.address}/{page}"], capture_output=True, timeout=60, check=True)
        shutil.rmtree(profile, ignore_errors=True)
        # The browser asks its maker for things of its own accord; requests of the page carry the page as initiator.
        asked = [
            str(event["params"]["url"])
            for event in json.loads(log.read_text())["events"]
            if event.get("params", {}).get("initiator") == self.address and "url" in event["params"]
        ]
        console = [line for line in done.stderr.decode(errors="replace").splitlines() if ":CONSOLE" in line]
        return Visit(done.stdout.decode(), console, list(self.fetched), sorted(set(asked)))


@contextmanager
def served(directory: Path) -> Iterator[Site]:
    """A new directory on a free port of this machine."""
    directory.mkdir()
    fetched: list[str] = []

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            fetched.append(self.path)

    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=str(directory)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield Site(directory, f"http://127.0.0.1:{server.server_port}", fetched)
    server.shutdown()
    thread.join()
    server.server_close()
