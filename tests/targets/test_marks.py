"""Deletions that come with their key alone: they mark a row, and never make or empty one."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support import Finished, record, run_inside, state

from targets.duckdb.target import TargetDuckDB

SCHEMA = {
    "type": "SCHEMA",
    "stream": "s",
    "schema": {
        "properties": {"id": {"type": "string"}, "v": {"type": "string"}, "n": {"type": ["null", "integer"]}},
        "required": ["v"],
    },
    "key_properties": ["id"],
}
FIRST, THEN = "2024-05-01T00:00:00Z", "2024-05-02T00:00:00Z"


def row(key: str, value: str) -> dict[str, Any]:
    return record("s", id=key, v=value)


def gone(key: str, moment: str = FIRST) -> dict[str, Any]:
    return record("s", id=key, _sdc_deleted_at=moment)


def load(path: Path, *lines: Any, **more: Any) -> Finished:
    done = run_inside(TargetDuckDB, {"filepath": str(path), **more}, [SCHEMA, *lines])
    assert done.code == 0, done.log
    return done


def rows(path: Path) -> list[tuple[str, str | None, str | None]]:
    with duckdb.connect(str(path), read_only=True) as connection:
        connection.execute("SET timezone = 'UTC'")
        columns = [name for name, *_ in connection.execute("DESCRIBE s").fetchall()]
        mark = "strftime(_sdc_deleted_at, '%d')" if "_sdc_deleted_at" in columns else "NULL"
        return connection.execute(f"SELECT id, v, {mark} FROM s ORDER BY id").fetchall()


def test_a_mark_leaves_the_other_columns_and_makes_no_row(tmp_path: Path) -> None:
    path = tmp_path / "a.duckdb"
    load(path, row("1", "a"), row("2", "b"))
    load(path, gone("1"), gone("never"))
    assert rows(path) == [("1", "a", "01"), ("2", "b", None)]
    load(path, gone("1", THEN))
    assert rows(path)[0] == ("1", "a", "01"), "the first mark stays"
    load(path, row("1", "c"))
    assert rows(path)[0] == ("1", "c", None), "what comes again is back"


def test_within_one_commit_order_counts(tmp_path: Path) -> None:
    path = tmp_path / "a.duckdb"
    lines = [row("1", "a"), gone("1"), gone("1", THEN), gone("2"), row("2", "b"), gone("3"), row("4", "d"), gone("4")]
    load(path, *lines, row("4", "e"))
    assert rows(path) == [("1", "a", "01"), ("2", "b", None), ("4", "e", None)]


def test_hard_delete_removes(tmp_path: Path) -> None:
    path = tmp_path / "a.duckdb"
    load(path, row("1", "a"), row("2", "b"), row("3", "c"), gone("3"), hard_delete=True)
    load(path, gone("1"), gone("never"), hard_delete=True)
    assert rows(path) == [("2", "b", None)]


def test_a_mark_without_its_key_is_refused(tmp_path: Path) -> None:
    done = run_inside(
        TargetDuckDB, {"filepath": str(tmp_path / "a.duckdb")}, [SCHEMA, record("s", _sdc_deleted_at=FIRST)]
    )
    assert done.code == 65
    assert "has no value for its key" in done.log


STEPS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from("12"), st.sampled_from("ab")).map(lambda pair: row(*pair)),
        st.tuples(st.sampled_from("12"), st.sampled_from([FIRST, THEN])).map(lambda pair: gone(*pair)),
    ),
    max_size=12,
)


def plainly(lines: Iterable[dict[str, Any]]) -> list[tuple[str, str, str | None]]:
    table: dict[str, tuple[str, str | None]] = {}
    for line in lines:
        found = line["record"]
        if "v" in found:
            table[found["id"]] = (found["v"], None)
        elif found["id"] in table:
            value, mark = table[found["id"]]
            table[found["id"]] = (value, mark or found["_sdc_deleted_at"][8:10])
    return [(key, *rest) for key, rest in sorted(table.items())]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS, cuts=st.lists(st.integers(0, 12), max_size=3))
def test_however_it_is_cut_into_commits(
    steps: list[dict[str, Any]], cuts: list[int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("marks") / "a.duckdb"
    places = sorted({0, *(cut for cut in cuts if cut < len(steps)), len(steps)})
    load(path)
    for start, end in pairwise(places):
        load(path, *steps[start:end], state(n=end))
    assert rows(path) == plainly(steps)
