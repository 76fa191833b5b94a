"""Revenue by month and source: stacked bars for a wide and for a narrow screen, and the same as a table."""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from plugins.report import text
from plugins.report.markup import Markup, join, tag
from plugins.report.tables import key, table

if TYPE_CHECKING:
    from plugins.report.figures import Figures

SERIES = 6
"""Colours there are; sources beyond share the last one."""
OTHERS = "other sources"


@dataclass(frozen=True)
class Frame:
    """Measures of a chart, in user units of its SVG (about pixels)."""

    width: int
    height: int
    left: int
    """Room for the labels of the axis."""
    labels: int
    """Months that can carry a label."""
    bottom: int = 26
    top: int = 10


WIDE, NARROW = Frame(1040, 300, left=54, labels=24), Frame(340, 240, left=46, labels=6)
WIDEST_BAR = 60


@dataclass(frozen=True)
class Monthly:
    """Revenue by month and source, ready to draw."""

    months: list[str]
    sources: list[str]
    """Most revenue first."""
    values: dict[tuple[str, str], Decimal]

    def total(self, month: str) -> Decimal:
        """Revenue of a month over all sources."""
        return sum((self.values.get((month, source), Decimal(0)) for source in self.sources), Decimal(0))


def monthly(figures: Figures) -> Monthly:
    """Every month from the first to the last, and at most `SERIES` sources."""
    by_source: dict[str, Decimal] = {}
    for (_, source), value in figures.months.items():
        by_source[source] = by_source.get(source, Decimal(0)) + value
    sources = sorted(by_source, key=lambda source: (-by_source[source], source))
    kept = sources if len(sources) <= SERIES else [*sources[: SERIES - 1], OTHERS]
    values: dict[tuple[str, str], Decimal] = {}
    for (month, source), value in figures.months.items():
        key = (month, source if source in kept else OTHERS)
        values[key] = values.get(key, Decimal(0)) + value
    return Monthly(_every_month(min(values)[0], max(values)[0]) if values else [], kept, values)


def _every_month(first: str, last: str) -> list[str]:
    start, end = (int(month[:4]) * 12 + int(month[5:]) - 1 for month in (first, last))
    return [f"{number // 12:04d}-{number % 12 + 1:02d}" for number in range(start, end + 1)]


def chart(data: Monthly, currency: str) -> Markup:
    """Stacked bars, once for a wide and once for a narrow screen, with legend and table."""
    if not data.months:
        return tag("p", "No purchases yet.", class_="note")
    legend = tag("ul", *(key(f"series{index}", source) for index, source in enumerate(data.sources)), class_="legend")
    return join(
        legend,
        tag("div", _bars(data, currency, WIDE), class_="wide"),
        tag("div", _bars(data, currency, NARROW), class_="narrow"),
        _month_table(data, currency),
    )


def ticks(most: float, wanted: int = 4) -> list[float]:
    """Round numbers from 0 to at least `most`, about `wanted` steps."""
    if most <= 0:
        return [0.0, 1.0]
    rough = most / wanted
    size = 10 ** math.floor(math.log10(rough))
    step = next(factor * size for factor in (1, 2, 2.5, 5, 10) if factor * size >= rough)
    return [step * index for index in range(math.ceil(most / step - 1e-9) + 1)]


def _bars(data: Monthly, currency: str, frame: Frame) -> Markup:
    scale = ticks(max(float(data.total(month)) for month in data.months))
    plot = frame.height - frame.top - frame.bottom
    slot = (frame.width - frame.left) / len(data.months)
    width = min(slot * 0.72, WIDEST_BAR)
    label_every = math.ceil(len(data.months) / frame.labels)
    parts = []
    for value in scale:
        y = frame.top + plot * (1 - value / scale[-1])
        parts.append(tag("line", x1=frame.left, x2=frame.width, y1=f"{y:.1f}", y2=f"{y:.1f}", class_="grid"))
        label = text.short_money(value, currency)
        parts.append(tag("text", label, x=frame.left - 8, y=f"{y + 4:.1f}", text_anchor="end"))
    for index, month in enumerate(data.months):
        middle = frame.left + (index + 0.5) * slot
        parts.append(_bar(data, month, currency, (middle - width / 2, width), (frame.top, plot / scale[-1], plot)))
        if index % label_every == 0:
            label = _month_label(month, first=index == 0)
            parts.append(tag("text", label, x=f"{middle:.1f}", y=frame.height - 6, text_anchor="middle"))
    summary = f"Revenue by month and source, {data.months[0]} to {data.months[-1]}; the table below has the numbers"
    return tag("svg", *parts, viewBox=f"0 0 {frame.width} {frame.height}", role="img", aria_label=summary)


def _bar(
    data: Monthly, month: str, currency: str, across: tuple[float, float], down: tuple[float, float, float]
) -> Markup:
    """One month: its sources from the axis up. `across` is (left, width); `down` (top, units a dollar, height)."""
    left, width = across
    top, unit, plot = down
    y = top + plot
    parts = []
    for index, source in enumerate(data.sources):
        value = data.values.get((month, source), Decimal(0))
        height = float(value) * unit
        if height <= 0:
            continue
        y -= height
        tooltip = tag("title", f"{_month_name(month)}, {source}: {text.money(value, currency)}")
        shape = {"x": f"{left:.1f}", "y": f"{y:.1f}", "width": f"{width:.1f}", "height": f"{max(height - 1, 0.5):.1f}"}
        parts.append(tag("rect", tooltip, class_=f"series{index}", rx=2, **shape))
    return tag("g", *parts)


_MONTH_NAMES = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip


def _month_name(month: str) -> str:
    return f"{_MONTH_NAMES[int(month[5:]) - 1]} {month[:4]}"


def _month_label(month: str, *, first: bool) -> str:
    """Jan 97 where a year begins, else Feb."""
    name = _MONTH_NAMES[int(month[5:]) - 1][:3]
    return f"{name} {month[2:4]}" if first or month.endswith("-01") else name


def _month_table(data: Monthly, currency: str) -> Markup:
    zero = Decimal(0)
    several = len(data.sources) > 1
    rows = [
        [
            _month_name(month),
            *(text.money(data.values.get((month, source), zero), currency) for source in data.sources),
            *([text.money(data.total(month), currency)] if several else []),
        ]
        for month in data.months
    ]
    head = ["Month", *data.sources, *(["Total"] if several else [])]
    return tag("details", tag("summary", "As a table"), table("Revenue by month and source", head, rows))
