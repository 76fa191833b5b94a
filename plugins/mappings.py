"""What each source stream of a tenant becomes, as a fingerprint: when it changes, the stream is read again in full.

Rows that are loaded already were made by the old mapping; without a new read the two would lie side by side. The
fingerprint is of the compiled rule, so the wording of a preset does not matter.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipe.files import keep
from pipe.streams import Stream
from plugins import plugin_call, states
from plugins.bookmarks import state_directories
from transforms import sources

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from plugins.project import Project, Tenant

MAPPER = "map-conversions"
FILE = "mappings.json"


@dataclass(frozen=True)
class Mapped:
    """One rule of one connection."""

    fingerprint: str
    match: tuple[str, ...]
    """Patterns of the source streams it is for."""
    extractor: str | None = None
    """The only tap they come from; None: any."""


def settings(project: Project, tenant: Tenant) -> dict[str, Any]:
    """The mapper's settings for a tenant: what the project says, and over it what the tenant says."""
    plugin = project.plugins.get(MAPPER)
    if plugin is None:
        return {}
    merged = plugin_call.settings(project, plugin, tenant.name, tenant.config(plugin)[1])
    merged["sources"] = [_in_project(entry, project.root) for entry in merged.get("sources") or []]
    return merged


def of(project: Project, tenant: Tenant) -> dict[str, Mapped]:
    """`<connector>/<rule>` -> mapping, of every source a tenant has.

    Raises:
        ConfigurationError: the sources have mistakes: all of them.
    """
    given = settings(project, tenant).get("sources")
    if not given:
        return {}
    sources.load.cache_clear()  # a preset may have changed while we work
    return {
        f"{source.connector}/{rule.name}": Mapped(_fingerprint((rule, source.zone)), rule.match, source.extractor)
        for source in sources.read(given)
        for rule in source.preset.streams
    }


class Memory:
    """The mappings that a tenant's rows were made by."""

    def __init__(self, directory: Path) -> None:
        """Keep them in the tenant's `directory`."""
        self._path = directory / FILE

    def changed(self, now: Mapping[str, Mapped]) -> dict[str, Mapped]:
        """Those of `now` that are new or not as they were; none before the first run."""
        before = self._read()
        if before is None:
            return {}
        return {name: mapped for name, mapped in now.items() if before.get(name) != mapped.fingerprint}

    def keep(self, now: Mapping[str, Mapped]) -> None:
        """Take `now` as what rows are made by from here on."""
        if now or self._path.exists():
            known = {name: mapped.fingerprint for name, mapped in sorted(now.items())}
            keep(self._path, json.dumps(known, indent=1).encode())

    def _read(self) -> dict[str, str] | None:
        try:
            found = json.loads(self._path.read_text())
        except (OSError, ValueError):
            return None
        return found if isinstance(found, dict) else None


def resync(project: Project, tenant: Tenant, jobs: Iterable[str], directory: Path) -> list[str]:
    """Forget the bookmarks of streams whose mapping has changed, and return them: they are read in full.

    Those of other jobs, too, and before a full refresh, which may fail: the change is known only this once.

    Args:
        project: where the tenant is.
        tenant: whose mappings.
        jobs: those that run now.
        directory: of the tenant.
    """
    memory, now = Memory(directory), of(project, tenant)
    changed, forgotten = memory.changed(now).values(), list[str]()
    if changed:
        saved = states.States(project, tenant)
        due = states.pipes(project, tenant, [*jobs, *(job for _, job in tenant.schedules)])
        there = {path.name for path in state_directories(project, tenant.name)}
        others = {name: tap for name, tap in states.pipes(project, tenant, project.jobs).items() if name in there}
        for state_id, tap in {**due, **others}.items():
            mine = [each for each in changed if each.extractor in {None, tap.name}]
            if patterns := [pattern for each in mine for pattern in each.match]:
                forgotten += saved.forget(state_id, patterns)
    memory.keep(now)
    return forgotten


def _in_project(entry: Any, root: Path) -> Any:
    """The entry with the path of a preset of one's own made whole: commands may be called from elsewhere."""
    preset = entry.get("preset") if isinstance(entry, dict) else None
    if isinstance(preset, str) and preset.endswith((".yml", ".yaml")):
        return {**entry, "preset": str(root / preset)}
    return entry


def _fingerprint(value: Any) -> str:
    return hashlib.sha256(json.dumps(_plain(value), sort_keys=True, default=str).encode()).hexdigest()[:32]


def _plain(value: Any) -> Any:
    """What was set, without defaults: a field that a later version adds changes no fingerprint."""
    if isinstance(value, Stream):
        return value.name
    if dataclasses.is_dataclass(value):
        items = ((field, getattr(value, field.name)) for field in dataclasses.fields(value))
        return {field.name: _plain(item) for field, item in items if item != field.default}
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, tuple | list) else value
