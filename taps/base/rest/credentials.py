"""Where tokens that change are kept: one file a tenant and tap, replaced whole, readable by its owner alone.

Some services give a new refresh token with every access token and take the old one back. So the new one is on disk
before it is used, and the one before it stays beside it: after a crash either still opens the door.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from pipe.errors import ConfigurationError, RetriableError

if TYPE_CHECKING:
    from collections.abc import Iterator


class Kept(msgspec.Struct):
    """What the file holds."""

    configured: str
    """Hash of the refresh token in the settings: with a new one there, the file is out of date."""
    refresh_tokens: list[str]
    """The newest first, then the one before it."""


class CredentialStore:
    """The refresh tokens of one connection."""

    def __init__(self, path: str | None, configured: str) -> None:
        """Keep them at `path` (None: only for this run), beginning with the one in the settings."""
        self._path = Path(path) if path else None
        self._kept = Kept(hashlib.sha256(configured.encode()).hexdigest(), [configured])

    @contextlib.contextmanager
    def held(self) -> Iterator[list[str]]:
        """The refresh tokens to try, in order, while no other process may change them.

        Raises:
            ConfigurationError: the file is not ours or cannot be read.
        """
        if self._path is None:
            yield list(self._kept.refresh_tokens)
            return
        import fcntl

        with self._errors():
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            lock = os.open(self._path.with_suffix(".lock"), os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield self._read()
        finally:
            os.close(lock)

    def keep(self, token: str) -> None:
        """Write a new refresh token; it is on disk when this returns.

        Raises:
            RetriableError: it cannot be written, so it must not be used.
        """
        newest = self._kept.refresh_tokens[0]
        if token == newest:
            return
        self._kept.refresh_tokens = [token, newest]
        if self._path is None:
            return
        new = self._path.with_suffix(".new")
        try:
            with os.fdopen(os.open(new, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "wb") as file:
                file.write(msgspec.json.encode(self._kept))
                file.flush()
                os.fsync(file.fileno())
            new.replace(self._path)
            directory = os.open(self._path.parent, os.O_RDONLY)
            os.fsync(directory)
            os.close(directory)
        except OSError as error:
            raise RetriableError(
                f"a new refresh token cannot be kept: {error.strerror}",
                field="credentials_file",
                remedy="Make room and give the right to write there, then run again",
            ) from None

    def _read(self) -> list[str]:
        if self._path and self._path.exists():
            with self._errors():
                kept = msgspec.json.decode(self._path.read_bytes(), type=Kept)
            if kept.configured == self._kept.configured and kept.refresh_tokens:
                self._kept = kept
        return list(self._kept.refresh_tokens)

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (OSError, msgspec.DecodeError, UnicodeDecodeError):
            raise ConfigurationError(
                "the file cannot be used",
                field="credentials_file",
                remedy="Name a file in a directory of the tenant's, or remove a damaged one and give a fresh token",
            ) from None
