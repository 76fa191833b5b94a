"""New records reconciled against those before: the same ids as from linking everything, and it is told which was done."""

from __future__ import annotations

import json
import logging
import shutil
from pathlib import Path
from typing import Any

import pytest
from identity_pipe import record, schema, state
from identity_world import Input, World, world_input

from identity.linking import judge
from identity.reconcile import settings, tap
from identity.reconcile.ledger import Decision

INPUT = world_input(people=120, kiosk=12)
LATE = 14
"""Every so many profiles come in the second load."""


def part(rows: list[dict[str, Any]], *, late: bool) -> list[dict[str, Any]]:
    return [row for number, row in enumerate(rows) if (number % LATE == 4) == late]


EARLY = Input(part(INPUT.profiles, late=False), part(INPUT.purchases, late=False), INPUT.truth)


@pytest.fixture(scope="module")
def linked_once(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A tenant whose first records were linked, and whose others have just been loaded."""
    world = World(tmp_path_factory.mktemp("linked"))
    world.load(EARLY.lines())
    world.reconcile()
    assert events(world, "relink") == 1
    world.load(INPUT.lines())
    return world


@pytest.fixture
def world(linked_once: World, tmp_path: Path) -> World:
    return copy(linked_once, tmp_path / "acme")


def copy(world: World, home: Path) -> World:
    shutil.copytree(world.home, home)
    return World(home, dict(world.settings), dict(world.state))


def events(world: World, event: str) -> int:
    return len(world.rows("SELECT 1 FROM identity_merges WHERE event = ?", event))


def scope(world: World) -> str:
    ((report,),) = world.ledger("SELECT report FROM reconcile WHERE report <> '{}' ORDER BY number DESC LIMIT 1")
    return str(json.loads(report)["scope"])


def news(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [message["record"] for message in found if message["type"] == "RECORD"]


def test_new_records_get_the_ids_that_linking_everything_gives(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    full = copy(world, tmp_path / "full")
    full.reconcile(incremental=False)
    assert "nothing to compare" in scope(full)
    assert events(full, "relink") == 2
    with monkeypatch.context() as patch, caplog.at_level(logging.INFO):
        patch.setattr(judge.Judged, "__init__", lambda *_: pytest.fail("earlier records were scored again"))
        world.reconcile()
        late = len(part(INPUT.profiles, late=True))
        assert scope(world) == f"{late} new records against {len(EARLY.profiles)}"
        assert f"linked: {scope(world)}" in caplog.text
        assert not news(world.reconcile()), "a second time, nothing has changed"
    assert events(world, "relink") == 1
    assert len(world.people()) == len(INPUT.profiles) + len(INPUT.purchases)
    assert world.people() == full.people()
    explained = world.ledger("SELECT count(*) FROM edge WHERE kind = 'model' AND details IS NULL")
    assert explained == [(0,)]


def test_rebuilt_from_the_warehouse_and_the_map_the_ids_are_the_same(world: World) -> None:
    world.reconcile()
    before, people = world.map(), world.people()
    links = world.ledger("SELECT left_key, right_key, kind, rule, weight FROM edge ORDER BY ALL")
    world.store.unlink()
    world.state = {}
    world.reconcile()
    assert (world.map(), world.people()) == (before, people)
    assert world.ledger("SELECT left_key, right_key, kind, rule, weight FROM edge ORDER BY ALL") == links
    assert world.ledger("SELECT count(*) FROM event WHERE event = 'relink'") == [(1,)]
    world.load(INPUT.lines(5), 900)
    assert not news(world.reconcile())
    assert (world.map(), world.people()) == (before, people)


def test_a_decision_holds_without_linking_everything(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.reconcile()
    group = min((group for group in world.partition() if len(group) >= 3), key=sorted)
    left, right = min(group), max(group)
    given = {"tenant": "acme", "store": str(world.store), "warehouse": {"database": "x", "schema": "y"}}
    with tap.open_ledger(settings.read(given)) as (ledger, _):
        ledger.decide(Decision(left, right, "unlink", "twins", ledger.now()))
        ledger.store.commit()
    monkeypatch.setattr(judge.Judged, "__init__", lambda *_: pytest.fail("earlier records were scored again"))
    world.reconcile()
    assert world.people()[left] != world.people()[right]


def test_a_changed_record_has_everything_linked_anew(world: World) -> None:
    world.reconcile()
    row = {**EARLY.profiles[0], "last_name": "Somebodyelse", "source_updated_at": "2999-01-01T00:00:00Z"}
    world.load([schema("customer_profiles"), record("customer_profiles", row), state(1)])
    world.reconcile()
    assert scope(world) == "all records: earlier ones, the settings or the programs have changed"
    assert events(world, "relink") == 2, "those that were new are of the base now"
    late = world_input(people=6, seed=99, kiosk=0)
    for number, each in enumerate(late.profiles):
        each["profile_id"] = f"{number:032x}"
    world.load([schema("customer_profiles"), *(record("customer_profiles", each) for each in late.profiles), state(2)])
    world.reconcile()
    assert scope(world) == f"{len(late.profiles)} new records against {len(INPUT.profiles)}"


def test_nothing_new_is_nothing_to_do(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.reconcile()
    monkeypatch.setattr("identity.reconcile.work.find_people", lambda *_: pytest.fail("people were looked for"))
    before = world.store.read_bytes()
    assert not news(world.reconcile(force=False))
    assert world.store.read_bytes() == before


def test_a_store_from_before_has_everything_linked_once(world: World) -> None:
    """It has no table of pairs, and nothing was told of any base."""
    import duckdb

    with duckdb.connect(str(world.store)) as db:
        db.execute(
            "DROP TABLE scored; DELETE FROM event WHERE event = 'relink'; DELETE FROM meta WHERE name LIKE '%base'"
        )
    world.reconcile()
    assert "nothing to compare" in scope(world)
    assert world.ledger("SELECT count(*) > 0 FROM scored") == [(True,)]
