"""Clusters: label propagation and closure on graphs whose people are plain to see."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from identity.linking.cluster import components, propagate
from identity.linking.manual import separate


def graph(*weighted: tuple[int, int, float]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    left, right, weight = zip(*weighted, strict=True)
    return np.array(left), np.array(right), np.array(weight, float)


def clique(members: range, weight: float = 5.0) -> list[tuple[int, int, float]]:
    return [(one, other, weight) for one, other in combinations(members, 2)]


def test_one_false_link_between_two_people_is_outvoted() -> None:
    left, right, weight = graph(*clique(range(5)), *clique(range(5, 10)), (4, 5, 5.0))
    assert len(set(components(10, left, right))) == 1, "closure joins them"
    assert propagate(10, left, right, weight, 1).tolist() == [0] * 5 + [1] * 5


def test_a_chain_is_one_person_and_who_has_no_link_is_alone() -> None:
    left, right, weight = graph((0, 1, 3.0), (1, 2, 3.0))
    assert propagate(4, left, right, weight, 1).tolist() == [0, 0, 0, 1]


def test_weight_against_keeps_apart() -> None:
    left, right, weight = graph((0, 1, 5.0), (1, 2, 4.0), (0, 2, -9.0))
    assert propagate(3, left, right, weight, 1).tolist() == [0, 0, 1]


def test_order_of_pairs_and_their_direction_do_not_matter() -> None:
    draw = np.random.default_rng(7)
    left, right = draw.integers(0, 300, (2, 900))
    weight = draw.normal(2, 3, 900)
    found = propagate(300, left, right, weight, 1)
    order = draw.permutation(900)
    assert (propagate(300, right[order], left[order], weight[order], 1) == found).all()


def test_labels_are_numbered_by_first_member_and_empty_graphs_work() -> None:
    none = np.empty(0, np.int64)
    assert propagate(3, none, none, np.empty(0), 1).tolist() == [0, 1, 2]
    assert propagate(0, none, none, np.empty(0), 1).tolist() == []


def test_an_unlinked_pair_splits_its_cluster_by_weight() -> None:
    left, right, weight = graph((0, 1, 9.0), (1, 2, 2.0), (2, 3, 9.0))
    found = separate(np.zeros(4, np.int64), np.array([[0, 3]]), left, right, weight)
    assert found.tolist() == [0, 0, 1, 1]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_same_seed_gives_the_same_people(seed: int) -> None:
    draw = np.random.default_rng(seed)
    left, right = draw.integers(0, 200, (2, 500))
    weight = draw.normal(1, 3, 500)
    assert (propagate(200, left, right, weight, seed) == propagate(200, left, right, weight, seed)).all()
