"""Keyed hashes: all that the store and the streams after this step know of an identifier.

An identifier's hash is SHA-256 over a secret of its type and its normal form, cut to 120 bits. The secret is made from
the tenant's key by BLAKE2b (RFC 7693, 2.9), so hashes of two types or two tenants have nothing in common, and without
the key nobody can test whether a given address is in the store. SHA-256, because the database engine can make it too;
cut, because a whole one could be extended by whoever knows it (Coron et al., Merkle-Damgard Revisited, 2005).
"""

from __future__ import annotations

import hashlib
import unicodedata
from typing import TYPE_CHECKING, Final

from pipe.keys import SEPARATOR

if TYPE_CHECKING:
    from collections.abc import Callable

KEY_BYTES: Final = 32
DIGITS: Final = 30
"""Hexadecimal, of an identifier's hash: 120 bits, about 10**-18 odds of any collision among 10**9 identifiers."""

FIELD_BYTES: Final = 15

UID_DIGITS: Final = 24
"""Hexadecimal, of a person's id: 96 bits."""


class Hasher:
    """The keyed hashes of one tenant; each purpose has its own, so that they cannot be compared across."""

    def __init__(self, key: bytes) -> None:
        """Use `key`, `KEY_BYTES` long."""
        self.key_id = hashlib.blake2b(key=key, digest_size=8, person=b"key-id").hexdigest()
        self._scope = hashlib.blake2b(key=key, digest_size=16, person=b"identifier")
        self._field = hashlib.blake2b(key=key, digest_size=FIELD_BYTES, person=b"field")

    def secret(self, *scope: str) -> str:
        """What goes before a normal form to be hashed: 32 digits for a type (and source system, where that matters)."""
        state = self._scope.copy()
        state.update("".join(part + SEPARATOR for part in scope).encode())
        return state.hexdigest()

    def identifiers(self, *scope: str) -> Callable[[str], str]:
        """A function normal form -> hash, for identifiers of one type (and source system, where that matters)."""
        secret, sha256 = self.secret(*scope).encode(), hashlib.sha256

        def identifier(text: str) -> str:
            return sha256(secret + text.encode()).hexdigest()[:DIGITS]

        return identifier

    def field(self, name: str, text: str) -> str:
        """What stands for a personal text where the tenant keeps hashes only; equal texts of a field stay equal."""
        plain = " ".join(unicodedata.normalize("NFC", text).lower().split())
        state = self._field.copy()
        state.update(f"{name}{SEPARATOR}{plain}".encode())
        return state.hexdigest()
