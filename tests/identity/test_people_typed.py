"""Every command about people as a process of its own, typed in a tenant's project as the guide says."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from identity_world import SCHEMA, World, world_input
from support import BIN

ROOT = Path(__file__).parents[2]
INPUT = world_input(people=20, kiosk=12)


@pytest.fixture
def world(tmp_path: Path) -> World:
    """The shipped wiring and one tenant whose pipe has run; nothing is reconciled yet."""
    world = World(tmp_path)
    for name in ("meltano.yml", "logging.yaml"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / ".venv").symlink_to(sys.prefix)
    (tmp_path / "tenants").mkdir()
    database = "${MELTANO_PROJECT_ROOT}/warehouse.duckdb"
    tap = {
        "store": "${MELTANO_PROJECT_ROOT}/identity.duckdb",
        "warehouse": {"database": database, "schema": SCHEMA},
        "linking": {"method": "deterministic"},
    }
    plugins = {
        "extractors": [{"name": "tap-identity", "config": tap}],
        "loaders": [{"name": "target-duckdb", "config": {"filepath": database, "schema": SCHEMA}}],
    }
    tenant = {"environments": [{"name": "acme", "state_id_suffix": "acme", "config": {"plugins": plugins}}]}
    (tmp_path / "tenants" / "acme.meltano.yml").write_text(yaml.safe_dump(tenant))
    world.load(INPUT.lines())
    return world


def typed(world: World, *words: str, answer: str = "", code: int = 0) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MELTANO")}
    environment["XDG_STATE_HOME"] = str(world.home / "home")
    done = subprocess.run(
        [BIN / "growthnav", "identity", *words],
        cwd=world.home, env=environment, input=answer, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout + done.stderr


def test_all_commands_in_the_order_of_the_guide(world: World) -> None:
    typed(world, "reconcile", "acme")
    people = world.people()
    assert len(people) == len(INPUT.profiles) + len(INPUT.purchases)
    group = min((group for group in world.partition() if len(group) >= 3), key=sorted)
    one, other = min(group), max(group)
    row = next(row for row in INPUT.profiles if row["profile_id"] in group and row.get("email"))
    shown = typed(world, "show", "acme", people[one])
    assert f"person {people[one]}" in shown
    assert row["email"] not in shown
    assert row["email"] in typed(world, "show", "acme", people[one], "--values")
    assert "They are one person" in typed(world, "explain", "acme", one, other)
    assert "It holds from the next" in typed(world, "unlink", "acme", one, other, "--why", "father and son")
    assert "It holds from the next" in typed(world, "link", "acme", one, other, "--why", "one after all")
    typed(world, "page", "acme", "--out", "all.html")
    assert "<h1>People of acme</h1>" in (world.home / "all.html").read_text()
    assert "no such person or record" in typed(world, "show", "acme", "p_nobody", code=2)
    told = typed(world, "forget", "acme", one, "--why", "request 17", answer="y\n")
    assert f"Forgotten, with {len(group)} records" in told
    assert "growthnav run acme --full-refresh" in typed(world, "rotate", "acme")
