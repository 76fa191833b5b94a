"""The ids of persons that this run has made: most of those it needs, and asking the store reads all it knows."""

from __future__ import annotations

import binascii
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa

from identity.hashing import UID_DIGITS

if TYPE_CHECKING:
    from numpy.typing import NDArray

PREFIX: Final = "p_"
MOST: Final = 1 << 21
"""Ids remembered, of twelve bytes each; later ones are asked for."""

_LETTERS: Final = len(PREFIX) + UID_DIGITS
_BYTES: Final = UID_DIGITS // 2


class NewIds:
    """Ids by the numbers of their persons, which follow one another."""

    def __init__(self) -> None:
        """None yet."""
        self._first = 0
        self._count = 0
        self._raw = np.empty((0, _BYTES), np.uint8)

    def add(self, first: int, uids: pa.Array) -> None:
        """Remember the ids of persons numbered from `first` on, as many as there is room for."""
        if not self._count:
            self._first = first
        uids = uids[: MOST - self._count]
        if not len(uids) or first != self._first + self._count:
            return
        _, offsets, data = uids.buffers()
        start = int(np.frombuffer(offsets, np.int32)[uids.offset])
        letters = np.frombuffer(data, np.uint8)[start : start + _LETTERS * len(uids)].reshape(-1, _LETTERS)
        digits = binascii.unhexlify(letters[:, len(PREFIX) :].tobytes())
        end = self._count + len(uids)
        if end > len(self._raw):
            larger = np.empty((min(MOST, max(end, 2 * len(self._raw))), _BYTES), np.uint8)
            larger[: self._count] = self._raw[: self._count]
            self._raw = larger
        self._raw[self._count : end] = np.frombuffer(digits, np.uint8).reshape(-1, _BYTES)
        self._count = end

    def has(self, persons: NDArray[Any]) -> NDArray[np.bool_]:
        """Of which persons the ids are known here."""
        return np.asarray((persons >= self._first) & (persons < self._first + self._count), np.bool_)

    def take(self, persons: NDArray[Any]) -> pa.Array:
        """The ids of persons, all of whom are known."""
        digits = binascii.hexlify(self._raw[persons - self._first].tobytes())
        letters = np.empty((len(persons), _LETTERS), np.uint8)
        letters[:, : len(PREFIX)] = np.frombuffer(PREFIX.encode(), np.uint8)
        letters[:, len(PREFIX) :] = np.frombuffer(digits, np.uint8).reshape(-1, UID_DIGITS)
        offsets = np.arange(len(persons) + 1, dtype=np.int32) * _LETTERS
        return pa.StringArray.from_buffers(len(persons), pa.py_buffer(offsets), pa.py_buffer(letters))
