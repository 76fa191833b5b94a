"""tap-postgres killed in the middle of a chunk: the next run, from the last STATE, makes the tables equal."""

from __future__ import annotations

import json
import random
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from servers.postgres import execute
from support import BIN, run

pytestmark = pytest.mark.chaos
ROWS, CHUNK = 30_000, 2_000


@pytest.fixture
def schema(postgres_url: str) -> Iterator[str]:
    """A schema, a publication and a slot of the test's own, all of one name."""
    name = f"k{uuid.uuid4().hex[:10]}"
    execute(
        postgres_url,
        f"CREATE SCHEMA {name}",
        f"CREATE TABLE {name}.sales (id int PRIMARY KEY, at timestamptz NOT NULL, note text)",
        f"INSERT INTO {name}.sales SELECT n, timestamptz '2024-01-01' + (n / 700) * interval '1 hour', 'row ' || n "
        f"FROM generate_series(1, {ROWS}) n",
    )
    yield name
    execute(
        postgres_url,
        f"SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = '{name}'",
        f"DROP PUBLICATION IF EXISTS {name}",
        f"DROP SCHEMA {name} CASCADE",
    )


def keep(lines: list[bytes], table: dict[int, Any], state: Any) -> Any:
    """Apply the records, as a target that merges by key does; returns the last STATE."""
    for line in lines:
        message = json.loads(line)
        if message["type"] == "STATE":
            state = message["value"]
        elif message["type"] == "RECORD":
            record = message["record"]
            if record.pop("_sdc_deleted_at", None):
                table.pop(record["id"], None)
            else:
                table[record["id"]] = record
    return state


@pytest.mark.parametrize("method", ["FULL_TABLE", "INCREMENTAL", "LOG_BASED"])
def test_killed_in_mid_chunk(postgres_url: str, schema: str, tmp_path: Path, method: str) -> None:
    options = {"replication_method": method, **({"replication_key": "at"} if method == "INCREMENTAL" else {})}
    config: dict[str, Any] = {
        "url": postgres_url,
        "schemas": [schema],
        "chunk_rows": CHUNK,
        "replication_publication": schema,
        "replication_slot": schema,
        "streams": {"sales": options},
    }
    table: dict[int, Any] = {}
    state: Any = {}
    path, state_path = tmp_path / "tap.json", tmp_path / "state.json"
    path.write_text(json.dumps(config))

    def killed() -> None:
        nonlocal state
        state_path.write_text(json.dumps(state))
        command = [BIN / "tap-postgres", "--config", path, "--state", state_path]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
            assert process.stdout
            lines = [process.stdout.readline() for _ in range(random.Random(method).randint(CHUNK, 6 * CHUNK))]
            process.kill()
        assert process.returncode == -9, "it had not ended before"
        state = keep([line for line in lines if line.endswith(b"\n")], table, state)

    def complete() -> None:
        nonlocal state
        state_path.write_text(json.dumps(state))
        done = run("tap-postgres", config, [], tmp_path, "--state", str(state_path))
        assert done.code == 0, done.log
        state = keep(done.lines, table, state)

    killed()
    complete()
    if method == "LOG_BASED":
        execute(
            postgres_url,
            f"UPDATE {schema}.sales SET note = 'changed' WHERE id % 2 = 0",
            f"DELETE FROM {schema}.sales WHERE id % 10 = 1",
            f"UPDATE {schema}.sales SET note = note || '!' WHERE id % 3 = 0",
        )
        killed()
        complete()
    want = run("tap-postgres", {**config, "streams": {}}, [], tmp_path)
    assert table == {record["id"]: record for record in want.records(f"{schema}-sales")}
