"""What every SQL tap promises, asked of each of the four on a table of the same rows."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from servers import mysql, postgres
from servers.bigquery import PROJECT
from sql_runs import cut_off, run_here, unpacked, with_state

# Google's reader of Arrow pages says so of itself; nothing else gives them.
pytestmark = pytest.mark.filterwarnings("ignore:Retrieving Arrow record batches directly:PendingDeprecationWarning")
ROWS = 60
COLUMNS = {
    "postgres": "id int PRIMARY KEY, moment timestamptz NOT NULL, hidden text, note text NOT NULL",
    "mysql": "id int PRIMARY KEY, moment timestamp(6) NOT NULL, hidden text, note text NOT NULL",
    "snowflake": '"id" number(38,0) PRIMARY KEY, "moment" timestamp_ltz NOT NULL, "hidden" text, "note" text NOT NULL',
    "bigquery": "id INT64 NOT NULL, moment TIMESTAMP NOT NULL, hidden STRING, note STRING NOT NULL",
}
VALUES = ", ".join(
    f"({n}, TIMESTAMP '2024-01-01 {n // 4:02d}:00:00', 'secret {n}', 'note {n}')" for n in range(1, ROWS + 1)
)
KEY = {"key_properties": ["id"]}


@dataclass(frozen=True)
class Source:
    """A database with the tables `sales` and `sales_old` in a schema of the test's own."""

    name: str
    schema: str
    config: dict[str, Any]
    execute: Callable[[str], object]
    quote: str

    @property
    def stream(self) -> str:
        """Of the table `sales`."""
        return f"{self.schema}-sales"

    def table(self, name: str) -> str:
        """Its name in SQL."""
        return f"{self.schema}.{self.quote}{name}{self.quote}"


@pytest.fixture(params=COLUMNS)
def source(request: pytest.FixtureRequest) -> Iterator[Source]:
    name, schema = request.param, f"four_{uuid.uuid4().hex[:8]}"
    yield from globals()[f"_{name}"](request, schema)


def _filled(found: Source) -> Source:
    for table in ("sales", "sales_old"):
        found.execute(f"CREATE TABLE {found.table(table)} ({COLUMNS[found.name]})")
        found.execute(f"INSERT INTO {found.table(table)} VALUES {VALUES}")
    return found


def _postgres(request: pytest.FixtureRequest, schema: str) -> Iterator[Source]:
    url = request.getfixturevalue("postgres_url")
    postgres.execute(url, f"CREATE SCHEMA {schema}")
    yield _filled(Source("postgres", schema, {"url": url}, lambda sql: postgres.execute(url, sql), '"'))
    postgres.execute(url, f"DROP SCHEMA {schema} CASCADE")


def _mysql(request: pytest.FixtureRequest, schema: str) -> Iterator[Source]:
    url = request.getfixturevalue("mysql_url")
    mysql.execute(url, f"CREATE DATABASE {schema}")
    place = f"{url.rsplit('/', 1)[0]}/{schema}"
    yield _filled(Source("mysql", schema, {"url": place}, lambda sql: mysql.execute(url, sql), "`"))
    mysql.execute(url, f"DROP DATABASE {schema}")


def _snowflake(request: pytest.FixtureRequest, schema: str) -> Iterator[Source]:
    server, schema = request.getfixturevalue("snowflake_server"), schema.upper()
    server.execute("FOUR", f"CREATE SCHEMA FOUR.{schema}")
    config = {**server.login, "database": "FOUR"}
    yield _filled(Source("snowflake", schema, config, lambda sql: server.execute("FOUR", sql), '"'))


def _bigquery(request: pytest.FixtureRequest, schema: str) -> Iterator[Source]:
    server = request.getfixturevalue("bigquery_server")
    with server.client() as client:
        client.create_dataset(schema)
    config = {"project": PROJECT, "api_endpoint": server.url, "storage_endpoint": server.grpc}
    yield _filled(Source("bigquery", schema, config, server.execute, "`"))


@pytest.fixture
def tap(source: Source, tmp_path: Path) -> Callable[..., Any]:
    """Runs the tap over the table `sales`, in this process."""

    def call(*more: str, **settings: Any) -> Any:
        given = {"schemas": [source.schema], "tables": ["sales"], "streams": {"sales": KEY}}
        return run_here(f"taps.{source.name}.tap", {**source.config, **given, **settings}, tmp_path, *more)

    return call


def test_catalog_globs_and_counts(source: Source, tap: Any) -> None:
    done = tap("--discover", schemas=[f"{source.schema[:8]}*"], tables=["SALES?*", "nothing"], streams={})
    (entry,) = json.loads(b"\n".join(done.lines))["streams"]
    assert (entry["tap_stream_id"], entry["replication_method"]) == (f"{source.schema}-sales_old", "FULL_TABLE")
    kinds = {name: "null" in each["type"] for name, each in entry["schema"]["properties"].items()}
    # A time that JSON cannot hold is sent as null, so that one may always be null.
    assert kinds == {"id": False, "moment": kinds["moment"], "hidden": True, "note": False}
    full = tap()
    assert full.code == 0, full.log
    assert [m["type"] for m in full.messages()][-2:] == ["ACTIVATE_VERSION", "STATE"]
    counts = full.metrics()
    assert counts["expected_count", source.stream] == counts["record_count", source.stream] == ROWS


