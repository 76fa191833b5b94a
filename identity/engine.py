"""Texts computed by the database engine, a column at a time, each for the row it belongs to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa

from pipe.columnar import fetch

if TYPE_CHECKING:
    import duckdb

ROWS: Final = "given_rows"
"""The relation that a query for `texts` reads."""


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
    places = found.column("place").to_numpy()
    where = np.full(len(rows), -1)
    where[places] = np.arange(len(places))
    if len(places) != len(rows) or (where < 0).any():
        raise AssertionError("the query must give every row once")
    return found.column("text").combine_chunks().cast(pa.string()).take(pa.array(where))
