"""tap-bigquery when the service goes away in mid-read."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from servers import bigquery
from servers.bigquery import PROJECT, Emulator
from sql_runs import run_tap, with_state
from support import BIN

ROWS = 40_000
TABLE = (
    "CREATE TABLE lost.many (id INT64 NOT NULL, name STRING)",
    f"INSERT INTO lost.many SELECT n, CONCAT('n', CAST(n AS STRING)) FROM UNNEST(GENERATE_ARRAY(1, {ROWS})) AS n",
)


def fill(server: Emulator) -> None:
    with server.client() as client:
        client.create_dataset("lost")
    server.execute(*TABLE)


@pytest.mark.parametrize("incremental", [False, True], ids=["full", "incremental"])
def test_a_service_lost_mid_read_leaves_a_state_to_go_on_from(tmp_path: Path, incremental: bool) -> None:
    key = {"replication_key": "id"} if incremental else {}
    config = {
        "project": PROJECT,
        "retry_seconds": 2,
        "chunk_rows": 3000,
        "streams": {"many": {"key_properties": ["id"], **key}},
    }
    path = tmp_path / "cut.json"
    with bigquery.server_or_skip() as server:
        fill(server)
        path.write_text(json.dumps({**config, "api_endpoint": server.url}))
        with subprocess.Popen(
            [BIN / "tap-bigquery", "--config", path], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as tap:
            assert tap.stdout
            assert tap.stderr
            lines = [tap.stdout.readline(), tap.stdout.readline()]  # and few more, so the tap waits for its reader
            while b"RECORD" not in lines[-1]:
                lines.append(tap.stdout.readline())
            server.process.kill()
            lines += tap.stdout.readlines()
            log = tap.stderr.read()
    messages = [json.loads(line) for line in lines]
    assert tap.returncode == 75, log.decode()
    assert b"stream 'lost-many': BigQuery is busy or cannot be reached" in log
    assert b"Traceback" not in log
    sent = [message["record"]["id"] for message in messages if message["type"] == "RECORD"]
    states = [message["value"] for message in messages if message["type"] == "STATE"]
    assert 0 < len(sent) < ROWS
    assert "ACTIVATE_VERSION" not in {message["type"] for message in messages}
    with bigquery.server_or_skip() as server:
        fill(server)
        arguments = with_state(tmp_path, states[-1])
        rest = run_tap("taps.bigquery.tap", {**config, "api_endpoint": server.url}, tmp_path, *arguments)
    assert rest.code == 0, rest.log
    again = [row["id"] for row in rest.records("lost-many")]
    assert sorted({*sent, *again}) == list(range(1, ROWS + 1))
    assert len(again) < ROWS
    assert len(rest.messages("ACTIVATE_VERSION")) == (not incremental)
