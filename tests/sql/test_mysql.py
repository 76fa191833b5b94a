"""tap-mysql against a real MariaDB: types, full and incremental reads, faults."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from servers.mysql import execute
from sql_runs import run_tap, unpacked, with_state
from support import Finished

Tap = Callable[..., Finished]


@pytest.fixture
def url(mysql_url: str, database: str) -> str:
    """The server's URL with that database."""
    return mysql_url.rsplit("/", 1)[0] + f"/{database}"


@pytest.fixture
def tap(url: str, tmp_path: Path) -> Tap:
    """Runs the tap over that database."""

    def call(*more: str, **settings: Any) -> Finished:
        return run_tap("taps.mysql.tap", {"url": url, **settings}, tmp_path, *more)

    return call


ODD = (
    "SET sql_mode = ''",
    """CREATE TABLE odd (
      id bigint unsigned PRIMARY KEY, flag tinyint(1), one bit(1), bits bit(12), big bigint unsigned, n mediumint,
      price decimal(12,2), huge decimal(60,20), cents decimal(9,0), ratio double, small float,
      name text, code char(3), kind enum('a','b "c"'), tags set('x','y'), doc json, raw varbinary(9), shape point,
      at timestamp(6) NULL, local datetime(6), whole datetime, day date, clock time(3), y year, `Mixed %s "Case` text
    ) CHARACTER SET utf8mb4""",
    """INSERT INTO odd VALUES (1, 1, b'1', b'100000000001', 18446744073709551615, -8388608, 12.50,
      1234567890123456789012345678901234567890.12345678901234567890, 42, 0.3333333333333333, 19.99,
      'Zoë "x", 😀\\n', 'ab', 'b "c"', 'x,y', '{"a": [1, 2.50]}', x'00FF', ST_GeomFromText('POINT(1 2)'),
      '2024-05-01 07:30:00.123456', '2024-05-01 09:30:00.000001', '2024-05-01 09:30:00', '2024-05-01', '-838:59:59', 2024,
      'm')""",
    "INSERT INTO odd (id, name) VALUES (2, '')",
    """INSERT INTO odd (id, at, local, whole, day, clock) VALUES
      (3, 0, '0000-00-00', '2024-00-15', '2024-05-00', '00:00:00')""",
)
FIRST = {
    "id": 1,
    "flag": 1,
    "one": True,
    "bits": 2049,
    "big": "18446744073709551615",
    "n": -8388608,
    "price": "12.50",
    "huge": "1234567890123456789012345678901234567890.12345678901234567890",
    "cents": 42,
    "ratio": 0.3333333333333333,
    "small": 19.99,
    "name": 'Zoë "x", 😀\n',
    "code": "ab",
    "kind": 'b "c"',
    "tags": "x,y",
    "doc": {"a": [1, 2.5]},
    "raw": "AP8=",
    "shape": {"type": "Point", "coordinates": [1, 2]},
    "at": "2024-05-01T07:30:00.123456Z",
    "local": "2024-05-01T09:30:00.000001",
    "whole": "2024-05-01T09:30:00.000000",
    "day": "2024-05-01",
    "clock": "-838:59:59.000",
    "y": 2024,
    'Mixed %s "Case': "m",
}


def fill(url: str, statements: tuple[str, ...]) -> None:
    from servers.mysql import connected

    with connected(url) as connection, connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


@pytest.mark.parametrize("files", [False, True])
def test_every_type_arrives_exactly(url: str, database: str, tap: Tap, tmp_path: Path, files: bool) -> None:
    fill(url, ODD)
    more = {"batch_config": {"storage": {"root": str(tmp_path / "b")}}} if files else {}
    done = tap(**more)
    assert done.code == 0, done.log
    first, second, third = unpacked(done, f"{database}-odd")
    assert first == FIRST
    assert {name: value for name, value in second.items() if value is not None} == {"id": 2, "name": ""}
    bad = ("at", "local", "whole", "day")
    assert {name: third[name] for name in bad} == dict.fromkeys(bad)
    assert third["clock"] == "00:00:00.000"
    assert done.metrics()["bad_value_count", f"{database}-odd"] == 1
    assert bool(done.messages("BATCH")) == files


