"""The executable: settings, exit codes, signals, what it logs and what it never logs."""

import json
import logging
import signal
import subprocess
from pathlib import Path
from typing import Any

import duckdb
import pytest
from support import BIN, join, record, run, run_inside, schema, state

from targets.duckdb.target import TargetDuckDB

SECRET = "ada.lovelace@example.com"


def rows(path: Path, query: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(path), read_only=True) as connection:
        return connection.execute(query).fetchall()


def test_about_version_and_help(tmp_path: Path) -> None:
    about = run("target-duckdb", None, [], tmp_path, "--about", "--format", "json")
    described = json.loads(b"\n".join(about.lines))
    assert described["settings"]["required"] == ["filepath"]
    assert all(each["description"] for each in described["settings"]["properties"].values())
    assert b"target-duckdb v" in run("target-duckdb", None, [], tmp_path, "--version").lines[0]
    assert run("target-duckdb", None, [], tmp_path, "--help").code == 0


def test_every_wrong_setting_is_named_at_once(tmp_path: Path) -> None:
    config = {"file_path": "x", "batch_size_rows": 0, "min_rejects": SECRET, "load_method": "overwrite"}
    done = run("target-duckdb", config, [], tmp_path)
    assert done.code == 78
    for name in ("file_path", "batch_size_rows", "min_rejects", "load_method", "filepath is missing"):
        assert name in done.log
    assert SECRET not in done.log
    assert "Traceback" not in done.log


def test_schema_is_another_word_for_default_target_schema(tmp_path: Path) -> None:
    lines = [schema("t", ["id"]), record("t", id="1")]
    path = tmp_path / "a.duckdb"
    assert run_inside(TargetDuckDB, {"filepath": str(path), "schema": "growthnav_acme"}, lines).code == 0
    both = {"filepath": str(path), "schema": "growthnav_acme", "default_target_schema": "growthnav_acme"}
    assert run_inside(TargetDuckDB, both, lines).code == 0
    assert rows(path, "SELECT count(*) FROM growthnav_acme.t") == [(2,)]
    differ = run_inside(TargetDuckDB, {**both, "schema": "x"}, lines)
    assert differ.code == 78
    assert "schema and default_target_schema differ" in differ.log


def test_input_from_a_file_and_settings_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "in.singer"
    path.write_bytes(join([schema("t", ["id"]), record("t", id="1"), state(n=1)]))
    monkeypatch.setenv("TARGET_DUCKDB_FILEPATH", str(tmp_path / "env.duckdb"))
    done = run("target-duckdb", None, [], tmp_path, "--config=ENV", "--input", str(path))
    assert (done.code, done.lines) == (0, [b'{"n": 1}'])
    assert rows(tmp_path / "env.duckdb", "SELECT id FROM t") == [("1",)]


def test_counts_are_logged_and_add_up(tmp_path: Path) -> None:
    fields = {"id": {"type": "integer"}}
    announced = {"type": "SCHEMA", "stream": "s", "schema": {"properties": fields}, "key_properties": ["id"]}
    lines = [announced, *(record("s", id=number) for number in (1, 2, 2, "x")), schema("t", ["v"])]
    done = run("target-duckdb", {"filepath": str(tmp_path / "m.duckdb"), "tenant": "acme"}, lines, tmp_path)
    assert done.code == 0, done.log
    assert done.metrics() == {
        ("record_count", "s"): 3,
        ("reject_count", "s"): 1,
        ("reject_rule_count", "s"): 1,
        ("record_count", "t"): 0,
        ("reject_count", "t"): 0,
    }
    assert '"stage":"target-duckdb"' in done.log
    assert "3 records of 2 streams written in 1 commits" in done.log
    stage = "SELECT customer_id, stage, source_stream, position FROM rejects"
    assert rows(tmp_path / "m.duckdb", stage) == [("acme", "target-duckdb", "s", 5)]


