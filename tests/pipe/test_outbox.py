"""Batch folders: private, cleared of what dead runs left, never under a running one."""

import json
import os
import shutil
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipe import batches, outbox
from pipe.errors import ConfigurationError, RetriableError
from pipe.outbox import LOCK, Outbox

ROWS = [{"id": 1, "name": "Zoë"}, {"id": 2, "name": None}]


def table() -> pa.Table:
    return pa.Table.from_pylist(ROWS)


def decoded(line: bytes) -> list[Any]:
    return [json.loads(row) for row in batches.records(batches.decode(line, 1))]


def in_another_process(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    return done.stdout.strip()


def test_files_and_folder_are_private(tmp_path: Path) -> None:
    box = Outbox(str(tmp_path / "acme"))
    path = box.new_file()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert path.parent == tmp_path / "acme"


@pytest.mark.parametrize("form", batches.FORMATS)
def test_what_was_written_is_read(tmp_path: Path, form: str) -> None:
    box = Outbox(str(tmp_path))
    if form == "jsonl":
        line = box.write("s", [json.dumps(row).encode() for row in ROWS])
    else:
        path = box.new_file(form)
        if form == "parquet":
            pq.write_table(table(), path)
        else:
            with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, table().schema) as writer:
                writer.write_table(table())
        line = box.message("s", [path], form)
    message = json.loads(line)
    assert (message["type"], message["stream"], message["encoding"]["format"]) == ("BATCH", "s", form)
    assert "version" not in message
    assert decoded(line) == ROWS
    batches.discard(batches.decode(line, 1))
    assert [path.name for path in tmp_path.iterdir()] == [LOCK]


def test_a_version_travels_with_its_batch(tmp_path: Path) -> None:
    box = Outbox(str(tmp_path))
    line = box.message("s", [box.new_file()], version=7)
    assert json.loads(line)["version"] == batches.decode(line, 1).version == 7


def begin_another_run(directory: Path) -> None:
    in_another_process(f"from pipe.outbox import Outbox; Outbox({str(directory)!r}).hold(clear=True)")


def left_by_a_dead_run(directory: Path, age_s: float = 120) -> Path:
    path = Path(in_another_process(f"from pipe.outbox import Outbox; print(Outbox({str(directory)!r}).new_file())"))
    written = time.time() - age_s
    os.utime(path, (written, written))
    return path


def test_the_start_of_a_run_clears_what_a_dead_run_left(tmp_path: Path) -> None:
    left_by_a_dead_run(tmp_path)
    (tmp_path / "mine.parquet").touch()
    Outbox(str(tmp_path)).hold(clear=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == [LOCK, "mine.parquet"]


def test_a_young_file_may_be_on_its_way_between_two_steps(tmp_path: Path) -> None:
    left = left_by_a_dead_run(tmp_path, age_s=20)
    begin_another_run(tmp_path)
    assert left.exists()


def test_nothing_is_cleared_while_another_process_uses_the_folder(tmp_path: Path) -> None:
    left = left_by_a_dead_run(tmp_path)
    Outbox(str(tmp_path)).hold()
    begin_another_run(tmp_path)
    assert left.exists()


def test_who_writes_a_file_holds_its_folder(tmp_path: Path) -> None:
    left = left_by_a_dead_run(tmp_path)
    Outbox(str(tmp_path)).new_file()
    begin_another_run(tmp_path)
    assert left.exists()


def test_a_reader_of_another_folder_holds_it(tmp_path: Path) -> None:
    left = left_by_a_dead_run(tmp_path)
    outbox.hold_folder_of(batches.decode(Outbox(str(tmp_path)).message("s", [left]), 1))
    begin_another_run(tmp_path)
    assert left.exists()


def test_a_step_in_the_middle_clears_nothing(tmp_path: Path) -> None:
    left = left_by_a_dead_run(tmp_path)
    Outbox(str(tmp_path)).hold()
    assert left.exists()


@pytest.mark.parametrize("root", ["ftp://host/x", "/proc/nowhere/x"])
def test_a_folder_that_cannot_be_is_a_setting_to_mend(root: str) -> None:
    with pytest.raises(ConfigurationError, match="batch"):
        Outbox(root)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_stops_the_run_and_leaves_no_file(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.touch()
    with (
        pytest.raises(RetriableError, match="No space left on device"),
        outbox.storage_errors(path),
        Path("/dev/full").open("wb", buffering=0) as full,
    ):
        full.write(b"x")
    assert not path.exists()


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    box = Outbox(str(tmp_path))
    path = box.new_file()
    line = box.message("s", [path])
    path.unlink()
    with pytest.raises(RetriableError, match="is not there"):
        decoded(line)


@pytest.mark.parametrize("form", ["parquet", "arrow"])
def test_a_broken_file_is_named(tmp_path: Path, form: str) -> None:
    box = Outbox(str(tmp_path))
    path = box.new_file(form)
    path.write_bytes(b"PAR1 and nothing of the kind")
    with pytest.raises(RetriableError, match="cannot be read"):
        decoded(box.message("s", [path], form))


def test_a_folder_that_is_gone_is_let_go(tmp_path: Path) -> None:
    for number in range(5):
        folder = tmp_path / str(number)
        folder.mkdir()
        outbox.hold(folder)
        assert folder in outbox._held
        shutil.rmtree(folder)
    assert len([folder for folder in outbox._held if folder.parent == tmp_path]) == 1
