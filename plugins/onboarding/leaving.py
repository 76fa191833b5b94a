"""What a tenant leaves behind, and how it is taken away.

Bookmarks are found where the state backend keeps them in files; elsewhere, `meltano state clear` removes them.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from plugins.bookmarks import state_directories, states
from plugins.lease_stores import SUFFIX

if TYPE_CHECKING:
    from pathlib import Path

    from plugins.project import Project


def files(project: Project, tenant: str) -> list[Path]:
    """What runs of the tenant have made: identity store, logs, Meltano's own files, bookmarks, the lease."""
    own = [project.root / ".growthnav" / tenant, project.root / ".meltano" / "tenants" / tenant]
    root = states(project)
    saved = [*state_directories(project, tenant), *([root / f"{tenant}{SUFFIX}"] if root else [])]
    return [path for path in [*own, *saved] if path.exists()]


def forget_files(project: Project, tenant: str) -> list[Path]:
    """Remove them; returns which."""
    found = files(project, tenant)
    for path in found:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    return found
