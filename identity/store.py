"""The identity store: one SQLite file a tenant, which knows identifiers by their keyed hashes only.

Everything is appended and nothing rewritten: an identifier keeps pointing at the person it was first linked to, and a
merge is a row of its own. So an emitted id stays valid for ever, the history of every person can be read back, and a
commit touches few pages (a primary key on the hash would spread each commit over the whole file: five times the CPU
seconds and thirty times the bytes written, measured with 1.6 million identifiers).

Work is written in one transaction a flush, committed before any line that depends on it leaves the process.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from identity.fragments import KINDS, RECORD
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

_ROWS: Final = 50
"""Rows an INSERT statement takes at once."""

_IDENTIFIER: Final = """
SELECT hash, person, source.name, first_seen FROM ident LEFT JOIN source ON source.id = ident.source
"""

_BELOW: Final = """
WITH RECURSIVE below (id, since) AS (
    VALUES (?, NULL)
    UNION ALL
    SELECT merge.retired, coalesce(below.since, merge.at) FROM merge JOIN below ON merge.survivor = below.id
)
SELECT ident.hash, source.name, coalesce(below.since, ident.first_seen)
FROM below JOIN ident ON ident.person = below.id AND ident.source IS NOT NULL JOIN source ON source.id = ident.source
"""

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


class Merge(NamedTuple):
    """One merge: `retired` became `survivor` at `at`."""

    retired: int
    survivor: int
    at: int
    reason: str
    record_id: str
    run_id: str


class Customer(NamedTuple):
    """A source's own customer: keyed hash of its id, its source system, since when it belongs to a person."""

    digest: bytes
    source: str
    since: int


