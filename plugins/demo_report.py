"""What the demo prints: a table of the runs, how right they are, and the best customers."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from plugins.demo import Shown

BEST = 5
"""Customers shown of each tenant."""


def show(tenants: Sequence[Shown], seconds: float) -> None:
    """Print everything."""
    console = Console()
    console.print(_runs(tenants))
    for tenant in tenants:
        console.print(_best(tenant))
    for tenant in tenants:
        console.print(_verdict(tenant))
    pages = "  ".join(os.path.relpath(tenant.page) for tenant in tenants)
    console.print(f"Pages: [bold]{pages}[/bold]")
    console.print(f"Done in {seconds:.0f} s. Run it again: it finds nothing new and changes nothing.")


def _runs(tenants: Sequence[Shown]) -> Table:
    table = Table(title="This run", title_justify="left", box=None, header_style="bold")
    table.add_column("tenant", style="bold")
    for heading in ("read", "loaded", "rejected", "new merges", "purchases", "people", "revenue", "seconds"):
        table.add_column(heading, justify="right")
    for tenant in tenants:
        result, figures = tenant.result, tenant.figures
        table.add_row(
            tenant.name,
            f"{result.records_fetched:,}",
            f"{result.records_loaded:,}",
            f"{result.records_failed:,}",
            f"{result.count_of('merge_count'):,}",
            f"{figures.purchases:,}",
            f"{figures.people:,}",
            f"{figures.revenue:,.2f} {figures.currency}",
            f"{result.duration_seconds or 0:.1f}",
        )
    return table


def _best(tenant: Shown) -> Table:
    table = Table(title=f"Best customers of {tenant.name}", title_justify="left", box=None, header_style="bold")
    table.add_column("person")
    for heading in ("revenue", "purchases", "sources"):
        table.add_column(heading, justify="right")
    table.add_column("last purchase")
    for customer in tenant.figures.top[:BEST]:
        table.add_row(
            customer.person_id[:12],
            f"{customer.revenue:,.2f}",
            f"{customer.orders:,}",
            f"{customer.sources}",
            customer.last_purchase.isoformat(),
        )
    return table


def _verdict(tenant: Shown) -> str:
    if tenant.score:
        score = tenant.score
        return (
            f"[bold]{tenant.name}[/bold]: people against the truth, pair by pair: "
            f"precision [bold]{score.precision:.4f}[/bold], recall [bold]{score.recall:.4f}[/bold] "
            f"({score.without_person:,} of {score.records:,} records carry no identifier and count as missed)"
        )
    right = sum(check.passed for check in tenant.checks)
    colour = "green" if right == len(tenant.checks) else "red"
    text = f"customer-value figures: [{colour}]{right} of {len(tenant.checks)}[/{colour}] equal the published ones"
    return f"[bold]{tenant.name}[/bold]: {text}"
