"""What an onboarding changes, step by step: each step knows what is there, makes it, and can take it back."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from pipe.errors import PipeError
from pipe.files import keep
from plugins import warehouse
from plugins.onboarding import tenant_file
from plugins.registry import Connector, Customer

if TYPE_CHECKING:
    from pathlib import Path

    from plugins.onboarding.definition import DataSource, Definition
    from plugins.project import Project
    from plugins.registry import Registry
    from plugins.secrets import Vault

CREATE, UPDATE, REMOVE = "create", "update", "remove"
PROVISIONING, REGISTERING, CONFIGURING = "PROVISIONING", "REGISTERING", "CONFIGURING_DATA_SOURCES"
_SYNCED = ("last_sync", "last_sync_cursor", "error_message", "created_at", "updated_at")
"""Columns of a connector that runs fill in."""

Undo = Callable[[], object]


@dataclass(frozen=True)
class Step:
    """One change. `make` makes it, and returns what takes it back."""

    status: str
    """The status of the onboarding it belongs to."""
    change: str
    """`create`, `update` or `remove`."""
    what: str
    """`dataset`, `registry`, `secret`, `connector` or `file`."""
    name: str
    make: Callable[[], Undo]
    detail: tuple[str, ...] = ()
    """Lines that say what changes, without secrets."""

    def __str__(self) -> str:
        """One line for people."""
        return f"{self.change} {self.what} {self.name}"


@dataclass(frozen=True)
class World:
    """What an onboarding works on."""

    project: Project
    registry: Registry
    vault: Vault


def plan(world: World, definition: Definition) -> list[Step]:
    """The changes that lead from what is there to the definition, in order; none if all is there."""
    found = [_dataset(world, definition), _customer(world, definition)]
    for source in definition.data_sources:
        found += [_secret(world, source), _connector(world, source)]
    found += _left_over(world, definition)
    return [step for step in [*found, _file(world, definition)] if step]


def _dataset(world: World, definition: Definition) -> Step | None:
    loader = world.project.plugins[definition.loader]
    own = {"project": definition.gcp_project_id, "location": definition.location} if definition.gcp_project_id else {}
    own = {name: value for name, value in own.items() if value}
    place = warehouse.open_warehouse(world.project, definition.customer_id, loader, own)
    if place.exists():
        return None

    make = partial(_made, lambda: warehouse.create(world.project, definition.customer_id, loader, own), place.drop)
    return Step(PROVISIONING, CREATE, "dataset", place.name, make)


def _customer(world: World, definition: Definition) -> Step | None:
    before = world.registry.customer(definition.customer_id)
    wanted = Customer(
        definition.customer_id,
        definition.customer_name,
        definition.industry,
        definition.gcp_project_id,
        definition.google_ads_customer_ids,
        definition.meta_ad_account_ids,
        definition.tags,
        definition.dataset,
    )
    if before and dataclasses.replace(before, created_at=None, updated_at=None) == wanted:
        return None

    def undo() -> None:
        if before:
            world.registry.put_customer(before)
        else:
            world.registry.remove_customer(definition.customer_id)

    active = before is not None and before.is_active
    return Step(
        REGISTERING,
        UPDATE if active else CREATE,
        "registry",
        f"tenant {definition.customer_id}",
        partial(_made, lambda: world.registry.put_customer(wanted), undo),
        _differences(before.as_dict() if before and active else {}, wanted.as_dict()) if active else (),
    )


def _secret(world: World, source: DataSource) -> Step | None:
    path = source.secret
    if path is None:
        return None
    before = world.vault.read(source.customer_id, path)
    if before == source.credentials:
        return None

    def undo() -> None:
        if before is None:
            world.vault.delete(source.customer_id, path)
        else:
            world.vault.write(source.customer_id, path, before)

    make = partial(_made, lambda: world.vault.write(source.customer_id, path, source.credentials), undo)
    return Step(CONFIGURING, UPDATE if before else CREATE, "secret", path, make)


def _connector(world: World, source: DataSource) -> Step | None:
    before = world.registry.connector(source.customer_id, source.connector_id)
    wanted = Connector(
        source.connector_id,
        source.customer_id,
        source.type.name,
        source.name,
        source.connection_params,
        source.field_overrides,
        source.sync_mode,
        source.sync_schedule,
        credentials_secret_path=source.secret,
    )
    if before:
        wanted = dataclasses.replace(wanted, last_sync=before.last_sync, last_sync_cursor=before.last_sync_cursor)
        kept = {name: getattr(wanted, name) for name in _SYNCED}
        if dataclasses.replace(before, **kept) == wanted:
            return None
    details = _differences(before.as_dict(), wanted.as_dict()) if before else ()
    return _row(world, wanted, before, UPDATE if before else CREATE, details)


def _left_over(world: World, definition: Definition) -> list[Step]:
    """Data sources the definition no longer names: their secrets go, their rows stay as inactive."""
    found: list[Step] = []
    named = {source.connector_id for source in definition.data_sources}
    for before in world.registry.connectors(definition.customer_id):
        if before.connector_id in named or not before.is_active:
            continue
        if before.credentials_secret_path:
            found.append(_forget(world, before.customer_id, before.credentials_secret_path))
        inactive = dataclasses.replace(before, is_active=False, updated_at=None)
        found.append(_row(world, inactive, before, REMOVE))
    secrets: set[str | None] = {source.secret for source in definition.data_sources}
    known = {step.name for step in found}
    orphans = [path for path in world.vault.paths(definition.customer_id) if path not in secrets | known]
    return found + [_forget(world, definition.customer_id, path) for path in orphans]


def _forget(world: World, customer_id: str, path: str) -> Step:
    def make() -> Undo:
        content = world.vault.read(customer_id, path)

        def undo() -> None:
            if content is not None:
                world.vault.write(customer_id, path, content)

        return _made(lambda: world.vault.delete(customer_id, path), undo)

    return Step(CONFIGURING, REMOVE, "secret", path, make)


def _row(world: World, wanted: Connector, before: Connector | None, change: str, details: tuple[str, ...] = ()) -> Step:
    def undo() -> None:
        if before is None:
            world.registry.remove_connector(wanted.customer_id, wanted.connector_id)
        else:
            world.registry.put_connector(before)

    make = partial(_made, lambda: world.registry.put_connector(wanted), undo)
    return Step(CONFIGURING, change, "connector", wanted.connector_id, make, details)


def _file(world: World, definition: Definition) -> Step | None:
    path = tenant_file.path(world.project, definition.customer_id)
    content, before = tenant_file.render(definition), _content(path)
    if before == content:
        return None

    def undo() -> None:
        if before is None:
            path.unlink(missing_ok=True)
        else:
            keep(path, before)

    name = str(path.relative_to(world.project.root))
    make = partial(_made, lambda: keep(path, content), undo)
    return Step(CONFIGURING, UPDATE if before else CREATE, "file", name, make, _diff(before, content))


def _made(do: Callable[[], object], undo: Undo) -> Undo:
    """Do it; where that fails half way, or its answer is lost, take back what there may be of it."""
    try:
        do()
    except BaseException:
        with suppress(PipeError):  # whatever keeps it from being done tells why
            undo()
        raise
    return undo


def _content(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


def _diff(before: bytes | None, after: bytes) -> tuple[str, ...]:
    if before is None:
        return ()
    import difflib

    lines = difflib.unified_diff(
        before.decode().splitlines(), after.decode().splitlines(), "now", "then", "", "", 1, ""
    )
    return tuple(lines)


def _differences(before: dict[str, Any], after: dict[str, Any]) -> tuple[str, ...]:
    return tuple(
        f"{name}: {before[name]!r} -> {after[name]!r}"
        for name in after
        if name not in _SYNCED and before.get(name) != after[name]
    )
