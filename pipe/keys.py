"""Record keys: deterministic, so that a second run is an upsert."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

SEPARATOR = "\x1f"
"""ASCII unit separator: appears in no identifier, so ("a", "bc") and ("ab", "c") differ."""

KEY_LENGTH = 32
"""Hex digits kept of the SHA-256: 128 bits, about 10**-20 odds of any collision among 10**9 records."""


def record_key(*parts: str) -> str:
    """Key of the record that `parts` name, outermost first: tenant, connector, source stream, source id.

    Equal to `left(sha256(concat_ws(chr(31), ...)), 32)` in DuckDB, so SQL can make the same keys.
    """
    return hashlib.sha256(SEPARATOR.join(parts).encode()).hexdigest()[:KEY_LENGTH]


def key_maker(*prefix: str) -> Callable[[str], str]:
    """A function from the last part to the key, for use in a loop where the first parts stay the same."""
    start = SEPARATOR.join((*prefix, "")).encode()

    def make(last: str) -> str:
        return hashlib.sha256(start + last.encode()).hexdigest()[:KEY_LENGTH]

    return make
