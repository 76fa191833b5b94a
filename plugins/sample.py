"""The first records of a data source, read by its tap from the beginning: nothing is loaded, no bookmark is saved."""

from __future__ import annotations

import json
import subprocess
import threading
from itertools import islice
from typing import TYPE_CHECKING, Any

from pipe.errors import ConfigurationError
from plugins import meltano_call, redact
from plugins.project import choose, listing
from plugins.secrets import open_vault

if TYPE_CHECKING:
    from plugins.project import Plugin, Project, Tenant

LINES_READ = 5000
"""Lines of a tap's output that are looked at, at most."""


def lines(project: Project, tenant: Tenant, tap: Plugin, rows: int, seconds: float, *, scratch: str) -> list[bytes]:
    """The first lines a tap sends, from its source's beginning; all its files are in the directory `scratch`.

    Raises:
        ConfigurationError: it sent none.
    """
    secrets = open_vault(project).resolve(tenant)
    redact.check_references(project, tenant, [tap], {**project.environment, **secrets})
    environment = {**meltano_call.environment(project, tenant, ""), **secrets}
    environment["MELTANO_SYS_DIR_ROOT"] = scratch  # a run of the tenant may be under way
    if tap.has("max_rows"):
        environment[tap.variable("max_rows")] = str(rows)
    if tap.has("batch_config"):
        environment[tap.variable("batch_config")] = json.dumps({"storage": {"root": scratch}, "batch_size": LINES_READ})
    process = subprocess.Popen(
        [*meltano_call.base(tenant), "invoke", tap.name],
        cwd=project.root,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    alarm = threading.Timer(seconds, process.terminate)
    alarm.start()
    try:
        assert process.stdout is not None  # noqa: S101  it was asked for
        found = [line for line in islice(process.stdout, LINES_READ) if line.startswith(b"{")]
    finally:
        alarm.cancel()
        process.terminate()
        process.communicate()
    if not found:
        raise ConfigurationError(
            f"{tap.name} sent nothing", remedy=f"Run it to be told why: growthnav run {tenant.name}"
        )
    return found


def choose_tap(project: Project, tenant: Tenant, name: str | None) -> Plugin:
    """The tap named, or the only one that the tenant's jobs start.

    Raises:
        ConfigurationError: unknown, or not to be guessed.
    """
    taps: dict[str, Any] = {p.name: p for p in project.plugins.values() if p.kind == "extractors"}
    if name is not None:
        return choose("tap", name, taps)  # type: ignore[no-any-return]
    mine = [entry["name"] for _, entry in tenant.entries("extractors") if entry.get("name") in taps]
    if len(mine) == 1:
        return taps[mine[0]]  # type: ignore[no-any-return]
    raise ConfigurationError(
        f"tenant '{tenant.name}' has {len(mine)} taps",
        remedy=f"Name one: {listing(mine)}",
    )
