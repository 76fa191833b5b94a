"""A block of RECORD messages for the resolver: decoded to their fragments, encoded again with their person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pyarrow as pa

from identity.identify import Fragments
from pipe import lenient
from pipe.errors import SkippableError
from pipe.mapper import UNREADABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from identity.records import Codec, Fragment


def mended(decode: Callable[[msgspec.Raw], Any], record: msgspec.Raw) -> Any:
    """The record decoded, mended where a strict decoder refuses it.

    Raises:
        SkippableError: it is beyond that, or a property this step reads has the wrong type.
    """
    try:
        return decode(record)
    except UNREADABLE:
        pass
    try:
        return decode(msgspec.Raw(lenient.mend(bytes(record))[0]))
    except (*UNREADABLE, ValueError):
        raise SkippableError("is not a JSON object", rule="malformed") from None


class RecordRows:
    """Records of one stream.

    Only what the resolver needs is kept decoded: whole records by the ten thousand would fill the caches, so they are
    decoded again, one by one, when they leave.
    """

    def __init__(self, codec: Codec, reject: Callable[[msgspec.Raw, int, SkippableError], None]) -> None:
        """None yet; `reject` is told of records that turn out bad when they leave, with their positions."""
        self._codec = codec
        self._reject = reject
        self._positions: list[int] = []
        self._records: list[msgspec.Raw] = []
        self._keys: list[str] = []
        self._fragments: list[list[Fragment]] = []
        self._updated: list[str | None] = []
        self._passing: dict[int, list[bytes]] = {}  # how many records came before -> what goes on as it is

    def let_pass(self, record: msgspec.Raw) -> None:
        """Take a record that is about nobody, to keep its place."""
        self._passing.setdefault(len(self._records), []).append(bytes(record))

    def add(self, record: msgspec.Raw, position: int, links: Any) -> None:
        """Take a record as it came, and what `Codec.links` says of it."""
        self._records.append(record)
        self._positions.append(position)
        self._keys.append(links.key)
        self._fragments.append(links.fragments or [])
        updated = getattr(links, "updated", None)
        self._updated.append(updated if isinstance(updated, str) else None)

    @property
    def keys(self) -> pa.Array:
        """The records' own keys."""
        return pa.array(self._keys, pa.string())

    @property
    def updated(self) -> pa.Array:
        """When their source last changed them."""
        return pa.array(self._updated, pa.string())

    def fragments(self) -> Fragments:
        """Their fragments, record by record."""
        flat = [fragment for fragments in self._fragments for fragment in fragments]
        return Fragments(
            np.repeat(np.arange(len(self._fragments)), list(map(len, self._fragments))),
            pa.array([fragment.type for fragment in flat], pa.string()),
            pa.array([fragment.value for fragment in flat], pa.string()),
            pa.array([fragment.source_system for fragment in flat], pa.string()),
        )

    def resolved(self, hashes: pa.Array, kept: NDArray[np.bool_], persons: pa.Array) -> Iterator[bytes]:
        """The encoded records, each with its person, and with the fragments that were kept as hashes."""
        marks = iter(zip(hashes.to_pylist(), kept.tolist(), strict=True))
        rows = zip(self._records, self._positions, self._fragments, persons.to_pylist(), strict=True)
        for place, (record, position, fragments, person) in enumerate(rows):
            yield from self._passing.get(place, ())
            links = [_marked(each, mark) for each, (mark, stays) in zip(fragments, marks) if stays]  # noqa: B905
            try:
                if person is None:
                    yield mended(self._codec.blanked, record)
                    continue
                whole = mended(self._codec.decode, record)
            except SkippableError as error:
                self._reject(record, position, error)
                continue
            if fragments:
                whole.fragments = links
            whole.person = person
            yield self._codec.encode(whole)
        yield from self._passing.get(len(self._records), ())


def _marked(fragment: Fragment, mark: str | None) -> Fragment:
    fragment.value = mark
    return fragment
