"""A small Meltano project with stub plugins, run through the real Meltano and the real `growthnav`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import yaml
from operating import GROWTHNAV, Ended, environment

HERE = Path(__file__).parent
CANARY = "canary-3f9a/+secret"

WIRING = """\
project_id: stub
send_anonymous_usage_stats: false
include_paths: ['tenants/*.meltano.yml']
cli: {disable_version_check: true, log_config: logging.yaml}
ff: {strict_env_var_mode: true}
state_backend: {uri: 'file:///${MELTANO_PROJECT_ROOT}/.state'}
plugins:
  extractors:
  - name: tap-stub
    namespace: tap_stub
    executable: ./bin/tap-stub
    capabilities: [catalog, discover, state, structured-logging]
    settings:
    - {name: tenant, value: '${MELTANO_ENVIRONMENT}'}
    - {name: api_key, sensitive: true}
    - {name: rows, kind: integer}
    - {name: exit, kind: integer}
    - {name: skipped, kind: integer}
    - {name: calls_then_wait, kind: integer}
    - {name: say}
    - {name: crash, kind: boolean}
    - {name: kill, kind: boolean}
    - {name: hang}
    - {name: peek, kind: boolean}
    - {name: stubborn, kind: boolean}
  mappers:
  - name: map-stub
    namespace: map_stub
    executable: ./bin/map-stub
    capabilities: [structured-logging]
    mappings: [{name: mapping}]
  loaders:
  - name: target-stub
    namespace: target_stub
    executable: ./bin/target-stub
    capabilities: [structured-logging]
    settings:
    - {name: filepath, value: '${MELTANO_PROJECT_ROOT}/out/${MELTANO_ENVIRONMENT}.jsonl'}
jobs:
- {name: rows, tasks: [tap-stub mapping target-stub]}
"""


class Project:
    """A project in a directory of its own."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.started: list[subprocess.Popen[str]] = []
        (root / "bin").mkdir()
        (root / "tenants").mkdir()
        (root / "meltano.yml").write_text(WIRING)
        (root / "logging.yaml").write_text((HERE.parents[1] / "logging.yaml").read_text())
        stub = (HERE / "singer_stub.py").read_text()
        for name in ("tap-stub", "map-stub", "target-stub"):
            executable = root / "bin" / name
            executable.write_text(f"#!{sys.executable} -S\n{stub}")
            executable.chmod(0o755)

    def add(self, name: str, *, tap: dict[str, Any] | None = None, **others: Any) -> Path:
        """Write a tenant with settings for the tap, `mapper` and `target`."""
        plugins = {
            "extractors": [{"name": "tap-stub", "config": tap or {}}],
            "mappers": [{"name": "map-stub", "config": others.get("mapper", {})}],
            "loaders": [{"name": "target-stub", "config": others.get("target", {})}],
        }
        content = {"environments": [{"name": name, "state_id_suffix": name, "config": {"plugins": plugins}}]}
        path = self.root / "tenants" / f"{name}.meltano.yml"
        path.write_text(yaml.safe_dump(content))
        return path

    def start(self, *arguments: str, command: Path = GROWTHNAV, **extra: str) -> subprocess.Popen[str]:
        """Start a command in the project; a test that fails in the middle leaves nothing running."""
        process = subprocess.Popen(
            [str(command), *arguments],
            cwd=self.root,
            env=environment(**extra),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.started.append(process)
        return process

    def call(self, *arguments: str, command: Path = GROWTHNAV, **extra: str) -> Ended:
        """Run a command in the project to its end."""
        process = self.start(*arguments, command=command, **extra)
        out, err = process.communicate(timeout=120)
        return Ended(process.returncode, out, err)

    def rows(self, tenant: str) -> list[dict[str, Any]]:
        """What the target has written for a tenant."""
        path = self.root / "out" / f"{tenant}.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def ids(self, tenant: str) -> list[int]:
        """The keys of those rows, each once, in order."""
        return sorted({row["id"] for row in self.rows(tenant)})

    def bookmark(self, tenant: str) -> dict[str, Any] | None:
        """The tenant's saved bookmark."""
        path = self.root / ".state" / f"{tenant}:tap-stub-to-target-stub:{tenant}" / "state.json"
        return json.loads(path.read_text())["completed"]["singer_state"]["bookmarks"]["rows"] if path.exists() else None

    def log(self, result: dict[str, Any]) -> str:
        """The text of a run's log file."""
        return (self.root / result["log"]).read_text()

    def files_with(self, text: str) -> list[str]:
        """Files the commands wrote that hold `text`."""
        written = [path for top in (".meltano", ".growthnav", ".state", "out") for path in (self.root / top).rglob("*")]
        return [
            str(path.relative_to(self.root))
            for path in written
            if path.is_file() and text.encode() in path.read_bytes()
        ]


def in_parallel(work: Callable[[str], Ended], names: list[str]) -> dict[str, Ended]:
    """Each name's work, two at a time."""
    with ThreadPoolExecutor(2) as pool:
        return dict(zip(names, pool.map(work, names), strict=True))


def wait_for(condition: Callable[[], Any], seconds: float = 30) -> Any:
    """The first true value of `condition`."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)
    return value


def family(process: int) -> list[int]:
    """All living processes below a process."""
    try:
        text = Path(f"/proc/{process}/task/{process}/children").read_text()
    except FileNotFoundError:
        return []
    return [found for child in map(int, text.split()) for found in (child, *family(child))]


def kill(process: int, number: signal.Signals = signal.SIGKILL) -> None:
    """Send a signal to one process."""
    os.kill(process, number)