def test_settings_for_zones_and_booleans(url: str, database: str, tap: Tap) -> None:
    fill(url, ODD)
    first = tap(source_timezone="America/Chicago", tinyint1_as_bool=True).records(f"{database}-odd")[0]
    assert (first["local"], first["at"], first["flag"]) == (
        "2024-05-01T14:30:00.000001Z",
        "2024-05-01T07:30:00.123456Z",
        True,
    )


def test_bad_values_go_to_rejects_without_their_values(url: str, database: str, tap: Tap) -> None:
    fill(url, ODD)
    done = tap(on_bad_value="quarantine", tenant="shop")
    assert done.code == 0, done.log
    assert [row["id"] for row in done.records(f"{database}-odd")] == [1, 2]
    (reject,) = done.records("rejects")
    found = {
        name: reject[name]
        for name in ("customer_id", "connector", "source_stream", "stage", "rule", "field", "position")
    }
    assert found == {
        "customer_id": "shop",
        "connector": "tap-mysql",
        "source_stream": f"{database}-odd",
        "stage": "tap-mysql",
        "rule": "unsendable_value",
        "field": "at",
        "position": 3,
    }
    assert tap(on_bad_value="fail").code == 65


def test_the_same_types_come_from_a_query(url: str, database: str, tap: Tap) -> None:
    fill(url, ODD)
    done = tap(queries={"q": {"sql": "SELECT * FROM odd WHERE '%' = '%'", "key_properties": ["id"]}}, tables=["none"])
    assert done.code == 0, done.log
    found = done.records("q")[0]
    # What a result does not tell: whether a text is JSON.
    assert {**found, "doc": json.loads(found["doc"]) if isinstance(found["doc"], str) else found["doc"]} == FIRST


def test_keys_come_from_the_database_or_the_settings(url: str, tap: Tap) -> None:
    fill(
        url,
        (
            "CREATE TABLE a (x int, y int, PRIMARY KEY (y, x))",
            "CREATE TABLE b (x int, y int NOT NULL UNIQUE)",
            "CREATE TABLE c (x int UNIQUE, y int, s varchar(50) NOT NULL, UNIQUE (s(5)))",
            "CREATE VIEW d AS SELECT * FROM a",
        ),
    )
    done = tap("--discover", streams={"d": {"key_properties": ["Y"]}})
    assert done.code == 0, done.log
    catalog = json.loads(b"\n".join(done.lines))
    keys = {entry["stream"].split("-")[1]: entry["key_properties"] for entry in catalog["streams"]}
    assert keys == {"a": ["y", "x"], "b": ["y"], "c": [], "d": ["y"]}
    a = next(entry for entry in catalog["streams"] if entry["stream"].endswith("-a"))
    assert a["schema"]["properties"]["x"]["type"] == ["integer"]
    assert a["replication_method"] == "FULL_TABLE"


EVENTS = (
    "CREATE TABLE events (id bigint PRIMARY KEY, at datetime(6), KEY (at))",
    "INSERT INTO events SELECT seq, '2024-01-01' + INTERVAL seq DIV 10 HOUR FROM seq_1_to_100",
)


