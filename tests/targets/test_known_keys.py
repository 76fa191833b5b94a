"""A table that was empty is not searched for keys it cannot have, and still has every key once."""

from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest
from support import record, run_inside, schema, state

from targets.duckdb import known
from targets.duckdb.known import KnownKeys
from targets.duckdb.target import TargetDuckDB

TEXT = ("VARCHAR",)


def hashes(*numbers: int) -> "np.ndarray[Any, np.dtype[np.uint64]]":
    return np.array(numbers, np.uint64)


def test_only_keys_that_were_added_may_be_there() -> None:
    keys = KnownKeys(TEXT)
    assert not keys.may_have(hashes(1, 2), TEXT)
    assert keys.add(hashes(5, 9), TEXT)
    assert keys.add(hashes(2, 7), TEXT)
    assert not keys.may_have(hashes(1, 3, 6, 8, 1 << 63), TEXT)
    assert all(keys.may_have(hashes(each), TEXT) for each in (2, 5, 7, 9))
    assert keys.may_have(hashes(1), ("BIGINT",))


def test_other_types_and_too_many_keys_end_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not KnownKeys(TEXT).add(hashes(1), ("BIGINT",))
    monkeypatch.setattr(known, "MOST", 2)
    keys = KnownKeys(TEXT)
    assert keys.add(hashes(1), TEXT)
    assert not keys.add(hashes(2, 3), TEXT)


def load(path: Path, values: list[Any], kind: str = "string", **settings: Any) -> dict[Any, int]:
    """Commit after every record; key -> the number of the record that stayed."""
    table = schema("s", ["id", "n"], ["id"])
    table["schema"]["properties"] |= {"id": {"type": kind}, "n": {"type": "integer"}}
    lines = [each for n, value in enumerate(values) for each in (record("s", id=value, n=n), state(n=n))]
    done = run_inside(TargetDuckDB, {"filepath": str(path), "batch_size_rows": 1, **settings}, [table, *lines])
    assert done.code == 0, done.log
    with duckdb.connect(str(path), read_only=True) as connection:
        found = connection.execute("SELECT id, n FROM s").fetchall()
    assert len(found) == len(dict(found))
    return dict(found)


def test_a_key_of_an_earlier_commit_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "a.duckdb"
    assert load(path, ["a", "b", "a", "c"]) == {"a": 2, "b": 1, "c": 3}
    assert load(path, ["d", "b"]) == {"a": 2, "b": 1, "c": 3, "d": 0}


def test_a_key_whose_column_is_widened_on_the_way(tmp_path: Path) -> None:
    large = (1 << 63) + 1
    assert load(tmp_path / "a.duckdb", [1, large, 1, large], "integer") == {1: 2, large: 3}


def test_beyond_the_limit_the_table_is_searched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known, "MOST", 2)
    assert load(tmp_path / "a.duckdb", ["a", "b", "c", "a", "b"]) == {"a": 3, "b": 4, "c": 2}


def test_a_key_that_becomes_a_text_on_the_way(tmp_path: Path) -> None:
    lines = []
    for n, (value, kind) in enumerate([(5, "integer"), ("5", "string"), ("x", "string")]):
        table = schema("s", ["id", "n"], ["id"])
        table["schema"]["properties"] |= {"id": {"type": kind}, "n": {"type": "integer"}}
        lines += [table, record("s", id=value, n=n), state(n=n)]
    path = tmp_path / "a.duckdb"
    done = run_inside(TargetDuckDB, {"filepath": str(path), "batch_size_rows": 1}, lines)
    assert done.code == 0, done.log
    with duckdb.connect(str(path), read_only=True) as connection:
        assert sorted(connection.execute("SELECT id, n FROM s").fetchall()) == [("5", 1), ("x", 2)]
