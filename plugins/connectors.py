"""`growthnav connectors`: the catalogue of data sources."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from plugins import table
from plugins.onboarding.catalogue import CATEGORIES, types
from plugins.project import open_project

if TYPE_CHECKING:
    from pathlib import Path

    from plugins.project import Project


@click.command("connectors")
@click.option("--category", type=click.Choice(CATEGORIES), help="Only those of one category.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
@click.pass_obj
def command(directory: Path | None, *, category: str | None, as_json: bool) -> None:
    """List the kinds of data sources, and which of them can be read."""
    found = [entry for entry in catalogue(open_project(directory)) if category in {None, entry["category"]}]
    if as_json:
        click.echo(json.dumps(found))
        return
    table.show(("type", "name", "category", "tap", "secret", "ready"), [_row(entry) for entry in found])


def _row(entry: dict[str, Any]) -> tuple[str, ...]:
    secret, ready = ", ".join(entry["credentials"]), "yes" if entry["available"] else "no"
    return entry["connector_type"], entry["title"], entry["category"], entry["extractor"], secret, ready


def catalogue(project: Project) -> list[dict[str, Any]]:
    """Every kind of data source, in the order of its category."""
    return [
        {
            "connector_type": kind.name,
            "title": kind.title,
            "category": kind.category,
            "extractor": kind.extractor,
            "preset": kind.preset,
            "credentials": list(kind.credentials),
            "available": kind.is_available(project),
        }
        for kind in sorted(types().values(), key=lambda kind: (CATEGORIES.index(kind.category), kind.name))
    ]
