"""Keyed hashes: all that the store and the streams after this step know of an identifier.

BLAKE2b with a secret key of the tenant (RFC 7693, 2.9). Without the key nobody can test whether a given address is in
the store, and two tenants' hashes of one address have nothing in common.
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
DIGEST_BYTES: Final = 15
"""120 bits: about 10**-18 odds of any collision among 10**9 identifiers, and a Python object of 48 bytes, not 64."""

UID_BYTES: Final = 12
"""Of a person's id: 96 bits, 24 hexadecimal digits."""


class Hasher:
    """The keyed hashes of one tenant; each purpose has its own, so that they cannot be compared across."""

    def __init__(self, key: bytes) -> None:
        """Use `key`, `KEY_BYTES` long."""
        self.key_id = hashlib.blake2b(key=key, digest_size=8, person=b"key-id").hexdigest()
        self._identifier = hashlib.blake2b(key=key, digest_size=DIGEST_BYTES, person=b"identifier")
        self._person = hashlib.blake2b(key=key, digest_size=UID_BYTES, person=b"person")
        self._field = hashlib.blake2b(key=key, digest_size=DIGEST_BYTES, person=b"field")

    def identifiers(self, *scope: str) -> Callable[[str], bytes]:
        """A function normal form -> hash, for identifiers of one type (and source system, where that matters)."""
        state = self._identifier.copy()
        state.update("".join(part + SEPARATOR for part in scope).encode())
        fresh = state.copy

        def identifier(text: str) -> bytes:
            state = fresh()
            state.update(text.encode())
            return state.digest()

        return identifier

    def person(self, identifier: bytes) -> bytes:
        """Id of the person first seen with that identifier: no chance in it, so a lost store can be made again."""
        state = self._person.copy()
        state.update(identifier)
        return state.digest()

    def field(self, name: str, text: str) -> str:
        """What stands for a personal text where the tenant keeps hashes only; equal texts of a field stay equal."""
        plain = " ".join(unicodedata.normalize("NFC", text).lower().split())
        state = self._field.copy()
        state.update(f"{name}{SEPARATOR}{plain}".encode())
        return state.hexdigest()


def uid_text(uids: bytearray, person: int) -> str:
    """The id of a person, counted from 1, as others see it: `p_` and 24 hexadecimal digits."""
    end = person * UID_BYTES
    return "p_" + uids[end - UID_BYTES : end].hex()


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
