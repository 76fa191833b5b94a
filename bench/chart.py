"""Rows a second as bars, drawn as SVG by hand."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from report import Result

WIDTH, BAR, GAP, LABEL, SPACE = 860, 20, 8, 210, 40
OURS, OTHERS = "#2f6f4f", "#b9b4a7"


def draw(results: Sequence[Result]) -> str:
    """A group of bars a source, the fastest first; ours in another colour."""
    fastest = max((each.rate for each in results), default=1.0)
    parts: list[str] = []
    y = 30
    for source in dict.fromkeys(each.source for each in results):
        parts.append(_text(10, y, f"from {source}: rows/s", "bold"))
        y += 12
        for each in sorted((each for each in results if each.source == source), key=lambda each: -each.rate):
            length = max(1.0, (WIDTH - LABEL - 120) * each.rate / fastest)
            colour = OURS if each.name.startswith("ours") else OTHERS
            middle = y + BAR - 5
            parts += [
                _text(10, middle, each.title),
                f'<rect x="{LABEL}" y="{y}" width="{length:.1f}" height="{BAR}" fill="{colour}"/>',
                _text(LABEL + length + 6, middle, f"{each.rate:,.0f}"),
            ]
            y += BAR + GAP
        y += SPACE
    size = f'width="{WIDTH}" height="{y}" viewBox="0 0 {WIDTH} {y}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="13">'
    return "\n".join([head, f'<rect width="{WIDTH}" height="{y}" fill="white"/>', *parts, "</svg>", ""])


def _text(x: float, y: float, text: str, weight: str = "normal") -> str:
    return f'<text x="{x:.1f}" y="{y}" font-weight="{weight}">{escape(text)}</text>'
