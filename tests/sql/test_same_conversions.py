"""The CDNOW purchases out of each database become the very conversions that they become out of the published file."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from google.cloud.bigquery import LoadJobConfig, SchemaField
from servers import mysql, postgres
from servers.bigquery import PROJECT, Emulator
from servers.snowflake import Server
from support import run

from plugins.demo_data import cdnow

COLUMNS = ("_sdc_file", "_sdc_row", "customer_id", "date", "number_of_cds", "dollar_value")
TYPES = ("varchar(40)", "int", "varchar(10)", "varchar(8)", "int", "decimal(10,2)")
PIECE = 10_000
STREAM = "cdnow_purchases"


def statements(table: str, quote: str) -> list[str]:
    """SQL that makes and fills the table."""
    names = [f"{quote}{name}{quote}" for name in COLUMNS]
    fields = ", ".join(f"{name} {kind}" for name, kind in zip(names, TYPES, strict=True))
    rows = [
        f"('{cdnow.FILE_NAME}', {row}, '{each.customer}', '{each.day:%Y%m%d}', {each.quantity}, {each.value})"
        for row, each in enumerate(cdnow.purchases(), 1)
    ]
    pieces = [", ".join(rows[start : start + PIECE]) for start in range(0, len(rows), PIECE)]
    return [f"CREATE TABLE {table} ({fields})", *(f"INSERT INTO {table} VALUES {piece}" for piece in pieces)]


def query(table: str, quote: str) -> dict[str, Any]:
    """The setting `queries` that reads it."""
    names = ", ".join(f"{quote}{name}{quote}" for name in COLUMNS)
    return {STREAM: {"sql": f"SELECT {names} FROM {table}", "key_properties": ["_sdc_file", "_sdc_row"]}}


def conversions(tap: str, config: dict[str, Any], home: Path) -> dict[str, dict[str, Any]]:
    """What tap and mapper make of a source, by id."""
    files = {"batch_config": {"storage": {"root": str(home / "files")}}}
    read = run(tap, {**config, **files}, [], home)
    assert read.code == 0, read.log
    assert not read.records(STREAM)
    settings = {"tenant": "acme", "sources": [{"preset": "cdnow", "connector": "cdnow"}]}
    mapped = run("map-conversions", settings, read.lines, home)
    assert mapped.code == 0, mapped.log
    rows = [{**row, "value": Decimal(row["value"])} for row in mapped.records("conversions")]  # 11.770000000 is 11.77
    found = {row["conversion_id"]: row for row in rows}
    assert len(found) == len(rows) == cdnow.PURCHASES
    return found


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Those of the file."""
    home = tmp_path_factory.mktemp("cdnow")
    stream = {"stream": STREAM, "path": str(cdnow.prepare(home)), "format": "csv", "delimiter": "whitespace"}
    return conversions("tap-csv", {"streams": [stream]}, home)


def test_postgres(postgres_url: str, tmp_path: Path, expected: dict[str, dict[str, Any]]) -> None:
    postgres.execute(postgres_url, "DROP TABLE IF EXISTS public.cdnow", *statements("public.cdnow", '"'))
    config = {"url": postgres_url, "tables": ["none"], "queries": query("public.cdnow", '"')}
    assert conversions("tap-postgres", config, tmp_path) == expected


def test_mariadb(mysql_url: str, tmp_path: Path, expected: dict[str, dict[str, Any]]) -> None:
    mysql.execute(mysql_url, "DROP TABLE IF EXISTS cdnow", *statements("cdnow", "`"))
    config = {"url": mysql_url, "tables": ["none"], "queries": query("cdnow", "`")}
    assert conversions("tap-mysql", config, tmp_path) == expected


def test_snowflake(snowflake_server: Server, tmp_path: Path, expected: dict[str, dict[str, Any]]) -> None:
    table = statements("CDNOW.SALES.PURCHASES", '"')[0]
    # One long text, because the server's parser takes a minute over as many VALUES.
    text = ";".join(f"{each.customer},{each.day:%Y%m%d},{each.quantity},{each.value}" for each in cdnow.purchases())
    cells = ", ".join(f"SPLIT_PART(line.VALUE::varchar, ',', {place})" for place in range(1, 5))
    snowflake_server.execute(
        "CDNOW",
        "CREATE SCHEMA CDNOW.SALES",
        table,
        f"INSERT INTO CDNOW.SALES.PURCHASES SELECT '{cdnow.FILE_NAME}', line.INDEX + 1, {cells} "
        f"FROM TABLE(FLATTEN(INPUT => SPLIT('{text}', ';'))) AS line",
    )
    config = {**snowflake_server.login, "database": "CDNOW", "tables": ["none"]}
    found = conversions("tap-snowflake", {**config, "queries": query("CDNOW.SALES.PURCHASES", '"')}, tmp_path)
    assert found == expected


def test_bigquery(bigquery_server: Emulator, tmp_path: Path, expected: dict[str, dict[str, Any]]) -> None:
    kinds = ("STRING", "INTEGER", "STRING", "STRING", "INTEGER", "NUMERIC")
    fields = [SchemaField(name, kind) for name, kind in zip(COLUMNS, kinds, strict=True)]
    rows = [
        (cdnow.FILE_NAME, row, each.customer, f"{each.day:%Y%m%d}", each.quantity, str(each.value))
        for row, each in enumerate(cdnow.purchases(), 1)
    ]
    with bigquery_server.client() as client:
        client.create_dataset("cdnow")
        load = LoadJobConfig(schema=fields)
        records = [dict(zip(COLUMNS, row, strict=True)) for row in rows]
        client.load_table_from_json(records, f"{PROJECT}.cdnow.purchases", job_config=load).result(timeout=120)
    place = {"project": PROJECT, "api_endpoint": bigquery_server.url, "storage_endpoint": bigquery_server.grpc}
    config = {**place, "tables": ["none"], "queries": query("cdnow.purchases", "`")}
    assert conversions("tap-bigquery", config, tmp_path) == expected
