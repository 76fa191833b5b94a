"""The pictures of people: a cluster as a graph, a link as a waterfall, figures as bars."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from plugins.people import words
from plugins.report.markup import Markup, tag

if TYPE_CHECKING:
    from collections.abc import Sequence

    from identity.reconcile.explain import Link, Person

SIZE, RADIUS, DOT = 460, 170, 9
"""Of the graph, in user units of its SVG (about pixels)."""
MOST = 60
"""Units drawn at most."""
SERIES = 6
BAR, GAP, LABEL, ROOM = 18, 8, 130, 300


def graph(person: Person) -> Markup:
    """The units of a person on a circle, one colour a source, with the links between them."""
    units: dict[str, str] = {}
    for record in person.records:
        units.setdefault(record.unit, words.name_of(record))
    names = dict(list(units.items())[:MOST])
    sources = sorted({record.connector for record in person.records})
    source = {record.unit: record.connector for record in person.records}
    at = {
        unit: (
            SIZE / 2 + RADIUS * math.sin(2 * math.pi * place / len(names)),
            SIZE / 2 - RADIUS * math.cos(2 * math.pi * place / len(names)),
        )
        for place, unit in enumerate(names)
    }
    lines = [_line(link, at) for link in person.links if link.left in at and link.right in at]
    dots = [_dot(unit, names[unit], sources.index(source[unit]), at[unit]) for unit in names]
    box = f"0 0 {SIZE} {SIZE}"
    return tag("svg", *lines, *dots, viewBox=box, role="img", aria_label="Records and their links", class_="cluster")


def _line(link: Link, at: dict[str, tuple[float, float]]) -> Markup:
    (x1, y1), (x2, y2) = at[link.left], at[link.right]
    width = 1 + 3 * link.probability
    dash = None if link.kind != "model" else "6 4"
    places = {"x1": f"{x1:.1f}", "y1": f"{y1:.1f}", "x2": f"{x2:.1f}", "y2": f"{y2:.1f}"}
    return tag(
        "line", tag("title", words.of_link(link)), stroke="currentColor", stroke_opacity="0.45",
        stroke_width=f"{width:.1f}", stroke_dasharray=dash, **places,
    )  # fmt: skip


def _dot(unit: str, name: str, series: int, place: tuple[float, float]) -> Markup:
    x, y = place
    anchor = "start" if x > SIZE / 2 + 1 else "end" if x < SIZE / 2 - 1 else "middle"
    shift = 14 if anchor == "start" else -14 if anchor == "end" else 0
    below = 0 if shift else (-16 if y < SIZE / 2 else 24)
    circle = tag(
        "circle",
        tag("title", f"{name} ({unit})"),
        cx=f"{x:.1f}",
        cy=f"{y:.1f}",
        r=DOT,
        class_=f"series{series % SERIES}",
    )
    text = tag("text", name[:22], x=f"{x + shift:.1f}", y=f"{y + 4 + below:.1f}", text_anchor=anchor)
    return tag("g", circle, text)


def waterfall(link: Link) -> Markup:
    """How the weight of a scored link comes together, in bits."""
    parts = sorted(link.details.items(), key=lambda part: -part[1])
    prior = (link.weight or 0.0) - sum(link.details.values())
    steps = [("before looking", prior), *((name.replace("_", " "), weight) for name, weight in parts)]
    reached, total = [], 0.0
    for _, weight in steps:
        reached.append((total, total + weight))
        total += weight
    low = min(0.0, *(min(step) for step in reached))
    high = max(0.0, *(max(step) for step in reached))
    scale = ROOM / ((high - low) or 1.0)
    rows = [
        _step(number, name, start, end, lambda value: LABEL + (value - low) * scale)
        for number, ((name, _), (start, end)) in enumerate(
            [*zip(steps, reached, strict=True), (("in all", total), (0.0, total))]
        )
    ]
    height = len(rows) * (BAR + GAP)
    return tag("svg", *rows, viewBox=f"0 0 {LABEL + ROOM + 60} {height}", role="img", aria_label=words.of_link(link))


def _step(number: int, name: str, start: float, end: float, x: object) -> Markup:
    assert callable(x)  # noqa: S101
    y = number * (BAR + GAP)
    left, width = min(x(start), x(end)), abs(x(end) - x(start))
    series = "series5" if name == "in all" else "series0" if end >= start else "series1"
    bar = tag("rect", x=f"{left:.1f}", y=y, width=f"{max(width, 1):.1f}", height=BAR, rx=3, class_=series)
    label = tag("text", name, x=LABEL - 8, y=y + 13, text_anchor="end")
    value = tag("text", f"{end - start:+.1f}", x=f"{left + width + 6:.1f}", y=y + 13)
    return tag("g", label, bar, value)


def bars(caption: str, rows: Sequence[tuple[str, int]]) -> Markup:
    """Counts by label."""
    most = max((count for _, count in rows), default=1) or 1
    lines = [
        tag(
            "tr",
            tag("th", label, scope="row"),
            tag("td", tag("div", class_="bar series0", style=f"width:{count / most * 100:.1f}%"), class_="fill"),
            tag("td", f"{count:,}", class_="n"),
        )
        for label, count in rows
    ]
    return tag("table", tag("caption", caption, class_="hidden"), tag("tbody", *lines), class_="bars")
