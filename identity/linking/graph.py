"""Pairs that speak for or against one person, as the clusters take them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow.compute as pc

from identity.linking.known import VOTE
from pipe.columnar import fetch

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa
    from numpy.typing import NDArray

CERTAIN_WEIGHT: Final = 20.0
"""Bits, in clusters: of a link that needs no score."""


@dataclass
class Graph:
    """Pairs by record number; weights in bits."""

    left: NDArray[np.int64]
    right: NDArray[np.int64]
    weight: NDArray[np.float64]

    def joined(self, other: Graph) -> Graph:
        """The pairs of both."""
        return Graph(
            np.concatenate([self.left, other.left]),
            np.concatenate([self.right, other.right]),
            np.concatenate([self.weight, other.weight]),
        )

    def links_inside(self, labels: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which pairs are links within a person."""
        inside: NDArray[np.bool_] = (self.weight > 0) & (labels[self.left] == labels[self.right])
        return inside


def of_table(db: duckdb.DuckDBPyConnection, table: str) -> Graph:
    """Links that need no score, from a table of them."""
    found = fetch(db, f"SELECT left_uid, right_uid FROM {table} ORDER BY left_uid, right_uid")  # noqa: S608
    left, right = (found.column(number).to_numpy().astype(np.int64) for number in range(2))
    return Graph(left, right, np.full(len(left), CERTAIN_WEIGHT))


def of_pairs(pairs: pa.Table, ids: pa.Array) -> Graph:
    """Scored pairs (`identity.linking.known.PAIRS`) of the records `ids`, each by its place there."""
    left, right = (np.asarray(pc.index_in(pairs.column(name), value_set=ids), np.int64) for name in ("left", "right"))
    return Graph(left, right, pairs.column(VOTE).to_numpy())
