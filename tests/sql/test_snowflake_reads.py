"""tap-snowflake with the real driver against a protocol server: types, full and incremental reads, files."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from servers.snowflake import Server
from sql_runs import run_tap, unpacked, with_state
from support import Finished

Tap = Callable[..., Finished]


@pytest.fixture
def database(snowflake_server: Server) -> str:
    """A database of the test's own, with the schema S."""
    name = f"T{uuid.uuid4().hex[:10].upper()}"
    snowflake_server.execute(name, f"CREATE SCHEMA {name}.S")
    return name


@pytest.fixture
def tap(snowflake_server: Server, database: str, tmp_path: Path) -> Tap:
    """Runs the tap over that database."""

    def call(*more: str, **settings: Any) -> Finished:
        config = {**snowflake_server.login, "database": database, "schema": "S", **settings}
        return run_tap("taps.snowflake.tap", config, tmp_path, *more)

    return call


ODD = (
    """CREATE TABLE {0}.S.ODD (ID number(38,0) PRIMARY KEY, PRICE number(12,2), HUGE number(38,10), CENTS number(9,0),
      RATIO float, NAME text, FLAG boolean, DAY date, CLOCK time, LOCAL_AT timestamp_ntz, MOMENT timestamp_ltz,
      STAMP timestamp_tz, DOC variant, THING object, TAGS array, RAW binary, "Mixed %s ""Case" text)""",
    """INSERT INTO {0}.S.ODD SELECT 1, 12.50, 1234567890123456789012345678.1234567890, 42, 0.3333333333333333,
      'Zoë "x", 😀', true, '2024-05-01', '07:30:00.123456', '2024-05-01 09:30:00.000001',
      '2024-05-01T07:30:00.123456+00:00', '2024-05-01T09:30:00+02:00', parse_json('{{"a": [1, 2.5]}}'),
      object_construct('x', 1), array_construct(1, 'b'), to_binary('00FF', 'HEX'), 'm'""",
    "INSERT INTO {0}.S.ODD (ID, NAME) VALUES (2, '')",
    "INSERT INTO {0}.S.ODD (ID, RATIO) SELECT 3, 'NaN'::float",
)
FIRST = {
    "ID": 1,
    "PRICE": "12.50",
    "HUGE": "1234567890123456789012345678.1234567890",
    "CENTS": 42,
    "RATIO": 0.3333333333333333,
    "NAME": 'Zoë "x", 😀',
    "FLAG": True,
    "DAY": "2024-05-01",
    "CLOCK": "07:30:00.123456",
    "LOCAL_AT": "2024-05-01T09:30:00.000001",
    "MOMENT": "2024-05-01T07:30:00.123456Z",
    "STAMP": "2024-05-01T07:30:00.000000Z",
    "DOC": {"a": [1, 2.5]},
    "THING": {"x": 1},
    "TAGS": [1, "b"],
    "RAW": "AP8=",
    'Mixed %s "Case': "m",
}
EVENTS = (
    "CREATE TABLE {0}.S.EVENTS (ID number PRIMARY KEY, MOMENT timestamp_ntz)",
    """INSERT INTO {0}.S.EVENTS SELECT SEQ4() + 1, DATEADD(hour, FLOOR((SEQ4() + 1) / 10), '2024-01-01'::timestamp_ntz)
      FROM TABLE(GENERATOR(ROWCOUNT => 100))""",
)


def fill(server: Server, database: str, statements: tuple[str, ...]) -> None:
    server.execute(database, *(each.format(database) for each in statements))


@pytest.mark.parametrize("files", [False, True])
def test_every_type_arrives_exactly(
    snowflake_server: Server, database: str, tap: Tap, tmp_path: Path, files: bool
) -> None:
    fill(snowflake_server, database, ODD)
    more = {"batch_config": {"storage": {"root": str(tmp_path / "b")}}} if files else {}
    done = tap(**more)
    assert done.code == 0, done.log
    first, second, third = unpacked(done, "S-ODD")
    assert first == FIRST
    # NULL timestamps stay NULL; an empty text is one.
    assert {name: value for name, value in second.items() if value is not None} == {"ID": 2, "NAME": ""}
    assert (third["ID"], third["RATIO"]) == (3, None)
    assert done.metrics()["bad_value_count", "S-ODD"] == 1
    assert bool(done.messages("BATCH")) == files


def test_the_same_types_come_from_a_query(snowflake_server: Server, database: str, tap: Tap) -> None:
    fill(snowflake_server, database, ODD)
    sql = f"SELECT * FROM {database}.S.ODD WHERE '%' = '%'"
    done = tap(queries={"q": {"sql": sql, "key_properties": ["ID"]}}, tables=["none"])
    assert done.code == 0, done.log
    assert done.records("q")[0] == FIRST


