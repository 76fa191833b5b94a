"""Who is who: which person each record of a block is about.

The meaning is that of one record after the other: none of its identifiers known, a person is minted; one person known,
the others attach to it; several, the younger ones are merged into the oldest. Which identifiers end up together does
not depend on the order of the records; which id they end up under does, so ids are kept, not made again.

A block is decided at once wherever that gives the same: identifiers and records that hang together and lead to one
person, known or new, need no order. Only where they lead to several does it matter who came first, and those records
are taken one by one. So the size of blocks changes nothing.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from identity.engine import UUID_BYTES
from identity.fragments import KINDS
from identity.held import Held
from identity.links import CUSTOMER, RECORD_KIND
from identity.store import Merge
from pipe.columnar import fetch

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from identity.lineage import Lineage
    from identity.links import Links
    from identity.store import Store

    Numbers = NDArray[np.int64]
    Survivor = Callable[[int], int]
    MergeInto = Callable[[int, int, set[int], str], Merge]


class People:
    """The persons of one tenant. A person is a number, 1 for the oldest; `lineage` is told of every change."""

    def __init__(self, store: Store, lineage: Lineage, *, run_id: str = "") -> None:
        """Take up the work where the store left it.

        Args:
            store: open.
            lineage: what to tell of new persons, links and merges.
            run_id: name of the run, for the merges it finds.
        """
        self._store = store
        self._lineage = lineage
        self._run_id = run_id
        self._count = store.persons()
        self._parents = dict(store.merges())
        self._retired, self._survivors = _sorted(self._parents)
        self._told: set[int] = set()
        self._start = self._now = store.latest() + 1
        self.has_records = store.has_records()
        self.held = Held(store)
        self.minted = 0
        self.merged = 0
        store.db.execute("CREATE TEMP TABLE told (known UUID)")
        self.tick()

    @property
    def repeated(self) -> int:
        """Merges of earlier runs that were told again."""
        return len(self._told) - self.merged

    def tick(self) -> None:
        """Set the time of what comes next; to be called after every commit. It never runs backwards."""
        self._now = max(self._now, time.time_ns() // 1000)

    def knows(self, records: pa.Array) -> NDArray[np.bool_]:
        """Which records, by the hashes of their keys as the store has them and each given once, are somebody's."""
        known = np.zeros(len(records), np.bool_)
        known[self._store.find(records, RECORD_KIND)[0]] = True
        return known

    def resolve(self, links: Links) -> pa.Array:
        """The id of the person each record is about, as known when it passed; the store learns what is new."""
        if not len(links.keys):
            return pa.array([], pa.string())
        known, since = np.zeros(len(links.hashes), np.int64), np.zeros(len(links.hashes), np.int64)
        places, persons, seen = self._store.find(links.stored)
        known[places], since[places] = persons, seen
        owners, retired = self._living(known)
        decision = _Decision(links, owners, self._count + 1)
        merges = decision.decide(self._survivor, self._merge_into)
        new_uids = self._mint(links, decision.mints)
        attached = self._attach(links, decision.linked, known == 0)
        linked = pa.concat_tables([attached, self._met(links, known, since, known == owners)])
        self._record(merges)
        self._tell(linked, retired, merges)
        return self._uids(decision.persons, new_uids)

    def _mint(self, links: Links, mints: NDArray[np.bool_]) -> pa.Array:
        """New persons. An identifier founds at most one, because from then on it is known: no id is used twice."""
        # Of the smallest hash, wherever it stands in the record: a source may list its identifiers in any order.
        founders = _smallest(links, len(mints))[mints]
        uids = self._store.add_persons(
            self._count + 1, links.hashes.take(pa.array(founders)), self._now, unlike_all=bool(self.held.forgotten)
        )
        self._count += len(uids)
        self.minted += len(uids)
        return uids

    def _attach(self, links: Links, persons: Numbers, new: NDArray[np.bool_]) -> pa.Table:
        """Store new identifiers; the customers among them."""
        places = np.flatnonzero(new)
        kinds = links.kinds[places]
        self._store.add_identifiers(
            links.stored.take(pa.array(places)), persons[places], kinds, links.sources.take(pa.array(places)), self._now
        )
        self.has_records = self.has_records or bool((kinds == RECORD_KIND).any())
        return _customers(links, places[kinds == CUSTOMER], persons, np.full(len(new), self._now))

    def _met(self, links: Links, persons: Numbers, since: Numbers, alive: NDArray[np.bool_]) -> pa.Table:
        """Customers of earlier runs, met for the first time. Of those whose person is retired the merges tell."""
        places = np.flatnonzero((links.kinds == CUSTOMER) & (persons > 0) & alive & (since < self._start))
        found = _customers(links, places, persons, since)
        if not len(found):
            return found
        with self._store.guard():
            places = pa.array(np.arange(len(found)))
            self._store.db.register("met", found.select(["known"]).append_column("place", places))
            fresh = fetch(self._store.db, "SELECT place FROM met ANTI JOIN told USING (known) ORDER BY place")
            self._store.db.execute("INSERT INTO told SELECT known FROM met ANTI JOIN told USING (known)")
            self._store.db.unregister("met")
        return found.take(fresh.column("place"))

    def _merge_into(self, oldest: int, retired: int, kinds: set[int], record: str) -> Merge:
        self._parents[retired] = oldest
        reason = ", ".join(sorted(KINDS[kind] for kind in kinds))
        return Merge(retired, oldest, self._now, reason, record, self._run_id)

    def _record(self, merges: list[Merge]) -> None:
        self.merged += len(merges)
        if merges:
            self._store.add_merges(merges)
            self._retired, self._survivors = _sorted(self._parents)

    def _tell(self, linked: pa.Table, retired: set[int], merges: list[Merge]) -> None:
        """Tell of customers and merges, and once a run of the merges that led from a known identifier to its person."""
        self._lineage.linked(linked)
        news = [*(retired - self._told), *(merge.retired for merge in merges)]
        self._told.update(news)
        self._lineage.merged(sorted(news))

    def _survivor(self, person: int) -> int:
        while (parent := self._parents.get(person)) is not None:
            person = parent
        return person

    def _living(self, persons: Numbers) -> tuple[Numbers, set[int]]:
        """What each person has become (0 stays 0), and who was retired on the way."""
        retired: set[int] = set()
        if not len(self._retired):
            return persons, retired
        while True:
            places = np.searchsorted(self._retired, persons)
            places[places == len(self._retired)] = 0
            gone = self._retired[places] == persons
            if not gone.any():
                return persons, retired
            retired.update(persons[gone].tolist())
            persons = np.where(gone, self._survivors[places], persons)

    def _uids(self, persons: Numbers, new: pa.Array) -> pa.Array:
        """The ids of the persons, in their order; those of `new` are the last ones."""
        distinct, places = np.unique(persons, return_inverse=True)
        first_new = self._count - len(new) + 1
        old = distinct[distinct < first_new]
        fresh = new.take(pa.array(distinct[len(old) :] - first_new))
        uids = pa.concat_arrays([self._store.uids(old), fresh])
        return uids.take(pa.array(places))


