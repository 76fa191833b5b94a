"""The file of an identity store: one run at a time, ours or refused, whole or not there."""

from __future__ import annotations

import fcntl
import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from pipe.errors import ConfigurationError, DataError, PipeError, RetriableError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

APPLICATION_ID: Final = 0x474E_4944
"""`GNID` in the file's header: tells an identity store from any other SQLite file."""

VERSION: Final = 1
"""Of the tables below; in the header as `user_version`."""

_TABLES: Final = f"""
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {VERSION};
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE source (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE person (id INTEGER PRIMARY KEY, uid BLOB NOT NULL);
CREATE TABLE ident (
    hash BLOB NOT NULL,          -- keyed hash of the identifier
    person INTEGER NOT NULL,     -- whom it was first linked to
    kind INTEGER NOT NULL,       -- place in identity.fragments.KINDS
    source INTEGER,              -- the source system, for a customer_id only
    first_seen INTEGER NOT NULL  -- microseconds since 1970 UTC
);
CREATE INDEX ident_customer ON ident (person) WHERE source IS NOT NULL;
CREATE TABLE merge (
    retired INTEGER PRIMARY KEY, -- the person that was merged away
    survivor INTEGER NOT NULL,   -- an older one, at that time not retired
    at INTEGER NOT NULL,         -- microseconds since 1970 UTC
    reason TEXT NOT NULL,
    record_id TEXT NOT NULL,
    run_id TEXT NOT NULL
);
CREATE INDEX merge_survivor ON merge (survivor);
"""

_KEEP_INDEX: Final = "CREATE UNIQUE INDEX IF NOT EXISTS ident_hash ON ident (hash)"
_DROP_INDEX: Final = "DROP INDEX IF EXISTS ident_hash"  # dear to keep up to date, and only low-memory runs look into it

_FAULTS: Final[dict[int, tuple[type[PipeError], str, str]]] = {
    sqlite3.SQLITE_CORRUPT: (DataError, "is damaged", "Put back a copy of it; it has not been changed"),
    sqlite3.SQLITE_CONSTRAINT: (DataError, "is damaged", "Put back a copy of it; it has not been changed"),
    sqlite3.SQLITE_NOTADB: (
        ConfigurationError,
        "is not an identity store",
        "Set store to another path; the file has not been changed",
    ),
    sqlite3.SQLITE_BUSY: (RetriableError, "is locked by another program", "Close that program and run again"),
    sqlite3.SQLITE_LOCKED: (RetriableError, "is locked by another program", "Close that program and run again"),
    sqlite3.SQLITE_FULL: (RetriableError, "cannot grow, the disk is full", "Free some space and run again"),
    sqlite3.SQLITE_IOERR: (RetriableError, "cannot be written or read", "See that the disk is sound and has space"),
    sqlite3.SQLITE_READONLY: (ConfigurationError, "may not be written", "Give this user the right to write there"),
    sqlite3.SQLITE_PERM: (ConfigurationError, "may not be written", "Give this user the right to write there"),
    sqlite3.SQLITE_CANTOPEN: (ConfigurationError, "cannot be opened", "Give this user the right to write there"),
}


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


def connect(
    path: Path, tenant: str, key_id: str, *, durable: bool = False, indexed: bool = False
) -> sqlite3.Connection:
    """Open the store at `path`, which we hold, or make it.

    Args:
        path: of the file.
        tenant: whose it is.
        key_id: which key its hashes were made with.
        durable: wait for the disk at every commit. Without, a commit outlives a killed process, but the last
            ones may be lost with the machine's power (the store stays sound either way).
        indexed: keep an index of the hashes.

    Raises:
        ConfigurationError: it belongs to another tenant, key or program, or a newer version; nothing is changed.
        DataError: it is damaged; nothing is changed.
    """
    with faults(path):
        if not path.exists():
            _make(path, tenant, key_id)
        db = sqlite3.connect(path, isolation_level=None, timeout=1)
        try:
            _check(db, path, tenant, key_id)
            db.execute("PRAGMA journal_mode = WAL")
            db.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            db.execute(_KEEP_INDEX if indexed else _DROP_INDEX)
            if indexed:  # its pages change all over the file at every commit: copy them back less often
                db.execute("PRAGMA wal_autocheckpoint = 16384")
        except BaseException:
            db.close()
            raise
    return db


@contextmanager
def faults(path: Path) -> Iterator[None]:
    """Tell in our own words what SQLite finds wrong with the store at `path`."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        if not hasattr(error, "sqlite_errorcode"):
            raise  # a mistake of ours, not of the file
        raise _fault(path, error.sqlite_errorcode) from None
    except OSError:
        raise _fault(path, sqlite3.SQLITE_CANTOPEN) from None


def damaged(path: Path) -> PipeError:
    """The error for a store that contradicts itself."""
    return _fault(path, sqlite3.SQLITE_CORRUPT)


def _fault(path: Path, code: int) -> PipeError:
    kind, problem, remedy = _FAULTS.get(code & 0xFF, _FAULTS[sqlite3.SQLITE_IOERR])
    return kind(f"the identity store {path} {problem}", remedy=remedy)


def _make(path: Path, tenant: str, key_id: str) -> None:
    """A new store, complete or not there at all: it gets its name when it is done."""
    draft = path.with_name(f"{path.name}.new")
    draft.unlink(missing_ok=True)
    db = sqlite3.connect(draft, isolation_level=None)
    db.execute("PRAGMA journal_mode = MEMORY")  # no journal file that a kill could leave for the next draft
    db.executescript(_TABLES)
    db.executemany("INSERT INTO meta VALUES (?, ?)", (("tenant", tenant), ("key_id", key_id)))
    db.close()
    draft.chmod(0o600)
    draft.rename(path)


def _check(db: sqlite3.Connection, path: Path, tenant: str, key_id: str) -> None:
    """Refuse a store that is not ours to write, before anything is changed."""
    (application,) = db.execute("PRAGMA application_id").fetchone()
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if application != APPLICATION_ID:
        raise _fault(path, sqlite3.SQLITE_NOTADB)
    if version != VERSION:
        raise ConfigurationError(
            f"the identity store {path} has version {version}, this program writes version {VERSION}",
            remedy="Use the release that wrote it, or a later one",
        )
    (verdict,) = db.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        raise damaged(path)
    meta = dict(db.execute("SELECT name, value FROM meta"))
    if meta.get("tenant") != tenant:
        raise ConfigurationError(
            f"the identity store {path} belongs to another tenant",
            field="store",
            remedy="Give each tenant a store of its own",
        )
    if meta.get("key_id") != key_id:
        raise ConfigurationError(
            f"the identity store {path} was made with another key",
            field="key_file",
            remedy="Put the tenant's key back: with another one nobody would be recognised",
        )
