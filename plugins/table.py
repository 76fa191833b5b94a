"""A table for people: as wide as the terminal, or, where there is none, as wide as it has to be. Nothing is cut off."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_NO_TERMINAL = 1000
"""Characters of a line that goes into a file or a pipe, at most."""


def show(headers: Sequence[str], rows: Iterable[Sequence[str | None]]) -> None:
    """Print it."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, header_style="bold")
    for header in headers:
        table.add_column(header, overflow="fold")
    for row in rows:
        table.add_row(*(Text(item or "") for item in row))  # a plain text: brackets in it are not markup
    console = Console()
    if not console.is_terminal:
        console = Console(width=_NO_TERMINAL)
    console.print(table)
