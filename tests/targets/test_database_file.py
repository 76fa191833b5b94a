"""The database file: made, shared, foreign, full."""

import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest
from support import BIN, join, record, run, run_inside, schema, state

from targets.duckdb import database
from targets.duckdb.target import TargetDuckDB

LINES = [schema("s", ["id"], ["id"]), record("s", id="1"), state(n=1)]


def load(path: Path | str, lines: list[Any] = LINES, **settings: Any) -> Any:
    return run_inside(TargetDuckDB, {"filepath": str(path), **settings}, lines)


def count(path: Path) -> int:
    with duckdb.connect(str(path), read_only=True) as connection:
        (found,) = connection.execute("SELECT count(*) FROM s").fetchone() or (0,)
    return int(found)


def test_missing_directories_are_made(tmp_path: Path) -> None:
    path = tmp_path / "out" / "of" / "acme.duckdb"
    assert load(path).code == 0
    assert count(path) == 1


def test_paths_with_letters_that_mean_something_elsewhere(tmp_path: Path) -> None:
    folder = tmp_path / "a[b]* 'q' \"é\" %"
    other = folder / "b[1]*.jsonl"
    folder.mkdir()
    other.write_text('{"id": "2"}\n')
    path = folder / "x[y]?.duckdb"
    batch = {"type": "BATCH", "stream": "s", "encoding": {"format": "jsonl"}, "manifest": [other.as_uri()]}
    assert load(path, [*LINES, batch]).code == 0
    assert count(path) == 2
    assert sorted(each.name for each in folder.iterdir()) == ["b[1]*.jsonl", "x[y]?.duckdb"]


def test_a_file_that_is_no_database_is_left_as_it_is(tmp_path: Path) -> None:
    for name, content in {
        "text.duckdb": b"hello " * 5000,
        "empty.duckdb": b"",
        "sqlite.db": b"SQLite format 3\0" * 999,
    }.items():
        path = tmp_path / name
        path.write_bytes(content)
        done = load(path)
        assert done.code == 78
        assert "is not a DuckDB database; it was left as it is" in done.log
        assert path.read_bytes() == content
        assert not done.lines


def test_a_file_in_use_is_waited_for_then_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "busy.duckdb"
    load(path)
    script = f"import duckdb, sys; c = duckdb.connect({str(path)!r}); print('open', flush=True); sys.stdin.read(1)"
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout
        assert other.stdin
        assert other.stdout.readline() == b"open\n"
        monkeypatch.setattr(database, "LOCK_PATIENCE_SECONDS", 0.5)
        done = load(path)
        assert done.code == 75
        assert f"the database file {path} is in use by another process" in done.log
        monkeypatch.setattr(database, "LOCK_PATIENCE_SECONDS", 20.0)
        monkeypatch.setattr(
            database.time, "sleep", lambda _: other.stdin.close() if not other.stdin.closed else other.wait()
        )
        assert load(path, [*LINES[:1], record("s", id="2")]).code == 0
    assert count(path) == 2


@pytest.mark.parametrize("filepath", [":memory:", "{tmp}"])
def test_a_path_that_names_no_file(filepath: str, tmp_path: Path) -> None:
    done = load(filepath.replace("{tmp}", str(tmp_path)))
    assert done.code == 78
    assert "filepath must name a file" in done.log


def test_a_path_below_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = load(tmp_path / "file" / "x.duckdb")
    assert done.code == 78
    assert "directory cannot be written to" in done.log


def test_engine_settings(tmp_path: Path) -> None:
    assert load(tmp_path / "a.duckdb", memory_limit="500MB", threads=1).code == 0
    done = load(tmp_path / "a.duckdb", memory_limit="plenty")
    assert done.code == 78
    assert "memory_limit has a value that DuckDB does not take" in done.log


@pytest.mark.parametrize("limit", [300_000, 1_500_000, 4_000_000])
def test_a_full_disk_is_said_and_harms_nothing(limit: int, tmp_path: Path) -> None:
    """Files may not grow past a limit: the spool or the database is in the middle of a write when it is reached."""
    path = tmp_path / "full.duckdb"
    load(path)
    lines = [schema("s", ["id", "v"], ["id"])]
    for number in range(20_000):
        lines.append(record("s", id=f"n{number}", v=f"{number * 7919:x}" * 40))
        if number % 5000 == 4999:
            lines.append(state(n=number))
    config = tmp_path / "c.json"
    config.write_text(f'{{"filepath": "{path}", "batch_size_rows": 5000}}')
    done = subprocess.run(
        [str(BIN / "target-duckdb"), "--config", str(config)],
        input=join(lines),
        capture_output=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )
    log = done.stderr.decode()
    assert done.returncode == 75, log
    assert "Traceback" not in log
    assert "run again" in log
    printed = done.stdout.split()
    before = count(path)
    assert before >= 1 + (5000 * (len(printed) // 2))
    assert run("target-duckdb", {"filepath": str(path)}, lines, tmp_path).code == 0
    assert count(path) == 20_001


def test_leftovers_of_killed_runs_are_removed(tmp_path: Path) -> None:
    old = tmp_path / ".a.duckdb.spool-killed"
    old.mkdir()
    (old / "000000.jsonl").write_text("{}")
    assert load(tmp_path / "a.duckdb").code == 0
    assert [path.name for path in tmp_path.iterdir()] == ["a.duckdb"]


def test_small_loads_do_not_fragment_the_file(tmp_path: Path) -> None:
    """Each run appends a row group; now and then the file is tidied, and it does not grow for ever."""
    path = tmp_path / "tidy.duckdb"
    for number in range(12):
        lines = [
            schema("s", ["id", "v"], ["id"]),
            *(record("s", id=str(each), v=str(number)) for each in range(number, number + 5)),
        ]
        assert load(path, lines).code == 0
    with duckdb.connect(str(path), read_only=True) as connection:
        groups = connection.execute("SELECT count(DISTINCT row_group_id) FROM pragma_storage_info('s')").fetchone()
    assert groups
    assert groups[0] <= 4
    assert count(path) == 16