@pytest.mark.parametrize(
    "bad",
    [
        record("s", id="1", at=SECRET),
        record("s", v=SECRET),
        {"type": "RECORD", "stream": "s", "record": [SECRET]},
        {"type": "RECORD", "stream": "nobody", "record": {"v": SECRET}},
        {"type": "STATE", "values": SECRET},
        {"type": "SCHEMA", "stream": "x", "schema": SECRET},
        f"print {SECRET}",
        f'{{"type":"RECORD","stream":"s","record":{{"id":"1","v":"{SECRET}","v":"{SECRET}","at":"{SECRET}"}}}}',
        f'{{"type":"RECORD","stream":"s","record":{{"id":"1","v":"{SECRET}',
    ],
)
def test_no_value_reaches_the_log_or_the_rejects(bad: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    announced = schema("s", ["id", "v"], ["id"])
    announced["schema"]["properties"]["at"] = {"type": "string", "format": "date-time"}
    done = run_inside(TargetDuckDB, {"filepath": str(tmp_path / "p.duckdb")}, [announced, bad])
    assert done.log
    assert SECRET not in done.log + caplog.text
    with duckdb.connect(str(tmp_path / "p.duckdb"), read_only=True) as connection:
        tables = {name for (name,) in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()}
        if "rejects" in tables:
            assert SECRET not in str(connection.execute("SELECT * FROM rejects").fetchall())


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_commits_what_has_come(number: int, code: int, tmp_path: Path) -> None:
    """The pipe stays open; complete records and their STATE are kept, half a line is not."""
    config = tmp_path / "c.json"
    config.write_text(json.dumps({"filepath": str(tmp_path / "t.duckdb")}))
    lines = [schema("s", ["id"], ["id"]), record("s", id="1"), state(n=1), record("s", id="2"), state(n=2)]
    with subprocess.Popen(
        [str(BIN / "target-duckdb"), "--config", str(config)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdin
        assert process.stdout
        process.stdin.write(join(lines) + b'{"type":"RECORD","stream":"s","rec')
        process.stdin.flush()
        assert process.stdout.readline() == b'{"n": 1}\n', "the first STATE is committed at once"
        process.send_signal(number)
        output, log = process.communicate(timeout=30)
    assert process.returncode == code, log.decode()
    assert output == b'{"n": 2}\n'
    assert b"Traceback" not in log
    assert rows(tmp_path / "t.duckdb", "SELECT id FROM s ORDER BY id") == [("1",), ("2",)]


def test_record_metadata(tmp_path: Path) -> None:
    path = tmp_path / "m.duckdb"
    lines = [
        schema("s", ["id"], ["id"]),
        {**record("s", id="1"), "time_extracted": "2024-05-01T10:00:00Z", "version": 7},
        record("s", id="2"),
        {"type": "RECORD", "stream": "s", "record": {"id": "3"}, "version": 7},
    ]
    done = run_inside(TargetDuckDB, {"filepath": str(path), "add_record_metadata": True}, lines)
    assert done.code == 0, done.log
    columns = [name for name, *_ in rows(path, "DESCRIBE s")]
    assert columns == [
        "id", "_sdc_extracted_at", "_sdc_received_at", "_sdc_batched_at", "_sdc_sequence", "_sdc_sync_started_at",
        "_sdc_deleted_at", "_sdc_table_version",
    ]  # fmt: skip
    found = rows(
        path,
        "SELECT id, epoch(_sdc_extracted_at), _sdc_received_at > now() - INTERVAL 1 HOUR, _sdc_table_version, "
        "_sdc_sequence >= _sdc_sync_started_at FROM s ORDER BY id",
    )
    assert found == [("1", 1714557600.0, True, 7, True), ("2", None, True, None, True), ("3", None, True, 7, True)]


def test_without_metadata_a_second_run_changes_no_byte_of_a_row(tmp_path: Path) -> None:
    path = tmp_path / "same.duckdb"
    lines = [
        schema("s", ["id", "v"], ["id"]),
        *(record("s", id=str(number), v="é") for number in range(50)),
        state(n=1),
    ]
    loaded = []
    for _ in range(2):
        assert run_inside(TargetDuckDB, {"filepath": str(path)}, lines).code == 0
        loaded.append(rows(path, "FROM s"))
    assert loaded[0] == loaded[1]
