"""Tables, and the key of a legend."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plugins.report.markup import Markup, tag

if TYPE_CHECKING:
    from collections.abc import Sequence


def table(caption: str, head: Sequence[str], rows: Sequence[Sequence[str]], text_columns: int = 1) -> Markup:
    """A table of text; the first `text_columns` are flush left, the numbers behind them flush right."""

    def line(cells: Sequence[str], element: str) -> Markup:
        first = "th" if element == "th" else "td"
        return tag(
            "tr",
            *(
                tag(
                    first if index else "th",
                    cell,
                    class_=None if index < text_columns else "n",
                    scope=_scope(index, element),
                )
                for index, cell in enumerate(cells)
            ),
        )

    return tag(
        "div",
        tag(
            "table",
            tag("caption", caption, class_="hidden"),
            tag("thead", line(head, "th")),
            tag("tbody", *(line(row, "td") for row in rows)),
        ),
        class_="scroll",
        tabindex=0,
    )


def _scope(index: int, element: str) -> str | None:
    if element == "th":
        return "col"
    return None if index else "row"


def key(class_: str, label: str) -> Markup:
    """An entry of a legend: a patch of colour and what it stands for."""
    return tag("li", tag("span", class_=f"key {class_}", aria_hidden="true"), label)
