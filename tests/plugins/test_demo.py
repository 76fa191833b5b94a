"""The demo, twice: right figures, and a second time nothing new."""

from __future__ import annotations

import hashlib
import json
import os
import re
import resource
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest
from operating import GROWTHNAV

ROOT = Path(__file__).parents[2]
SECOND_RUN = 0.8
"""Share of the first run's CPU that a second one, which finds nothing new, may take."""

pytestmark = pytest.mark.quality


def demo(root: Path) -> tuple[str, float]:
    """What it prints, and the CPU seconds it takes."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MELTANO", "PYTHONDONT"))}
    before = cpu_seconds()
    done = subprocess.run([GROWTHNAV, "demo"], cwd=root, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout, cpu_seconds() - before


def cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def contents(root: Path, tenant: str) -> dict[str, str]:
    """Digest of every table of a tenant, ids, times and all."""
    with duckdb.connect(str(root / f"out/{tenant}.duckdb"), read_only=True) as connection:
        names = connection.execute(
            "SELECT table_name FROM duckdb_tables() WHERE schema_name = ?", [f"growthnav_{tenant}"]
        ).fetchall()
        rows: dict[str, list[tuple[Any, ...]]] = {
            name: connection.execute(f"FROM growthnav_{tenant}.{name} ORDER BY ALL").fetchall() for (name,) in names
        }
    return {name: hashlib.sha256(repr(found).encode()).hexdigest() for name, found in rows.items()}


def table_row(shown: str, tenant: str) -> list[str]:
    return re.search(rf"^ {tenant} +(.*)$", shown, re.MULTILINE)[1].split()


def test_demo_twice(tmp_path: Path) -> None:
    for name in ("meltano.yml", "logging.yaml"):
        shutil.copy(ROOT / name, tmp_path)
    shutil.copytree(ROOT / "tenants", tmp_path / "tenants")
    (tmp_path / ".venv").symlink_to(sys.prefix)

    first, seconds = demo(tmp_path)
    read, _, rejected, _, purchases, people, revenue = table_row(first, "cdnow")
    assert (read, rejected, purchases, people, revenue) == ("69,659", "0", "69,659", "23,570", "2,500,315.63")
    *_, purchases, people, revenue = table_row(first, "bakery")
    assert (purchases, revenue) == ("69,659", "2,500,315.63")
    assert re.search(r"figures: (\d+) of \1 equal the published ones", first)
    precision, recall = map(float, re.search(r"precision\s+([\d.]+),\s+recall\s+([\d.]+)", first).groups())
    assert precision > 0.95
    assert recall > 0.7
    after = re.search(r"reconciled\s+precision\s+([\d.]+),\s+recall\s+([\d.]+)", first).groups()
    assert float(after[0]) > precision
    assert float(after[1]) > 0.7

    told = (ROOT / "README.md").read_text().split("## What the demo shows")[1].split("```")[1]
    assert [table_row(told, name) for name in ("cdnow", "bakery")] == [
        table_row(first, name) for name in ("cdnow", "bakery")
    ]
    share = r"\b[01]\.\d{4}\b"
    assert re.findall(share, told) == re.findall(share, first)

    before = {tenant: contents(tmp_path, tenant) for tenant in ("cdnow", "bakery")}
    pages = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in (tmp_path / "out").glob("*.html")}
    assert len(pages) == 2

    second, again = demo(tmp_path)
    for tenant in ("cdnow", "bakery"):
        read, loaded, rejected, merges, *_ = table_row(second, tenant)
        assert (read, loaded, rejected, merges) == ("0", "0", "0", "0")
        last = json.loads((tmp_path / f".growthnav/{tenant}/runs.jsonl").read_text().splitlines()[-1])
        assert last["status"] == "success"
    assert {tenant: contents(tmp_path, tenant) for tenant in before} == before
    assert {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in pages} == pages
    assert second.split("\nDone")[0].splitlines()[5:] == first.split("\nDone")[0].splitlines()[5:]
    assert again < SECOND_RUN * seconds
