"""The page holds the right numbers, escapes what it is given, and is one file that needs no other."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest

from pipe.errors import ConfigurationError
from plugins.report import write_page
from plugins.report.heat import shade_steps
from plugins.report.markup import Markup, join, tag
from plugins.report.revenue import ticks
from plugins.report.text import count, day, money, percent, short_money
from tests.warehouses import make, merge, purchase
from transforms.models import runner
from transforms.models.queries import Parameters

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

SCHEMA = "growthnav_shop"


def contact(number: int, person: str, **more: Any) -> dict[str, Any]:
    return {
        "profile_id": f"c{number}",
        "customer_id": "shop",
        "connector": "crm",
        "source_stream": "contacts",
        "source_record_id": str(number),
        "global_customer_id": person,
        **more,
    }


SALES = [
    purchase(1, "2024-01-05", "1000.50", global_customer_id="ann"),
    purchase(2, "2024-03-02", "20", global_customer_id="ann-old", connector="web"),
    purchase(3, "2024-03-09", "30", global_customer_id="bob"),
    purchase(4, "2024-03-10", "5.25", global_customer_id=None),
]
CONTACTS = [contact(1, "ann", first_name="Annabelle", email="annabelle@mail.example"), contact(2, "eve")]


class Page:
    """A written page, parsed as strictly as XML."""

    def __init__(self, path: Path) -> None:
        self.source = path.read_text("utf-8")
        self.root = ET.fromstring(self.source.removeprefix("<!doctype html>\n"))

    def by_id(self, name: str) -> str:
        found = self.root.find(f".//*[@id='{name}']")
        assert found is not None
        return "".join(found.itertext())

    def table(self, caption: str) -> list[list[str]]:
        for table in self.root.iter("table"):
            if (table.findtext("caption") or "").startswith(caption):
                return [["".join(cell.itertext()) for cell in row] for row in table.iter("tr")]
        raise AssertionError(caption)

    def card(self, title: str) -> ET.Element:
        return next(card for card in self.root.iter("section") if card.findtext("h2") == title)


def write(
    tmp_path: Path, sales: Iterable[dict[str, Any]] = SALES, tenant: str = "shop", extra: dict[str, Any] | None = None
) -> Page:
    database = make(tmp_path / "shop.duckdb", SCHEMA, sales, [merge("ann-old", "ann")], CONTACTS)
    runner.run(database, SCHEMA)
    write_page(database, SCHEMA, tenant, tmp_path / "out" / "shop.html", extra or {})
    return Page(tmp_path / "out" / "shop.html")


def test_tiles(tmp_path: Path) -> None:
    page = write(tmp_path)
    tiles = {name: page.by_id(f"tile-{name}") for name in ("people", "purchases", "revenue", "repeat")}
    assert tiles == {"people": "3", "purchases": "4", "revenue": "$1,055.75", "repeat": "50.0%"}
    notes = [tile.findtext("p[@class='note']") for tile in page.root.iter("div") if tile.get("class") == "tile"]
    assert notes == [
        "2 of them have bought",
        "from 2 sources, 1 by unknown people",
        "$263.94 a purchase",
        "1 person bought on two days or more",
    ]
    assert page.root.findtext(".//header/p") == "5 January 2024 to 10 March 2024"


def test_revenue_by_month_has_every_month_and_source(tmp_path: Path) -> None:
    assert write(tmp_path).table("Revenue by month") == [
        ["Month", "till", "web", "Total"],
        ["January 2024", "$1,000.50", "$0.00", "$1,000.50"],
        ["February 2024", "$0.00", "$0.00", "$0.00"],
        ["March 2024", "$35.25", "$20.00", "$55.25"],
    ]


def test_bars_have_tooltips_axes_and_a_description(tmp_path: Path) -> None:
    page = write(tmp_path)
    wide, narrow = page.root.iter("svg")
    for chart in (wide, narrow):
        tooltips = [title.text for title in chart.iter("title")]
        assert tooltips == [
            "January 2024, till: $1,000.50",
            "March 2024, till: $35.25",
            "March 2024, web: $20.00",
        ]
        assert chart.get("role") == "img"
        assert "2024-01 to 2024-03" in str(chart.get("aria-label"))
    labels = [label.text for label in wide.iter("text")]
    assert labels == ["$0", "$500", "$1k", "$1.5k", "Jan 24", "Feb", "Mar"]


def test_heat_map_counts_people_by_purchases_and_recency(tmp_path: Path) -> None:
    rows = write(tmp_path).table("People by number of purchases")
    assert rows[0][1] == "Last purchase before 10 March 2024"
    assert rows[1] == [
        "Purchases",
        "30 days or less",
        "1 to 3 months",
        "3 to 6 months",
        "6 to 12 months",
        "over a year",
    ]
    assert [row[0] for row in rows[2:]] == ["10 or more", "6 to 9", "4 to 5", "3", "2", "1"]
    assert rows[-1][1:] == ["1", "·", "·", "·", "·"]
    assert rows[-2][1:] == ["1", "·", "·", "·", "·"]


def test_people_by_sources(tmp_path: Path) -> None:
    page = write(tmp_path)
    assert [[row[0], *row[2:]] for row in page.table("People by number of sources")] == [
        ["1 source", "2", "66.7%"],
        ["3 sources", "1", "33.3%"],
    ]
    assert page.table("People by the sources")[1:] == [
        ["crm", "1", "33.3%"],
        ["crm + till + web", "1", "33.3%"],
        ["till", "1", "33.3%"],
    ]


def test_top_customers_are_ids_and_figures(tmp_path: Path) -> None:
    page = write(tmp_path)
    assert page.table("Customers with the most revenue") == [
        ["#", "Person", "Revenue", "Purchases", "First", "Last", "Sources"],
        ["1", "ann", "$1,020.50", "2", "2024-01-05", "2024-03-02", "3"],
        ["2", "bob", "$30.00", "1", "2024-03-09", "2024-03-09", "1"],
    ]
    assert "nnabelle" not in page.source


def test_what_the_run_knows_is_shown(tmp_path: Path) -> None:
    page = write(tmp_path, extra={"precision": 0.97956, "recall": 0.7682, "records_read": 82938, "took": "41 s"})
    assert (page.by_id("measure-precision"), page.by_id("measure-recall")) == ("97.96%", "76.82%")
    facts = page.root.find(".//dl")
    assert facts is not None
    assert [item.text for item in facts] == ["Records read", "82,938", "Took", "41 s"]
    assert "How well people are resolved" not in write_again(tmp_path)


def write_again(tmp_path: Path) -> str:
    write_page(tmp_path / "shop.duckdb", SCHEMA, "shop", tmp_path / "plain.html")
    return (tmp_path / "plain.html").read_text("utf-8")


def test_text_is_escaped_wherever_it_comes_from(tmp_path: Path) -> None:
    evil = "<script>alert('x' & \"y\")</script>"
    page = write(tmp_path, [purchase(1, "2024-01-05", "1", connector=evil)], tenant=evil, extra={evil: evil})
    assert "<script" not in page.source
    assert page.root.findtext(".//h1") == f"Customers of {evil}"
    assert page.table("Revenue by month")[0] == ["Month", evil]


def test_the_page_needs_nothing_from_anywhere(tmp_path: Path) -> None:
    page = write(tmp_path, extra={"precision": 1.0})
    assert {element.tag for element in page.root.iter()} & {"script", "img", "iframe", "object", "form", "a"} == set()
    assert [link.get("href") for link in page.root.iter("link")] == ["data:,"]
    assert not re.search(r"https?:|url\(|@import|src=", page.source)
    policy = next(meta for meta in page.root.iter("meta") if meta.get("http-equiv"))
    assert str(policy.get("content")).startswith("default-src 'none'")
    assert page.root.get("lang") == "en"
    assert all(table.find("caption") is not None for table in page.root.iter("table"))


def test_the_same_figures_leave_the_file_alone(tmp_path: Path) -> None:
    write(tmp_path)
    path = tmp_path / "out" / "shop.html"
    before = path.stat()
    write_page(tmp_path / "shop.duckdb", SCHEMA, "shop", path, {})
    assert (path.stat().st_mtime_ns, path.stat().st_ino) == (before.st_mtime_ns, before.st_ino)


def test_a_tenant_without_purchases_has_a_page(tmp_path: Path) -> None:
    page = write(tmp_path, [])
    assert (page.by_id("tile-people"), page.by_id("tile-revenue")) == ("2", "$0.00")
    assert page.root.findtext(".//header/p") == "No purchases yet"


def test_figures_end_where_the_models_observation_ends(tmp_path: Path) -> None:
    from datetime import date

    write(tmp_path)
    runner.run(tmp_path / "shop.duckdb", SCHEMA, Parameters(observation_end=date(2024, 2, 29)))
    write_page(tmp_path / "shop.duckdb", SCHEMA, "shop", tmp_path / "cut.html", {})
    page = Page(tmp_path / "cut.html")
    assert (page.by_id("tile-purchases"), page.by_id("tile-revenue")) == ("1", "$1,000.50")
    assert page.root.findtext(".//header/p") == "5 January 2024 to 29 February 2024"


def test_other_currencies_have_their_own_decimals(tmp_path: Path) -> None:
    page = write(tmp_path, [purchase(1, "2024-01-05", "12345", currency="JPY")])
    assert page.by_id("tile-revenue") == "¥12,345"


def test_many_sources_are_folded_and_many_months_are_cut(tmp_path: Path) -> None:
    sales = [purchase(n, "2024-05-05", str(100 - n), connector=f"shop {n}") for n in range(9)]
    page = write(tmp_path, [*sales, purchase(99, "2019-01-01", "1")])
    head, *months = page.table("Revenue by month")
    assert head == ["Month", *(f"shop {n}" for n in range(5)), "other sources", "Total"]
    assert months[-1][-2:] == ["$374.00", "$864.00"]
    old = [purchase(n, f"{2018 + n // 12}-{n % 12 + 1:02d}-15", "1") for n in range(40)]
    (tmp_path / "shop.duckdb").unlink()
    page = write(tmp_path, old)
    assert len(page.table("Revenue by month")) == 1 + 24
    assert page.table("Revenue by month")[-1][0] == "April 2021"
    assert "The newest 24 months." in page.source
    assert page.by_id("tile-purchases") == "40"


def test_a_warehouse_without_models_is_said(tmp_path: Path) -> None:
    database = make(tmp_path / "shop.duckdb", SCHEMA)
    with pytest.raises(ConfigurationError, match="lacks the tables of the models"):
        write_page(database, SCHEMA, "shop", tmp_path / "shop.html", {})
    with pytest.raises(ConfigurationError, match="does not exist"):
        write_page(tmp_path / "other.duckdb", SCHEMA, "shop", tmp_path / "shop.html", {})
    assert not (tmp_path / "shop.html").exists()


def test_elements_escape_text_and_attributes() -> None:
    element = tag("p", "a < b & c", tag("b", "d"), class_='x"y', aria_label="é", hidden=True, title=None)
    assert element == '<p class="x&quot;y" aria-label="é" hidden>a &lt; b &amp; c<b>d</b></p>'
    assert tag("meta", charset="utf-8") == '<meta charset="utf-8"/>'
    assert join("<", Markup("<"), None) == "&lt;<"


@pytest.mark.parametrize(
    ("most", "expected"),
    [
        (0, [0, 1]),
        (1, [0, 0.25, 0.5, 0.75, 1]),
        (393_155.27, [0, 100_000, 200_000, 300_000, 400_000]),
        (400_000, [0, 100_000, 200_000, 300_000, 400_000]),
        (1_000.5, [0, 500, 1_000, 1_500]),
    ],
)
def test_axes_have_round_numbers(most: float, expected: list[float]) -> None:
    assert ticks(most) == expected


def test_shades_have_round_steps() -> None:
    assert shade_steps([]) == [1]
    assert shade_steps([7]) == [1, 5]
    assert shade_steps(list(range(1, 101))) == [1, 20, 50]
    steps = shade_steps([8, 52, 96, 194, 301, 472, 553, 782, 1_207, 12_615])
    assert steps == [1, 50, 300, 500, 10_000]


def test_numbers_read_well() -> None:
    assert money(Decimal("2500315.63"), "USD") == "$2,500,315.63"
    assert money(Decimal("1234.5"), "CHF") == "1,234.50 CHF"
    assert (short_money(250_000, "USD"), short_money(1_500_000, "EUR"), short_money(0, "USD")) == (
        "$250k",
        "€1.5m",
        "$0",
    )
    assert (percent(0.48858), percent(1.0)) == ("48.9%", "100.0%")
    assert (count(1, "source", "sources"), count(1234, "source", "sources")) == ("1 source", "1,234 sources")
    from datetime import date

    assert day(date(1998, 6, 30)) == "30 June 1998"
