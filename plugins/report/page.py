"""Puts a tenant's page together."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING, Any

from pipe.files import keep
from plugins.report import revenue, text
from plugins.report.figures import MONTHS, TOP, Figures, read
from plugins.report.heat import heat_map
from plugins.report.markup import Markup, join, tag
from plugins.report.sources import source_bars
from plugins.report.tables import table

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
"""The browser itself sees to it that the page loads nothing."""

_MEASURES = {
    "precision": ("Precision", "Of 100 pairs of records joined as one person, {} truly are one person's."),
    "recall": ("Recall", "Of 100 pairs of records that are one person's, {} were joined."),
}


def write_page(database: Path, schema: str, tenant: str, target: Path, extra: Mapping[str, Any] | None = None) -> None:
    """Write the tenant's page to `target`; the same figures give the same bytes, and then the file stays untouched.

    Args:
        database: the tenant's DuckDB file, with the tables of the SQL models.
        schema: where in it.
        tenant: name for the headline.
        target: file to write, whole or not at all.
        extra: what else the run knows. `precision` and `recall` (0 to 1) get a picture; every other key is shown with
            its value in a list at the end. No value may be personal.

    Raises:
        ConfigurationError: no such warehouse, or the models have not been run on it.
        RetriableError: another process has the warehouse open.
    """
    keep(target, html(read(database, schema), tenant, extra or {}).encode())


def html(figures: Figures, tenant: str, extra: Mapping[str, Any]) -> str:
    """The whole page."""
    title = f"Customers of {tenant}"
    return document(title, _header(figures, title), _tiles(figures), *_cards(figures, extra), _footer(extra))


def document(title: str, *content: Markup) -> str:
    """A whole page of the house, which loads nothing."""
    style = Markup(files("plugins.report").joinpath("style.css").read_text(encoding="utf-8"))
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name_="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", http_equiv="Content-Security-Policy", content=POLICY),
        tag("meta", name_="color-scheme", content="light dark"),
        tag("title", title),
        tag("link", rel="icon", href="data:,"),
        tag("style", style),
    )
    body = tag("body", tag("main", *content))
    return "<!doctype html>\n" + tag("html", head, "\n", body, lang="en") + "\n"


def _header(figures: Figures, title: str) -> Markup:
    period = "No purchases yet"
    if figures.start and figures.end:
        period = f"{text.day(figures.start)} to {text.day(figures.end)}"
    return tag("header", tag("h1", title), tag("p", period, class_="note"))


def _tiles(figures: Figures) -> Markup:
    each = figures.revenue / figures.purchases if figures.purchases else figures.revenue
    nobody = f", {text.number(figures.purchases_of_nobody)} by unknown people" if figures.purchases_of_nobody else ""
    total = text.money(figures.revenue, figures.currency)
    bought = "all" if figures.buyers == figures.people else f"{text.number(figures.buyers)} of them"
    return tag(
        "section",
        _tile("people", "People", text.number(figures.people), f"{bought} have bought"),
        _tile("purchases", "Purchases", text.number(figures.purchases), f"from {_sources(figures)}{nobody}"),
        _tile("revenue", "Revenue", total, f"{text.money(each, figures.currency)} a purchase"),
        _tile(
            "repeat",
            "Repeat rate",
            text.percent(figures.repeat_rate),
            f"{text.count(figures.repeat_buyers, 'person', 'people')} bought on two days or more",
        ),
        class_="tiles",
        aria_label="In short",
    )


def _sources(figures: Figures) -> str:
    return text.count(len({source for _, source in figures.months}), "source", "sources")


def _tile(name: str, label: str, value: str, note: str) -> Markup:
    return tag(
        "div",
        tag("h2", label),
        tag("p", value, class_="value", id=f"tile-{name}"),
        tag("p", note, class_="note"),
        class_="tile",
    )


def _cards(figures: Figures, extra: Mapping[str, Any]) -> list[Markup]:
    data = revenue.monthly(figures)
    newest = f"The newest {MONTHS} months. " if len(data.months) == MONTHS else ""
    cards = [
        card(
            "Revenue by month and source",
            f"{newest}Point at a bar for its amount.",
            revenue.chart(data, figures.currency),
            wide=True,
        ),
        card(
            "Who buys how often, and when last",
            "The best customers are top left; the ones to win back, top right.",
            heat_map(figures),
        ),
        card(
            "Sources that know a person",
            "Records of several systems, resolved to one person.",
            source_bars(figures),
        ),
    ]
    if _MEASURES.keys() & extra.keys():
        note = "Measured against the truth the demo kept aside, pair by pair."
        cards.append(card("How well people are resolved", note, _measures(extra), wide=True))
    cards.append(card(f"Top {TOP} customers by value", "", _top(figures), wide=True))
    return [tag("div", *cards, class_="cards")]


def card(title: str, note: str, content: Markup, *, wide: bool = False) -> Markup:
    """A section with a headline."""
    remark = tag("p", note, class_="note") if note else None
    return tag("section", tag("h2", title), remark, content, class_="card wide-card" if wide else "card")


def _measures(extra: Mapping[str, Any]) -> Markup:
    meters = [
        tag(
            "div",
            tag("h3", label),
            tag("p", text.percent(float(extra[name]), 2), class_="value", id=f"measure-{name}"),
            tag(
                "div", tag("div", class_="bar series0", style=f"width:{float(extra[name]) * 100:.2f}%"), class_="track"
            ),
            tag("p", sentence.format(f"{float(extra[name]) * 100:.0f}"), class_="note"),
        )
        for name, (label, sentence) in _MEASURES.items()
        if name in extra
    ]
    return tag("div", *meters, class_="meters")


def _top(figures: Figures) -> Markup:
    rows = [
        [
            f"{rank}",
            customer.person_id[:12],
            text.money(customer.revenue, figures.currency),
            text.number(customer.orders),
            customer.first_purchase.isoformat(),
            customer.last_purchase.isoformat(),
            text.number(customer.sources),
        ]
        for rank, customer in enumerate(figures.top, 1)
    ]
    head = ["#", "Person", "Revenue", "Purchases", "First", "Last", "Sources"]
    return table("Customers with the most revenue", head, rows, text_columns=2)


def _footer(extra: Mapping[str, Any]) -> Markup:
    facts = [
        join(
            tag("dt", name.replace("_", " ").capitalize()),
            tag("dd", text.plain(value)),
        )
        for name, value in extra.items()
        if name not in _MEASURES
    ]
    remark = (
        "People are shown by the start of their id, which tells nobody who they are. "
        "This page holds no personal data and loads nothing."
    )
    return tag("footer", tag("dl", *facts) if facts else None, tag("p", remark))
