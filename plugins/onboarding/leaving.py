"""What a tenant leaves behind, and how it is taken away."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from plugins.bookmarks import state_directories

if TYPE_CHECKING:
    from pathlib import Path

    from plugins.project import Project


def files(project: Project, tenant: str) -> list[Path]:
    """Directories that runs of the tenant have made: identity store, logs, Meltano's own files, bookmarks."""
    own = [project.root / ".growthnav" / tenant, project.root / ".meltano" / "tenants" / tenant]
    return [path for path in [*own, *state_directories(project, tenant)] if path.exists()]


def forget_files(project: Project, tenant: str) -> list[Path]:
    """Remove them; returns which."""
    found = files(project, tenant)
    for path in found:
        shutil.rmtree(path, ignore_errors=True)
    return found