class _Decision:
    """Decides about one block."""

    def __init__(self, links: Links, owners: Numbers, next_person: int) -> None:
        self.links = links
        self.owners = owners
        count, first = len(links.keys), links.first()
        needs_nobody = np.ones(count, np.bool_)
        needs_nobody[links.records[(owners[links.codes] > 0) | (first[links.codes] < links.records)]] = False
        self.mints = needs_nobody
        """Records none of whose identifiers was known when they came."""
        self.numbers = np.zeros(count, np.int64)
        self.numbers[self.mints] = next_person + np.arange(self.mints.sum())
        self.persons = self.numbers.copy()
        self.linked = owners.copy()
        """The person each identifier is linked to first."""

    def decide(self, survivor: Survivor, merge: MergeInto) -> list[Merge]:
        """Find `persons` and `linked`; the merges on the way."""
        labels, codes_at = self._components()
        roots, root = self._roots(labels)
        simple = roots == 1
        record_labels, code_labels = labels[: len(self.persons)], labels[codes_at : codes_at + len(self.owners)]
        self.persons = np.where(simple[record_labels], root[record_labels], 0)
        self.linked = np.where(self.owners > 0, self.owners, np.where(simple[code_labels], root[code_labels], 0))
        return self._one_by_one(np.flatnonzero(~simple[record_labels]), survivor, merge)

    def _components(self) -> tuple[NDArray[np.int32], int]:
        """What hangs together: labels of the records, then of the identifiers, then of the known persons."""
        from scipy.sparse import coo_array
        from scipy.sparse.csgraph import connected_components

        count, codes = len(self.persons), len(self.owners)
        known = np.flatnonzero(self.owners)
        self.known_persons, places = np.unique(self.owners[known], return_inverse=True)
        ends = (
            np.concatenate([self.links.records, known + count]),
            np.concatenate([self.links.codes + count, places + count + codes]),
        )
        size = count + codes + len(self.known_persons)
        graph = coo_array((np.ones(len(ends[0]), np.int8), ends), shape=(size, size))
        return connected_components(graph, directed=False)[1], count

    def _roots(self, labels: NDArray[np.int32]) -> tuple[Numbers, Numbers]:
        """Of each label how many persons, known or minted, it leads to, and (the last) one of them."""
        minted = np.flatnonzero(self.mints)
        at = np.concatenate([labels[minted], labels[len(labels) - len(self.known_persons) :]])
        root = np.zeros(labels.max() + 1, np.int64)
        root[at] = np.concatenate([self.numbers[minted], self.known_persons])
        return np.bincount(at, minlength=len(root)), root

    def _one_by_one(self, records: Numbers, survivor: Survivor, merge: MergeInto) -> list[Merge]:
        """The records among several persons, in their order."""
        links, merges = self.links, []
        starts = np.searchsorted(links.records, records).tolist()
        ends = np.searchsorted(links.records, records, side="right").tolist()
        codes, kinds = links.codes.tolist(), links.kinds
        owner: dict[int, int] = {}
        for record, start, end in zip(records.tolist(), starts, ends, strict=True):
            carried = codes[start:end]
            found = [survivor(owner.get(code) or int(self.owners[code])) for code in carried]
            owners = {person for person in found if person}
            person = min(owners) if owners else int(self.numbers[record])
            for retired in sorted(owners - {person}):
                pair = {person, retired}
                reason = {int(kinds[code]) for code, has in zip(carried, found, strict=True) if has in pair}
                merges.append(merge(person, retired, reason, links.keys[record].as_py()))
            for code, has in zip(carried, found, strict=True):
                if not has:
                    owner[code] = person
                    self.linked[code] = person
            self.persons[record] = person
        return merges


