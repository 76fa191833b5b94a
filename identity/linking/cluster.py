"""From links to people: connected components, and inside them label propagation with a fixed seed.

Closure makes one person of everything that is connected, so a single false link joins two people, and a chain of them
many. Label propagation (Raghavan, Albert and Kumara, Near linear time algorithm to detect community structures, 2007)
lets every record join the person its links weigh most for, so a false link between two close groups is outvoted.

Everything is done on whole arrays; no loop runs over records.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Integers = NDArray[np.int64]
    Floats = NDArray[np.float64]

ROUNDS: Final = 60
"""At most; records change people in hardly more than ten."""


def components(count: int, left: Integers, right: Integers) -> Integers:
    """The connected component of each of `count` nodes, numbered from 0 by first node."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    ones = np.ones(len(left), np.bool_)
    graph = coo_matrix((ones, (left.astype(np.int32), right.astype(np.int32))), shape=(count, count))
    return in_order(connected_components(graph, directed=False)[1].astype(np.int64))


def in_order(labels: Integers) -> Integers:
    """The same partition, its groups numbered from 0 in the order of their first members."""
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    rank = np.empty(len(first), np.int64)
    rank[np.argsort(first, kind="stable")] = np.arange(len(first))
    return rank[inverse]


def propagate(count: int, left: Integers, right: Integers, weights: Floats, seed: int) -> Integers:
    """People by label propagation: a label for each node, numbered as by `components`.

    Args:
        count: of nodes; each starts as a person of its own.
        left: one end of each pair.
        right: the other end.
        weights: how much a pair speaks for one person (positive) or against (negative), in bits.
        seed: of the order in which nodes decide; equal input and seed give equal people.
    """
    labels, left, right, weights = _without_plain(count, left, right, weights)
    nodes, ends = np.unique(np.concatenate([left, right]), return_inverse=True)
    left, right = ends[: len(left)], ends[len(left) :]
    group, own = components(len(nodes), left, right), np.arange(len(nodes))
    source, target = np.concatenate([left, right]), np.concatenate([right, left])
    weight = np.concatenate([weights, weights])
    generator = np.random.default_rng(seed)
    for _ in range(ROUNDS):
        better = _votes(own, source, target, weight)
        unhappy = better != own
        if not unhappy.any():
            break
        # Half of the nodes at a time: if all moved at once, two could swap places for ever.
        moving = unhappy & (generator.random(len(nodes)) < 0.5)  # noqa: PLR2004
        own[moving] = better[moving]
        # Where nobody wants to move, nothing will change any more.
        active = _members(group, unhappy)[source]
        source, target, weight = source[active], target[active], weight[active]
    labels[nodes] = count + own
    return in_order(labels)


def _without_plain(
    count: int, left: Integers, right: Integers, weights: Floats
) -> tuple[Integers, Integers, Integers, Floats]:
    """The labels of components in which every two are linked, and the pairs that are left to vote on."""
    others = left != right
    left, right, weights = left[others], right[others], weights[others]
    positive = weights > 0
    whole = components(count, left[positive], right[positive])
    size = np.bincount(whole, minlength=1)
    links = np.bincount(whole[left[positive]], minlength=len(size))
    against = np.bincount(whole[left], ~positive & (whole[left] == whole[right]), minlength=len(size))
    plain = (links == size * (size - 1) // 2) & (against == 0)
    labels = np.where(plain[whole], whole, count + np.arange(count))
    voting = ~plain[whole[left]] & (whole[left] == whole[right])
    return labels, left[voting], right[voting], weights[voting]


def _members(group: Integers, some: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """All nodes of the groups that have some of these nodes."""
    chosen = np.zeros(int(group.max(initial=-1)) + 1, np.bool_)
    chosen[group[some]] = True
    return chosen[group]


def _votes(labels: Integers, source: Integers, target: Integers, weight: Floats) -> Integers:
    """The label each node's links weigh most for; its own on a tie, and a fresh one when all speak against it."""
    count = len(labels)
    key = source * (2 * count) + labels[target]
    order = np.argsort(key, kind="stable")
    key, total = key[order], weight[order]
    starts = np.flatnonzero(np.concatenate([[True], key[1:] != key[:-1]])) if len(key) else np.empty(0, np.int64)
    sums = np.add.reduceat(total, starts) if len(starts) else np.empty(0)
    node, label = np.divmod(key[starts], 2 * count)
    own = label == labels[node]
    # The best label of each node; on a tie its own, then the smallest.
    best = np.lexsort((label, ~own, -sums, node))
    node, label, sums = node[best], label[best], sums[best]
    leading = np.concatenate([[True], node[1:] != node[:-1]]) if len(node) else np.empty(0, np.bool_)
    result = labels.copy()
    result[node[leading]] = np.where(sums[leading] > 0, label[leading], count + node[leading])
    return result
