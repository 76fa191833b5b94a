"""How good are the people found: pairwise and B-cubed precision and recall against known truth.

Both come from counts of records per (predicted person, true person), so a million records take a second: no pair is
ever listed. The arithmetic is exact.

Sources: pairwise as in Christen, Data Matching (2012), section 7.3; B-cubed as in Bagga and Baldwin, Entity-Based
Cross-Document Coreferencing (1998).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable


@dataclass(frozen=True)
class Quality:
    """Agreement of two partitions of the same records. Where there is no pair to judge, the share is 1."""

    records: int
    predicted_people: int
    true_people: int
    predicted_pairs: int
    true_pairs: int
    common_pairs: int
    bcubed_precision: float
    bcubed_recall: float

    @property
    def precision(self) -> float:
        """Share of the predicted pairs of records that are of one true person."""
        return self.common_pairs / self.predicted_pairs if self.predicted_pairs else 1.0

    @property
    def recall(self) -> float:
        """Share of the true pairs that were predicted."""
        return self.common_pairs / self.true_pairs if self.true_pairs else 1.0

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        return _harmonic(self.precision, self.recall)

    @property
    def bcubed_f1(self) -> float:
        """Harmonic mean of B-cubed precision and recall."""
        return _harmonic(self.bcubed_precision, self.bcubed_recall)


def evaluate(labels: Iterable[tuple[Hashable, Hashable]]) -> Quality:
    """Judge a resolution.

    Args:
        labels: for each record, the predicted and the true person.
    """
    both = Counter(labels)
    predicted: Counter[Hashable] = Counter()
    true: Counter[Hashable] = Counter()
    for (one, other), count in both.items():
        predicted[one] += count
        true[other] += count
    return Quality(
        records=both.total(),
        predicted_people=len(predicted),
        true_people=len(true),
        predicted_pairs=_pairs(predicted.values()),
        true_pairs=_pairs(true.values()),
        common_pairs=_pairs(both.values()),
        bcubed_precision=_bcubed((predicted[one], count) for (one, _), count in both.items()),
        bcubed_recall=_bcubed((true[other], count) for (_, other), count in both.items()),
    )


def _pairs(sizes: Iterable[int]) -> int:
    return sum(size * (size - 1) // 2 for size in sizes)


def _bcubed(cells: Iterable[tuple[int, int]]) -> float:
    """Mean over records of count / size: of a record's group, `size` large, `count` are with it in the other partition.

    Args:
        cells: (size, count) of each cell of the contingency table.
    """
    squares: Counter[int] = Counter()
    records = 0
    for size, count in cells:
        squares[size] += count * count
        records += count
    return float(sum(Fraction(total, size) for size, total in squares.items()) / records) if records else 1.0


def _harmonic(one: float, other: float) -> float:
    return 2 * one * other / (one + other) if one + other else 0.0