def _smallest(links: Links, count: int) -> Numbers:
    """Of each of `count` records the number of the identifier with the smallest hash: of its first 64 bits."""
    raw = np.frombuffer(links.stored.storage.buffers()[1], np.uint8).reshape(-1, UUID_BYTES)
    heads = raw[:, :8].copy().view(">u8").ravel().astype(np.uint64)[links.codes]
    starts = np.searchsorted(links.records, np.arange(count))
    lowest = np.minimum.reduceat(heads, starts)
    places = np.flatnonzero(heads == lowest[links.records])[::-1]
    found = np.empty(count, np.int64)
    found[links.records[places]] = links.codes[places]
    return found


def _customers(links: Links, places: Numbers, persons: Numbers, since: Numbers) -> pa.Table:
    """The source customers at these places of `links`."""
    chosen = pa.array(places)
    return pa.table(
        {
            "hash": links.hashes.take(chosen),
            "known": links.stored.take(chosen),
            "source": links.sources.take(chosen),
            "person": persons[places],
            "since": since[places],
        }
    )


def _sorted(parents: dict[int, int]) -> tuple[Numbers, Numbers]:
    """Retired persons in order, and who each became."""
    retired = np.array(sorted(parents), np.int64)
    return retired, np.array([parents[person] for person in retired.tolist()], np.int64)