def test_deselected_columns_are_in_no_record_and_no_file(source: Source, tap: Any, tmp_path: Path) -> None:
    catalog = json.loads(b"\n".join(tap("--discover").lines))
    for entry in catalog["streams"][0]["metadata"]:
        if entry["breadcrumb"][-1:] == ["hidden"]:
            entry["metadata"]["selected"] = False
    (tmp_path / "catalog.json").write_text(json.dumps(catalog))
    files = tmp_path / "files"
    for more in ({}, {"batch_config": {"storage": {"root": str(files)}}}):
        done = tap("--catalog", str(tmp_path / "catalog.json"), **more)
        assert done.code == 0, done.log
        assert {row["note"] for row in unpacked(done, source.stream)} == {f"note {n}" for n in range(1, ROWS + 1)}
        assert b"secret" not in b"".join(done.lines)
    assert list(files.glob("growthnav-*"))
    assert not any(b"secret" in path.read_bytes() for path in files.iterdir())


@pytest.mark.parametrize("key", ["id", "moment"])
def test_a_second_run_reads_what_is_new_and_what_ties(source: Source, tap: Any, tmp_path: Path, key: str) -> None:
    streams = {"sales": {**KEY, "replication_key": key}}
    first = tap(streams=streams)
    source.execute(
        f"INSERT INTO {source.table('sales')} VALUES (100, TIMESTAMP '2024-01-01 15:00:00', 'x', 'ties or is new')"
    )
    again = tap(*with_state(tmp_path, first.messages("STATE")[-1]["value"]), streams=streams)
    assert again.code == 0, again.log
    assert [row["id"] for row in again.records(source.stream)] == [ROWS, 100]
    assert not again.messages("ACTIVATE_VERSION")


BAD = {
    "postgres": "SELECT 1 AS id, 'NaN'::float8 AS v UNION ALL SELECT 2, 1.5",
    "snowflake": """SELECT 1 AS "id", 'NaN'::float AS "v" UNION ALL SELECT 2, 1.5""",
    "bigquery": "SELECT 1 AS id, CAST('nan' AS FLOAT64) AS v UNION ALL SELECT 2, 1.5",
}
"""MySQL has other bad values than NaN, in tests of its own."""


@pytest.mark.parametrize("source", BAD, indirect=True)
def test_bad_values_by_policy(source: Source, tap: Any) -> None:
    bad = {"tables": ["none"], "streams": {}, "queries": {"q": {"sql": BAD[source.name], **KEY}}}
    found = {policy: tap(**bad, on_bad_value=policy, tenant="acme") for policy in ("null", "quarantine", "fail")}
    assert sorted(found["null"].records("q"), key=str) == [{"id": 1, "v": None}, {"id": 2, "v": 1.5}]
    assert found["null"].metrics()["bad_value_count", "q"] == 1
    assert found["quarantine"].records("q") == [{"id": 2, "v": 1.5}]
    assert [(row["source_stream"], row["customer_id"]) for row in found["quarantine"].records("rejects")] == [
        ("q", "acme")
    ]
    assert [done.code for done in found.values()] == [0, 0, 65]
    assert (found["fail"].records("q"), found["fail"].messages("STATE")) == ([], [])


def test_mistakes_are_told_together_and_by_name(tap: Any) -> None:
    mistakes = {"colour": "red", "chunk_rows": 0, "on_bad_value": "maybe", "source_timezone": "Mars/Base"}
    done = tap(**mistakes, streams={"sales": {"key": ["id"]}}, queries={"q": {"select": "SELECT 1"}})
    assert (done.code, done.lines) == (78, [])
    for name in ("colour", "chunk_rows", "on_bad_value", "streams.sales.key", "q.select", "queries.q.sql"):
        assert name in done.log, name
    assert "Traceback" not in done.log


def test_a_table_that_is_gone_is_named_and_leaves_no_state(source: Source, tap: Any, tmp_path: Path) -> None:
    asked = tap(tables=["none"], streams={}, queries={"q": {"sql": f"SELECT * FROM {source.table('nothing')}"}})
    assert (asked.code, asked.messages("STATE")) == (78, []), asked.log
    assert "stream 'q': " in asked.log
    (tmp_path / "catalog.json").write_bytes(b"\n".join(tap("--discover").lines))
    source.execute(f"DROP TABLE {source.table('sales')}")
    for streams in ({"sales": KEY}, {}):
        done = tap("--catalog", str(tmp_path / "catalog.json"), tables=["sales*"], streams=streams)
        assert (done.code, done.messages("STATE")) == (78, []), done.log
        assert "sales" in done.log
        assert "Traceback" not in done.log


@pytest.mark.parametrize("source", ["postgres", "mysql"], indirect=True)
@pytest.mark.parametrize("key", [None, "id"], ids=["full", "incremental"])
def test_rows_that_come_meanwhile_are_of_the_next_run(source: Source, tmp_path: Path, key: str | None) -> None:
    """The upper bound is taken before the first of many statements, not by each."""
    last = 20_000
    source.execute(
        f"INSERT INTO {source.table('sales')} SELECT a.id * 1000 + b.id + c.id * 60, a.moment, a.hidden, a.note "
        f"FROM {source.table('sales_old')} a, {source.table('sales_old')} b, {source.table('sales_old')} c "
        f"WHERE a.id < 20 AND c.id < 15"
    )
    streams = {"sales": {**KEY, **({"replication_key": key} if key else {})}}
    config = {**source.config, "schemas": [source.schema], "tables": ["sales"], "streams": streams, "chunk_rows": 100}

    def add() -> None:
        source.execute(
            f"INSERT INTO {source.table('sales')} VALUES ({last * 5}, TIMESTAMP '2024-01-01 10:00:00', 'x', 'late')"
        )

    done = cut_off(f"tap-{source.name}", config, tmp_path, add)
    assert done.code == 0, done.log
    ids = [row["id"] for row in done.records(source.stream)]
    assert len(ids) > 10_000
    assert max(ids) < last < last * 5
