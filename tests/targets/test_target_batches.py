"""BATCH files beyond the corpus: who removes them, and many rows in order."""

import gzip
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from support import record, run_inside, schema, state

from pipe import columnar
from pipe.batches import PREFIX
from targets.duckdb.target import TargetDuckDB

SCHEMA = schema("s", ["id", "v"], ["id"])


def message(*paths: Path, form: str = "jsonl") -> dict[str, Any]:
    return {
        "type": "BATCH",
        "stream": "s",
        "encoding": {"format": form, "compression": "gzip"},
        "manifest": [path.as_uri() for path in paths],
    }


def load(tmp_path: Path, *lines: Any, **settings: Any) -> Any:
    return run_inside(TargetDuckDB, {"filepath": str(tmp_path / "b.duckdb"), **settings}, [SCHEMA, *lines])


def rows(tmp_path: Path, query: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(tmp_path / "b.duckdb"), read_only=True) as connection:
        return connection.execute(query).fetchall()


def test_our_own_files_go_once_they_are_stored(tmp_path: Path) -> None:
    ours, other = tmp_path / f"{PREFIX}a b.jsonl", tmp_path / "other.jsonl.gz"
    ours.write_bytes(b'{"id":"1","v":"x"}\n')
    other.write_bytes(gzip.compress(b'{"id":"2","v":"y"}\n'))
    done = load(tmp_path, message(ours), message(other), state(n=1))
    assert (done.code, done.lines) == (0, [b'{"n": 1}'])
    assert not ours.exists()
    assert other.exists()
    assert rows(tmp_path, "SELECT * FROM s ORDER BY id") == [("1", "x"), ("2", "y")]


def test_files_stay_when_the_commit_fails(tmp_path: Path) -> None:
    ours = tmp_path / f"{PREFIX}a.jsonl"
    ours.write_bytes(b'{"id":"1"}\n{"v":"no key"}\n')
    done = load(tmp_path, record("s", id="0"), message(ours), state(n=1))
    assert done.code == 65
    assert "the record in line 3 has no value for its key" in done.log
    assert done.lines == []
    assert ours.exists()
    assert rows(tmp_path, "SELECT id FROM s") == [("0",)], "a batch is stored whole or not at all"


