"""The database servers of this folder's tests."""

import os
from collections.abc import Iterator

import pytest
from servers import postgres

REQUIRED = "CI_REQUIRE_SERVERS"


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A PostgreSQL server."""
    try:
        with postgres.server() as url:
            yield url
    except postgres.MissingServerError as error:
        if os.environ.get(REQUIRED):
            pytest.fail(str(error))
        pytest.skip(str(error))
