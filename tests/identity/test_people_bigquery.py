"""Reconciling what is in BigQuery: the same people as from a DuckDB file, by REST and by the Storage Read API."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from identity_world import World, world_input
from servers.bigquery import PROJECT, Emulator, server_or_skip
from support import run_inside

from pipe.errors import ConfigurationError, RetriableError
from targets.bigquery.target import TargetBigQuery

INPUT = world_input(people=20, kiosk=12)
DATASET = "growthnav_acme"


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    with server_or_skip() as found:
        yield found


@pytest.fixture(scope="module")
def place(emulator: Emulator) -> dict[str, Any]:
    return {"project": PROJECT, "dataset": DATASET, "api_endpoint": emulator.url}


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory, place: dict[str, Any]) -> Path:
    """A tenant whose pipe has loaded a DuckDB file, and the same into BigQuery."""
    home = tmp_path_factory.mktemp("acme")
    messages = World(home).load(INPUT.lines())
    done = run_inside(TargetBigQuery, place, [json.dumps(message).encode() for message in messages])
    assert done.code == 0, done
    return home


@pytest.fixture(scope="module")
def from_file(loaded: Path, tmp_path_factory: pytest.TempPathFactory) -> World:
    home = tmp_path_factory.mktemp("file") / "acme"
    shutil.copytree(loaded, home)
    world = World(home)
    world.reconcile()
    return world


# Of Google's client, about how it reads its own answers.
@pytest.mark.filterwarnings("ignore:Retrieving Arrow record batches directly:PendingDeprecationWarning")
@pytest.mark.parametrize("storage", [False, True], ids=["rest", "storage"])
def test_the_same_people_from_bigquery(
    loaded: Path, from_file: World, tmp_path: Path, place: dict[str, Any], emulator: Emulator, *, storage: bool
) -> None:
    shutil.copytree(loaded, tmp_path / "acme")
    world = World(tmp_path / "acme")
    world.database.unlink()  # only BigQuery has the records
    world.reconcile(warehouse={**place, **({"storage_endpoint": emulator.grpc} if storage else {})})
    assert len(world.partition()) > 20
    assert world.people() == from_file.people()
    blocked = "SELECT type, identifier, reason, records FROM blocked_identifiers ORDER BY ALL"
    assert world.rows(blocked) == from_file.rows(blocked) != []


def test_the_storage_api_is_what_is_asked_for(loaded: Path, tmp_path: Path, place: dict[str, Any]) -> None:
    """The test above would pass if the setting were not heeded: here nobody answers there."""
    shutil.copytree(loaded, tmp_path / "acme")
    with pytest.raises(RetriableError, match="BigQuery does not answer"):
        World(tmp_path / "acme").reconcile(warehouse={**place, "storage_endpoint": "127.0.0.1:1"})


def test_a_place_that_is_not_there_is_named(tmp_path: Path, place: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="no such dataset"):
        World(tmp_path).reconcile(warehouse={**place, "dataset": "nobody"})
