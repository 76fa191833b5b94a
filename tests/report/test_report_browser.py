"""The page in a real browser: it shows its numbers, asks nobody for anything and complains of nothing."""

from __future__ import annotations

import functools
import json
import re
import shutil
import subprocess
import threading
from dataclasses import dataclass
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from plugins.report import write_page
from tests.warehouses import make_cdnow
from transforms.models import runner

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--enable-logging=stderr", "--v=0",
)  # fmt: skip

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(BROWSER is None, reason="neither chromium nor google-chrome is installed"),
]


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


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    directory = tmp_path / "site"
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


def test_the_page_shows_the_published_figures_and_asks_for_nothing(site: Site) -> None:
    database = make_cdnow(site.directory.parent / "cdnow.duckdb")
    runner.run(database, "growthnav_cdnow")
    write_page(database, "growthnav_cdnow", "cdnow", site.directory / "cdnow.html", {"precision": 1.0, "recall": 1.0})
    visit = site.visit("cdnow.html")
    tiles = [visit.text(f"tile-{name}") for name in ("people", "purchases", "revenue", "repeat")]
    assert tiles == ["23,570", "69,659", "$2,500,315.63", "48.9%"]
    assert visit.text("measure-recall") == "100.00%"
    assert visit.dom.count("<svg") == 2
    assert visit.console == []
    assert visit.fetched == ["/cdnow.html"]
    assert visit.asked == []


def test_what_a_page_asks_for_and_complains_of_is_noticed(site: Site) -> None:
    """The test above would see a request or an error: here are some."""
    (site.directory / "bad.html").write_text(
        "<!doctype html><title>x</title><img src='here.png'><img src='http://127.0.0.1:9/there.png'>"
        "<script>console.error('oh')</script>"
    )
    visit = site.visit("bad.html")
    assert any("oh" in line for line in visit.console)
    assert "/here.png" in visit.fetched
    assert "http://127.0.0.1:9/there.png" in visit.asked
