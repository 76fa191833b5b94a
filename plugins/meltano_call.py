"""How Meltano is called for a tenant, where it keeps things, and what must not stay behind."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pipe.errors import ConfigurationError
from plugins import redact, wiring

if TYPE_CHECKING:
    from collections.abc import Iterable

    from plugins.project import Project, Tenant

RUN_ID_VARIABLE = "GROWTHNAV_RUN_ID"  # as in pipe.mapper, which imports the Singer SDK: too slow for a command line


def system_directory(project: Project, tenant: Tenant) -> Path:
    """Meltano's own files for a tenant. Two tenants that share them swap bookmarks when they run together."""
    return project.root / ".meltano" / "tenants" / tenant.name


def command(tenant: Tenant, jobs: Iterable[str], run_id: str, *, full_refresh: bool) -> list[str]:
    """The call.

    `--force` leaves out Meltano's check for another run, which a killed one fails for five minutes: our lock does
    that. The level is info because at debug Meltano logs the records.

    Raises:
        ConfigurationError: Meltano is not installed beside us.
    """
    meltano = Path(sys.executable).with_name("meltano")
    if not meltano.exists():
        raise ConfigurationError("Meltano is not installed in this environment", remedy="Run: make demo")
    call = [str(meltano), "--log-format=json", "--log-level=info", f"--environment={tenant.name}"]
    options = ["--force", f"--run-id={run_id}", *(["--full-refresh"] if full_refresh else [])]
    return [*call, "run", *options, *jobs]


def environment(project: Project, tenant: Tenant, run_id: str) -> dict[str, str]:
    """What Meltano and the plugins get: our environment without the variables only other tenants refer to."""
    system = system_directory(project, tenant)
    return redact.environment_for(project, tenant, os.environ) | {
        "MELTANO_ENVIRONMENT": tenant.name,
        "MELTANO_PROJECT_ROOT": str(project.root),
        "MELTANO_SYS_DIR_ROOT": str(system),
        "MELTANO_CLI_LOG_CONFIG": "",  # JSON, whatever the project's logging.yaml says
        "XDG_STATE_HOME": str(_job_logs(system)),
        RUN_ID_VARIABLE: run_id,
    }


def sweep(project: Project, tenant: Tenant) -> None:
    """Remove what holds secrets in clear: the plugins' configuration files and Meltano's copy of their output.

    Meltano removes the former itself unless it is killed.
    """
    system = system_directory(project, tenant)
    for file in system.glob("run/*/*.config.json"):
        file.unlink(missing_ok=True)
    shutil.rmtree(_job_logs(system), ignore_errors=True)


def bookmarks(project: Project, state_ids: Iterable[str]) -> dict[str, Any]:
    """Stream -> bookmark, as saved under the state ids; empty when they are not kept in files."""
    uri = str((project.documents[0].content.get("state_backend") or {}).get("uri", ""))
    parts = urlsplit(wiring.expand(uri, {"MELTANO_PROJECT_ROOT": str(project.root)}))
    found: dict[str, Any] = {}
    for state_id in state_ids if parts.scheme == "file" else ():
        try:
            state = json.loads(Path(parts.path, state_id, "state.json").read_bytes())
        except (OSError, ValueError):
            continue
        found |= (state.get("completed") or {}).get("singer_state", {}).get("bookmarks", {})
    return found


def _job_logs(system: Path) -> Path:
    return system / "job-logs"