class Store:
    """An open identity store, held against other runs until it is closed."""

    def __init__(self, path: Path) -> None:
        """Take hold of the store at `path`, without opening it yet.

        Raises:
            RetriableError: another run holds it.
            ConfigurationError: its directory cannot be written.
        """
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._lock: int | None = os.open(path.with_name(f"{path.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise ConfigurationError(
                f"the identity store {path} cannot be made or locked ({type(error).__name__})",
                field="store",
                remedy="Set store to a path this user may write",
            ) from None
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # goes with the process, however it ends
        except BlockingIOError:
            raise RetriableError(
                f"the identity store {path} is in use by another run of the tenant",
                remedy="Run again when that one has ended",
            ) from None
        self.exists = path.exists()

    def open(self, tenant: str, key_id: str, *, durable: bool = False, indexed: bool = False) -> None:
        """Open the store, or make it.

        Args:
            tenant: whose it is.
            key_id: which key its hashes were made with.
            durable: wait for the disk at every commit. Without, a commit outlives a killed process, but the last
                ones may be lost with the machine's power (the store stays sound either way).
            indexed: keep the index that `find` needs.

        Raises:
            ConfigurationError: it belongs to another tenant, key or program, or a newer version; nothing is changed.
            DataError: it is damaged; nothing is changed.
        """
        self._idents: list[bytes | int | None] = []  # columns of one row after those of the other
        self._persons: list[bytes | int] = []
        with self._faults():
            if not self.exists:
                self._make(tenant, key_id)
            self._db = sqlite3.connect(self.path, isolation_level=None, timeout=1)
            try:
                self._check(tenant, key_id)
                self._db.execute("PRAGMA journal_mode = WAL")
                self._db.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
                self._db.execute(_KEEP_INDEX if indexed else _DROP_INDEX)
                self._sources: dict[str, int] = dict(self._db.execute("SELECT name, id FROM source"))
            except BaseException:
                self.close()
                raise

    def close(self) -> None:
        """Let go of the file and of the hold on it; what is not committed is lost."""
        if self._lock is not None:
            self._db.close()
            os.close(self._lock)
            self._lock = None

    # Reading.

    def uids(self) -> bytearray:
        """The ids of all persons, one after the other from person 1 on."""
        uids = bytearray()
        with self._faults():
            for place, (number, uid) in enumerate(self._db.execute("SELECT id, uid FROM person ORDER BY id"), 1):
                if number != place:
                    raise self._damaged()
                uids += uid
        return uids

    def merges(self, persons: int) -> Iterator[tuple[int, int]]:
        """Every (retired, survivor) among that many persons."""
        with self._faults():
            for retired, survivor in self._db.execute("SELECT retired, survivor FROM merge"):
                if not 0 < survivor < retired <= persons:
                    raise self._damaged()
                yield retired, survivor

    def identifiers(self, known: list[dict[bytes, int]], persons: list[int]) -> dict[bytes, int]:
        """Read every identifier: hash -> person into `known`, by the hash's first byte; of customer ids hash -> row.

        The persons are the very objects in `persons` (at place n the number n), which saves 32 bytes an identifier.
        """
        with self._faults():
            rows = self._db.execute("SELECT hash, person FROM ident WHERE source IS NULL")
            try:
                for digest, person in rows:
                    known[digest[0]][digest] = persons[person]
            except IndexError:
                raise self._damaged() from None
            customers = dict(self._db.execute("SELECT hash, rowid FROM ident WHERE source IS NOT NULL"))
            (count,) = self._db.execute("SELECT count(*) FROM ident").fetchone()
        if sum(map(len, known)) + len(customers) != count:
            raise self._damaged()
        return customers

    def has_records(self) -> bool:
        """Whether any record is known by its key alone."""
        with self._faults():
            found = self._db.execute("SELECT 1 FROM ident WHERE kind = ? LIMIT 1", (KINDS.index(RECORD),)).fetchone()
        return found is not None

    def row(self, row: int) -> tuple[int, Customer | None]:
        """Person of the identifier in that row and, of a customer id, what it is."""
        with self._faults():
            return _linked(self._db.execute(f"{_IDENTIFIER} WHERE ident.rowid = ?", (row,)).fetchone())

    def find(self, digest: bytes) -> tuple[int, Customer | None] | None:
        """The same by hash, or None if it is new; quick on a store opened with `indexed`."""
        with self._faults():
            found = self._db.execute(f"{_IDENTIFIER} WHERE hash = ?", (digest,)).fetchone()
        return found and _linked(found)

    def merge(self, retired: int) -> Merge | None:
        """How a person was merged away, or None while it lives."""
        with self._faults():
            found = self._db.execute(
                "SELECT retired, survivor, at, reason, record_id, run_id FROM merge WHERE retired = ?", (retired,)
            ).fetchone()
        return found and Merge(*found)

    def customers(self, person: int) -> list[Customer]:
        """The source customers that a person has or had; `since` is when they came to it."""
        with self._faults():
            self._insert()
            return [Customer(*row) for row in self._db.execute(_BELOW, (person,))]

    def latest(self) -> int:
        """The latest time in the store, in microseconds: no later row may be older, whatever the clock says."""
        with self._faults():
            (latest,) = self._db.execute(
                "SELECT max(coalesce((SELECT first_seen FROM ident ORDER BY rowid DESC LIMIT 1), 0),"
                " coalesce((SELECT max(at) FROM merge), 0))"
            ).fetchone()
        return int(latest)

    # Writing: held back until the next `customers`, `add_merge` or `commit`.

    def add_person(self, person: int, uid: bytes) -> None:
        """A new person."""
        self._persons += (person, uid)

    def add_identifier(self, digest: bytes, person: int, kind: int, source: str | None, now: int) -> None:
        """A new identifier; `source` for a customer id only."""
        self._idents += (digest, person, kind, None if source is None else self._source(source), now)

    def add_merge(self, merge: Merge) -> None:
        """A person is merged away."""
        with self._faults():
            self._insert()
            self._db.execute("INSERT INTO merge VALUES (?, ?, ?, ?, ?, ?)", merge)

    def commit(self) -> None:
        """Make everything added so far durable."""
        with self._faults():
            if self._idents or self._db.in_transaction:
                self._insert()
                self._db.execute("COMMIT")

    def _insert(self) -> None:
        """Write what is held back, within the flush's one transaction."""
        if not self._db.in_transaction:
            self._db.execute("BEGIN IMMEDIATE")
        if self._idents:
            self._insert_rows("person", 2, self._persons)
            self._insert_rows("ident", 5, self._idents)

    def _insert_rows(self, table: str, width: int, cells: list[Any]) -> None:
        """Insert and empty `cells`, many rows a statement: that takes a third less time than one by one."""
        row = f"({', '.join('?' * width)})"
        rest = len(cells) - len(cells) % (width * _ROWS)
        for start, stop, rows in ((0, rest, _ROWS), (rest, len(cells), 1)):
            step = rows * width
            statement = f"INSERT INTO {table} VALUES {', '.join([row] * rows)}"  # noqa: S608
            self._db.executemany(statement, (cells[place : place + step] for place in range(start, stop, step)))
        cells.clear()

    def _source(self, name: str) -> int:
        number = self._sources.get(name)
        if number is None:
            number = self._sources[name] = len(self._sources) + 1
            with self._faults():
                self._insert()
                self._db.execute("INSERT INTO source VALUES (?, ?)", (number, name))
        return number

    # Opening.

    def _make(self, tenant: str, key_id: str) -> None:
        """A new store, complete or not there at all: it gets its name when it is done."""
        draft = self.path.with_name(f"{self.path.name}.new")
        draft.unlink(missing_ok=True)
        db = sqlite3.connect(draft, isolation_level=None)
        db.executescript(_TABLES)
        db.executemany("INSERT INTO meta VALUES (?, ?)", (("tenant", tenant), ("key_id", key_id)))
        db.close()
        draft.chmod(0o600)
        draft.rename(self.path)

    def _check(self, tenant: str, key_id: str) -> None:
        """Refuse a store that is not ours to write, before anything is changed."""
        (application,) = self._db.execute("PRAGMA application_id").fetchone()
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        if application != APPLICATION_ID:
            raise self._fault(sqlite3.SQLITE_NOTADB)
        if version != VERSION:
            raise ConfigurationError(
                f"the identity store {self.path} has version {version}, this program writes version {VERSION}",
                remedy="Use the release that wrote it, or a later one",
            )
        (verdict,) = self._db.execute("PRAGMA quick_check(1)").fetchone()
        if verdict != "ok":
            raise self._damaged()
        meta = dict(self._db.execute("SELECT name, value FROM meta"))
        if meta.get("tenant") != tenant:
            raise ConfigurationError(
                f"the identity store {self.path} belongs to another tenant",
                field="store",
                remedy="Give each tenant a store of its own",
            )
        if meta.get("key_id") != key_id:
            raise ConfigurationError(
                f"the identity store {self.path} was made with another key",
                field="key_file",
                remedy="Put the tenant's key back: with another one nobody would be recognised",
            )

    @contextmanager
    def _faults(self) -> Iterator[None]:
        """Tell what SQLite finds wrong in our own words."""
        try:
            yield
        except sqlite3.DatabaseError as error:
            if not hasattr(error, "sqlite_errorcode"):
                raise  # a mistake of ours, not of the file
            raise self._fault(error.sqlite_errorcode) from None
        except OSError:
            raise self._fault(sqlite3.SQLITE_CANTOPEN) from None

    def _fault(self, code: int) -> PipeError:
        kind, problem, remedy = _FAULTS.get(code & 0xFF, _FAULTS[sqlite3.SQLITE_IOERR])
        return kind(f"the identity store {self.path} {problem}", remedy=remedy)

    def _damaged(self) -> PipeError:
        return self._fault(sqlite3.SQLITE_CORRUPT)


def _linked(row: tuple[bytes, int, str | None, int]) -> tuple[int, Customer | None]:
    digest, person, source, first_seen = row
    return person, None if source is None else Customer(digest, source, first_seen)
