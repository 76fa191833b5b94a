"""This suite as a contestant: configs of its executables, run by a shell or by `meltano run`."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import measure
import yaml
from measure import Cost
from sources import Source

ROOT = Path(__file__).parent.parent
HOME = ROOT / ".growthnav" / "bench"
"""Purchases, rivals, runs and results, unless told otherwise."""
BIN = Path(sys.executable).parent
STEPS = ("map-conversions", "resolve-identity", "target-duckdb")
BATCH_ROWS = 100_000  # as in meltano.yml
OVERRIDES = {"purchase_id": "transaction_id", "purchased_at": "timestamp", "amount": "value"}
OVERRIDES |= {name: name for name in ("gclid", "utm_source", "utm_campaign")}  # the preset of a till has none
Configs = dict[str, dict[str, Any]]


def fresh(home: Path, name: str) -> Path:
    """An empty directory for one run."""
    home = home / "runs" / name
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    return home


def configs(source: Source, home: Path, *, batches: bool = True, steps: Sequence[str] = STEPS) -> Configs:
    """Config by executable, in the order of the pipe; with `batches` rows travel in files."""
    folder = str(home / "batches")
    files = {"batch_config": {"batch_size": BATCH_ROWS, "storage": {"root": folder}}} if batches else {}
    emit = {"emit": "batches", "batch_directory": folder} if batches else {}
    preset = {"preset": "pos", "field_overrides": OVERRIDES}
    every: Configs = {
        "map-conversions": {"tenant": "bench", "sources": [preset], **emit},
        "resolve-identity": {"tenant": "bench", "store": str(home / "identity.duckdb"), **emit},
        "target-duckdb": {"filepath": str(home / "out.duckdb"), "schema": "growthnav_bench"},
    }
    return {source.tap: {**source.settings, **files}} | {step: every[step] for step in steps}


def commands(made: Configs, home: Path) -> list[list[str]]:
    """Write the configs; the command lines of the pipe."""
    for name, config in made.items():
        (home / f"{name}.json").write_text(json.dumps(config))
    return [[str(BIN / name), "--config", str(home / f"{name}.json")] for name in made]


def in_records(source: Source, home: Path) -> Cost:
    """A message a row between all steps."""
    return measure.pipe(commands(configs(source, home, batches=False), home), home / "log.txt")


def in_batches(source: Source, home: Path) -> Cost:
    """Batch files between all steps."""
    return measure.pipe(commands(configs(source, home), home), home / "log.txt")


def without_people(source: Source, home: Path) -> Cost:
    """Batch files; mapped and merged by key, without the step that resolves people."""
    steps = [step for step in STEPS if step != "resolve-identity"]
    return measure.pipe(commands(configs(source, home, steps=steps), home), home / "log.txt")


def by_meltano(source: Source, home: Path) -> Cost:
    """Batch files, under `meltano run`."""
    return _meltano(configs(source, home), home)


def tap_in_records(source: Source, home: Path) -> Cost:
    """A tap that sends a message a row, as most do, and batch files from then on, under `meltano run`."""
    return _meltano(configs(source, home) | {source.tap: source.settings}, home)


def _meltano(made: Configs, home: Path) -> Cost:
    made_project = project(made, home / "project")
    command = [str(BIN / "meltano"), "--environment=bench", "run", "ours"]
    return measure.pipe([command], home / "log.txt", made_project)


def project(made: Configs, home: Path) -> Path:
    """The shipped project in a directory of its own, with these settings and one job."""
    home.mkdir()
    shutil.copy(ROOT / "logging.yaml", home)
    text = (ROOT / "meltano.yml").read_text(encoding="utf-8").replace("./.venv/bin/", f"{BIN}/")
    shipped = yaml.safe_load(text)
    tap, *steps = made
    plugins = {
        "extractors": [{"name": tap, "config": made[tap]}],
        "mappers": [{"name": name, "config": made[name]} for name in steps[:-1]],
        "loaders": [{"name": steps[-1], "config": made[steps[-1]]}],
    }
    (extractor,) = (each for each in shipped["plugins"]["extractors"] if each["name"] == tap)
    for setting in extractor["settings"]:
        if setting["name"] not in made[tap]:
            setting.pop("value", None)  # files are what is shipped, and a null would not undo that
    mappings = {mapper["name"]: mapper["mappings"][0]["name"] for mapper in shipped["plugins"]["mappers"]}
    task = " ".join(mappings.get(name, name) for name in made)
    shipped["environments"] = [{"name": "bench", "config": {"plugins": plugins}}]
    shipped["jobs"] = [{"name": "ours", "tasks": [task]}]
    for part in ("include_paths", "schedules"):
        shipped.pop(part, None)
    (home / "meltano.yml").write_text(yaml.safe_dump(shipped, sort_keys=False), encoding="utf-8")
    return home
