"""A Meltano project for the benchmark: our own wiring beside the rival's, in a directory of its own."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent


def make(home: Path, ours: dict[str, dict[str, Any]], rivals: dict[str, str], rival: dict[str, dict[str, Any]]) -> Path:
    """Write the project and return its directory.

    Args:
        home: where; emptied first.
        ours: config of each of our executables.
        rivals: executable path by rival package.
        rival: config of the rival's tap, mapping and target.
    """
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    shutil.copy(ROOT / "logging.yaml", home)
    text = (ROOT / "meltano.yml").read_text(encoding="utf-8").replace("./.venv/bin/", f"{BIN}/")
    project = yaml.safe_load(text)
    plugins = project["plugins"]
    mapping = {"name": "expressions", "config": rival["meltano-map-transform"]}
    plugins["extractors"].append(_plugin("rival-tap", str(_launcher(home)), rival["rival-tap"]))
    plugins["mappers"].append(_plugin("rival-map", rivals["meltano-map-transform"], {}) | {"mappings": [mapping]})
    plugins["loaders"].append(_plugin("rival-target", rivals["target-duckdb"], rival["target-duckdb"]))
    places = {"tap-csv": "extractors", "target-duckdb": "loaders"}
    config: dict[str, list[dict[str, Any]]] = {}
    for name, settings in ours.items():
        config.setdefault(places.get(name, "mappers"), []).append({"name": name, "config": settings})
    project["environments"] = [{"name": "bench", "config": {"plugins": config}}]
    project["jobs"] = [
        {"name": "ours", "tasks": ["tap-csv conversions identity target-duckdb"]},
        {"name": "rival", "tasks": ["rival-tap expressions rival-target"]},
    ]
    project.pop("include_paths", None)
    project.pop("schedules", None)
    (home / "meltano.yml").write_text(yaml.safe_dump(project, sort_keys=False), encoding="utf-8")
    return home


def _plugin(name: str, executable: str, config: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": name,
        "namespace": name.replace("-", "_"),
        "executable": executable,
        "capabilities": ["catalog", "discover", "state"],
        "settings": [{"name": key} for key in config],
        "config": config,
    }


def _launcher(home: Path) -> Path:
    """Meltano wants one executable; a script needs its interpreter."""
    path = home / "rival-tap"
    path.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{Path(__file__).parent / "rival_tap.py"}" "$@"\n')
    path.chmod(0o755)
    return path
