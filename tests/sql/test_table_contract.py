"""The taps over databases keep the contract of taps over tables."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
from contract.tables import COLUMNS, Table, TableContract, values
from servers import mysql, postgres
from servers.bigquery import PROJECT, Emulator
from servers.snowflake import Server

from taps.bigquery.tap import TapBigQuery
from taps.mysql.tap import TapMySQL
from taps.postgres.tap import TapPostgres
from taps.snowflake.tap import TapSnowflake


class TestPostgres(TableContract):
    @pytest.fixture
    def table(self, postgres_url: str) -> Iterator[Table]:
        schema = f"t{uuid.uuid4().hex[:10]}"
        fields = "id int PRIMARY KEY, changed_at timestamptz NOT NULL, note text NOT NULL"
        postgres.execute(
            postgres_url,
            f"CREATE SCHEMA {schema}",
            f"CREATE TABLE {schema}.things ({fields})",
            f"INSERT INTO {schema}.things VALUES {values()}",
        )
        yield Table(TapPostgres, {"url": postgres_url, "schemas": [schema]}, "things")
        postgres.execute(postgres_url, f"DROP SCHEMA {schema} CASCADE")


class TestMariaDB(TableContract):
    @pytest.fixture
    def table(self, mysql_url: str) -> Iterator[Table]:
        database = f"t{uuid.uuid4().hex[:10]}"
        fields = "id int PRIMARY KEY, changed_at datetime NOT NULL, note varchar(20) NOT NULL"
        mysql.execute(
            mysql_url,
            f"CREATE DATABASE {database}",
            f"CREATE TABLE {database}.things ({fields})",
            f"INSERT INTO {database}.things VALUES {values()}",
        )
        yield Table(TapMySQL, {"url": mysql_url.rsplit("/", 1)[0] + f"/{database}", "source_timezone": "UTC"}, "things")
        mysql.execute(mysql_url, f"DROP DATABASE {database}")


class TestSnowflake(TableContract):
    @pytest.fixture
    def table(self, snowflake_server: Server) -> Table:
        database = f"T{uuid.uuid4().hex[:10].upper()}"
        snowflake_server.execute(
            database,
            f"CREATE SCHEMA {database}.S",
            f"CREATE TABLE {database}.S.THINGS (ID int, CHANGED_AT timestamp_ntz, NOTE text)",
            f"INSERT INTO {database}.S.THINGS VALUES {values()}",
        )
        config = {**snowflake_server.login, "database": database, "schema": "S", "source_timezone": "UTC"}
        return Table(TapSnowflake, config, "THINGS", tuple(name.upper() for name in COLUMNS))


@pytest.mark.filterwarnings("ignore:Retrieving Arrow record batches:PendingDeprecationWarning")  # Google's own call
class TestBigQuery(TableContract):
    @pytest.fixture
    def table(self, bigquery_server: Emulator) -> Table:
        dataset = f"t{uuid.uuid4().hex[:10]}"
        with bigquery_server.client() as client:
            client.create_dataset(dataset)
        bigquery_server.execute(
            f"CREATE TABLE {dataset}.things (id INT64, changed_at TIMESTAMP, note STRING)",
            f"INSERT INTO {dataset}.things VALUES {values()}",
        )
        place = {"project": PROJECT, "api_endpoint": bigquery_server.url, "storage_endpoint": bigquery_server.grpc}
        return Table(TapBigQuery, {**place, "schemas": [dataset]}, "things")
