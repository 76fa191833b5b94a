"""tap-identity killed at any moment: what landed of it, and the run after it, are the tables of a run nobody killed."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from identity_world import SCHEMA, World, world_input
from support import BIN
from trials import kills

CHAOS_TRIALS = kills(5)
INPUT = world_input(people=60, kiosk=12)
TABLES = {
    "identity_map": "source_system, source_key, global_customer_id, valid_to IS NULL",
    "identities": "* EXCLUDE (minted_at)",
    "identity_merges": "CASE WHEN event NOT IN ('block', 'relink') THEN event_id END, event, from_id, to_id, reason, rule, identifier, record_id",
    "blocked_identifiers": "type, identifier, reason, records, names, valid_to IS NULL",
}
"""What of each must be equal: the rest are times of the run, and keys made of them."""


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("loaded")
    World(home).load(INPUT.lines())
    return home


@pytest.fixture(scope="module")
def whole(loaded: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Any]]:
    """The tables of a run that nobody killed."""
    world = World(tmp_path_factory.mktemp("whole") / "acme")
    shutil.copytree(loaded, world.home)
    assert finish(world)
    found = tables(world)
    assert all(found.values())
    return found


def tables(world: World) -> dict[str, list[Any]]:
    return {name: world.rows(f"SELECT {columns} FROM {name} ORDER BY ALL") for name, columns in TABLES.items()}


def start(world: World) -> subprocess.Popen[bytes]:
    config, state = world.home / "config.json", world.home / "state.json"
    warehouse = {"database": str(world.database), "schema": SCHEMA}
    config.write_text(json.dumps({"tenant": "acme", "store": str(world.store), "warehouse": warehouse}))
    state.write_text(json.dumps(world.state))
    command = [BIN / "tap-identity", "--config", config, *(["--state", state] if world.state else [])]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)


def take(world: World, output: bytes) -> None:
    """Land the whole lines of an output, as a target does that gets no more of it."""
    found = [json.loads(line) for line in output[: output.rfind(b"\n") + 1].splitlines()]
    if found:
        world.land(found)
        world.state = next((m["value"] for m in reversed(found) if m["type"] == "STATE"), world.state)


def finish(world: World) -> bool:
    """Run to the end; whether there was anything to send."""
    output = start(world).communicate()[0]
    take(world, output)
    return b'"RECORD"' in output


def killed(world: World, dice: random.Random) -> None:
    """Run until a moment of it, or so many bytes of its output, and land what had come."""
    with start(world) as process:
        assert process.stdout
        if dice.random() < 0.5:
            time.sleep(dice.uniform(0, 6))
            output = b""
        else:
            output = process.stdout.read(dice.randrange(1, 200_000))
        process.kill()
        take(world, output + process.stdout.read())


def trial(home: Path, loaded: Path, whole: dict[str, list[Any]], seed: int) -> None:
    dice = random.Random(seed)
    shutil.copytree(loaded, home)
    world = World(home)
    for _ in range(2):
        killed(world, dice)
    finish(world)
    assert tables(world) == whole
    assert not finish(world), "the run after it had something to say"


@pytest.mark.chaos
@pytest.mark.timeout(120 * CHAOS_TRIALS)
@pytest.mark.parametrize("seed", range(CHAOS_TRIALS))
def test_a_killed_reconcile_is_made_good(tmp_path: Path, loaded: Path, whole: dict[str, list[Any]], seed: int) -> None:
    trial(tmp_path / "acme", loaded, whole, seed)
