"""tap-bigquery with the real clients against an emulator: types, full and incremental reads, files."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from google.cloud.bigquery import SchemaField, Table
from servers.bigquery import PROJECT, Emulator
from sql_runs import run_tap, unpacked, with_state
from support import Finished

Tap = Callable[..., Finished]


@pytest.fixture
def dataset(bigquery_server: Emulator) -> str:
    """A dataset of the test's own."""
    name = f"t{uuid.uuid4().hex[:10]}"
    with bigquery_server.client() as client:
        client.create_dataset(name)
    return name


@pytest.fixture
def tap(bigquery_server: Emulator, dataset: str, tmp_path: Path) -> Tap:
    """Runs the tap over that dataset; a setting that is None is left out."""
    place = {"project": PROJECT, "api_endpoint": bigquery_server.url, "storage_endpoint": bigquery_server.grpc}

    def call(*more: str, **settings: Any) -> Finished:
        config = {**place, "schemas": [dataset], **settings}
        config = {name: value for name, value in config.items() if value is not None}
        return run_tap("taps.bigquery.tap", config, tmp_path, *more)

    return call


ODD_FIELDS = [
    SchemaField("id", "INTEGER", "REQUIRED"),
    SchemaField("plain", "NUMERIC"),
    SchemaField("huge", "BIGNUMERIC"),
    SchemaField("ratio", "FLOAT"),
    SchemaField("name", "STRING"),
    SchemaField("flag", "BOOLEAN"),
    SchemaField("day", "DATE"),
    SchemaField("clock", "TIME"),
    SchemaField("local_at", "DATETIME"),
    SchemaField("moment", "TIMESTAMP"),
    SchemaField("doc", "JSON"),
    SchemaField("thing", "RECORD", fields=[SchemaField("a", "INTEGER"), SchemaField("b", "STRING")]),
    SchemaField("tags", "STRING", "REPEATED"),
    SchemaField("raw", "BYTES"),
]
ODD = (
    """INSERT INTO {0}.odd SELECT 1, NUMERIC '12345678901234567890.123456789',
      CAST('1234567890123456.1234567890123456789' AS BIGNUMERIC), 0.3333333333333333, 'Zoë "x", 😀', true, DATE '2024-05-01',
      TIME '07:30:00.123456', DATETIME '2024-05-01 09:30:00.000001', TIMESTAMP '2024-05-01 09:30:00.123456+02',
      JSON '{{"a": [1, 2.5]}}', STRUCT(7, 'x'), ['a', 'b'], FROM_HEX('00ff')""",
    "INSERT INTO {0}.odd (id, name) VALUES (2, '')",
    "INSERT INTO {0}.odd (id, ratio) SELECT 3, CAST('NaN' AS FLOAT64)",
)
FIRST = {
    "id": 1,
    "plain": "12345678901234567890.123456789",
    "huge": "1234567890123456.12345678901234567890",
    "ratio": 0.3333333333333333,
    "name": 'Zoë "x", 😀',
    "flag": True,
    "day": "2024-05-01",
    "clock": "07:30:00.123456",
    "local_at": "2024-05-01T09:30:00.000001",
    "moment": "2024-05-01T07:30:00.123456Z",
    "doc": {"a": [1, 2.5]},
    "thing": {"a": 7, "b": "x"},
    "tags": ["a", "b"],
    "raw": "AP8=",
}
EVENTS = (
    "CREATE TABLE {0}.events (id INT64 NOT NULL, moment TIMESTAMP)",
    """INSERT INTO {0}.events SELECT n, TIMESTAMP_ADD(TIMESTAMP '2024-01-01', INTERVAL CAST(FLOOR(n / 10) AS INT64) HOUR)
      FROM UNNEST(GENERATE_ARRAY(1, 100)) AS n""",
)


def fill(server: Emulator, dataset: str, statements: tuple[str, ...]) -> None:
    server.execute(*(each.format(dataset) for each in statements))


