"""Keyed hashes: all that the store and the streams after this step know of an identifier.

An identifier's hash is SHA-256 over a secret of its type and its normal form, cut to 120 bits. The secret is made from
the tenant's key by BLAKE2b (RFC 7693, 2.9), so hashes of two types or two tenants have nothing in common, and without
the key nobody can test whether a given address is in the store. SHA-256, because the database engine can make it too;
cut, because a whole one could be extended by whoever knows it (Coron et al., Merkle-Damgard Revisited, 2005).
"""

from __future__ import annotations

import hashlib
import logging
import os
import secrets
import unicodedata
from typing import TYPE_CHECKING, Final

from pipe.errors import ConfigurationError
from pipe.keys import SEPARATOR

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

logger = logging.getLogger(__name__)

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


def parse_key(text: str) -> bytes | None:
    """The key written as hexadecimal digits, or None."""
    try:
        key = bytes.fromhex(text.strip())
    except ValueError:
        return None
    return key if len(key) == KEY_BYTES else None


def read_key(path: Path) -> bytes:
    """The key in a file.

    Raises:
        ConfigurationError: there is none, or it is not a key.
    """
    try:
        key = parse_key(path.read_text("ascii"))
        readable_by_all = path.stat().st_mode & 0o077
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"the key file {path} cannot be read ({type(error).__name__})",
            field="key_file",
            remedy="Put the tenant's key back: without it the people in the store cannot be recognised",
        ) from None
    if key is None:
        raise ConfigurationError(
            f"the key file {path} does not hold {2 * KEY_BYTES} hexadecimal digits",
            field="key_file",
            remedy="Put the tenant's key back: without it the people in the store cannot be recognised",
        )
    if readable_by_all:
        logger.warning("other users of this machine may read the key file %s; chmod 600 mends that", path)
    return key


def make_key(path: Path) -> bytes:
    """A new key, in a new file that only this user may read; an existing file is never replaced.

    Raises:
        ConfigurationError: the file cannot be written.
    """
    key = secrets.token_bytes(KEY_BYTES)
    draft = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(key.hex() + "\n")
            file.flush()
            os.fsync(file.fileno())
        path.hardlink_to(draft)  # all of the key or no file at all
        draft.unlink()
    except OSError as error:
        raise ConfigurationError(
            f"the key file {path} cannot be written ({type(error).__name__})",
            field="key_file",
            remedy="Set key_file to a path this user may write",
        ) from None
    return key
