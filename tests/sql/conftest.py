"""The database servers of this folder's tests."""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager

import pytest
from servers import mysql, postgres

REQUIRED = "CI_REQUIRE_SERVERS"


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A PostgreSQL server."""
    yield from _given(postgres.server())


@pytest.fixture(scope="session")
def mysql_url() -> Iterator[str]:
    """A MariaDB server."""
    yield from _given(mysql.server())


def _given(server: AbstractContextManager[str]) -> Iterator[str]:
    try:
        with server as url:
            yield url
    except postgres.MissingServerError as error:
        if os.environ.get(REQUIRED):
            pytest.fail(str(error))
        pytest.skip(str(error))
