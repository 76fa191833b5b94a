"""How Meltano is called for a tenant, where it keeps things, and what must not stay behind."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import sys
from typing import TYPE_CHECKING

from pipe.errors import ConfigurationError
from plugins import inherited, meltano_main

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from plugins.project import Project, Tenant

RUN_ID_VARIABLE = "GROWTHNAV_RUN_ID"  # as in pipe.mapper, which imports the Singer SDK: too slow for a command line


def system_directory(project: Project, tenant: Tenant) -> Path:
    """Meltano's own files for a tenant. Two tenants that share them swap bookmarks when they run together."""
    return project.root / ".meltano" / "tenants" / tenant.name


def base(tenant: Tenant) -> list[str]:
    """Meltano for a tenant, up to the command's name.

    The level is info because at debug Meltano logs the records. Meltano would give all of `.env` to every plugin of
    every tenant: it gets the tenant's part from us instead.

    Raises:
        ConfigurationError: Meltano is not installed beside us.
    """
    if importlib.util.find_spec("meltano") is None:
        raise ConfigurationError("Meltano is not installed in this environment", remedy="Run: make demo")
    # -P: the project may have directories named like our packages.
    call = [sys.executable, "-P", "-m", "plugins.meltano_main", "--log-format=json", "--log-level=info"]
    return [*call, f"--env-file={os.devnull}", f"--environment={tenant.name}"]


def command(
    tenant: Tenant, jobs: Iterable[str], run_id: str, *, full_refresh: bool, keep_state: bool = False
) -> list[str]:
    """The call of a run.

    `--force` leaves out Meltano's check for another run, which a killed one fails for five minutes: our lock does
    that. `keep_state` leaves the bookmarks as they are.

    Raises:
        ConfigurationError: Meltano is not installed beside us.
    """
    options = ["--force", f"--run-id={run_id}", *(["--full-refresh"] if full_refresh else [])]
    return [*base(tenant), "run", *options, *(["--no-state-update"] if keep_state else []), *jobs]


def environment(project: Project, tenant: Tenant, run_id: str) -> dict[str, str]:
    """What Meltano and the plugins get: of our environment and `.env`, what they need."""
    system = system_directory(project, tenant)
    files = [str(document.path) for document in project.documents_of(tenant)[1:]]
    return inherited.for_tenant(project, tenant, project.environment) | {
        meltano_main.FILES_VARIABLE: json.dumps(files),
        "MELTANO_ENVIRONMENT": tenant.name,
        "MELTANO_PROJECT_ROOT": str(project.root),
        "MELTANO_SYS_DIR_ROOT": str(system),
        "MELTANO_CLI_LOG_CONFIG": "",  # JSON, whatever the project's logging.yaml says
        "XDG_STATE_HOME": str(_job_logs(system)),
        RUN_ID_VARIABLE: run_id,
    }


def sweep(project: Project, tenant: Tenant) -> None:
    """Remove what holds secrets in clear: the plugins' configuration files and Meltano's copy of their output.

    Meltano removes the former itself unless it is killed. While they exist, they are for our user's eyes only.
    """
    system = system_directory(project, tenant)
    system.mkdir(parents=True, exist_ok=True)
    system.chmod(0o700)
    for file in system.glob("run/*/*.config.json"):
        file.unlink(missing_ok=True)
    shutil.rmtree(_job_logs(system), ignore_errors=True)


def _job_logs(system: Path) -> Path:
    return system / "job-logs"
