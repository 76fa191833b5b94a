"""Invariant 7: killed at any moment and replayed in another order, no id ever contradicts one that was told before."""

import json
import random
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from identity_pipe import (
    aliases,
    command,
    config,
    conversion,
    living,
    messages,
    record,
    records,
    schema,
    state,
)
from trials import kills

CHAOS_TRIALS = kills(5)
RECORDS = 6_000


def rows(seed: int) -> list[dict[str, Any]]:
    """Purchases of people who are seen apart first and found to be one later, some without any identifier."""
    dice = random.Random(seed)
    made = []
    for number in range(RECORDS):
        person = dice.randrange(RECORDS // 3)
        pairs = [("email", f"p{person}@mail.example"), ("loyalty_id", f"L-{person}"), ("customer_id", f"shop/{person}")]
        made.append(conversion(number, *dice.sample(pairs, dice.choice([0, 1, 1, 2]))))
    return made


def stream(ordered: list[dict[str, Any]]) -> bytes:
    lines = [schema("conversions")]
    for number, row in enumerate(ordered, 1):
        lines.append(record("conversions", row))
        if number % 200 == 0:
            lines.append(state(number))
    return b"\n".join(lines) + b"\n"


def run_and_kill(settings_path: Path, data: bytes, after_bytes: int | None = None, delay: float = 0) -> bytes:
    """What the process had written when it was killed with SIGKILL: so many bytes (None: never), and a bit later."""
    with subprocess.Popen(
        [*command(20_000), "--config", settings_path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdin
        assert process.stdout
        assert process.stderr
        feeder = threading.Thread(target=feed, args=(process.stdin, data))
        feeder.start()
        output = process.stdout.read(after_bytes) if after_bytes is not None else b""
        if after_bytes is not None:
            time.sleep(delay)
            process.kill()
        output += process.stdout.read()
        errors = process.stderr.read()
        feeder.join()
    if after_bytes is None:
        assert process.returncode == 0, errors
    return output[: output.rfind(b"\n") + 1]


def feed(pipe: Any, data: bytes) -> None:
    try:
        for start in range(0, len(data), 50_000):  # in pieces, so that the kill meets every phase
            pipe.write(data[start : start + 50_000])
            pipe.flush()
        pipe.close()
    except BrokenPipeError:
        pass


def trial(directory: Path, seed: int) -> None:
    """Kill twice, then run to the end: another order each time, over one store."""
    dice = random.Random(seed)
    path = directory / "config.json"
    directory.mkdir(parents=True)
    path.write_text(json.dumps(config(directory)))
    told: list[dict[str, Any]] = []
    made = rows(seed)
    whole = len(stream(made))
    for attempt in range(3):
        dice.shuffle(made)
        kill_after = dice.randrange(whole) if attempt < 2 else None
        told += messages(run_and_kill(path, stream(made), kill_after, dice.uniform(0, 0.02)))
    became = aliases(told)
    now: dict[str, str] = {}
    for row in records(told, "conversions"):
        uid = living(row["global_customer_id"], became)
        assert now.setdefault(row["conversion_id"], uid) == uid, "one record, two people"
    assert len(now) == RECORDS
    survivors: dict[str, str] = {}
    for row in records(told, "conversions"):
        for fragment in row["identity_fragments"]:
            uid = now[row["conversion_id"]]
            assert survivors.setdefault(fragment["value"], uid) == uid, "one identifier, two people"
    latest = {row["identity_map_id"]: row for row in records(told, "identity_map")}
    open_rows = {row["source_key"]: row["global_customer_id"] for row in latest.values() if row["valid_to"] is None}
    assert len(open_rows) == sum(row["valid_to"] is None for row in latest.values())
    assert open_rows.items() <= survivors.items()


def test_a_killed_run_replayed_in_another_order(tmp_path: Path) -> None:
    trial(tmp_path / "one", seed=1)


@pytest.mark.chaos
@pytest.mark.timeout(60 * CHAOS_TRIALS)
@pytest.mark.parametrize("seed", range(2, 2 + CHAOS_TRIALS))
def test_killed_runs_replayed_in_another_order(tmp_path: Path, seed: int) -> None:
    trial(tmp_path / "many", seed)
