"""The purchases as Arrow record batches, by the fastest reader Python has for each source."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

MAPPING = Path(__file__).with_name("mapping.sql").read_text(encoding="utf-8")
BLOCK_BYTES = 32 << 20  # pyarrow's reader works on blocks; larger ones cost fewer calls
NAMES = """purchase_id, user_id, email, phone, first_name, last_name, purchased_at, amount, currency, quantity,
product_id, product_name, product_category, location_id, location_name, utm_source, utm_campaign, gclid"""
QUIET = {"enable_server_session_keep_alive_auto_detection": False}  # the driver warns of its default
# The driver hands numeric on as text.
POSTGRES = f"SELECT {NAMES.replace('amount', 'amount::text AS amount')} FROM purchases"


def tables(place: dict[str, Any]) -> Iterator[pa.Table]:
    """The purchases as their source has them, a part at a time."""
    if "path" in place:
        yield from _csv(place["path"])
    elif "url" in place:
        yield from _postgres(place["url"])
    else:
        yield from _snowflake(place)


def mapped(place: dict[str, Any]) -> Iterator[pa.Table]:
    """The purchases as conversions, a part at a time."""
    connection = duckdb.connect()
    for purchases in tables(place):
        connection.register("purchases", purchases)
        yield connection.sql(MAPPING).to_arrow_table()


def _csv(path: str) -> Iterator[pa.Table]:
    from pyarrow import csv

    with csv.open_csv(path, csv.ReadOptions(block_size=BLOCK_BYTES)) as reader:
        for batch in reader:
            yield pa.Table.from_batches([batch])


def _postgres(url: str) -> Iterator[pa.Table]:
    from adbc_driver_postgresql import dbapi

    with dbapi.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute(POSTGRES)
        for batch in cursor.fetch_record_batch():
            yield pa.Table.from_batches([batch])


def _snowflake(login: dict[str, Any]) -> Iterator[pa.Table]:
    import snowflake.connector

    with snowflake.connector.connect(**login, **QUIET) as connection, connection.cursor() as cursor:
        cursor.execute(f"SELECT {NAMES} FROM PURCHASES")
        yield from _gathered(cursor.fetch_arrow_batches())


def _gathered(parts: Iterator[pa.Table], rows: int = 100_000) -> Iterator[pa.Table]:
    """Parts put together, for a call on each of a few thousand rows would cost more than its work."""
    kept: list[pa.Table] = []
    for part in parts:
        kept.append(part)
        if sum(map(len, kept)) >= rows:
            yield pa.concat_tables(kept)
            kept = []
    if kept:
        yield pa.concat_tables(kept)
