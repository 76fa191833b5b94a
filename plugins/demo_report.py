"""What the demo prints: a table of the runs, how right they are, and the best customers."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from plugins.demo_data.truth import Score
    from plugins.report.figures import Figures
    from plugins.result import RunResult
    from plugins.rfm_check import Check

BEST = 5
"""Customers shown of each tenant."""


@dataclass
class Shown:
    """What the demo tells of a tenant."""

    name: str
    result: RunResult
    page: Path
    figures: Figures
    score: Score | None = None
    before: Score | None = None
    """The same as the pipe left it, before people were reconciled."""
    checks: list[Check] = field(default_factory=list)

    @property
    def facts(self) -> dict[str, Any]:
        """For the page: nothing in it changes when nothing changed."""
        if self.score is None:
            right = sum(check.passed for check in self.checks)
            return {"published_figures_that_agree": f"{right} of {len(self.checks)}"}
        return {
            "precision": self.score.quality.precision,
            "recall": self.score.quality.recall,
            "records": self.score.quality.records,
            "records_without_any_identifier": self.score.without_person,
            "people_in_truth": self.score.quality.true_people,
            "people_found": self.score.found_people,
        }


def show(tenants: Sequence[Shown], seconds: float) -> None:
    """Print everything."""
    console = Console()
    console.print(_runs(tenants))
    for tenant in tenants:
        console.print(_best(tenant))
    console.print()
    for tenant in tenants:
        console.print(_verdict(tenant), highlight=False)
    pages = " and ".join(os.path.relpath(tenant.page) for tenant in tenants)
    console.print(f"\nOpen [bold]{pages}[/bold] in a browser.", highlight=False)
    console.print(f"Done in {seconds:.0f} s. Run it again: it finds nothing new and changes nothing.", highlight=False)


def _runs(tenants: Sequence[Shown]) -> Table:
    table = _table("This run, and what is in the warehouse", "tenant")
    for heading in ("read", "loaded", "rejected", "merges", "purchases", "people", "revenue"):
        table.add_column(heading, justify="right")
    for tenant in tenants:
        result, figures = tenant.result, tenant.figures
        counts = (
            result.records_fetched,
            result.records_loaded,
            result.records_failed,
            result.count_of("merge_count"),
            figures.purchases,
            figures.people,
        )
        table.add_row(tenant.name, *(f"{count:,}" for count in counts), f"{figures.revenue:,.2f}")
    return table


def _best(tenant: Shown) -> Table:
    table = _table(f"Best customers of {tenant.name}", "person")
    for heading in (f"revenue, {tenant.figures.currency}", "purchases", "sources"):
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


def _table(title: str, first: str) -> Table:
    table = Table(title=f"\n{title}", title_justify="left", title_style="bold", box=None, header_style="dim")
    table.add_column(first, style="bold")
    return table


def _verdict(tenant: Shown) -> str:
    if tenant.score:
        score = tenant.score
        missed = f" ({score.without_person:,} records without any identifier count as missed)"
        before = tenant.before.quality if tenant.before else score.quality
        return (
            f"[bold]{tenant.name}[/bold]: people against the truth, pair by pair: "
            f"in the pipe precision {before.precision:.4f}, recall {before.recall:.4f}; "
            f"reconciled precision [bold]{score.quality.precision:.4f}[/bold], "
            f"recall [bold]{score.quality.recall:.4f}[/bold]"
            f"{missed if score.without_person else ''}"
        )
    right = sum(check.passed for check in tenant.checks)
    colour = "green" if right == len(tenant.checks) else "red"
    text = f"customer-value figures: [{colour}]{right} of {len(tenant.checks)}[/{colour}] equal the published ones"
    return f"[bold]{tenant.name}[/bold]: {text}"
