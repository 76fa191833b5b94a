"""The shipped meltano.yml and tenants say what the executables know, and name no place of this machine."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from plugins.project import open_project

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
KINDS = {"integer": "integer", "boolean": "boolean", "number": "decimal", "array": "array", "object": "object"}
LEFT_OUT = {"default_target_schema"}
"""Second names of settings."""


def declared() -> dict[str, dict[str, Any]]:
    """The plugins of meltano.yml by name."""
    wiring = yaml.safe_load((ROOT / "meltano.yml").read_text())
    return {plugin["name"]: plugin for kind in wiring["plugins"].values() for plugin in kind}


def about(executable: str) -> dict[str, Any]:
    """What an executable says of its settings."""
    done = subprocess.run([BIN / executable, "--about", "--format=json"], capture_output=True, check=True)
    return json.loads(done.stdout)["settings"]["properties"]


@pytest.mark.parametrize("name", list(declared()))
def test_settings_are_those_of_the_executable(name: str) -> None:
    known = about(name)
    plugin = declared()[name]
    settings = {setting["name"]: setting for setting in plugin["settings"]}
    assert settings.keys() <= known.keys()
    assert known.keys() - settings.keys() - LEFT_OUT == set()
    for setting, schema in known.items():
        if setting in LEFT_OUT:
            continue
        kind = next((kind for kind in _types(schema) if kind != "null"), "string")
        expected = "options" if "enum" in schema else KINDS.get(kind, "string")
        assert settings[setting].get("kind", "string") == expected, setting
        assert bool(settings[setting].get("sensitive")) == bool(schema.get("secret") or schema.get("writeOnly")), (
            setting
        )


def _types(schema: dict[str, Any]) -> list[str]:
    kinds = schema.get("type", "string")
    return [kinds] if isinstance(kinds, str) else kinds


def test_nothing_is_installed_or_looked_up() -> None:
    for plugin in declared().values():
        assert {"namespace", "executable"} <= plugin.keys()
        assert not {"pip_url", "variant"} & plugin.keys()
        assert plugin["executable"] == f"./.venv/bin/{plugin['name']}"


def test_shipped_tenants_are_sound() -> None:
    project = open_project(ROOT)
    assert set(project.tenants) >= {"cdnow", "bakery"}
    for name in ("cdnow", "bakery"):
        tenant = project.tenant(name)
        assert tenant.environment["state_id_suffix"] == name
        assert project.jobs_for(tenant, None) == ["files"]
    names = [plugin.name for plugin in project.plugins_of(["files"])]
    assert names == ["tap-csv", "map-conversions", "resolve-identity", "target-duckdb"]
    assert project.plugins["resolve-identity"].secrets == ["key"]


def test_every_path_starts_at_the_project() -> None:
    for path in (ROOT / "meltano.yml", *sorted((ROOT / "tenants").glob("*.yml"))):
        for line in path.read_text().splitlines():
            name, _, value = line.strip().removeprefix("- ").partition(": ")
            if name in {"path", "filepath", "store", "value", "uri"} and "/" in value:
                assert value.startswith(("${MELTANO_PROJECT_ROOT}/", "file:///${MELTANO_PROJECT_ROOT}/")), line