def test_discovery_says_what_there_is(snowflake_server: Server, database: str, tap: Tap) -> None:
    fill(snowflake_server, database, ODD)
    fill(snowflake_server, database, ("CREATE VIEW {0}.S.V AS SELECT ID, NAME FROM {0}.S.ODD",))
    done = tap("--discover", streams={"v": {"key_properties": ["id"]}})
    assert done.code == 0, done.log
    found = {entry["stream"]: entry for entry in json.loads(b"\n".join(done.lines))["streams"]}
    assert {name: entry["key_properties"] for name, entry in found.items()} == {"S-ODD": ["ID"], "S-V": ["ID"]}
    properties = found["S-ODD"]["schema"]["properties"]
    assert properties["ID"]["type"] == ["integer"]
    assert properties["PRICE"]["format"] == "x-singer.decimal"
    assert all(properties[name]["format"] == "date-time" for name in ("LOCAL_AT", "MOMENT", "STAMP"))


def test_a_number_of_more_than_64_bits_is_never_bent(snowflake_server: Server, database: str, tap: Tap) -> None:
    fill(
        snowflake_server,
        database,
        ("CREATE TABLE {0}.S.N (N number(30,0))", f"INSERT INTO {{0}}.S.N VALUES ({'9' * 30})"),
    )
    done = tap()
    assert (done.code, done.messages("RECORD")) == (65, [])
    assert "field 'N'" in done.log
    assert "big_integers" in done.log
    assert tap(big_integers="decimal").records("S-N") == [{"N": "9" * 30}]


@pytest.mark.parametrize("zone", [None, "Pacific/Auckland"])
def test_incremental_reads_ties_again_and_nothing_else(
    snowflake_server: Server, database: str, tap: Tap, tmp_path: Path, zone: str | None
) -> None:
    fill(snowflake_server, database, EVENTS)
    more = {"source_timezone": zone} if zone else {}
    streams = {"events": {"timestamp_column": "moment"}}
    first = tap(streams=streams, **more)
    assert first.code == 0, first.log
    assert sorted(row["ID"] for row in first.records("S-EVENTS")) == list(range(1, 101))
    new = "INSERT INTO {0}.S.EVENTS VALUES (101, '2024-01-01 10:00'), (102, '2024-01-02'), (103, '2999-01-01')"
    fill(snowflake_server, database, (new,))
    second = tap(*with_state(tmp_path, first.messages("STATE")[-1]["value"]), streams=streams, **more)
    assert second.code == 0, second.log
    assert sorted(row["ID"] for row in second.records("S-EVENTS")) == [100, 101, 102]
    third = tap(*with_state(tmp_path, second.messages("STATE")[-1]["value"]), streams=streams, **more)
    assert [row["ID"] for row in third.records("S-EVENTS")] == [102]


def test_incremental_by_id_and_by_zoned_time(snowflake_server: Server, database: str, tap: Tap, tmp_path: Path) -> None:
    make = "CREATE TABLE {0}.S.E2 AS SELECT ID, MOMENT::timestamp_tz AS MOMENT, MOMENT::date AS DAY FROM {0}.S.EVENTS"
    fill(snowflake_server, database, (*EVENTS, make))
    for key, back, expected in (("ID", {}, [100]), ("MOMENT", {"lookback_seconds": 3600}, list(range(90, 101)))):
        streams = {"E2": {"replication_key": key, "key_properties": ["ID"], **back}}
        first = tap(tables=["E2"], streams=streams)
        assert first.code == 0, first.log
        again = tap(*with_state(tmp_path, first.messages("STATE")[-1]["value"]), tables=["E2"], streams=streams)
        assert sorted(row["ID"] for row in again.records("S-E2")) == expected, again.log


def test_from_every_state_the_rest_comes(snowflake_server: Server, database: str, tap: Tap, tmp_path: Path) -> None:
    fill(snowflake_server, database, EVENTS)
    for streams in ({"events": {"replication_key": "moment"}}, {}):
        whole = tap(streams=streams, chunk_rows=7)
        assert whole.code == 0, whole.log
        seen: set[int] = set()
        states = 0
        for message in whole.messages():
            if message["type"] == "RECORD":
                seen.add(message["record"]["ID"])
            elif message["type"] == "STATE" and (states := states + 1) == 9:
                rest = tap(*with_state(tmp_path, message["value"]), streams=streams, chunk_rows=50)
                assert seen | {row["ID"] for row in rest.records("S-EVENTS")} == set(range(1, 101))
        assert states > 9
        assert (whole.messages()[-2]["type"] == "ACTIVATE_VERSION") == (not streams)
    assert not tap(max_rows=50).messages("ACTIVATE_VERSION")


