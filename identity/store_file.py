"""The file of an identity store: one run at a time, ours or refused, whole or not there.

A DuckDB database: a block of a hundred thousand records is looked up in one join, and the store may be far larger
than memory.
"""

from __future__ import annotations

import errno
import fcntl
import os
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

import duckdb
import numpy as np

from identity import store_tables
from pipe.columnar import literal
from pipe.errors import ConfigurationError, DataError, PipeError, RetriableError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

VERSION: Final = 3
"""Of the tables below."""

MEMORY_LIMIT: Final = "64MB"
_MAGIC: Final = (slice(8, 12), b"DUCK")
_NAMES: Final = {"program", "version", "tenant", "key_id"}
_PROGRAM: Final = "growthnav identity store"


class Hold:
    """The right to use the store at a path, against all other runs. It goes with the process, however that ends."""

    def __init__(self, path: Path) -> None:
        """Take it.

        Raises:
            RetriableError: another run holds it.
            ConfigurationError: the store's directory cannot be written.
        """
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.with_name(f"{path.name}.lock").open("ab")
        except OSError as error:
            raise ConfigurationError(
                f"the identity store {path} cannot be made or locked ({type(error).__name__})",
                field="store",
                remedy="Set store to a path this user may write",
            ) from None
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.close()
            raise RetriableError(
                f"the identity store {path} is in use by another run of the tenant",
                remedy="Run again when that one has ended",
            ) from None

    def release(self) -> None:
        """Let others have it."""
        self._file.close()


def connect(path: Path, tenant: str, key_id: str) -> duckdb.DuckDBPyConnection:
    """Open the store at `path`, which we hold, or make it.

    Args:
        path: of the file.
        tenant: whose it is.
        key_id: which key its hashes were made with.

    Raises:
        ConfigurationError: it belongs to another tenant, key or program, or another version; nothing is changed.
        DataError: it is damaged; nothing is changed.
    """
    with faults(path):
        if not path.exists():
            _make(path, tenant, key_id)
        _check_kind(path)
        with _private(), duckdb.connect(str(path), read_only=True) as looking:
            _check(looking, path, tenant, key_id)
        with _private():
            db = duckdb.connect(str(path))
        _migrate(db)
        for setting in (
            "TimeZone = 'UTC'",
            f"memory_limit = '{MEMORY_LIMIT}'",
            f"temp_directory = {literal(str(path.with_name(path.name + '.tmp')))}",
            "autoinstall_known_extensions = false",
            "python_enable_replacements = false",
            "threads = 1",  # the steps beside this one are as busy, and each thread has buffers of its own
            "checkpoint_threshold = '64MB'",
        ):
            db.execute(f"SET {setting}")
    return db


@contextmanager
def faults(path: Path) -> Iterator[None]:
    """Tell in our own words what is wrong with the store at `path`."""
    try:
        yield
    except duckdb.OutOfMemoryException:
        raise _retriable(path, "needs more memory or space for temporary files", "Free some space") from None
    except (duckdb.BinderException, duckdb.ParserException):
        raise  # a mistake of ours, not of the file
    except duckdb.Error as error:
        raise _fault(path, error) from None
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EFBIG, errno.EDQUOT}:
            raise _retriable(path, "cannot grow, the disk is full", "Free some space and run again") from None
        raise _not_allowed(path) from None


def damaged(path: Path) -> PipeError:
    """The error for a store that contradicts itself."""
    return DataError(f"the identity store {path} is damaged", remedy="Put back a copy of it; it has not been changed")


def _fault(path: Path, error: duckdb.Error) -> PipeError:
    text = str(error)
    if "Could not set lock" in text:
        return _retriable(path, "is locked by another program", "Close that program and run again")
    if "ermission denied" in text or "Read-only" in text:
        return _not_allowed(path)
    if any(word in text for word in ("No space left", "Could not write", "File too large", "Failed to commit")):
        return _retriable(path, "cannot grow, the disk is full", "Free some space and run again")
    if isinstance(error, duckdb.FatalException):
        return _retriable(path, "cannot be written or read", "See that the disk is sound and has space")
    return damaged(path)


def _retriable(path: Path, problem: str, remedy: str) -> PipeError:
    return RetriableError(f"the identity store {path} {problem}", remedy=remedy)


def _not_allowed(path: Path) -> PipeError:
    return ConfigurationError(
        f"the identity store {path} cannot be opened or written", remedy="Give this user the right to write there"
    )