def odd(server: Emulator, dataset: str) -> None:
    with server.client() as client:  # what it says of a table made by SQL has fewer types
        client.create_table(Table(f"{PROJECT}.{dataset}.odd", ODD_FIELDS))
    fill(server, dataset, ODD)


@pytest.mark.parametrize("files", [False, True], ids=["records", "files"])
@pytest.mark.parametrize("rest", [False, True], ids=["storage", "rest"])
def test_every_type_arrives_exactly(
    bigquery_server: Emulator, dataset: str, tap: Tap, tmp_path: Path, files: bool, rest: bool
) -> None:
    odd(bigquery_server, dataset)
    more: dict[str, Any] = {"batch_config": {"storage": {"root": str(tmp_path / "b")}}} if files else {}
    if rest:
        more["storage_endpoint"] = None
    done = tap(streams={"odd": {"key_properties": ["id"]}}, **more)
    assert done.code == 0, done.log
    first, second, third = unpacked(done, f"{dataset}-odd")
    assert first == FIRST
    # NULL timestamps stay NULL; an empty text is one.
    assert {name: value for name, value in second.items() if value not in (None, [])} == {"id": 2, "name": ""}
    assert (third["id"], third["ratio"]) == (3, None)
    assert done.metrics()["bad_value_count", f"{dataset}-odd"] == 1
    assert bool(done.messages("BATCH")) == files


def test_the_same_types_come_from_a_query(bigquery_server: Emulator, dataset: str, tap: Tap) -> None:
    odd(bigquery_server, dataset)
    sql = f"SELECT * FROM {dataset}.odd WHERE '%' = '%'"
    done = tap(queries={"q": {"sql": sql, "key_properties": ["id"]}}, tables=["none"])
    assert done.code == 0, done.log
    assert done.records("q")[0] == FIRST


def test_discovery_says_what_there_is(bigquery_server: Emulator, dataset: str, tap: Tap) -> None:
    odd(bigquery_server, dataset)
    fill(bigquery_server, dataset, ("CREATE VIEW {0}.v AS SELECT id, name FROM {0}.odd",))
    done = tap("--discover", streams={"v": {"key_properties": ["id"]}})
    assert done.code == 0, done.log
    found = {entry["stream"]: entry for entry in json.loads(b"\n".join(done.lines))["streams"]}
    assert {name: entry["key_properties"] for name, entry in found.items()} == {
        f"{dataset}-odd": [],
        f"{dataset}-v": ["id"],
    }
    properties = found[f"{dataset}-odd"]["schema"]["properties"]
    assert properties["id"]["type"] == ["integer"]
    assert properties["plain"]["format"] == properties["huge"]["format"] == "x-singer.decimal"
    assert all(properties[name]["format"] == "date-time" for name in ("local_at", "moment"))
    assert (properties["thing"]["type"], properties["tags"]["type"]) == (["object", "null"], ["array", "null"])


def test_incremental_reads_ties_again_and_nothing_else(
    bigquery_server: Emulator, dataset: str, tap: Tap, tmp_path: Path
) -> None:
    fill(bigquery_server, dataset, EVENTS)
    streams = {"events": {"timestamp_column": "moment", "key_properties": ["id"]}}
    first = tap(streams=streams)
    assert first.code == 0, first.log
    assert sorted(row["id"] for row in first.records(f"{dataset}-events")) == list(range(1, 101))
    new = """INSERT INTO {0}.events VALUES (101, TIMESTAMP '2024-01-01 10:00:00'), (102, TIMESTAMP '2024-01-02'),
      (103, TIMESTAMP '2999-01-01')"""
    fill(bigquery_server, dataset, (new,))
    second = tap(*with_state(tmp_path, first.messages("STATE")[-1]["value"]), streams=streams)
    assert second.code == 0, second.log
    assert sorted(row["id"] for row in second.records(f"{dataset}-events")) == [100, 101, 102]
    third = tap(*with_state(tmp_path, second.messages("STATE")[-1]["value"]), streams=streams)
    assert [row["id"] for row in third.records(f"{dataset}-events")] == [102]


