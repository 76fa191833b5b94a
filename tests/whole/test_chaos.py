"""Promise one: kill any process at any moment, run again, and the stored rows equal an unbroken run's."""

from __future__ import annotations

import os
import random
import tempfile
from pathlib import Path
from typing import Any

import duckdb
import pytest
from buckets import KINDS
from orders import COLUMNS, orders
from orders import people as people_of
from pipeline import STAGES, Kill, Pipeline
from trials import kills

from pipe import bucket_notes
from pipe.outbox import LOCK

ROWS = 600
STATE_ROWS = 100
TRIALS = kills(2)

pytestmark = pytest.mark.chaos


def write_orders(path: Path) -> None:
    lines = [COLUMNS, *orders(ROWS)]
    path.write_text("".join(f"{','.join(line)}\n" for line in lines))
    os.utime(path, (1_700_000_000, 1_700_000_000))  # every trial reads the same files, times included


def pipeline(home: Path) -> Pipeline:
    home.mkdir()
    for number in range(2):
        write_orders(home / f"orders_{number}.csv")
    return Pipeline(
        home,
        {
            "streams": [{"stream": "orders", "path": str(home / "orders_*.csv"), "key_properties": ["id"]}],
            "state_rows": STATE_ROWS,
        },
        [{"preset": "olo"}],
        settings={
            "map-conversions": {"min_rejects": 100},
            "target-duckdb": {"batch_size_rows": STATE_ROWS},
            "resolve-identity": {"key": "ab" * 32},
        },
    )


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    whole = pipeline(tmp_path_factory.mktemp("unbroken") / "home")
    run = whole.run()
    assert set(run.codes.values()) == {0}, run.log
    assert len(whole.tables()["conversions"]) == ROWS - 7
    assert len(whole.tables()["rejects"]) == 7
    assert whole.tables()["identity_merges"]
    return whole


def moments(stage: str) -> list[Kill]:
    """Each STATE boundary and a point between, thinned to the number of trials."""
    every = [Kill(stage, states, records) for states in range(8) for records in (0, STATE_ROWS // 2)]
    return random.Random(stage).sample(every, min(len(every), TRIALS))


@pytest.mark.parametrize(
    "kill",
    [kill for stage in STAGES for kill in moments(stage)],
    ids=lambda kill: f"{kill.stage}-{kill.states}-{kill.records}",
)
def test_a_killed_process_costs_nothing_but_time(tmp_path: Path, unbroken: Pipeline, kill: Kill) -> None:
    assert_rerun_heals(pipeline(tmp_path / "home"), unbroken, kill)


def batch_moments(stage: str) -> list[Kill]:
    """At each batch of both files, at once and while it is being worked on."""
    every = [Kill(stage, states, 1, after) for states in range(8) for after in (0, 0.01, 0.05)]
    return random.Random(stage).sample(every, min(len(every), TRIALS))


@pytest.mark.parametrize(
    "kill",
    [kill for stage in STAGES for kill in batch_moments(stage)],
    ids=lambda kill: f"{kill.stage}-{kill.states}-{kill.after}",
)
def test_a_process_killed_in_a_batch_leaves_no_file(tmp_path: Path, unbroken: Pipeline, kill: Kill) -> None:
    whole = pipeline(tmp_path / "home").in_batches(STATE_ROWS)
    assert_rerun_heals(whole, unbroken, kill, pause_s=100)
    assert [path.name for path in whole.batches.iterdir()] == [LOCK]


@pytest.mark.parametrize(("kind", "stage"), [*(("gs", stage) for stage in STAGES), ("s3", "map-conversions")])
def test_a_process_killed_in_a_batch_leaves_no_object_in_a_bucket(
    tmp_path: Path, unbroken: Pipeline, kind: str, stage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with KINDS[kind]() as bucket:
        whole = pipeline(tmp_path / "home").in_batches(STATE_ROWS, bucket.root)
        first = whole.run(kill=Kill(stage, 2, 1, 0.02))
        assert first.codes[stage] == -9, first.log
        for note in bucket_notes.folder(bucket.root).iterdir():
            os.utime(note, (note.stat().st_atime, note.stat().st_mtime - 100))
        again = whole.run(first.state)
        assert set(again.codes.values()) == {0}, again.log
        assert people(whole) == people(unbroken)
        for name in ("conversions", "rejects"):
            expected = unbroken.tables()[name]
            assert [*map(without_person, whole.tables()[name])] == [*map(without_person, expected)]
        assert bucket.names() == []
        assert [path.name for path in bucket_notes.folder(bucket.root).iterdir()] == [LOCK]


def assert_rerun_heals(whole: Pipeline, unbroken: Pipeline, kill: Kill, pause_s: float = 0) -> None:
    """Kill, let batch files grow older by `pause_s`, and run again."""
    first = whole.run(kill=kill)
    for file in whole.batches.glob("*"):
        os.utime(file, (file.stat().st_atime, file.stat().st_mtime - pause_s))
    before = {name: len(rows) for name, rows in whole.tables().items()}
    again = whole.run(first.state)
    assert set(again.codes.values()) == {0}, again.log
    after, expected = whole.tables(), unbroken.tables()
    assert {name: len(rows) for name, rows in after.items()} == {name: len(rows) for name, rows in expected.items()}, (
        before
    )
    for name in ("conversions", "rejects"):
        assert [without_person(row) for row in after[name]] == [without_person(row) for row in expected[name]]
    assert people(whole) == people(unbroken)


def test_batches_make_the_same_tables(tmp_path: Path, unbroken: Pipeline) -> None:
    for rows in (7, 250, 10_000):
        whole = pipeline(tmp_path / str(rows)).in_batches(rows)
        run = whole.run()
        assert set(run.codes.values()) == {0}, run.log
        assert lasting(whole) == lasting(unbroken)
        assert [path.name for path in whole.batches.iterdir()] == [LOCK]


def lasting(whole: Pipeline) -> dict[str, list[tuple[object, ...]]]:
    """All rows; of identity events only who and what, as their times are those of the run."""
    tables = whole.tables()
    return {name: tables[name] for name in ("conversions", "rejects")} | {"people": sorted(people(whole), key=repr)}


def without_person(row: tuple[object, ...]) -> tuple[object, ...]:
    """Person ids may differ after a broken run (another record may found the person); who is together may not."""
    return tuple(value for value in row if not str(value).startswith("p_"))


def people(whole: Pipeline) -> set[frozenset[str]]:
    """Who is one person: sets of transaction ids."""
    with duckdb.connect(str(whole.database), read_only=True) as connection:

        def pairs(sql: str) -> list[tuple[Any, ...]]:
            return connection.execute(f"SELECT {sql}").fetchall()

        schema = whole.schema
        return people_of(
            pairs(f"transaction_id, global_customer_id FROM {schema}.conversions"),
            pairs(f"from_id, to_id FROM {schema}.identity_merges"),
        )
