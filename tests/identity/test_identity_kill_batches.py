"""Killed with -9 in the middle of a batch and run again in batches of another size, another order, another format."""

import json
import random
import subprocess
import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from identity_model import batch
from identity_pipe import EXECUTABLE, aliases, config, living, messages, records, schema, state
from test_identity_blocks import inlined
from test_identity_kill import CHAOS_TRIALS, RECORDS, feed, rows


def lines(directory: Path, made: list[dict[str, Any]], size: int, form: str) -> bytes:
    directory.mkdir()
    found = [schema("conversions")]
    for number, start in enumerate(range(0, len(made), size)):
        found += [batch(directory, made[start : start + size], number, form), state(number)]
    return b"\n".join(found) + b"\n"


def run_and_kill(settings: Path, data: bytes, after: int | None, delay: float) -> bytes:
    """Killed `delay` seconds after so many lines have come out (None: never)."""
    with subprocess.Popen(
        [EXECUTABLE, "--config", settings], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdin
        assert process.stdout
        assert process.stderr
        feeder = threading.Thread(target=feed, args=(process.stdin, data))
        feeder.start()
        output = b""
        if after is not None:
            output = b"".join(process.stdout.readline() for _ in range(after))
            time.sleep(delay)
            process.kill()
        output += process.stdout.read()
        errors = process.stderr.read()
        feeder.join()
    assert after is not None or process.returncode == 0, errors
    return output[: output.rfind(b"\n") + 1]


def trial(directory: Path, seed: int) -> None:
    dice = random.Random(seed)
    directory.mkdir(parents=True)
    path, out = directory / "config.json", directory / "out"
    told: list[dict[str, Any]] = []
    made = rows(seed)
    for attempt in range(4):
        emit = dice.choice(["records", "batches"])
        path.write_text(json.dumps(config(directory, emit=emit, batch_directory=str(out))))
        dice.shuffle(made)
        size, form = dice.choice([150, 400, 1700]), dice.choice(["parquet", "arrow", "jsonl"])
        data = lines(directory / f"in{attempt}", made, size, form)
        after = dice.randrange(3, 3 + RECORDS // size) if attempt < 3 else None
        output = messages(run_and_kill(path, data, after, dice.uniform(0, 0.03)))
        for message in output:
            there = all(Path(urlsplit(uri).path).exists() for uri in message.get("manifest", ()))
            assert there, "a BATCH line left before its file was whole"
            told += [{**message, "record": row} for row in inlined(message)]
    check(told)


def check(told: list[dict[str, Any]]) -> None:
    became = aliases(told)
    now: dict[str, str] = {}
    survivors: dict[str, str] = {}
    for row in records(told, "conversions"):
        uid = living(row["global_customer_id"], became)
        assert now.setdefault(row["conversion_id"], uid) == uid, "one record, two people"
        for each in row["identity_fragments"]:
            assert survivors.setdefault(each["value"], uid) == uid, "one identifier, two people"
    assert len(now) == RECORDS
    latest = {row["identity_map_id"]: row for row in records(told, "identity_map")}
    open_rows = {row["source_key"]: row["global_customer_id"] for row in latest.values() if row["valid_to"] is None}
    assert len(open_rows) == sum(row["valid_to"] is None for row in latest.values())
    assert open_rows.items() <= survivors.items()


def test_a_batch_killed_and_run_again_in_another_size(tmp_path: Path) -> None:
    trial(tmp_path / "one", seed=1)


@pytest.mark.chaos
@pytest.mark.timeout(60 * CHAOS_TRIALS)
@pytest.mark.parametrize("seed", range(2, 2 + CHAOS_TRIALS))
def test_batches_killed_and_run_again_in_another_size(tmp_path: Path, seed: int) -> None:
    trial(tmp_path / "many", seed)
