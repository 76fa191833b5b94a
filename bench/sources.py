"""Where the purchases come from: one table, in a CSV file, in PostgreSQL, in a server that speaks Snowflake's protocol.

The servers are those of the tests; they work on the same cores as the contestants.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import purchases

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from servers import bigquery_venv, postgres, snowflake

MISSING = (postgres.MissingServerError, bigquery_venv.MissingServerError)
"""What is raised when a server is not installed here."""

TYPES = {"purchased_at": "timestamptz", "amount": "numeric(12,2)", "quantity": "integer"}
"""Types of the columns that are not text."""
DATABASE = "BENCH"


@dataclass(frozen=True)
class Source:
    """A table of purchases."""

    name: str
    rows: int
    tap: str
    """Our executable that reads it."""
    settings: dict[str, Any]
    """Its settings."""
    place: dict[str, Any]
    """Where other programs find it: `path`, `url`, or the login of a Snowflake connection."""


@contextmanager
def open_source(name: str, rows: int, home: Path) -> Iterator[Source]:
    """The purchases, ready to be read; a server lives as long as the context.

    Raises:
        one of MISSING: its server is not installed here.
    """
    data = _data(rows, home)
    purchases.write(data, rows)
    with SOURCES[name](data, rows) as source:
        yield source


def totals(rows: int, home: Path) -> tuple[int, int, Decimal]:
    """Rows, distinct keys and the exact sum of the amounts of that file, by DuckDB."""
    query = (
        "SELECT count(*), count(DISTINCT purchase_id), sum(amount::DECIMAL(38,2)) FROM read_csv(?, all_varchar = true)"
    )
    count, keys, value = duckdb.execute(query, [str(_data(rows, home))]).fetchall()[0]
    return count, keys, value


def _data(rows: int, home: Path) -> Path:
    return home / f"purchases-{rows}.csv"


@contextmanager
def _csv(data: Path, rows: int) -> Iterator[Source]:
    streams = [{"stream": "purchases", "path": str(data), "key_properties": ["purchase_id"]}]
    settings = {"streams": streams, "add_metadata_columns": False}
    yield Source("csv", rows, "tap-csv", settings, {"path": str(data)})


@contextmanager
def _postgres(data: Path, rows: int) -> Iterator[Source]:
    columns = ", ".join(f"{name} {TYPES.get(name, 'text')}" for name in purchases.COLUMNS)
    with postgres.server() as url:
        with psycopg.connect(url) as connection, connection.cursor() as cursor:
            cursor.execute(f"CREATE TABLE purchases ({columns}, PRIMARY KEY (purchase_id))")
            with cursor.copy("COPY purchases FROM STDIN (FORMAT csv, HEADER)") as copy, data.open("rb") as file:
                while block := file.read(1 << 20):
                    copy.write(block)
        postgres.execute(url, "VACUUM ANALYZE purchases")
        yield Source("postgres", rows, "tap-postgres", {"url": url, "schemas": ["public"]}, {"url": url})


@contextmanager
def _snowflake(data: Path, rows: int) -> Iterator[Source]:
    types = TYPES | {"purchased_at": "timestamp_ntz", "amount": "number(12,2)"}
    columns = ", ".join(f"{name} {types.get(name, 'text')}" for name in purchases.COLUMNS)
    with snowflake.server() as server:
        server.execute(
            DATABASE,
            f"CREATE SCHEMA {DATABASE}.SHOP",
            f"CREATE TABLE {DATABASE}.SHOP.PURCHASES ({columns})",
            f"INSERT INTO {DATABASE}.SHOP.PURCHASES SELECT * FROM read_csv('{data}')",
        )
        login = {**server.login, "database": DATABASE, "schema": "SHOP"}
        yield Source("snowflake", rows, "tap-snowflake", {**login, "table": "PURCHASES"}, login)


SOURCES = {"csv": _csv, "postgres": _postgres, "snowflake": _snowflake}