@pytest.mark.parametrize("zone", [None, "Pacific/Auckland"])
def test_incremental_reads_ties_again_and_nothing_else(
    url: str, database: str, tap: Tap, tmp_path: Path, zone: str | None
) -> None:
    fill(url, EVENTS)
    more = {"source_timezone": zone} if zone else {}
    streams = {"events": {"timestamp_column": "AT"}}
    first = tap(streams=streams, **more)
    assert first.code == 0, first.log
    assert len(first.records(f"{database}-events")) == 100
    last = first.messages("STATE")[-1]["value"]
    fill(url, ("INSERT INTO events VALUES (101, '2024-01-01 10:00'), (102, '2024-01-02'), (103, '2999-01-01')",))
    second = tap(*with_state(tmp_path, last), streams=streams, **more)
    assert sorted(row["id"] for row in second.records(f"{database}-events")) == [100, 101, 102]
    third = tap(*with_state(tmp_path, second.messages("STATE")[-1]["value"]), streams=streams, **more)
    assert [row["id"] for row in third.records(f"{database}-events")] == [102]


def test_from_every_state_the_rest_comes(url: str, database: str, tap: Tap, tmp_path: Path) -> None:
    fill(url, EVENTS)
    for streams in ({"events": {"replication_key": "at"}}, {}):
        whole = tap(streams=streams, chunk_rows=7)
        seen: set[int] = set()
        states = 0
        for message in whole.messages():
            if message["type"] == "RECORD":
                seen.add(message["record"]["id"])
            elif message["type"] == "STATE" and (states := states + 1) in {1, 3, 9}:
                rest = tap(*with_state(tmp_path, message["value"]), streams=streams, chunk_rows=50)
                assert seen | {row["id"] for row in rest.records(f"{database}-events")} == set(range(1, 101))


@pytest.mark.parametrize(
    ("settings", "code", "words"),
    [
        ({"user": "nobody_here"}, 77, "refused user and password"),
        ({"password": "wrong"}, 77, "refused user and password"),
        ({"database": "nowhere"}, 78, "no such database"),
        ({"port": 1}, 75, "cannot be reached"),
        ({"streams": {"nothing": {}}}, 78, "streams names what is no table here: nothing"),
        ({"url": "postgresql://127.0.0.1/x"}, 78, "url must start with mysql://"),
        ({"ssl_ca": "/none.pem", "ssl_key": "/none.key"}, 78, "ssl_ca names no file that can be read; ssl_key names"),
        ({"url": "mysql://127.0.0.1:99999/x"}, 78, "the port in url is no number up to 65535"),
        ({"ssl_ca": __file__}, 78, "TLS cannot be had as the settings say"),
        ({"ssl_verify_identity": True}, 78, "TLS cannot be had as the settings say"),
        ({"streams": {"events": {"where": "oops ="}}}, 78, "-events': the database does not know"),
        (
            {"queries": {"slow": {"sql": "SELECT 1 AS id, SLEEP(id) FROM events"}}, "statement_timeout": 0.5},
            75,
            "longer",
        ),
        ({"streams": {"events": {"colour": "red"}}}, 78, "colour"),
        ({"source_timezone": "Mars/Base"}, 78, "IANA"),
    ],
)
def test_faults_are_told_clearly(url: str, tap: Tap, settings: dict[str, Any], code: int, words: str) -> None:
    fill(url, EVENTS)
    done = tap(**settings)
    assert (done.code, done.messages("STATE")) == (code, []), done.log
    assert words in done.log
    assert "Traceback" not in done.log


def test_the_test_option_says_what_is_seen_and_what_is_not(mysql_url: str, url: str, database: str, tap: Tap) -> None:
    fill(url, EVENTS)
    execute(
        mysql_url,
        "CREATE OR REPLACE USER reader@127.0.0.1 IDENTIFIED BY 'x'",
        f"CREATE TABLE {database}.secret (id int)",
        f"GRANT SELECT (id) ON {database}.events TO reader@127.0.0.1",
    )
    done = tap("--test", user="reader", password="x")
    assert done.code == 0, done.log
    assert done.lines[0] == b"tap-mysql: connected; 1 streams"
    # The server tells a user nothing of tables and columns that are not for him.
    assert f"{database}-events: 1 columns, key id, about".encode() in done.lines[1]
