"""Which identifiers the records of a block carry."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa

from identity.engine import stored
from identity.fragments import CUSTOMER_ID, KINDS, RECORD
from identity.held import BLOCKED, PINNED, SHARED

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from identity.identify import Fragments, Identifiers
    from identity.people import People

    Numbers = NDArray[np.int64]

CUSTOMER: Final = KINDS.index(CUSTOMER_ID)
RECORD_KIND: Final = KINDS.index(RECORD)
_UNKNOWN: Final = len(KINDS)


@dataclass
class Links:
    """An entry for each record and identifier of it, ordered by record; no identifier twice in one record."""

    keys: pa.Array
    """The records' own keys."""
    records: Numbers
    """Number of the entry's record."""
    codes: Numbers
    """Number of the entry's identifier."""
    hashes: pa.Array
    """The identifiers, in hexadecimal, each once."""
    kinds: NDArray[np.uint8]
    """Their types, as places in `KINDS`."""
    sources: pa.Array
    """The source system of those that are customer ids."""

    @cached_property
    def stored(self) -> pa.Array:
        """The identifiers as the store has them."""
        return stored(self.hashes)

    def only(self, entries: NDArray[np.bool_]) -> Links:
        """The same with some of the entries, and of the identifiers those that are left."""
        used, codes = np.unique(self.codes[entries], return_inverse=True)
        chosen = pa.array(used)
        hashes, sources = self.hashes.take(chosen), self.sources.take(chosen)
        return Links(self.keys, self.records[entries], codes, hashes, self.kinds[used], sources)

    def first(self) -> Numbers:
        """The first record with each identifier."""
        first = np.empty(len(self.hashes), np.int64)
        first[self.codes[::-1]] = self.records[::-1]
        return first


def find_links(
    keys: pa.Array, fragments: Fragments, hashes: pa.Array, identifiers: Identifiers, people: People
) -> tuple[Links, NDArray[np.bool_]]:
    """The links of a block, and which of its fragments they are made of.

    A record without usable fragments is known by its key. When it comes again with some, the two persons merge; when
    it loses them it becomes somebody new, because the keys of other records are not kept.
    """
    usable = ~hashes.is_null().to_numpy(zero_copy_only=False)
    records = fragments.records[usable]
    encoded = hashes.drop_null().dictionary_encode()
    codes = np.asarray(encoded.indices, np.int64)
    once = _once(records, codes)
    kept = usable.copy()
    kept[usable] = once
    chosen = pa.array(np.flatnonzero(usable))
    kinds = _kinds(fragments.kinds.take(chosen))
    places = _first_places(codes, len(encoded.dictionary))
    sources = fragments.sources.take(chosen).take(pa.array(places))
    links = Links(keys, records[once], codes[once], encoded.dictionary, kinds[places], sources)
    if people.held.has(BLOCKED) or people.held.has(SHARED):
        links = links.only(people.held.linking(links.records, links.codes, links.hashes, len(keys)))
    return _with_records(links, identifiers, people), kept


def _with_records(links: Links, identifiers: Identifiers, people: People) -> Links:
    """The same with the keys of records that are, or once were, known by nothing else."""
    count = len(links.keys)
    anonymous = np.ones(count, np.bool_)
    anonymous[links.records] = False
    if not anonymous.any() and not people.has_records:
        return links
    own = identifiers.of_records(links.keys).dictionary_encode()
    codes = np.asarray(own.indices, np.int64)
    first_anonymous = np.full(len(own.dictionary), count)
    np.minimum.at(first_anonymous, codes[anonymous], np.flatnonzero(anonymous))
    known = people.knows(stored(own.dictionary)) if people.has_records else np.zeros(len(own.dictionary), np.bool_)
    has = anonymous | known[codes] | (first_anonymous[codes] < np.arange(count))
    if people.held.has(PINNED):
        pinned = people.held.are(PINNED, own.dictionary)[codes]
        links = links.only(~pinned[links.records])
    records = np.concatenate([links.records, np.flatnonzero(has)])
    order = np.argsort(records, kind="stable")
    used, new_codes = np.unique(codes[has], return_inverse=True)
    return Links(
        links.keys,
        records[order],
        np.concatenate([links.codes, new_codes + len(links.hashes)])[order],
        pa.concat_arrays([links.hashes, own.dictionary.take(pa.array(used))]),
        np.concatenate([links.kinds, np.full(len(used), RECORD_KIND, np.uint8)]),
        pa.concat_arrays([links.sources, pa.nulls(len(used), pa.string())]),
    )


def _once(records: Numbers, codes: Numbers) -> NDArray[np.bool_]:
    """Which entries are not the repetition of one before in the same record."""
    once = np.ones(len(records), np.bool_)
    step = 1
    while step < len(records) and (near := records[step:] == records[:-step]).any():
        once[step:] &= ~(near & (codes[step:] == codes[:-step]))
        step += 1
    return once


def _kinds(names: pa.Array) -> NDArray[np.uint8]:
    encoded = names.dictionary_encode()
    numbers = [KINDS.index(name) if name in KINDS else _UNKNOWN for name in encoded.dictionary.to_pylist()]
    return np.array(numbers or [0], np.uint8)[np.asarray(encoded.indices, np.int64)]


def _first_places(codes: Numbers, count: int) -> Numbers:
    places = np.empty(count, np.int64)
    places[codes[::-1]] = np.arange(len(codes))[::-1]
    return places
