"""The database servers of this folder's tests."""

import os
import uuid
from collections.abc import Callable, Iterator
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
    yield from _own(postgres_url, postgres.execute, "CREATE SCHEMA {}", "DROP SCHEMA {} CASCADE")


@pytest.fixture
def database(mysql_url: str) -> Iterator[str]:
    """A database of the test's own."""
    yield from _own(mysql_url, mysql.execute, "CREATE DATABASE {} CHARACTER SET utf8mb4", "DROP DATABASE {}")


@pytest.fixture(scope="session")
def snowflake_server() -> Iterator[snowflake.Server]:
    """A server that speaks Snowflake's protocol."""
    yield from _given(snowflake.server())


@pytest.fixture(scope="module")
def bigquery_server() -> Iterator[bigquery.Emulator]:
    """An emulator of BigQuery; it keeps what is in it in memory, so each module has its own."""
    yield from _given(bigquery.server())


def _own(url: str, execute: Callable[[str, str], object], create: str, drop: str) -> Iterator[str]:
    name = f"t{uuid.uuid4().hex[:10]}"
    execute(url, create.format(name))
    yield name
    execute(url, drop.format(name))


def _given(server: AbstractContextManager[Server]) -> Iterator[Server]:
    try:
        with server as given:
            yield given
    except (postgres.MissingServerError, bigquery_venv.MissingServerError) as error:
        if os.environ.get(REQUIRED):
            pytest.fail(str(error))
        pytest.skip(str(error))
