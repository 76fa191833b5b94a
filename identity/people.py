"""Who is who: a union-find over the hashes of identifiers.

A record's identifiers are looked up. None known: a person is minted. One person known: the others attach to it.
Several: the younger ones are merged into the oldest. Which identifiers end up together does not depend on the order of
the records. Which id they end up under does (the one minted first), so ids are kept, not made again: a replay in
another order finds them in the store.
"""

from __future__ import annotations

import time
from array import array
from typing import TYPE_CHECKING, Final

from identity.fragments import CUSTOMER_ID, KINDS, RECORD
from identity.hashing import UID_BYTES
from identity.store import Customer, Merge

if TYPE_CHECKING:
    from collections.abc import Callable, MutableSequence, Sequence

    from identity.hashing import Hasher
    from identity.lineage import Lineage
    from identity.records import Fragment
    from identity.store import Store

CACHED: Final = 20_000
"""Identifiers kept at hand when memory is low, about 100 bytes each."""

_NUMBERS: Final = {kind: number for number, kind in enumerate(KINDS)}


class People:
    """The persons of one tenant. A person is a number, 1 for the oldest; `lineage` is told of every change."""

    def __init__(
        self, store: Store, hasher: Hasher, lineage: Lineage, *, run_id: str = "", low_memory: bool = False
    ) -> None:
        """Take up the work where the store left it.

        Args:
            store: open; with its index when `low_memory`.
            hasher: makes the ids of new persons.
            lineage: what to tell of new persons, links and merges; knows the ids of those in the store.
            run_id: name of the run, for the merges it finds.
            low_memory: look identifiers up in the store instead of holding them all.
        """
        self._store = store
        self._hasher = hasher
        self._lineage = lineage
        self._run_id = run_id
        self._low_memory = low_memory
        # In 256 parts, by the hash's first byte: one large dictionary would need half as much again while it grows.
        self._known: list[dict[bytes, int]] = [{} for _ in range(256)]
        self._rows: dict[bytes, int] = {}  # customer ids not yet met in this run: their first meeting is told
        # Each person's parent, a living person's own number; place 0 is free. The list also holds the number objects
        # that all its identifiers share.
        numbers = range(len(lineage.uids) // UID_BYTES + 1)
        self._parents: MutableSequence[int] = array("q", numbers) if low_memory else list(numbers)
        if not low_memory:
            self._rows = store.identifiers(self._known, self._parents)
        for retired, survivor in store.merges(len(self._parents) - 1):
            self._parents[retired] = survivor
        self._recall: Callable[[bytes], int] = self._recall_from_store if low_memory else self._recall_from_rows
        self._told: set[int] = set()
        self._now = store.latest()
        self.has_records = store.has_records()
        self.minted = 0
        self.merged = 0
        self.tick()

    @property
    def repeated(self) -> int:
        """Merges of earlier runs that were told again."""
        return len(self._told) - self.merged

    def tick(self) -> None:
        """Set the time of what comes next; to be called after every commit. It never runs backwards."""
        self._now = max(self._now, time.time_ns() // 1000)
        if self._low_memory and sum(map(len, self._known)) > CACHED:
            for part in self._known:
                part.clear()

    def knows(self, digest: bytes) -> bool:
        """Whether an identifier belongs to somebody."""
        return bool(self._known[digest[0]].get(digest) or self._recall(digest))

    def assign(self, digests: Sequence[bytes], fragments: Sequence[Fragment], record_id: str) -> int:
        """The person whom all these identifiers now belong to.

        Args:
            digests: hashes of a record's identifiers, at least one, each once.
            fragments: what they are, in the same order.
            record_id: key of the record, for the merges it shows.
        """
        known, parents = self._known, self._parents
        person = fresh = several = 0
        found = []
        for digest in digests:
            owner = known[digest[0]].get(digest) or self._recall(digest)
            found.append(owner)
            if not owner:
                fresh += 1
                continue
            if parents[owner] != owner:
                owner = known[digest[0]][digest] = found[-1] = self._survivor(owner)
            if not person:
                person = owner
            elif owner != person:
                several = 1
        if several:
            person = self._merge(found, fragments, record_id)
        if fresh:
            if not person:
                person = self._mint(min(digests))
            for digest, owner, fragment in zip(digests, found, fragments, strict=True):
                if not owner:
                    self._attach(digest, person, fragment)
        return person

    def _mint(self, digest: bytes) -> int:
        """A new person. An identifier founds at most one, because from then on it is known: no id is used twice."""
        person = len(self._parents)
        uid = self._hasher.person(digest)
        self._parents.append(person)
        self._lineage.uids += uid
        self._store.add_person(person, uid)
        self.minted += 1
        return person

    def _attach(self, digest: bytes, person: int, fragment: Fragment) -> None:
        self._known[digest[0]][digest] = person
        source = fragment.source_system if fragment.type == CUSTOMER_ID else None
        self._store.add_identifier(digest, person, _NUMBERS[fragment.type], source, self._now)
        if source:
            self._lineage.linked(Customer(digest, source, self._now), person)
        elif fragment.type == RECORD:
            self.has_records = True

    def _merge(self, found: Sequence[int], fragments: Sequence[Fragment], record_id: str) -> int:
        """Merge all of `found` (0 for a new identifier) into the oldest."""
        owners = {owner for owner in found if owner}
        oldest = min(owners)
        for retired in sorted(owners - {oldest}):
            kinds = {f.type for owner, f in zip(found, fragments, strict=True) if owner in {retired, oldest}}
            reason = ", ".join(sorted(kinds))
            self._store.add_merge(Merge(retired, oldest, self._now, reason, record_id, self._run_id))
            self._parents[retired] = oldest
            self._told.add(retired)
            self.merged += 1
            self._lineage.merged(retired)
        return oldest

    def _survivor(self, person: int) -> int:
        """The living person that a retired one has become. The merges on the way are told again, once a run."""
        way = []
        while (parent := self._parents[person]) != person:
            way.append(person)
            person = parent
        for retired in way:
            self._parents[retired] = person
            if retired not in self._told:
                self._told.add(retired)
                self._lineage.merged(retired)
        return person

    def _recall_from_rows(self, digest: bytes) -> int:
        row = self._rows.pop(digest, 0)
        return self._recalled(digest, *self._store.row(row)) if row else 0

    def _recall_from_store(self, digest: bytes) -> int:
        found = self._store.find(digest)
        return self._recalled(digest, *found) if found else 0

    def _recalled(self, digest: bytes, person: int, customer: Customer | None) -> int:
        self._known[digest[0]][digest] = person
        if customer and self._parents[person] == person:  # else the merges tell, see `_survivor`
            self._lineage.linked(customer, person)
        return person
