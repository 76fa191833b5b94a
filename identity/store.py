"""The identity store: one file a tenant, which knows identifiers by their keyed hashes only.

Everything is appended and nothing rewritten: an identifier keeps pointing at the person it was first linked to, and a
merge is a row of its own. So an emitted id stays valid for ever, and the history of every person can be read back.
What a flush adds is one transaction, committed before any line that depends on it leaves the process.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from identity.engine import ROWS, texts
from identity.fragments import CUSTOMER_ID, KINDS, RECORD
from identity.hashing import UID_DIGITS
from identity.ids import PREFIX, NewIds
from identity.store_file import connect, damaged, faults
from pipe.columnar import fetch, literal
from pipe.errors import PipeError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from identity.hashing import Hasher

_FIND: Final = "SELECT place, person, first_seen FROM wanted JOIN ident USING (hash)"

_UIDS: Final = f"SELECT place, uid AS text FROM {ROWS} JOIN person USING (id)"  # noqa: S608  a name of ours

_BELOW: Final = """
WITH RECURSIVE below (root, id, since) AS (
    SELECT root, root, NULL::BIGINT FROM roots
    UNION ALL
    SELECT below.root, merge.retired, coalesce(below.since, merge.moment)
    FROM merge JOIN below ON merge.survivor = below.id
)
SELECT below.root AS person, left(replace(ident.hash::VARCHAR, '-', ''), 30) AS hash, source.name AS source,
    coalesce(below.since, ident.first_seen) AS since
FROM below JOIN ident ON ident.person = below.id JOIN source ON source.id = ident.source
"""


_MERGE: Final = pa.schema(
    [
        *((name, pa.int64()) for name in ("retired", "survivor", "moment")),
        *((name, pa.string()) for name in ("reason", "record_id", "run_id", "rule")),
        ("weight", pa.float64()),
        ("model", pa.string()),
        ("reconcile", pa.int32()),
    ]
)


class Merge(NamedTuple):
    """One merge: `retired` became `survivor` at `moment`. The last four are a reconcile's, which is numbered."""

    retired: int
    survivor: int
    moment: int
    reason: str
    record_id: str
    run_id: str
    rule: str | None = None
    weight: float | None = None
    model: str | None = None
    reconcile: int | None = None


class Customer(NamedTuple):
    """A source's own customer: keyed hash of its id in hexadecimal, its source system, since when it is `person`'s."""

    person: int
    digest: str
    source: str
    since: int


