"""People by the sources that know them, as bars and as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plugins.report import text
from plugins.report.markup import Markup, join, tag
from plugins.report.tables import table

if TYPE_CHECKING:
    from plugins.report.figures import Figures


def source_bars(figures: Figures) -> Markup:
    """People by number of sources, and which sources they are."""
    most = max(figures.by_source_count.values(), default=1)
    rows = [
        tag(
            "tr",
            tag("th", text.count(sources, "source", "sources"), scope="row"),
            tag("td", tag("div", class_="bar series0", style=f"width:{people / most * 100:.1f}%"), class_="fill"),
            tag("td", text.number(people), class_="n"),
            tag("td", text.percent(people / figures.people), class_="n muted"),
        )
        for sources, people in sorted(figures.by_source_count.items())
    ]
    caption = tag("caption", "People by number of sources that know them", class_="hidden")
    which = [
        [" + ".join(sources), text.number(people), text.percent(people / figures.people)]
        for sources, people in figures.by_sources.items()
    ]
    return join(
        tag("table", caption, tag("tbody", *rows), class_="bars"),
        tag("h3", "Which sources"),
        table("People by the sources that know them", ["Sources", "People", "Share"], which),
    )
