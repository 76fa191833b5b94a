"""Chance that falls the same way on every machine."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Sequence

Item = TypeVar("Item")


class Dice:
    """Draws from one seeded stream of numbers.

    Built on `random.Random.random` alone: it is the one method whose numbers Python promises to keep from version to
    version ("Notes on Reproducibility" in the documentation of `random`).
    """

    def __init__(self, seed: int) -> None:
        """Start the stream that belongs to `seed`."""
        self._next = random.Random(seed).random  # noqa: S311  demo data, no secret

    def chance(self, share: float) -> bool:
        """True in `share` (0 to 1) of the calls."""
        return self._next() < share

    def below(self, limit: int) -> int:
        """A whole number from 0 to `limit` - 1."""
        return int(self._next() * limit)

    def pick(self, items: Sequence[Item]) -> Item:
        """One of the items, all equally likely."""
        return items[int(self._next() * len(items))]

    def weighted(self, shares: Sequence[tuple[Item, float]]) -> Item:
        """One of the items by its share; the shares add up to 1, and the last item takes what rounding leaves."""
        mark = self._next()
        for item, share in shares:
            mark -= share
            if mark < 0:
                return item
        return shares[-1][0]
