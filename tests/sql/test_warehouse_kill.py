"""kill -9 in the middle of a batch at each stage, out of Snowflake, out of and into BigQuery: equal tables, no file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import duckdb
import pytest
from google.cloud.bigquery import LoadJobConfig, SchemaField
from orders import BAD_EVERY, COLUMNS, orders, people
from pipeline import STEPS, Kill, Pipeline
from servers.bigquery import PROJECT, Emulator
from servers.snowflake import Server

from pipe.outbox import LOCK

pytestmark = pytest.mark.chaos
ROWS, BATCH_ROWS = 600, 100
OF_THE_RUN = {"run_id", "position", "_sdc_table_version", "global_customer_id"}
"""Columns that may differ after a broken run: another record may found a person."""


def stored(whole: Pipeline, emulator: Emulator | None, table: str) -> list[dict[str, Any]]:
    """The rows of a table, by column."""
    if emulator is None:
        with duckdb.connect(str(whole.database), read_only=True) as connection:
            return connection.sql(f"FROM {whole.schema}.{table}").to_arrow_table().to_pylist()
    dataset = whole.settings[whole.target]["dataset"]
    with emulator.client() as client:
        return [dict(row.items()) for row in client.query(f"SELECT * FROM {dataset}.{table}").result(timeout=60)]


def kept(whole: Pipeline, emulator: Emulator | None) -> dict[str, Any]:
    """What must not depend on a kill: the rows without what names their run, and who is one person."""
    conversions = stored(whole, emulator, "conversions")
    merges = stored(whole, emulator, "identity_merges")
    tables = {"conversions": conversions, "rejects": stored(whole, emulator, "rejects")}
    found: dict[str, Any] = {
        name: sorted(repr(sorted(item for item in row.items() if item[0] not in OF_THE_RUN)) for row in rows)
        for name, rows in tables.items()
    }
    found["people"] = people(
        ((row["transaction_id"], row["global_customer_id"]) for row in conversions),
        ((row["from_id"], row["to_id"]) for row in merges),
    )
    return found


def pipe(home: Path, source: str, tap: dict[str, Any], target: str, loading: dict[str, Any]) -> Pipeline:
    """Four steps with batch files between all of them."""
    query = f"SELECT * FROM {tap.pop('table')}"
    streams = {"orders": {"sql": query, "key_properties": ["id"], "replication_key": "created_at"}}
    steps: dict[str, dict[str, Any]] = {
        "map-conversions": {"min_rejects": 100},
        "resolve-identity": {"key": "ab" * 32},
        target: {"batch_size_rows": BATCH_ROWS, **loading},
    }
    tap |= {"tables": ["none"], "queries": streams}
    whole = Pipeline(home, tap, [{"preset": "olo"}], settings=steps, source=source, target=target)
    return whole.in_batches(BATCH_ROWS)


def assert_rerun_heals(whole: Pipeline, kill: Kill, emulator: Emulator | None, unbroken: dict[str, Any]) -> None:
    broken = whole.run(kill=kill)
    assert broken.codes[kill.stage] == -9, broken.log
    for file in whole.batches.glob("*"):
        os.utime(file, (file.stat().st_atime, file.stat().st_mtime - 100))  # as if it were a while ago
    again = whole.run(broken.state)
    assert set(again.codes.values()) == {0}, again.log
    assert kept(whole, emulator) == unbroken
    assert [path.name for path in whole.batches.iterdir()] == [LOCK]


@pytest.fixture(scope="module")
def snowflake_tap(snowflake_server: Server) -> dict[str, Any]:
    """Settings that read the orders out of Snowflake."""
    names = ", ".join(f'"{name}" text' for name in COLUMNS)
    values = ", ".join(f"({', '.join(repr(value) if value else 'NULL' for value in row)})" for row in orders(ROWS))
    snowflake_server.execute(
        "KILLED",
        "CREATE SCHEMA KILLED.SHOP",
        f"CREATE TABLE KILLED.SHOP.ORDERS ({names})",
        f"INSERT INTO KILLED.SHOP.ORDERS VALUES {values}",
    )
    return {**snowflake_server.login, "database": "KILLED", "table": "KILLED.SHOP.ORDERS"}


@pytest.fixture(scope="module")
def bigquery_tap(bigquery_server: Emulator) -> dict[str, Any]:
    """Settings that read the orders out of BigQuery."""
    rows = [dict(zip(COLUMNS, (value or None for value in row), strict=True)) for row in orders(ROWS)]
    with bigquery_server.client() as client:
        client.create_dataset("killed")
        load = LoadJobConfig(schema=[SchemaField(name, "STRING") for name in COLUMNS])
        client.load_table_from_json(rows, f"{PROJECT}.killed.orders", job_config=load).result(timeout=120)
    place = {"project": PROJECT, "api_endpoint": bigquery_server.url, "storage_endpoint": bigquery_server.grpc}
    return {**place, "table": "killed.orders"}


def moments(tap: str, target: str) -> list[Kill]:
    """While the third batch is being worked on."""
    return [Kill(stage, 2, 1, 0.02) for stage in (tap, *STEPS, target)]


def said(kill: Kill) -> str:
    return kill.stage


@pytest.fixture(scope="module")
def from_snowflake(snowflake_tap: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    whole = pipe(tmp_path_factory.mktemp("snowflake"), "tap-snowflake", dict(snowflake_tap), "target-duckdb", {})
    return unbroken(whole, None)


@pytest.mark.parametrize("kill", moments("tap-snowflake", "target-duckdb"), ids=said)
def test_out_of_snowflake(
    kill: Kill, snowflake_tap: dict[str, Any], from_snowflake: dict[str, Any], tmp_path: Path
) -> None:
    whole = pipe(tmp_path, "tap-snowflake", dict(snowflake_tap), "target-duckdb", {})
    assert_rerun_heals(whole, kill, None, from_snowflake)


def into_bigquery(home: Path, tap: dict[str, Any], name: str) -> Pipeline:
    there = {"project": PROJECT, "dataset": f"growthnav_{name}", "api_endpoint": tap["api_endpoint"]}
    return pipe(home, "tap-bigquery", dict(tap), "target-bigquery", there)


@pytest.fixture(scope="module")
def from_bigquery(
    bigquery_tap: dict[str, Any], bigquery_server: Emulator, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    return unbroken(into_bigquery(tmp_path_factory.mktemp("bigquery"), bigquery_tap, "whole"), bigquery_server)


@pytest.mark.parametrize("kill", moments("tap-bigquery", "target-bigquery"), ids=said)
def test_out_of_and_into_bigquery(
    kill: Kill,
    bigquery_tap: dict[str, Any],
    bigquery_server: Emulator,
    from_bigquery: dict[str, Any],
    tmp_path: Path,
) -> None:
    whole = into_bigquery(tmp_path, bigquery_tap, kill.stage.replace("-", "_"))
    assert_rerun_heals(whole, kill, bigquery_server, from_bigquery)


def unbroken(whole: Pipeline, emulator: Emulator | None) -> dict[str, Any]:
    run = whole.run()
    assert set(run.codes.values()) == {0}, run.log
    found = kept(whole, emulator)
    rejected = -(-ROWS // BAD_EVERY)
    assert (len(found["conversions"]), len(found["rejects"])) == (ROWS - rejected, rejected)
    assert 10 < len(found["people"]) < ROWS // 4
    return found
