"""tap-postgres when its connection is cut in the middle of a read."""

from __future__ import annotations

import json
import subprocess
import uuid
from pathlib import Path

from servers.postgres import execute
from support import BIN

CHUNK = 1_000


def test_a_lost_connection_is_told_and_state_is_of_whole_chunks(postgres_url: str, tmp_path: Path) -> None:
    schema = f"c{uuid.uuid4().hex[:10]}"
    execute(
        postgres_url,
        f"CREATE SCHEMA {schema}",
        f"CREATE TABLE {schema}.wide (id int PRIMARY KEY, note text)",
        f"INSERT INTO {schema}.wide SELECT n, repeat(n::text, 300) FROM generate_series(1, 30000) n",
    )
    path = tmp_path / "tap.json"
    path.write_text(json.dumps({"url": postgres_url, "schemas": [schema], "chunk_rows": CHUNK}))
    try:
        command = [BIN / "tap-postgres", "--config", path]
        with (
            (tmp_path / "log").open("wb") as errors,
            subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors) as process,
        ):
            assert process.stdout
            first = [process.stdout.readline() for _ in range(10)]
            execute(
                postgres_url,
                f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%{schema}%' "
                "AND application_name = 'growthnav tap-postgres'",
            )
            rest = process.stdout.read()
    finally:
        execute(postgres_url, f"DROP SCHEMA {schema} CASCADE")
    log = (tmp_path / "log").read_bytes()
    messages = [json.loads(line) for line in (*first, *rest.splitlines())]
    assert process.returncode == 75, log.decode()
    assert b"connection to the database was lost" in log
    assert b"Traceback" not in log
    sent = 0
    for message in messages:
        sent += message["type"] == "RECORD"
        if message["type"] == "STATE" and (mark := message["value"]["bookmarks"].get(f"{schema}-wide")):
            assert int((mark.get("key_position") or [0])[0]) <= sent
    assert 0 < sent < 30_000