def test_incremental_by_each_kind_of_key(bigquery_server: Emulator, dataset: str, tap: Tap, tmp_path: Path) -> None:
    make = """CREATE TABLE {0}.e2 AS SELECT id, DATETIME(moment) AS local_at, DATE(moment) AS day,
      CAST(id AS NUMERIC) AS number FROM {0}.events"""
    fill(bigquery_server, dataset, (*EVENTS, make))
    everything = list(range(1, 101))
    kinds: dict[str, tuple[dict[str, Any], list[int]]] = {
        "by_id": ({"replication_key": "id"}, [100]),
        "by_number": ({"replication_key": "number", "lookback_ids": 2}, [98, 99, 100]),
        "by_time": ({"replication_key": "local_at", "lookback_seconds": 3600}, everything[89:]),
        "by_zoned_time": ({"replication_key": "local_at", "source_timezone": "Pacific/Auckland"}, [100]),
        "by_either": ({"replication_key": "moment", "coalesce": ["day"]}, [100]),
        "by_day": ({"replication_key": "day", "lookback_days": 1}, everything),
    }
    sql = f"SELECT *, TIMESTAMP(local_at) AS moment FROM {dataset}.e2"
    queries = {name: {"sql": sql, "key_properties": ["id"], **options} for name, (options, _) in kinds.items()}
    first = tap(tables=["none"], queries=queries)
    assert first.code == 0, first.log
    again = tap(*with_state(tmp_path, first.messages("STATE")[-1]["value"]), tables=["none"], queries=queries)
    assert again.code == 0, again.log
    for name, (_, expected) in kinds.items():
        assert sorted(row["id"] for row in first.records(name)) == everything, name
        assert sorted(row["id"] for row in again.records(name)) == expected, name
    assert {row["local_at"][-1] for row in first.records("by_zoned_time")} == {"Z"}


def test_from_every_state_the_rest_comes(bigquery_server: Emulator, dataset: str, tap: Tap, tmp_path: Path) -> None:
    fill(bigquery_server, dataset, EVENTS)
    for options in ({"key_properties": ["id"], "replication_key": "moment"}, {"key_properties": ["id"]}):
        streams = {"events": options}
        whole = tap(streams=streams, chunk_rows=7)
        assert whole.code == 0, whole.log
        seen: set[int] = set()
        states = 0
        for message in whole.messages():
            if message["type"] == "RECORD":
                seen.add(message["record"]["id"])
            elif message["type"] == "STATE" and (states := states + 1) == 9:
                rest = tap(*with_state(tmp_path, message["value"]), streams=streams, chunk_rows=50)
                assert seen | {row["id"] for row in rest.records(f"{dataset}-events")} == set(range(1, 101))
        assert states > 9
        assert (whole.messages()[-2]["type"] == "ACTIVATE_VERSION") == (len(options) == 1)
    assert not tap(max_rows=50).messages("ACTIVATE_VERSION")


def test_a_query_sees_the_bookmark(bigquery_server: Emulator, dataset: str, tap: Tap, tmp_path: Path) -> None:
    fill(bigquery_server, dataset, EVENTS)
    sql = f"SELECT id, COALESCE(:start, 'none') AS since FROM {dataset}.events WHERE id > 98"
    queries = {"since": {"sql": sql, "key_properties": ["id"], "replication_key": "id"}}
    done = tap(queries=queries, tables=["none"])
    assert done.records("since") == [{"id": 99, "since": "none"}, {"id": 100, "since": "none"}], done.log
    again = tap(*with_state(tmp_path, done.messages("STATE")[-1]["value"]), queries=queries, tables=["none"])
    assert again.records("since") == [{"id": 100, "since": "100"}]
