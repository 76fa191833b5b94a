"""The bookmarks Meltano saves for a tenant, where they are kept in files: shown after a run, mended before one.

Meltano writes a state file in place. Killed at that very moment, it leaves half a file, and every later run is refused.
So a good copy is kept after each run, and put back when the file cannot be read: an older bookmark only means reading
some records twice, which changes nothing.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from pipe.errors import ConfigurationError
from pipe.files import keep
from plugins import wiring

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plugins.project import Project, Tenant

SHOWN = 20
"""Members of a list or mapping in a bookmark that a result shows; of more it tells the number."""

FILE = "state.json"


class Bookmarks:
    """The saved states of one tenant."""

    def __init__(self, project: Project, tenant: Tenant, copies: Path) -> None:
        """Keep copies in the directory `copies`."""
        self._root = project.root
        self._states = states(project)
        self._prefix = f"{tenant.name}:"
        self._copies = copies

    def mend(self) -> list[str]:
        """Put back the copy of each file that cannot be read; returns the state ids this was done for.

        Raises:
            ConfigurationError: there is no copy.
        """
        mended = []
        for path in self._files():
            if _read(path) is not None:
                continue
            state_id = path.parent.name
            copy = self._copies / f"{state_id}.json"
            if _read(copy) is None:
                raise ConfigurationError(
                    f"the saved bookmark {path.relative_to(self._root)} cannot be read",
                    remedy="Restore it, or delete it to read everything again: rows are merged by key, nothing doubles",
                )
            keep(path, copy.read_bytes())
            mended.append(state_id)
        return mended

    def copy(self) -> None:
        """Keep a copy of each file that can be read."""
        for path in self._files():
            if _read(path) is not None:
                keep(self._copies / f"{path.parent.name}.json", path.read_bytes())

    def show(self, state_ids: list[str]) -> dict[str, Any]:
        """Stream -> bookmark, under those state ids; long lists in them only by their length."""
        found: dict[str, Any] = {}
        for path in self._files():
            if path.parent.name in state_ids:
                state = ((_read(path) or {}).get("completed") or {}).get("singer_state") or {}
                found |= {stream: _short(mark) for stream, mark in state.get("bookmarks", {}).items()}
        return found

    def _files(self) -> Iterator[Path]:
        if self._states and self._states.is_dir():
            yield from sorted(path for path in self._states.glob(f"*/{FILE}") if self._is_ours(path))

    def _is_ours(self, path: Path) -> bool:
        return path.parent.name.startswith(self._prefix)


def states(project: Project) -> Path | None:
    """The directory of the saved states, where they are kept in files."""
    uri = str((project.documents[0].content.get("state_backend") or {}).get("uri", ""))
    parts = urlsplit(wiring.expand(uri, {"MELTANO_PROJECT_ROOT": str(project.root)}))
    # Meltano's form of a path that starts at the root has four slashes.
    return Path("/", unquote(parts.path).lstrip("/")) if parts.scheme == "file" else None


def state_directories(project: Project, tenant: str) -> list[Path]:
    """The directories of a tenant's saved states, where they are kept in files."""
    root = states(project)
    return sorted(root.glob(f"{tenant}:*")) if root and root.is_dir() else []


def _read(path: Path) -> dict[str, Any] | None:
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None


def _short(value: Any) -> Any:
    if isinstance(value, dict | list) and len(value) > SHOWN:
        return f"{len(value)} entries"
    if isinstance(value, dict):
        return {name: _short(item) for name, item in value.items()}
    return value
