"""The page in a real browser: it shows its numbers, asks nobody for anything and complains of nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import browser
import pytest

from plugins.report import write_page
from tests.warehouses import make_cdnow
from transforms.models import runner

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from browser import Site

pytestmark = [pytest.mark.browser, browser.NEEDED]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with browser.served(tmp_path / "site") as found:
        yield found


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
