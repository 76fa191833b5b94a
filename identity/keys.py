"""The tenant's secret key: made on first use, in a file that only its owner may read."""

from __future__ import annotations

import logging
import os
import secrets
from typing import TYPE_CHECKING

from identity.hashing import KEY_BYTES
from pipe.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

logger = logging.getLogger(__name__)


def tenant_key(given: bytes | None, store: Path, key_file: Path) -> bytes:
    """The key in the settings or in its file; a new one only for a new store.

    Raises:
        ConfigurationError: it cannot be read or written.
    """
    if given is not None:
        return given
    if store.exists() or key_file.exists():
        return read_key(key_file)
    return make_key(key_file)


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
