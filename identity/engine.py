"""Texts computed by the database engine, each for the row it belongs to; hashes as it stores them."""

from __future__ import annotations

import binascii
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa

from identity.hashing import DIGITS
from pipe.columnar import fetch

if TYPE_CHECKING:
    import duckdb

ROWS: Final = "given_rows"
"""The relation that a query for `texts` reads."""

UUID_BYTES: Final = 16


def texts(db: duckdb.DuckDBPyConnection, query: str, rows: pa.Table) -> pa.Array:
    """One text for each of `rows`, in their order.

    The rows carry their number, because the engine may give them out in another order, whatever its settings say:
    with two threads, once in some sixty blocks of 300,000 fragments, and then every record had another one's hashes.

    Args:
        db: where to work.
        query: gives `place` and `text` of every row of `ROWS`, which has `place` beside the columns of `rows`.
        rows: to be worked on.
    """
    db.register(ROWS, rows.append_column("place", pa.array(np.arange(len(rows)))))
    try:
        found = fetch(db, query)
    finally:
        db.unregister(ROWS)
    text = found.column("text").combine_chunks().cast(pa.string())
    places = found.column("place").to_numpy()
    if len(places) == len(rows) and (places == np.arange(len(places))).all():
        return text
    where = np.full(len(rows), -1)
    where[places] = np.arange(len(places))
    if len(places) != len(rows) or (where < 0).any():
        raise AssertionError("the query must give every row once")
    return text.take(pa.array(where))


def stored(hashes: pa.Array) -> pa.Array:
    """Hashes, in `hashing.DIGITS` hexadecimal digits each and none of them null, as the UUIDs that the store has."""
    _, offsets, digits = hashes.buffers()
    uuids = np.zeros((len(hashes), UUID_BYTES), np.uint8)
    if len(hashes):
        start = int(np.frombuffer(offsets, np.int32)[hashes.offset])
        raw = binascii.unhexlify(digits.slice(start, DIGITS * len(hashes)))
        uuids[:, : DIGITS // 2] = np.frombuffer(raw, np.uint8).reshape(len(hashes), DIGITS // 2)
    storage = pa.FixedSizeBinaryArray.from_buffers(pa.binary(UUID_BYTES), len(hashes), [None, pa.py_buffer(uuids)])
    return pa.ExtensionArray.from_storage(pa.uuid(), storage)
