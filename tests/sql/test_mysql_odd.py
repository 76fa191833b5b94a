"""tap-mysql on tables that are odd and real: keys of enums and flags, long values, days that are none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from servers.mysql import connected, execute
from sql_runs import run_here, with_state
from support import Finished

Tap = Callable[..., Finished]


@pytest.fixture
def url(mysql_url: str, database: str) -> str:
    """Of that database."""
    return f"{mysql_url.rsplit('/', 1)[0]}/{database}"


@pytest.fixture
def tap(url: str, tmp_path: Path) -> Tap:
    """Runs the tap over that database."""

    def call(*more: str, **settings: Any) -> Finished:
        return run_here("taps.mysql.tap", {"url": url, **settings}, tmp_path, *more)

    return call


ROWS = 60


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("ENUM('web','app','store')", "ELT(1 + seq % 3, 'web', 'app', 'store')"),
        ("SET('web','app')", "ELT(1 + seq % 3, 'web', 'app', 'web,app')"),
        ("bit(1)", "seq % 2"),
        ("bit(8)", "seq % 200"),
        ("tinyint(1)", "seq % 2"),
    ],
)
def test_each_row_comes_once_whatever_its_key(
    url: str, database: str, tap: Tap, tmp_path: Path, kind: str, value: str
) -> None:
    execute(
        url,
        f"CREATE TABLE k (kind {kind} NOT NULL, id int NOT NULL, PRIMARY KEY (kind, id))",
        f"INSERT INTO k SELECT {value}, seq FROM seq_1_to_{ROWS}",
    )
    wanted = list(range(1, ROWS + 1))
    query = {"sql": "SELECT * FROM k", "key_properties": ["kind", "id"]}
    more = {"tinyint1_as_bool": True, "queries": {"q": query}}
    done = tap(chunk_rows=2, **more)
    assert done.code == 0, done.log
    assert sorted(row["id"] for row in done.records(f"{database}-k")) == wanted
    assert sorted(row["id"] for row in done.records("q")) == wanted
    cut = tap(chunk_rows=2, max_rows=20, streams={"k": {"replication_key": "id"}}, **more)
    state = with_state(tmp_path, cut.messages("STATE")[-1]["value"])
    rest = tap(*state, chunk_rows=2, streams={"k": {"replication_key": "id"}}, **more)
    assert {row["id"] for each in (cut, rest) for row in each.records(f"{database}-k")} == set(wanted)


def test_a_value_too_long_for_the_server_is_told_and_not_emptied(url: str, database: str, tap: Tap) -> None:
    execute(url, "CREATE TABLE b (id int PRIMARY KEY, raw longblob)", "INSERT INTO b VALUES (1, 'a')")
    with connected(url) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT @@max_allowed_packet")
        ((most,),) = cursor.fetchall()
        cursor.execute("INSERT INTO b VALUES (2, REPEAT('x', %s))", (most * 7 // 8,))  # as BASE64 it is longer
    done = tap()
    assert (done.code, done.messages("STATE")) == (65, []), done.log
    assert f"stream '{database}-b': a row is longer than the server's max_allowed_packet" in done.log
    assert len(tap(streams={"b": {"where": "id = 1"}}).messages("RECORD")) == 1


def test_days_that_no_month_has_are_bad_values(url: str, database: str, tap: Tap) -> None:
    execute(url, "CREATE TABLE d (id int PRIMARY KEY, day date, at datetime)")
    with connected(url) as connection, connection.cursor() as cursor:
        cursor.execute("SET sql_mode = 'ALLOW_INVALID_DATES'")
        cursor.execute("INSERT INTO d VALUES (1, '2024-02-30', '2023-02-29 10:00'), (2, '2024-02-29', '9999-12-31')")
    done = tap()
    assert done.code == 0, done.log
    assert done.records(f"{database}-d") == [
        {"id": 1, "day": None, "at": None},
        {"id": 2, "day": "2024-02-29", "at": "9999-12-31T00:00:00.000000"},
    ]
    assert done.metrics()["bad_value_count", f"{database}-d"] == 1


@pytest.mark.parametrize("end", [";", "\n# and no more", " -- so far;"])
def test_sql_as_people_write_it(url: str, database: str, tap: Tap, end: str) -> None:
    execute(url, "CREATE TABLE t AS SELECT 1 AS id UNION ALL SELECT 2")
    asked = tap(tables=["none"], queries={"q": {"sql": f"SELECT id FROM t WHERE '%' = '%'{end}"}})
    assert [row["id"] for row in asked.records("q")] == [1, 2], asked.log
    found = tap(streams={"t": {"where": f"id = 2{end}"}})
    assert found.records(f"{database}-t") == [{"id": 2}], found.log
