"""The catalogue: kinds of data sources, by category."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

if TYPE_CHECKING:
    from plugins.project import Project

CATEGORIES = ("data_lake", "pos", "crm", "olo", "loyalty", "other")
INDUSTRIES = (
    "automotive",
    "beauty",
    "ecommerce",
    "education",
    "fitness",
    "golf",
    "hospitality",
    "medical",
    "other",
    "professional_services",
    "restaurant",
    "retail",
)
"""What a tenant's industry may be, so that tenants of one can be compared."""


@dataclass(frozen=True)
class ConnectorType:
    """A kind of data source."""

    name: str
    title: str
    category: str
    extractor: str
    preset: str | None = None
    """How it is mapped, unless the data source says."""
    credentials: tuple[str, ...] = ()
    """What its secret usually holds."""
    ask: tuple[str, ...] = ()
    """Settings without which it cannot be read."""

    def is_available(self, project: Project) -> bool:
        """Whether the project's wiring can read it."""
        return self.extractor in project.plugins


@cache
def types() -> dict[str, ConnectorType]:
    """Every kind, by name. A preset that is not shipped yet counts as none: the definition must name one."""
    from transforms import sources

    shipped = sources.shipped()
    content = yaml.safe_load(Path(__file__).with_name("catalogue.yml").read_text(encoding="utf-8"))
    return {
        name: ConnectorType(
            name,
            entry["title"],
            entry["category"],
            entry["extractor"],
            entry.get("preset") if entry.get("preset") in shipped else None,
            tuple(entry["credentials"]),
            tuple(entry.get("ask", ())),
        )
        for name, entry in content.items()
    }
