"""Warehouses for tests, made straight from the definitions of the canonical streams."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import duckdb

from pipe.streams import CONVERSIONS, CUSTOMER_PROFILES, IDENTITY_MERGES, Stream
from plugins.demo_data import cdnow

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

Row = dict[str, Any]


def purchase(number: int, day: str, value: str, **more: Any) -> Row:
    """A conversion as the target stores it; `day` may be a whole time."""
    return {
        "conversion_id": f"k{number}",
        "customer_id": "shop",
        "connector": "till",
        "source_stream": "sales",
        "transaction_id": str(number),
        "conversion_type": "purchase",
        "timestamp": day if "T" in day else f"{day}T12:00:00Z",
        "value": Decimal(value),
        "currency": "USD",
        "user_id": "u1",
        "global_customer_id": "p1",
        "is_deleted": None,
        **more,
    }


def merge(from_id: str, to_id: str) -> Row:
    """An `identity_merges` row."""
    return {
        "event_id": f"{from_id}>{to_id}",
        "customer_id": "shop",
        "event": "merge",
        "from_id": from_id,
        "to_id": to_id,
    }


def make(
    database: Path,
    schema: str,
    conversions: Iterable[Row] = (),
    merges: Iterable[Row] | None = None,
    profiles: Iterable[Row] | None = None,
    *,
    deleted_column: bool = True,
) -> Path:
    """A DuckDB file with those rows; streams given as None have no table."""
    with duckdb.connect(str(database)) as connection:
        connection.execute(f'CREATE SCHEMA IF NOT EXISTS "{schema}"')
        for stream, rows in ((CONVERSIONS, conversions), (IDENTITY_MERGES, merges), (CUSTOMER_PROFILES, profiles)):
            if rows is not None:
                _table(connection, schema, stream, list(rows), deleted_column=deleted_column)
    return database


def make_cdnow(database: Path, schema: str = "growthnav_cdnow") -> Path:
    """The CDNOW purchases as the pipe stores them: each customer of the shop is one person."""
    source = cdnow.prepare(database.parent)
    make(database, schema)
    with duckdb.connect(str(database)) as connection:
        connection.execute(
            f"""
            INSERT INTO "{schema}".conversions BY NAME
            SELECT 'k' || row_number() OVER () AS conversion_id, 'cdnow' AS customer_id, 'cdnow' AS connector,
              'cdnow_purchases' AS source_stream, (row_number() OVER ())::VARCHAR AS transaction_id,
              'purchase' AS conversion_type, (strptime(part[2], '%Y%m%d')::VARCHAR || '+00')::TIMESTAMPTZ AS timestamp,
              part[4]::DECIMAL(38, 9) AS value, 'USD' AS currency, part[1] AS user_id,
              md5(part[1]) AS global_customer_id
            FROM (
              SELECT regexp_split_to_array(trim(line), ' +') AS part
              FROM read_csv($source, columns = {{'line': 'VARCHAR'}}, header = true, delim = '|', quote = '')
            )
            """,
            {"source": str(source)},
        )
    return database


def _table(
    connection: duckdb.DuckDBPyConnection, schema: str, stream: Stream, rows: list[Row], *, deleted_column: bool
) -> None:
    columns = stream.duckdb_columns()
    if deleted_column:
        columns["_sdc_deleted_at"] = "TIMESTAMP WITH TIME ZONE"
    declared = ", ".join(f'"{name}" {kind}' for name, kind in columns.items())
    connection.execute(f'CREATE TABLE "{schema}"."{stream.name}" ({declared})')
    for row in rows:
        names = ", ".join(f'"{name}"' for name in row)
        places = ", ".join("?" for _ in row)
        connection.execute(f'INSERT INTO "{schema}"."{stream.name}" ({names}) VALUES ({places})', list(row.values()))
