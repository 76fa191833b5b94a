"""The identity store: one SQLite file a tenant, which knows identifiers by their keyed hashes only.

Everything is appended and nothing rewritten: an identifier keeps pointing at the person it was first linked to, and a
merge is a row of its own. So an emitted id stays valid for ever, the history of every person can be read back, and a
commit touches few pages (a primary key on the hash would spread each commit over the whole file: five times the CPU
seconds and thirty times the bytes written, measured with 1.6 million identifiers).

Work is written in one transaction a flush, committed before any line that depends on it leaves the process.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from identity.fragments import KINDS, RECORD
from identity.store_file import connect, damaged, faults
from pipe.errors import PipeError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

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
    """An open identity store."""

    def __init__(self, path: Path, tenant: str, key_id: str, *, durable: bool = False, indexed: bool = False) -> None:
        """Open it, with the arguments of `store_file.connect`; `indexed` for `find`."""
        self.path = path
        self._db = connect(path, tenant, key_id, durable=durable, indexed=indexed)
        self._idents: list[bytes | int | None] = []  # columns of one row after those of the other
        self._persons: list[bytes | int] = []
        self._failure: PipeError | None = None
        with self._faults():
            self._sources: dict[str, int] = dict(self._db.execute("SELECT name, id FROM source"))

    def close(self) -> None:
        """Let go of the file; what is not committed is lost."""
        self._db.close()

    # Reading.

    def uids(self) -> bytearray:
        """The ids of all persons, one after the other from person 1 on."""
        uids = bytearray()
        with self._faults():
            for place, (number, uid) in enumerate(self._db.execute("SELECT id, uid FROM person ORDER BY id"), 1):
                if number != place:
                    raise damaged(self.path)
                uids += uid
        return uids

    def merges(self, persons: int) -> Iterator[tuple[int, int]]:
        """Every (retired, survivor) among that many persons."""
        with self._faults():
            for retired, survivor in self._db.execute("SELECT retired, survivor FROM merge"):
                if not 0 < survivor < retired <= persons:
                    raise damaged(self.path)
                yield retired, survivor

    def identifiers(self, known: list[dict[bytes, int]], persons: Sequence[int]) -> dict[bytes, int]:
        """Read every identifier: hash -> person into `known`, by the hash's first byte; of customer ids hash -> row.

        The persons are the very objects in `persons` (at place n the number n), which saves 32 bytes an identifier.
        """
        with self._faults():
            rows = self._db.execute("SELECT hash, person FROM ident WHERE source IS NULL")
            try:
                for digest, person in rows:
                    known[digest[0]][digest] = persons[person]
            except IndexError:
                raise damaged(self.path) from None
            customers = dict(self._db.execute("SELECT hash, rowid FROM ident WHERE source IS NOT NULL"))
            (count,) = self._db.execute("SELECT count(*) FROM ident").fetchone()
        if sum(map(len, known)) + len(customers) != count:
            raise damaged(self.path)
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

    @contextmanager
    def _faults(self) -> Iterator[None]:
        """Once anything has failed nothing may follow: SQLite may have rolled back what was told to be there."""
        if self._failure:
            raise self._failure
        try:
            with faults(self.path):
                yield
        except PipeError as error:
            self._failure = error
            raise


def _linked(row: tuple[bytes, int, str | None, int]) -> tuple[int, Customer | None]:
    digest, person, source, first_seen = row
    return person, None if source is None else Customer(digest, source, first_seen)
