"""tap-postgres against a real server: types, full and incremental reads, faults."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from servers.postgres import execute
from sql_runs import unpacked, with_state
from support import Finished, run

Tap = Callable[..., Finished]


@pytest.fixture
def tap(postgres_url: str, schema: str, tmp_path: Path) -> Tap:
    """Runs the tap over that schema."""

    def call(*more: str, **settings: Any) -> Finished:
        return run("tap-postgres", {"url": postgres_url, "schemas": [schema], **settings}, [], tmp_path, *more)

    return call


ODD = """
CREATE TABLE {0}.odd (
  id bigint PRIMARY KEY, small smallint, flag boolean, price numeric(12,2), big numeric, cents numeric(9,0),
  ratio double precision, name text, code char(3), at timestamptz, local timestamp, day date, clock time,
  doc jsonb, tags text[], uid uuid, raw bytea, span interval, "Mixed Case" text
);
INSERT INTO {0}.odd VALUES
 (1, 7, true, 12.50, 123456789012345678901234567890.123456789012, 42, 0.1, E'Zoë "x", y\n', 'ab', '2024-05-01 09:30:00.123456+02',
  '2024-05-01 09:30:00', '2024-05-01', '23:59:59.000001', '{{"a": [1, 2.50]}}', '{{"x","y,z"}}',
  '00000000-0000-0000-0000-000000000001', '\\x00ff', '1 day 2 hours', 'm'),
 (2, NULL, NULL, NULL, NULL, NULL, NULL, '', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
 (3, -1, false, 'NaN', 'NaN', NULL, 'Infinity', 'x', NULL, 'infinity', '0044-03-15 BC', '-infinity', '24:00', 'null', '{{}}', NULL, '', NULL, NULL)
"""
FIRST = {
    "id": 1,
    "small": 7,
    "flag": True,
    "price": "12.50",
    "big": "123456789012345678901234567890.123456789012",
    "cents": 42,
    "ratio": 0.1,
    "name": 'Zoë "x", y\n',
    "code": "ab",
    "at": "2024-05-01T07:30:00.123456Z",
    "local": "2024-05-01T09:30:00.000000",
    "day": "2024-05-01",
    "clock": "23:59:59.000001",
    "doc": {"a": [1, 2.5]},
    "tags": ["x", "y,z"],
    "uid": "00000000-0000-0000-0000-000000000001",
    "raw": "AP8=",
    "span": "P1DT2H",
    "Mixed Case": "m",
}


@pytest.mark.parametrize("files", [False, True])
def test_every_type_arrives_exactly(postgres_url: str, schema: str, tap: Tap, tmp_path: Path, files: bool) -> None:
    execute(postgres_url, *ODD.format(schema).split(";\n"))
    more = {"batch_config": {"storage": {"root": str(tmp_path / "b")}}} if files else {}
    done = tap(**more)
    assert done.code == 0, done.log
    first, second, third = unpacked(done, f"{schema}-odd")
    assert first == FIRST
    assert {name: value for name, value in second.items() if value is not None} == {"id": 2, "name": ""}
    bad = ("price", "big", "ratio", "at", "local", "day", "clock")
    assert {name: third[name] for name in bad} == dict.fromkeys(bad)
    assert third["tags"] == []
    assert done.metrics()["bad_value_count", f"{schema}-odd"] == 1
    assert bool(done.messages("BATCH")) == files


@pytest.mark.parametrize(("policy", "code", "rows"), [("quarantine", 0, 2), ("fail", 65, 0)])
def test_bad_values_by_policy(postgres_url: str, schema: str, tap: Tap, policy: str, code: int, rows: int) -> None:
    execute(postgres_url, *ODD.format(schema).split(";\n"))
    done = tap(on_bad_value=policy)
    assert done.code == code
    assert len(done.records(f"{schema}-odd")) == rows


def test_a_zone_for_times_without_one(postgres_url: str, schema: str, tap: Tap) -> None:
    execute(postgres_url, *ODD.format(schema).split(";\n"))
    done = tap(source_timezone="America/Chicago")
    assert done.records(f"{schema}-odd")[0]["local"] == "2024-05-01T14:30:00.000000Z"


def test_keys_come_from_the_database_or_the_settings(postgres_url: str, schema: str, tap: Tap) -> None:
    execute(
        postgres_url,
        f"CREATE TABLE {schema}.a (x int, y int, PRIMARY KEY (y, x))",
        f"CREATE TABLE {schema}.b (x int, y int NOT NULL UNIQUE)",
        f"CREATE TABLE {schema}.c (x int UNIQUE, y int)",
        f"CREATE VIEW {schema}.d AS SELECT * FROM {schema}.a",
    )
    done = tap("--discover", streams={"d": {"key_properties": ["Y"]}})
    assert done.code == 0, done.log
    catalog = json.loads(b"\n".join(done.lines))
    keys = {entry["stream"].split("-")[1]: entry["key_properties"] for entry in catalog["streams"]}
    assert keys == {"a": ["y", "x"], "b": ["y"], "c": [], "d": ["y"]}
    methods = {entry["replication_method"] for entry in catalog["streams"]}
    assert methods == {"FULL_TABLE"}


EVENTS = """
CREATE TABLE {0}.events (id bigint PRIMARY KEY, at timestamptz);
INSERT INTO {0}.events SELECT n, '2024-01-01'::timestamptz + (n / 10) * interval '1 hour' FROM generate_series(1, 100) n
"""


def test_incremental_reads_ties_again_and_nothing_else(
    postgres_url: str, schema: str, tap: Tap, tmp_path: Path
) -> None:
    execute(postgres_url, *EVENTS.format(schema).split(";\n"))
    streams = {"events": {"replication_key": "at"}}
    first = tap(streams=streams)
    assert len(first.records(f"{schema}-events")) == 100
    last = first.messages("STATE")[-1]["value"]
    execute(
        postgres_url,
        f"INSERT INTO {schema}.events VALUES (101, '2024-01-01 10:00+00'), (102, '2024-01-02'), (103, '2999-01-01')",
    )
    second = tap(*with_state(tmp_path, last), streams=streams)
    assert sorted(row["id"] for row in second.records(f"{schema}-events")) == [100, 101, 102]
    third = tap(*with_state(tmp_path, second.messages("STATE")[-1]["value"]), streams=streams)
    assert [row["id"] for row in third.records(f"{schema}-events")] == [102]


def test_from_every_state_the_rest_comes(postgres_url: str, schema: str, tap: Tap, tmp_path: Path) -> None:
    execute(postgres_url, *EVENTS.format(schema).split(";\n"))
    for streams in ({"events": {"replication_key": "at"}}, {}):
        whole = tap(streams=streams, chunk_rows=7)
        seen: set[int] = set()
        states = 0
        for message in whole.messages():
            if message["type"] == "RECORD":
                seen.add(message["record"]["id"])
            elif message["type"] == "STATE" and states < 4:
                states += 1
                rest = tap(*with_state(tmp_path, message["value"]), streams=streams, chunk_rows=50)
                assert seen | {row["id"] for row in rest.records(f"{schema}-events")} == set(range(1, 101))
                if not streams:
                    versions = {m["version"] for m in rest.messages("RECORD")}
                    assert versions == {m["version"] for m in whole.messages("RECORD")}


def test_a_full_read_ends_with_its_version_only_when_complete(postgres_url: str, schema: str, tap: Tap) -> None:
    execute(postgres_url, *EVENTS.format(schema).split(";\n"))
    assert [m["type"] for m in tap().messages()][-2:] == ["ACTIVATE_VERSION", "STATE"]
    assert not tap(max_rows=50).messages("ACTIVATE_VERSION")


def test_a_query_of_ones_own(postgres_url: str, schema: str, tap: Tap, tmp_path: Path) -> None:
    execute(postgres_url, *EVENTS.format(schema).split(";\n"))
    sql = f"SELECT id, at FROM {schema}.events WHERE id % 2 = 0"
    queries = {"even": {"sql": sql, "key_properties": ["id"], "replication_key": "id"}}
    done = tap(queries=queries, tables=["none"])
    assert done.code == 0, done.log
    assert [row["id"] for row in done.records("even")] == list(range(2, 101, 2))
    again = tap(*with_state(tmp_path, done.messages("STATE")[-1]["value"]), queries=queries, tables=["none"])
    assert [row["id"] for row in again.records("even")] == [100]


def test_a_query_sees_the_bookmark(postgres_url: str, schema: str, tap: Tap, tmp_path: Path) -> None:
    execute(postgres_url, *EVENTS.format(schema).split(";\n"))
    sql = f"SELECT id, coalesce(:start, 'none') AS since FROM {schema}.events WHERE id > 98 AND '%' = '%'"
    queries = {"since": {"sql": sql, "key_properties": ["id"], "replication_key": "id"}}
    done = tap(queries=queries, tables=["none"])
    assert done.records("since") == [{"id": 99, "since": "none"}, {"id": 100, "since": "none"}], done.log
    again = tap(*with_state(tmp_path, done.messages("STATE")[-1]["value"]), queries=queries, tables=["none"])
    assert again.records("since") == [{"id": 100, "since": "100"}]


def test_rows_without_a_replication_key_are_read_once_and_counted(
    postgres_url: str, schema: str, tap: Tap, tmp_path: Path
) -> None:
    execute(postgres_url, *EVENTS.format(schema).split(";\n"), f"INSERT INTO {schema}.events VALUES (0, NULL)")
    streams = {"events": {"replication_key": "at"}}
    first = tap(streams=streams)
    assert first.records(f"{schema}-events")[0] == {"id": 0, "at": None}
    second = tap(*with_state(tmp_path, first.messages("STATE")[-1]["value"]), streams=streams)
    assert "1 rows have no at: they are not read" in second.log
    assert 0 not in {row["id"] for row in second.records(f"{schema}-events")}


def test_columns_and_conditions(postgres_url: str, schema: str, tap: Tap, tmp_path: Path) -> None:
    execute(postgres_url, *ODD.format(schema).split(";\n"))
    options = {"odd": {"columns": ["ID", "name"], "where": "id < 3 AND name <> ''"}}
    for more in ({}, {"batch_config": {"storage": {"root": str(tmp_path)}}}):
        assert unpacked(tap(streams=options, **more), f"{schema}-odd") == [{"id": 1, "name": FIRST["name"]}]


def test_the_test_option_says_what_is_seen(postgres_url: str, schema: str, tap: Tap) -> None:
    execute(postgres_url, *EVENTS.format(schema).split(";\n"), f"ANALYZE {schema}.events")
    done = tap("--test")
    assert done.code == 0, done.log
    assert done.lines[:2] == [
        b"tap-postgres: connected; 1 streams",
        f"  {schema}-events: 2 columns, key id, about 100 rows, FULL_TABLE".encode(),
    ]


@pytest.mark.parametrize(
    ("settings", "code", "words"),
    [
        ({"url": "postgresql://nobody_here@{place}/postgres"}, 77, "does not know the user"),
        ({"url": "postgresql://postgres@{place}/nowhere"}, 78, "no such database"),
        ({"url": "postgresql://postgres@127.0.0.1:1/postgres"}, 75, "cannot be reached"),
        ({"streams": {"nothing": {}}}, 78, "streams names what is no table here: nothing"),
        ({"url": "mysql://u@{place}/postgres"}, 78, "url must start with postgresql://"),
        ({"port": 99_999}, 78, "port must be at most 65535"),
        ({"sslmode": "require"}, 78, "field 'sslmode': TLS cannot be had as the settings say"),
        ({"sslrootcert": "/none.pem", "sslkey": "/none.key"}, 78, "sslrootcert names no file that can be read; sslkey"),
        ({"replication_slot": "Bad Name!"}, 78, "replication_slot breaks the rule"),
        ({"queries": {"twice": {"sql": "SELECT 1 AS a, 2 AS a"}}}, 78, "two columns the name 'a'. Name each by AS"),
        ({"streams": {"events": {"where": "oops ="}}}, 78, "-events': the database does not know"),
        ({"streams": {"events": {"replication_key": "nope"}}}, 78, "no column 'nope'"),
        ({"queries": {"slow": {"sql": "SELECT 1 AS id, pg_sleep(5)"}}, "statement_timeout": 0.5}, 75, "longer than"),
        ({"colour": "red"}, 78, "colour"),
        ({"streams": {"events": {"colour": "red"}}}, 78, "colour"),
    ],
)
def test_faults_are_told_clearly(
    postgres_url: str, schema: str, tap: Tap, settings: dict[str, Any], code: int, words: str
) -> None:
    execute(postgres_url, *EVENTS.format(schema).split(";\n"))
    place = postgres_url.split("@")[1].split("/", maxsplit=1)[0]
    if "url" in settings:
        settings = {"url": settings["url"].format(place=place)}
    done = tap(**settings)
    assert (done.code, done.messages("STATE")) == (code, []), done.log
    assert words in done.log
    assert "Traceback" not in done.log