@contextmanager
def _private() -> Iterator[None]:
    """What the engine makes beside the store is for this user alone, too."""
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)


def _make(path: Path, tenant: str, key_id: str) -> None:
    """A new store, complete or not there at all: it gets its name when it is done."""
    draft = path.with_name(f"{path.name}.new")
    for leftover in (draft, draft.with_name(f"{draft.name}.wal")):
        leftover.unlink(missing_ok=True)
    with _private(), duckdb.connect(str(draft)) as db:
        db.execute(f"BEGIN; {store_tables.TABLES}; COMMIT")  # at once: each table by itself would wait for the disk
        values = (("program", _PROGRAM), ("version", str(VERSION)), ("tenant", tenant), ("key_id", key_id))
        db.executemany("INSERT INTO meta VALUES (?, ?)", values)
    draft.rename(path)


def _check_kind(path: Path) -> None:
    """Refuse a file that is no database of this engine, before the engine touches it."""
    with path.open("rb") as file:
        if file.read(_MAGIC[0].stop)[_MAGIC[0]] != _MAGIC[1]:
            raise _foreign(path)


def _foreign(path: Path) -> PipeError:
    return ConfigurationError(
        f"the identity store {path} is not an identity store",
        field="store",
        remedy="Set store to another path; the file has not been changed",
    )


def _check(db: duckdb.DuckDBPyConnection, path: Path, tenant: str, key_id: str) -> None:
    """Refuse a store that is not ours to write, before anything is changed."""
    db.execute("SET python_enable_replacements = false")  # else a variable of ours could stand for a missing table
    meta: dict[str, str] = {}
    with suppress(duckdb.CatalogException, duckdb.BinderException):
        meta = dict(db.execute("SELECT name, value FROM meta").fetchall())
    if meta.get("program") != _PROGRAM or not meta.keys() >= _NAMES:
        raise _foreign(path)
    if meta["version"] not in {str(store_tables.OLDER), str(VERSION)}:
        raise ConfigurationError(
            f"the identity store {path} has version {meta['version']}, this program writes version {VERSION}",
            remedy="Use the release that wrote it, or a later one",
        )
    if meta["tenant"] != tenant:
        raise ConfigurationError(
            f"the identity store {path} belongs to another tenant",
            field="store",
            remedy="Give each tenant a store of its own",
        )
    if meta["key_id"] != key_id:
        raise ConfigurationError(
            f"the identity store {path} was made with another key",
            field="key_file",
            remedy="Put the tenant's key back: with another one nobody would be recognised",
        )
    _check_sound(db, path)


def _migrate(db: duckdb.DuckDBPyConnection) -> None:
    """Bring a store of the version before to this one, whole or not at all; add the table it may not have yet."""
    (version,) = db.execute("SELECT value FROM meta WHERE name = 'version'").fetchone() or ("",)
    if version == str(store_tables.OLDER):
        db.execute(
            f"BEGIN; {store_tables.FROM_OLDER}; UPDATE meta SET value = '{VERSION}' WHERE name = 'version'; COMMIT"  # noqa: S608
        )
    db.execute(store_tables.SCORED)


def _check_sound(db: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Refuse a store that contradicts itself; reads every block of it, so a broken one shows here."""
    persons, last, highest, lowest = db.execute(
        "SELECT (SELECT count(*) FROM person), (SELECT coalesce(max(id), 0) FROM person),"
        " coalesce(max(person), 0), coalesce(min(person), 1) FROM ident"
    ).fetchone() or (0, 0, 0, 1)
    (wrong,) = db.execute(
        "SELECT count(*) FILTER (survivor < 1 OR survivor = retired OR greatest(survivor, retired) > ?) + count(*)"
        " - count(DISTINCT retired) FROM merge",
        [persons],
    ).fetchone() or (0,)
    if persons != last or highest > persons or lowest < 1 or wrong or _goes_round(db, persons):
        raise damaged(path)


def _goes_round(db: duckdb.DuckDBPyConnection, persons: int) -> bool:
    """Whether the merges lead from somebody back to himself."""
    merges = db.execute("SELECT retired, survivor FROM merge").fetchnumpy()
    became = np.arange(persons + 1)
    became[merges["retired"]] = merges["survivor"]
    for _ in range(persons.bit_length() + 1):  # every step doubles the way that has been gone
        if (became[became] == became).all():
            return False
        became = became[became]
    return True
