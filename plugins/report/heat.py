"""The heat map: people by how often they buy and when they last did, as a table with shaded fields."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from plugins.report import text
from plugins.report.figures import FREQUENCIES, RECENCIES
from plugins.report.markup import Markup, join, tag
from plugins.report.tables import key

if TYPE_CHECKING:
    from collections.abc import Sequence

    from plugins.report.figures import Figures

SHADE_QUANTILES = (0.25, 0.5, 0.75, 0.93)
"""Where one shade of the heat map gives way to the next; there is one more for the fields below all of them."""


def heat_map(figures: Figures) -> Markup:
    """People by number of purchases (down) and time since the last one (across), with its legend."""
    steps = shade_steps([people for people, _ in figures.grid.values()])
    since = f"Last purchase before {text.day(figures.end)}" if figures.end else "Last purchase"
    head = [
        tag("tr", tag("td"), tag("th", since, colspan=len(RECENCIES), scope="colgroup")),
        tag("tr", tag("th", "Purchases", scope="col"), *(tag("th", label, scope="col") for _, label in RECENCIES)),
    ]
    rows = [
        tag(
            "tr",
            tag("th", label, scope="row"),
            *(_cell(figures, row, column, steps) for column in range(len(RECENCIES))),
        )
        for row, (_, label) in reversed(list(enumerate(FREQUENCIES)))
    ]
    caption = tag("caption", "People by number of purchases and time since the last one", class_="hidden")
    grid = tag("table", caption, tag("thead", *head), tag("tbody", *rows), class_="heat")
    return join(tag("div", grid, class_="scroll", tabindex=0), _heat_legend(steps))


def _cell(figures: Figures, row: int, column: int, steps: Sequence[int]) -> Markup:
    people, revenue = figures.grid.get((row, column), (0, Decimal(0)))
    shade = sum(people >= step for step in steps)
    share = text.percent(people / figures.buyers) if figures.buyers else "0%"
    tooltip = f"{text.count(people, 'person', 'people')}, {share} of buyers, {text.money(revenue, figures.currency)}"
    return tag("td", text.number(people) if people else "·", class_=f"shade{shade}", title=tooltip)


def shade_steps(fields: Sequence[int]) -> list[int]:
    """Fewest people of each shade: round numbers near the quantiles, so that one huge field leaves the others apart."""
    ordered = sorted(fields)
    quantiles = [ordered[int(len(ordered) * share)] for share in SHADE_QUANTILES] if ordered else []
    return sorted({1, *(_round_down(people) for people in quantiles)})


def _round_down(people: int) -> int:
    """The next lower number out of 1, 2, 3, 5, 10, 20, 30, 50, ..."""
    size: int = 10 ** (len(str(people)) - 1)
    return max(factor * size for factor in (1, 2, 3, 5) if factor * size <= people)


def _heat_legend(steps: Sequence[int]) -> Markup:
    ends = [*(step - 1 for step in steps[1:]), None]
    labels = [
        f"{step:,} or more" if end is None else f"{step:,}" if step == end else f"{step:,} to {end:,}"
        for step, end in zip(steps, ends, strict=True)
    ]
    items = [key(f"shade{index}", label) for index, label in enumerate(labels, 1)]
    return tag("ul", tag("li", "People:"), *items, class_="legend")