def test_rows_without_a_replication_key_are_read_once_and_counted(
    snowflake_server: Server, database: str, tap: Tap, tmp_path: Path
) -> None:
    fill(snowflake_server, database, (*EVENTS, "INSERT INTO {0}.S.EVENTS VALUES (0, NULL)"))
    streams = {"events": {"replication_key": "MOMENT"}}
    first = tap(streams=streams)
    assert first.records("S-EVENTS")[0] == {"ID": 0, "MOMENT": None}, first.log
    second = tap(*with_state(tmp_path, first.messages("STATE")[-1]["value"]), streams=streams)
    assert "1 rows have no MOMENT: they are not read" in second.log
    assert 0 not in {row["ID"] for row in second.records("S-EVENTS")}


def test_a_query_sees_the_bookmark(snowflake_server: Server, database: str, tap: Tap, tmp_path: Path) -> None:
    fill(snowflake_server, database, EVENTS)
    sql = f"SELECT ID, COALESCE(:start, 'none') AS SINCE FROM {database}.S.EVENTS WHERE ID > 98"
    queries = {"since": {"sql": sql, "key_properties": ["ID"], "replication_key": "ID"}}
    done = tap(queries=queries, tables=["none"])
    assert done.records("since") == [{"ID": 99, "SINCE": "none"}, {"ID": 100, "SINCE": "none"}], done.log
    again = tap(*with_state(tmp_path, done.messages("STATE")[-1]["value"]), queries=queries, tables=["none"])
    assert again.records("since") == [{"ID": 100, "SINCE": "100"}]


MANY = (
    """CREATE TABLE {0}.S.MANY AS SELECT SEQ4() AS ID, (SEQ4() / 4)::number(12,2) AS PRICE, 'n' || SEQ4() AS NAME,
      IFF(SEQ4() % 3 = 0, NULL, DATEADD(second, SEQ4(), '2024-01-01'::timestamp_ntz)) AS MOMENT, 'secret' AS HIDDEN
      FROM TABLE(GENERATOR(ROWCOUNT => 23000))""",
)


def test_many_chunks_give_the_same_rows_in_files_and_records(
    snowflake_server: Server, database: str, tap: Tap, tmp_path: Path
) -> None:
    fill(snowflake_server, database, MANY)
    before = snowflake_server.control()["chunk_count"]
    streams = {"MANY": {"key_properties": ["ID"]}}
    records = tap(streams=streams, chunk_rows=4000)
    assert records.code == 0, records.log
    assert snowflake_server.control()["chunk_count"] > before + 3
    rows = records.records("S-MANY")
    assert [row["ID"] for row in rows] == list(range(23000))
    assert (rows[3]["MOMENT"], rows[4]["MOMENT"]) == (None, "2024-01-01T00:00:04.000000")
    assert rows[5]["PRICE"] == "1.25"
    for form in ("parquet", "arrow"):
        config = {"encoding": {"format": form}, "storage": {"root": str(tmp_path / form)}, "batch_size": 7000}
        files = tap(streams=streams, batch_config=config)
        assert unpacked(files, "S-MANY") == rows, files.log
        assert len(files.messages("BATCH")) == 4


@pytest.mark.parametrize("files", [False, True])
def test_deselected_columns_never_leave(
    snowflake_server: Server, database: str, tap: Tap, tmp_path: Path, files: bool
) -> None:
    fill(snowflake_server, database, MANY)
    catalog = json.loads(b"\n".join(tap("--discover").lines))
    for entry in catalog["streams"][0]["metadata"]:
        if entry["breadcrumb"][-1:] == ["HIDDEN"]:
            entry["metadata"]["selected"] = False
    (tmp_path / "catalog.json").write_text(json.dumps(catalog))
    root = tmp_path / "files"
    more = {"batch_config": {"storage": {"root": str(root)}}} if files else {}
    done = tap("--catalog", str(tmp_path / "catalog.json"), **more)
    assert done.code == 0, done.log
    assert len(unpacked(done, "S-MANY")) == 23000
    assert b"secret" not in b"".join(done.lines)
    assert all(b"secret" not in path.read_bytes() for path in root.glob("**/*") if path.is_file())
    read = [
        each["sql"] for each in snowflake_server.control()["statements"] if f'"{database}"."S"."MANY"' in each["sql"]
    ]
    assert read
    assert not any('"HIDDEN"' in sql for sql in read)