class Store:
    """An open identity store."""

    def __init__(self, path: Path, tenant: str, hasher: Hasher, *, durable: bool = False) -> None:
        """Open it, with the arguments of `store_file.connect`.

        Args:
            path: of the file.
            tenant: whose it is.
            hasher: with the key its hashes were made with; makes the ids of new persons.
            durable: wait for the disk at every commit.
        """
        self.path = path
        self.db = connect(path, tenant, hasher.key_id)
        self._secret = hasher.secret("person")
        self._durable = durable
        self._failure: PipeError | None = None
        self._open = False
        self._new = NewIds()
        with self.guard():
            self._sources: dict[str, int] = dict(self._rows("SELECT name, id FROM source"))

    def close(self) -> None:
        """Let go of the file; what is not committed is lost."""
        self.db.close()

    # Reading.

    def persons(self) -> int:
        """How many there are; they are numbered from 1, the oldest."""
        with self.guard():
            return int(self._rows("SELECT count(*) FROM person")[0][0])

    def merges(self) -> list[tuple[int, int]]:
        """Every (retired, survivor)."""
        with self.guard():
            return self._rows("SELECT retired, survivor FROM merge ORDER BY retired")

    def has_records(self) -> bool:
        """Whether any record is known by its key alone."""
        with self.guard():
            return bool(self._rows("SELECT 1 FROM ident WHERE kind = ? LIMIT 1", KINDS.index(RECORD)))

    def find(
        self, hashes: pa.Array, kind: int | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Of hashes (as `engine.stored`, each once) those that are known: place, person, when first seen.

        With `kind`, a place in `KINDS`, they are all of that kind, and what is of another need not be read.
        """
        wanted = pa.table({"place": pa.array(np.arange(len(hashes))), "hash": hashes})
        with self.guard():
            self.db.register("wanted", wanted)
            found = self.db.execute(_FIND if kind is None else f"{_FIND} WHERE kind = {kind}").fetchnumpy()
            self.db.unregister("wanted")
        places = np.asarray(found["place"])
        if np.bincount(places, minlength=1).max() > 1:
            raise damaged(self.path)
        return places, np.asarray(found["person"], np.int64), np.asarray(found["first_seen"], np.int64)

    def uids(self, persons: NDArray[np.int64]) -> pa.Array:
        """The ids of persons, in their order."""
        new = self._new.has(persons)
        if new.all():
            return self._new.take(persons)
        with self.guard():
            old = texts(self.db, _UIDS, pa.table({"id": persons[~new]}))
        places = np.where(new, len(old) + np.cumsum(new), np.cumsum(~new)) - 1
        return pa.concat_arrays([old, self._new.take(persons[new])]).take(pa.array(places))

    def history(self, persons: Sequence[int]) -> list[Merge]:
        """How each of them was merged away; nothing for those that live."""
        with self.guard():
            listed = ", ".join(Merge._fields)
            query = f"SELECT {listed} FROM merge WHERE retired IN (SELECT unnest(?))"  # noqa: S608  names of ours
            found = self._rows(query, persons)
            return [Merge(*row) for row in found]

    def customers(self, persons: Sequence[int]) -> list[Customer]:
        """The source customers that each of them has or had; `since` is when they came to it."""
        with self.guard():
            self.db.register("roots", pa.table({"root": pa.array(persons, pa.int32())}))
            rows = self._rows(_BELOW)
            self.db.unregister("roots")
            return [Customer(*row) for row in rows]

    def latest(self) -> int:
        """The latest time in the store, in microseconds: no later row may be older, whatever the clock says."""
        with self.guard():
            return int(
                self._rows(
                    "SELECT greatest(coalesce((SELECT max(first_seen) FROM ident), 0),"
                    " coalesce((SELECT max(moment) FROM merge), 0))"
                )[0][0]
            )

    # Writing: within one transaction until `commit`.

    def add_persons(self, first: int, founders: pa.Array, now: int, *, unlike_all: bool = False) -> pa.Array:
        """New persons, numbered from `first` on, and each one's id: no chance in it, it follows from the founder.

        Args:
            first: number of the first.
            founders: hash of an identifier of each.
            now: microseconds since 1970 UTC.
            unlike_all: whether the founder may have founded somebody before, who was erased.
        """
        numbers = pa.array(np.arange(first, first + len(founders), dtype=np.int32))
        secret = literal(self._secret)
        query = f"SELECT place, '{PREFIX}' || left(sha256({secret} || hash), {UID_DIGITS}) AS text FROM {ROWS}"  # noqa: S608
        with self.guard():
            uids = texts(self.db, query, pa.table({"hash": founders}))
            while unlike_all and (again := self._taken(uids)).any():
                founders = pc.if_else(pa.array(again), pc.binary_join_element_wise(founders, "again", ""), founders)
                uids = texts(self.db, query, pa.table({"hash": founders}))
        self.insert("person (id, uid, minted)", f"id, uid, {int(now)}", pa.table({"id": numbers, "uid": uids}))
        self._new.add(first, uids)
        return uids

    def _taken(self, uids: pa.Array) -> NDArray[np.bool_]:
        self.db.register("made", pa.table({"uid": uids}))
        known = fetch(self.db, "SELECT uid FROM made SEMI JOIN person USING (uid)").column("uid").combine_chunks()
        self.db.unregister("made")
        return np.asarray(pc.is_in(uids, value_set=known).to_numpy(zero_copy_only=False), np.bool_)

    def add_identifiers(
        self, hashes: pa.Array, persons: NDArray[Any], kinds: NDArray[Any], sources: pa.Array, now: int
    ) -> None:
        """New identifiers, their hashes as `engine.stored`; a source for those that are customer ids."""
        encoded = pc.if_else(pa.array(kinds == KINDS.index(CUSTOMER_ID)), sources, None).dictionary_encode()
        names = pa.array([self._source(name) for name in encoded.dictionary.to_pylist()], pa.uint32())
        numbers = names.take(encoded.indices)
        columns = {
            "hash": hashes,
            "person": np.asarray(persons, np.int32),
            "kind": np.asarray(kinds, np.uint8),
            "source": numbers,
        }
        self.insert("ident", f"hash, person, kind, source, {int(now)}", pa.table(columns))

    def add_merges(self, merges: Sequence[Merge]) -> None:
        """Persons are merged away."""
        columns = pa.Table.from_pylist([merge._asdict() for merge in merges], _MERGE)
        self.insert("merge", ", ".join(Merge._fields), columns)

    def commit(self) -> None:
        """Make everything added so far durable."""
        with self.guard():
            if self._open:
                self.db.execute("COMMIT")
                self._open = False
                if self._durable:
                    self.db.execute("CHECKPOINT")

    def insert(self, table: str, columns: str, rows: pa.Table) -> None:
        """Add rows to a table of ours; `columns` is SQL over their columns."""
        if not len(rows):
            return
        with self.guard():
            self.begin()
            self.db.register("added", rows)
            self.db.execute(f"INSERT INTO {table} SELECT {columns} FROM added")  # noqa: S608  names of ours
            self.db.unregister("added")

    def begin(self) -> None:
        """Start a transaction, unless one is open."""
        if not self._open:
            self.db.execute("BEGIN")
            self._open = True

    def _source(self, name: str) -> int:
        number = self._sources.get(name)
        if number is None:
            number = self._sources[name] = len(self._sources) + 1
            with self.guard():
                self.begin()
                self.db.execute("INSERT INTO source VALUES (?, ?)", (number, name))
        return number

    def _rows(self, query: str, *parameters: Any) -> list[Any]:
        return self.db.execute(query, parameters or None).fetchall()

    @contextmanager
    def guard(self) -> Iterator[None]:
        """For whatever is done with `db`: its faults in our words.

        Once anything has failed nothing may follow: the engine has rolled back what was told to be there.
        """
        if self._failure:
            raise self._failure
        try:
            with faults(self.path):
                yield
        except PipeError as error:
            self._failure = error
            raise
