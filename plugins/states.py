"""A tenant's saved Singer states, through Meltano, wherever its state backend keeps them."""

from __future__ import annotations

import fnmatch
import json
import os
import subprocess
import tempfile
from typing import TYPE_CHECKING, Any

from pipe.errors import DataError, InternalError
from plugins import meltano_call

if TYPE_CHECKING:
    from collections.abc import Iterable

    from plugins.project import Plugin, Project, Tenant

State = dict[str, Any]
"""A Singer state: `{"bookmarks": {stream: {...}}}`."""


class States:
    """The states of one tenant, by state id."""

    def __init__(self, project: Project, tenant: Tenant) -> None:
        """Use the project's state backend."""
        self._project, self._tenant = project, tenant

    def read(self, state_id: str) -> State:
        """The state; an empty one where there is none."""
        found = json.loads(self._meltano("get", state_id) or "{}").get("singer_state") or {}
        if not isinstance(found, dict) or not isinstance(found.get("bookmarks", {}), dict):
            raise DataError(f"the state {state_id} is no Singer state", remedy="See: meltano state get")
        return found

    def write(self, state_id: str, state: State) -> None:
        """Replace the state."""
        handle, name = tempfile.mkstemp(suffix=".json")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump({"singer_state": state}, file)
            self._meltano("set", "--force", state_id, "--input-file", name)
        finally:
            os.unlink(name)  # noqa: PTH108  made by its name

    def forget(self, state_id: str, patterns: Iterable[str]) -> list[str]:
        """Drop the bookmarks of the streams that match one of `patterns`, case ignored; returns the streams."""
        state = self.read(state_id)
        wanted = [pattern.lower() for pattern in patterns]
        bookmarks = state.get("bookmarks") or {}
        gone = [name for name in bookmarks if any(fnmatch.fnmatchcase(name.lower(), each) for each in wanted)]
        if gone:
            kept = {name: mark for name, mark in bookmarks.items() if name not in gone}
            self.write(state_id, state | {"bookmarks": kept})
        return gone

    def _meltano(self, *arguments: str) -> str:
        done = subprocess.run(
            [*meltano_call.base(self._tenant), "state", *arguments],
            cwd=self._project.root,
            env=meltano_call.environment(self._project, self._tenant, ""),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise InternalError(
                f"Meltano could not {arguments[0]} the state (exit code {done.returncode})",
                remedy=f"Try: meltano --environment={self._tenant.name} state {arguments[0]} ...",
            )
        return done.stdout.strip()


def pipes(project: Project, tenant: Tenant, jobs: Iterable[str]) -> dict[str, Plugin]:
    """State id -> tap, of each pipe in the jobs."""
    found: dict[str, Plugin] = {}
    suffix = tenant.environment.get("state_id_suffix")
    for job in jobs:
        tap: Plugin | None = None
        for word in project.jobs[job]:
            plugin = project.plugins.get(word)
            if plugin and plugin.kind == "extractors":
                tap = plugin
            elif plugin and plugin.kind == "loaders" and tap:
                found[":".join(filter(None, [tenant.name, f"{tap.name}-to-{plugin.name}", suffix]))] = tap
                tap = None
    return found
