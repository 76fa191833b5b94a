"""What people decided about pairs of records: it holds whatever the figures say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow.compute as pc

from identity.linking.cluster import components, in_order
from pipe.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    Integers = NDArray[np.int64]
    Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Decisions:
    """Pairs of record numbers, ends in order."""

    links: Integers
    """Shape (n, 2)."""
    unlinks: Integers
    """Shape (n, 2)."""
    unknown: int
    """Decisions about records that are not there."""


def decisions(manual: pa.Table | None, ids: pa.Array) -> Decisions:
    """The decisions about the records `ids`, by their places.

    Raises:
        DataError: two records are to be linked, perhaps through others, and unlinked.
    """
    none = np.empty((0, 2), np.int64)
    if manual is None or not len(manual):
        return Decisions(none, none, 0)
    wrong = set(manual.column("decision").unique().to_pylist()) - {"link", "unlink"}
    if wrong:
        raise DataError("a decision must be link or unlink", field="decision", remedy="Correct the manual decisions")
    left, right = (pc.index_in(manual.column(name).cast(ids.type), ids) for name in ("left", "right"))
    known = pc.and_(pc.is_valid(left), pc.is_valid(right)).to_numpy()
    pairs = np.column_stack([left.to_numpy()[known], right.to_numpy()[known]]).astype(np.int64)
    pairs.sort(axis=1)
    link = pc.equal(manual.column("decision"), "link").to_numpy()[known]
    found = Decisions(np.unique(pairs[link], axis=0), np.unique(pairs[~link], axis=0), int((~known).sum()))
    both, _ = contradictions(found.links, found.unlinks, len(ids))
    if len(both):
        one, other = ids.take(both[0]).to_pylist()
        raise DataError(
            f"{one} and {other} were linked by hand, perhaps through others, and unlinked by hand",
            field="decision",
            remedy="Take back one of the decisions",
        )
    return found


def contradictions(links: Integers, unlinks: Integers, records: int) -> tuple[Integers, Integers]:
    """Those of `unlinks` whose two records `links` make one, perhaps through others; and whose one each record is."""
    whole = components(records, *links.T)
    return unlinks[whole[unlinks[:, 0]] == whole[unlinks[:, 1]]], whole


def separate(labels: Integers, unlinks: Integers, left: Integers, right: Integers, weights: Floats) -> Integers:
    """Split every cluster that holds an unlinked pair: its members follow the side their links weigh most for."""
    labels = labels.copy()
    for one, other in unlinks:
        if labels[one] != labels[other]:
            continue
        inside = (labels[left] == labels[one]) & (labels[right] == labels[one])
        source, target, weight = (
            np.concatenate(pair)
            for pair in ((left[inside], right[inside]), (right[inside], left[inside]), (weights[inside],) * 2)
        )
        side = np.zeros(len(labels))
        side[one], side[other] = 1, -1
        for _ in range(len(labels)):
            pull = np.bincount(source, weight * side[target], len(labels))
            following = (side == 0) & (pull != 0)
            if not following.any():
                break
            side[following] = np.sign(pull[following])
        labels[(labels == labels[one]) & (side < 0)] = labels.max() + 1
    return in_order(labels)
