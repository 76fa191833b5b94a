"""The keys that a load has put into a table which was empty: what is not among them need not be looked for there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST: Final = 1 << 24
"""Keys remembered for one table, of eight bytes each; a larger one is searched at every commit, as others are."""


class KnownKeys:
    """Hashes of keys of one table, in order."""

    def __init__(self, types: tuple[str, ...]) -> None:
        """None yet; the key columns are of these SQL types, on which hashes depend."""
        self._types = types
        self._hashes = np.empty(0, np.uint64)

    def may_have(self, hashes: NDArray[np.uint64], types: tuple[str, ...]) -> bool:
        """Whether one of these keys may be in the table; no means surely not. Of other types, any may."""
        if types != self._types:
            return True
        if not len(self._hashes):
            return False
        places = np.searchsorted(self._hashes, hashes)
        places[places == len(self._hashes)] = 0
        return bool((self._hashes[places] == hashes).any())

    def add(self, hashes: NDArray[np.uint64], types: tuple[str, ...]) -> bool:
        """Remember keys that go into the table; False when that is no longer possible: too many, or other types."""
        if types != self._types or len(self._hashes) + len(hashes) > MOST:
            return False
        known = len(self._hashes)
        self._hashes.resize(known + len(hashes), refcheck=False)  # in place, and so is what follows: memory stays flat
        self._hashes[known:] = hashes
        self._hashes.sort(kind="stable")  # merges what is in order
        return True
