"""When a commit is due, which STATE it releases, which versions it may delete."""

import logging
import os
import re
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from support import join, record, run_inside, schema, state

from targets.core import flush
from targets.core.flush import FlushPolicy, States
from targets.core.versions import Versions
from targets.duckdb.target import TargetDuckDB

POLICY = FlushPolicy(rows=100, bytes=1000, seconds=60)


@pytest.mark.parametrize(
    ("waiting", "at_state", "first", "due"),
    [
        ((1, 1, 0), True, True, True),
        ((1, 1, 0), False, True, False),
        ((1, 1, 0), True, False, False),
        ((100, 1, 0), True, False, True),
        ((100, 1, 0), False, False, False),
        ((200, 1, 0), False, False, True),
        ((1, 1000, 0), True, False, True),
        ((1, 2000, 0), False, False, True),
        ((1, 1, 60), True, False, True),
        ((1, 1, 119), False, False, False),
        ((1, 1, 120), False, False, True),
    ],
)
def test_due(waiting: tuple[int, int, float], at_state: bool, first: bool, due: bool) -> None:
    assert POLICY.due(*waiting, at_state=at_state, first=first) is due


def test_states_release_the_last_that_is_covered() -> None:
    states = States()
    states.add(3, b"one")
    states.add(5, b"two")
    states.add(9, b"three")
    assert states.release(before=6) == b"two"
    assert states.release() is None
    states.add(12, b"two")
    assert states.release() is None, "the same STATE is said once"
    states.add(15, b"four")
    assert states.release() == b"four"


def test_versions() -> None:
    versions = Versions()
    assert not versions.announce("s", 1, 2)
    assert versions.at_end("s", last_record=0, last_state=3) == (1, True)
    assert versions.at_end("s", last_record=4, last_state=3) == (1, False)
    assert versions.at_end("other", 0, 9) is None
    versions.saw("s", 1)
    assert versions.announce("s", 1, 6)
    assert versions.at_end("s", 5, 7) is None
    assert not versions.announce("s", 2, 8), "records of another version say nothing of this one"


def committed(name: str, lines: list[Any], tmp_path: Path, **settings: Any) -> tuple[list[bytes], int]:
    """STATE lines printed, and commits made."""
    done = run_inside(TargetDuckDB, {"filepath": str(tmp_path / f"{name}.duckdb"), **settings}, lines)
    assert done.code == 0, done.log
    found = re.search(r"written in (\d+) commits", done.log)
    assert found, done.log
    return done.lines, int(found[1])


def many(count: int, every: int) -> list[Any]:
    lines: list[Any] = [schema("s", ["id", "v"], ["id"])]
    for number in range(1, count + 1):
        lines.append(record("s", id=str(number), v="x" * 100))
        if number % every == 0:
            lines.append(state(n=number))
    return lines


def test_commits_by_rows_and_at_the_end(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    lines = many(1000, 100)
    assert committed("end", lines, tmp_path) == ([b'{"n": 100}', b'{"n": 1000}'], 2)
    states, commits = committed("rows", lines, tmp_path, batch_size_rows=250)
    assert states == [b'{"n": 100}', b'{"n": 400}', b'{"n": 700}', b'{"n": 1000}']
    assert commits == 4
    states, _ = committed("every", lines, tmp_path, batch_size_rows=1)
    assert len(states) == 10


def test_a_pause_commits_what_a_state_waits_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tap stays silent with its pipe open: after a while the STATE comes all the same."""
    monkeypatch.setattr(flush, "IDLE_SECONDS", 0.2)
    reading, writing = os.pipe()
    seen: list[bytes] = []
    said = threading.Event()

    class Writer:
        def write(self, data: bytes) -> None:
            seen.append(data)
            if b"2" in data:
                said.set()

    def feed() -> None:
        os.write(writing, join([*many(1, 1), record("s", id="2", v=""), state(n=2)]))
        assert said.wait(20)
        os.close(writing)

    loader = TargetDuckDB(config={"filepath": str(tmp_path / "p.duckdb")})
    loader._writer = Writer()
    thread = threading.Thread(target=feed)
    thread.start()
    started = time.monotonic()
    with os.fdopen(reading, "rb") as source:
        loader.listen(source)
    thread.join()
    assert seen == [b'{"n": 1}\n', b'{"n": 2}\n']
    assert time.monotonic() - started < 15
