"""kill -9 at and between STATE boundaries: after a re-run from the last STATE printed, the rows equal an unbroken run's.

CHAOS_TRIALS sets the number of trials of the long test.
"""

import json
import random
import subprocess
import time
from pathlib import Path
from typing import Any

import duckdb
import pytest
from support import BIN, join, record, run, schema, state
from trials import kills

TRIALS = kills(6)
ROWS, STATE_EVERY, KEYS = 24_000, 1_000, 9_000
HEAD = [schema("s", ["id", "n", "v"], ["id"]), schema("log", ["n"], [])]


def lines() -> list[Any]:
    """Updates and inserts in one stream, each told in a second one that has no key."""
    source = random.Random(5)  # the same in every trial
    body: list[Any] = []
    for number in range(1, ROWS + 1):
        body.append(record("s", id=str(source.randrange(KEYS)), n=str(number), v="é" * source.randrange(200)))
        if number % 50 == 0:
            body.append(record("log", n=str(number)))
        if number % STATE_EVERY == 0:
            body.append(state(n=number))
    return body


BODY = lines()


def stored(path: Path) -> tuple[list[Any], list[int]]:
    with duckdb.connect(str(path), read_only=True) as connection:
        rows = connection.execute("SELECT * FROM s ORDER BY id").fetchall()
        return rows, [int(number) for (number,) in connection.execute("SELECT n FROM log").fetchall()]


def killed(config: Path, body: list[Any], moment: float) -> list[dict[str, Any]]:
    """Run the target, kill it `moment` seconds after it has printed its first STATE; the STATE values printed."""
    source = config.with_suffix(".singer")
    source.write_bytes(join([*HEAD, *body]))
    with (
        source.open("rb") as lines_in,
        subprocess.Popen(
            [str(BIN / "target-duckdb"), "--config", str(config)],
            stdin=lines_in,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        ) as process,
    ):
        assert process.stdout
        printed = [process.stdout.readline()]
        time.sleep(moment)
        process.kill()
        printed += process.stdout.readlines()
    return [json.loads(line) for line in printed if line.endswith(b"\n")]


def trial(number: int, tmp_path: Path, wanted: list[Any]) -> int:
    """Kill once or twice, then finish; returns how many STATE lines came before the first kill."""
    seeded = random.Random(number)
    path, config = tmp_path / f"kill{number}.duckdb", tmp_path / f"kill{number}.json"
    config.write_text(json.dumps({"filepath": str(path), "batch_size_rows": seeded.choice([1, 1_000, 3_000])}))
    body = BODY
    survived = 0
    for _ in range(seeded.choice([1, 2])):
        printed = killed(config, body, seeded.uniform(0, 0.9))
        survived = survived or len(printed)
        if printed:
            body = BODY[BODY.index({"type": "STATE", "value": printed[-1]}) + 1 :]
    done = run("target-duckdb", {"filepath": str(path)}, [*HEAD, *body], tmp_path)
    assert done.code == 0, done.log
    rows, log = stored(path)
    assert rows == wanted
    assert sorted(set(log)) == list(range(50, ROWS + 1, 50)), "a stream without a key loses nothing either"
    return survived


@pytest.fixture(scope="module")
def wanted(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    folder = tmp_path_factory.mktemp("unbroken")
    assert run("target-duckdb", {"filepath": str(folder / "u.duckdb")}, [*HEAD, *BODY], folder).code == 0
    rows, log = stored(folder / "u.duckdb")
    assert log == list(range(50, ROWS + 1, 50))
    return rows


@pytest.mark.parametrize("number", range(3))
def test_killed_and_run_again(number: int, tmp_path: Path, wanted: list[Any]) -> None:
    trial(number, tmp_path, wanted)


@pytest.mark.chaos
def test_killed_many_times(tmp_path: Path, wanted: list[Any]) -> None:
    survived = [trial(number, tmp_path, wanted) for number in range(100, 100 + TRIALS)]
    assert len(set(survived)) > min(3, TRIALS // 4), "the kills must fall at different points"


@pytest.mark.chaos
def test_killed_while_the_file_is_made(tmp_path: Path) -> None:
    """From the first millisecond on: there is a whole database or none, and the next run works."""
    for number in range(TRIALS):
        path = tmp_path / f"new{number}.duckdb"
        config = tmp_path / "c.json"
        config.write_text(json.dumps({"filepath": str(path)}))
        process = subprocess.Popen(
            [str(BIN / "target-duckdb"), "--config", str(config)], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        assert process.stdin
        process.stdin.write(join([*HEAD, record("s", id="1"), state(n=1)]))
        process.stdin.flush()
        spool = f".{path.name}."
        deadline = time.monotonic() + 20
        while not any(each.name.startswith(spool) for each in tmp_path.iterdir()) and time.monotonic() < deadline:
            time.sleep(0.0005)
        time.sleep(random.Random(number).uniform(0, 0.05))
        process.kill()
        process.wait()
        process.stdin.close()
        done = run("target-duckdb", {"filepath": str(path)}, [*HEAD, record("s", id="1")], tmp_path)
        assert done.code == 0, done.log
        assert not [each.name for each in tmp_path.iterdir() if each.name.startswith(spool)]
        with duckdb.connect(str(path), read_only=True) as connection:
            assert connection.execute("SELECT id FROM s").fetchall() == [("1",)]
