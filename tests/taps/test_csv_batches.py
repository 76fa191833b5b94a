"""Batch files instead of RECORD messages: the same records in the same order, and STATE after the file it covers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from csv_runs import Run, run_tap

from pipe import batches


def config(folder: Path, batch_rows: int, **stream: Any) -> dict[str, Any]:
    return {
        "streams": [
            {"stream": "a", "path": str(folder / "a_*.csv"), **stream},
            {"stream": "b", "path": str(folder / "b.csv")},
        ],
        "state_rows": 10,
    } | (
        {"batch_config": {"batch_size": batch_rows, "storage": {"root": str(folder / "batches")}}} if batch_rows else {}
    )


def write(folder: Path) -> None:
    for name, rows in (("a_1", 70), ("a_2", 45), ("b", 5)):
        lines = "".join(f"{name}-{number}\n" for number in range(rows))
        (folder / f"{name}.csv").write_text(f"id\n{lines}")


def unpacked(run: Run) -> list[tuple[str, Any]]:
    """(stream, record) and (STATE, value) in order."""
    found: list[tuple[str, Any]] = []
    for message in run.messages:
        if message["type"] == "BATCH":
            given = batches.decode(json.dumps(message).encode(), 1)
            found += [(message["stream"], json.loads(record)) for record in batches.records(given)]
        elif message["type"] == "RECORD":
            found.append((message["stream"], message["record"]))
    return found


def test_the_same_records_in_the_same_order(tmp_path: Path) -> None:
    write(tmp_path)
    plain, packed = run_tap(config(tmp_path, 0)), run_tap(config(tmp_path, 50))
    assert not packed.records
    assert unpacked(packed) == unpacked(plain)
    assert len(unpacked(packed)) == 120
    assert packed.states[-1] == plain.states[-1]


def test_state_comes_after_the_file_it_covers(tmp_path: Path) -> None:
    write(tmp_path)
    packed = run_tap(config(tmp_path, 50))
    kinds = [message["type"] for message in packed.messages]
    last_batch = max(index for index, kind in enumerate(kinds) if kind == "BATCH")
    assert kinds.index("BATCH") < kinds.index("STATE")
    assert "STATE" in kinds[last_batch:]
    resumed = run_tap(config(tmp_path, 50), state=packed.states[0])
    again = {json.dumps(record) for _, record in unpacked(resumed)}
    everything = {json.dumps(record) for _, record in unpacked(packed)}
    before = kinds.index("STATE")
    covered = Run([message for message in packed.messages[:before] if message["type"] == "BATCH"])
    assert again | {json.dumps(record) for _, record in unpacked(covered)} == everything


def test_a_snapshot_s_version_goes_with_its_batches(tmp_path: Path) -> None:
    write(tmp_path)
    run = run_tap(config(tmp_path, 50, mode="replace"))
    version = next(message["version"] for message in run.messages if message["type"] == "ACTIVATE_VERSION")
    found = [(message["stream"], message.get("version")) for message in run.messages if message["type"] == "BATCH"]
    assert found == [("a", version), ("b", None)]
    assert not run.records


def test_a_versioned_snapshot_of_json_lines_stays_in_records(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "a_3.csv").write_text('{"id": "x"}\n')
    run = run_tap(config(tmp_path, 50, mode="replace", format="jsonl", path=str(tmp_path / "a_3.csv")))
    assert {message.get("version") is not None for message in run.messages if message["type"] == "RECORD"} == {True}
    assert [message["stream"] for message in run.messages if message["type"] == "BATCH"] == ["b"]


def test_json_lines_when_they_are_asked_for(tmp_path: Path) -> None:
    write(tmp_path)
    settings = config(tmp_path, 50)
    settings["batch_config"]["encoding"] = {"format": "jsonl"}
    asked = run_tap(settings)
    assert {message["encoding"]["format"] for message in asked.messages if message["type"] == "BATCH"} == {"jsonl"}
    assert unpacked(asked) == unpacked(run_tap(config(tmp_path, 50)))
