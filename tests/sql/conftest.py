"""The database servers of this folder's tests."""

import os
import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import TypeVar

import pytest
from servers import bigquery, bigquery_venv, mysql, postgres, snowflake

REQUIRED = "CI_REQUIRE_SERVERS"
Server = TypeVar("Server")


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A PostgreSQL server."""
    yield from _given(postgres.server())


@pytest.fixture(scope="session")
def mysql_url() -> Iterator[str]:
    """A MariaDB server."""
    yield from _given(mysql.server())


@pytest.fixture
def schema(postgres_url: str) -> Iterator[str]:
    """A schema of the test's own."""
    name = f"t{uuid.uuid4().hex[:10]}"
    postgres.execute(postgres_url, f"CREATE SCHEMA {name}")
    yield name
    postgres.execute(postgres_url, f"DROP SCHEMA {name} CASCADE")


@pytest.fixture
def database(mysql_url: str) -> Iterator[str]:
    """A database of the test's own."""
    name = f"t{uuid.uuid4().hex[:10]}"
    mysql.execute(mysql_url, f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
    yield name
    mysql.execute(mysql_url, f"DROP DATABASE {name}")


@pytest.fixture(scope="session")
def snowflake_server() -> Iterator[snowflake.Server]:
    """A server that speaks Snowflake's protocol."""
    yield from _given(snowflake.server())


@pytest.fixture(scope="module")
def bigquery_server() -> Iterator[bigquery.Emulator]:
    """An emulator of BigQuery; it keeps what is in it in memory, so each module has its own."""
    yield from _given(bigquery.server())


def _given(server: AbstractContextManager[Server]) -> Iterator[Server]:
    try:
        with server as given:
            yield given
    except (postgres.MissingServerError, bigquery_venv.MissingServerError) as error:
        if os.environ.get(REQUIRED):
            pytest.fail(str(error))
        pytest.skip(str(error))
