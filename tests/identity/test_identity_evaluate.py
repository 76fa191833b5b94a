"""Precision and recall by counts equal those by listing every pair."""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity.evaluate import evaluate

LABELS = st.lists(st.tuples(st.integers(0, 5), st.sampled_from("abcde")), max_size=25)


@given(LABELS)
def test_counts_equal_the_plain_definition(labels: list[tuple[int, str]]) -> None:
    found = evaluate(labels)
    pairs = list(combinations(labels, 2))
    same = [(one[0] == other[0], one[1] == other[1]) for one, other in pairs]
    assert found.records == len(labels)
    assert found.predicted_pairs == sum(predicted for predicted, _ in same)
    assert found.true_pairs == sum(true for _, true in same)
    assert found.common_pairs == sum(predicted and true for predicted, true in same)
    if not labels:
        assert found.bcubed_precision == found.bcubed_recall == 1
        return
    shares = {0: 0.0, 1: 0.0}
    for record in labels:
        both = sum(other == record for other in labels)
        for side in shares:
            shares[side] += both / sum(other[side] == record[side] for other in labels) / len(labels)
    assert found.bcubed_precision == pytest.approx(shares[0])
    assert found.bcubed_recall == pytest.approx(shares[1])


def test_a_known_case() -> None:
    found = evaluate([(1, "a"), (1, "a"), (1, "b"), (2, "b")])
    assert (found.predicted_people, found.true_people) == (2, 2)
    assert (found.precision, found.recall) == (1 / 3, 1 / 2)
    assert found.f1 == pytest.approx(0.4)
    assert found.bcubed_precision == pytest.approx((2 / 3 + 2 / 3 + 1 / 3 + 1) / 4)
    assert found.bcubed_recall == pytest.approx((1 + 1 + 1 / 2 + 1 / 2) / 4)
    assert found.bcubed_f1 == pytest.approx(12 / 17)


def test_nothing_predicted_is_precise_and_recalls_nothing() -> None:
    found = evaluate([(1, "a"), (2, "a")])
    assert (found.precision, found.recall, found.f1) == (1, 0, 0)


def test_a_million_records_need_no_pairs() -> None:
    found = evaluate((number // 1000, number // 2000) for number in range(1_000_000))
    assert found.precision == 1
    assert found.true_pairs == 500 * (2000 * 1999 // 2)
    assert found.bcubed_recall == 0.5