@pytest.mark.parametrize(
    ("name", "content", "form"),
    [
        ("cut.jsonl.gz", gzip.compress(b'{"id":"1"}\n' * 5000)[:-20], "jsonl"),
        ("cut.parquet", b"PAR1" + b"x" * 400, "parquet"),
        ("empty.parquet", b"", "parquet"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(name: str, content: bytes, form: str, tmp_path: Path) -> None:
    whole, broken = tmp_path / "whole.jsonl", tmp_path / name
    whole.write_bytes(b'{"id":"2"}\n')
    broken.write_bytes(content)
    done = load(tmp_path, record("s", id="1"), state(n=1), message(whole), message(broken, form=form), state(n=2))
    assert done.code == 75
    assert f"stream 's': batch file {name} cannot be read. Run again" in done.log
    assert done.lines == [b'{"n": 1}']
    assert rows(tmp_path, "SELECT id FROM s") == [("1",)]


def test_files_without_rows(tmp_path: Path) -> None:
    empty, zipped = tmp_path / "empty.jsonl", tmp_path / "empty.jsonl.gz"
    empty.touch()
    zipped.write_bytes(gzip.compress(b""))
    done = load(tmp_path, message(empty), message(zipped), record("s", id="1"), message(), state(n=1))
    assert (done.code, done.lines) == (0, [b'{"n": 1}']), done.log
    assert rows(tmp_path, "SELECT id FROM s") == [("1",)]


def test_many_rows_of_a_file_keep_their_order(tmp_path: Path) -> None:
    """More rows than one thread reads; the last of each key wins, and a bad row is found where it is."""
    big = tmp_path / "big.jsonl"
    with big.open("w") as file:
        for number in range(300_000):
            file.write(f'{{"id":"{number % 1000}","v":"{number}"}}\n')
    last = tmp_path / "last.jsonl"
    last.write_bytes(b'{"id":"7","v":"-1"}\n')
    done = load(tmp_path, record("s", id="7", v="first"), message(big, last), record("s", id="8", v="-2"), state(n=1))
    assert done.code == 0, done.log
    assert rows(tmp_path, "SELECT id, v FROM s WHERE v::INT < 0 ORDER BY 1") == [("7", "-1"), ("8", "-2")]
    kept = rows(tmp_path, "SELECT count(*), min(v::INT), max(v::INT) FROM s WHERE v::INT >= 0")
    assert kept == [(998, 299_000, 299_999)]


def test_parquet_of_every_type(tmp_path: Path) -> None:
    """What a column store may hold, into text and into its own type."""
    path = tmp_path / "t.parquet"
    with duckdb.connect() as connection:
        connection.execute(
            f"""COPY (SELECT '1' AS id, 5::TINYINT AS tiny, 1.5::FLOAT AS real, 'x'::BLOB AS bytes, [1, 2] AS list,
            {{'a': 1}} AS struct, MAP {{'k': 'v'}} AS map, TIMESTAMPTZ '2024-05-01 10:00:00+02' AS zoned,
            TIME '10:30:00' AS tm, 'NUL' || chr(0) AS nul, '{{"a": 1}}' AS json, 'not json' AS nojson)
            TO '{path}' (FORMAT parquet)"""
        )
    kinds = {
        "id": {"type": "string"},
        "tiny": {"type": "integer"},
        "real": {"type": "number"},
        "bytes": {"type": "string"},
        "list": {"type": "array"},
        "struct": {"type": "string"},
        "map": {"type": "object"},
        "zoned": {"type": "string", "format": "date-time"},
        "tm": {"type": "string", "format": "time"},
        "nul": {"type": "string"},
        "json": {"type": "object"},
        "nojson": {"type": "object"},
    }
    announced = {"type": "SCHEMA", "stream": "s", "schema": {"properties": kinds}, "key_properties": ["id"]}
    config = {"filepath": str(tmp_path / "b.duckdb")}
    done = run_inside(TargetDuckDB, config, [announced, message(path, form="parquet"), state(n=1)])
    assert done.code == 0, done.log
    with duckdb.connect(str(tmp_path / "b.duckdb"), read_only=True) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        assert connection.execute("SELECT COLUMNS(*)::VARCHAR FROM s").fetchone() == (
            "1", "5", "1.5", "x", "[1,2]", '{"a":1}', '{"k":"v"}', "2024-05-01 08:00:00+00", "10:30:00", "NUL",
            '{"a": 1}', '"not json"',
        )  # fmt: skip


def arrow(tmp_path: Path, name: str, given: list[dict[str, Any]]) -> Path:
    path = tmp_path / f"{PREFIX}{name}.arrow"
    columnar.write(pa.Table.from_pylist(given), path, "arrow")
    return path


def both_ways(tmp_path: Path, *blocks: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """The rows that blocks give as Arrow files, which must be those that they give as records."""
    files = [message(arrow(tmp_path, str(number), block), form="arrow") for number, block in enumerate(blocks)]
    assert load(tmp_path, *files, state(n=1)).lines == [b'{"n": 1}']
    found = rows(tmp_path, "SELECT id, v FROM s ORDER BY id")
    (tmp_path / "b.duckdb").unlink()
    assert load(tmp_path, *(record("s", **each) for block in blocks for each in block), state(n=1)).code == 0
    assert rows(tmp_path, "SELECT id, v FROM s ORDER BY id") == found
    return found


def test_arrow_files_are_merged_as_records_are(tmp_path: Path) -> None:
    plain = [{"id": str(number), "v": "x"} for number in range(100)]
    assert len(both_ways(tmp_path, plain, [{"id": "a", "v": None}])) == 101


def test_of_equal_keys_in_arrow_files_the_last_wins(tmp_path: Path) -> None:
    assert both_ways(tmp_path, [{"id": "1", "v": "old"}, {"id": "2", "v": "x"}], [{"id": "1", "v": "new"}]) == [
        ("1", "new"),
        ("2", "x"),
    ]


def test_nul_in_arrow_files_is_left_out(tmp_path: Path) -> None:
    assert both_ways(tmp_path, [{"id": "1\0", "v": "a\0b"}]) == [("1", "ab")]


def test_arrow_files_replace_what_is_there(tmp_path: Path) -> None:
    for value in ("old", "new"):
        load(tmp_path, message(arrow(tmp_path, value, [{"id": "1", "v": value}]), form="arrow"))
    assert rows(tmp_path, "SELECT * FROM s") == [("1", "new")]


def test_an_arrow_file_without_a_key_is_refused_and_stays(tmp_path: Path) -> None:
    path = arrow(tmp_path, "bad", [{"id": "1", "v": "x"}, {"id": None, "v": "y"}])
    done = load(tmp_path, message(path, form="arrow"), state(n=1))
    assert (done.code, done.lines, path.exists()) == (65, [], True)
    assert rows(tmp_path, "SELECT * FROM s") == []


def test_arrow_files_after_a_refused_record_of_another_stream_are_left_out(tmp_path: Path) -> None:
    good = [message(arrow(tmp_path, name, [{"id": name, "v": "x"}]), form="arrow") for name in ("before", "after")]
    done = load(tmp_path, schema("t", ["id"], ["id"]), good[0], record("t", v="no key"), good[1], state(n=1))
    assert done.code == 65
    assert rows(tmp_path, "SELECT id FROM s") == [("before",)]
