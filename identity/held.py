"""What a reconcile has taken out of the plain rule "who shares an identifier is one person".

The pipe obeys it record by record, so that what was split stays split:

| rule    | of              | what it means in the pipe                                                             |
|---------|-----------------|---------------------------------------------------------------------------------------|
| blocked | an identifier   | too many share it: it links nobody; a record with nothing else is known by its key    |
| shared  | an identifier   | several people have it: it counts only where a record has nothing better              |
| pinned  | a record's key  | its identifiers would lead elsewhere: it stays whose it is, whatever it carries       |

Beside these there are forgotten records: a person was erased, and what comes of them again says so no more, unless
the source has changed it since.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from identity.store import Store

    Numbers = NDArray[np.int64]
    Flags = NDArray[np.bool_]

BLOCKED: Final = "blocked"
SHARED: Final = "shared"
PINNED: Final = "pinned"

_HELD: Final = "SELECT left(replace(hash::VARCHAR, '-', ''), 30) FROM held WHERE rule = ?"

_FORGOTTEN: Final = "SELECT left(replace(hash::VARCHAR, '-', ''), 30), max(moment) FROM forgotten GROUP BY ALL"


class Held:
    """The exceptions that a tenant's store knows, in memory: they are few."""

    def __init__(self, store: Store) -> None:
        """Read them."""
        with store.guard():
            found = {rule: store.db.execute(_HELD, [rule]).fetchall() for rule in (BLOCKED, SHARED, PINNED)}
            erased = store.db.execute(_FORGOTTEN).fetchall()
        self.forgotten: dict[str, int] = dict(erased)
        """Hash of an erased record's key -> when, in microseconds since 1970 UTC."""
        self._sets = {rule: pa.array([text for (text,) in rows], pa.string()) for rule, rows in found.items()}

    def has(self, rule: str) -> bool:
        """Whether there is any of a rule."""
        return len(self._sets[rule]) > 0

    def are(self, rule: str, hashes: pa.Array) -> Flags:
        """Which of the hashes, in hexadecimal, a rule is about."""
        if not self.has(rule):
            return np.zeros(len(hashes), np.bool_)
        return np.asarray(pc.is_in(hashes, value_set=self._sets[rule]).to_numpy(zero_copy_only=False), np.bool_)

    def erased(self, hashes: pa.Array, updated: pa.Array) -> Flags:
        """Which records are forgotten: by the hashes of their keys, and when their source changed them, in text."""
        found = np.zeros(len(hashes), np.bool_)
        places = np.flatnonzero(pc.is_in(hashes, value_set=pa.array(list(self.forgotten), pa.string())))
        for place in places.tolist():
            found[place] = not _is_later(updated[place].as_py(), self.forgotten[hashes[place].as_py()])
        return found

    def linking(self, records: Numbers, codes: Numbers, hashes: pa.Array, count: int) -> Flags:
        """Which entries of a block's links may link.

        Args:
            records: number of each entry's record, ascending.
            codes: number of each entry's identifier.
            hashes: the identifiers, each once.
            count: how many records there are.
        """
        links = ~self.are(BLOCKED, hashes)[codes]
        weak = self.are(SHARED, hashes)[codes] & links
        if not weak.any():
            return links
        strong = np.zeros(count, np.bool_)
        strong[records[links & ~weak]] = True
        links &= ~(weak & strong[records])
        places = np.flatnonzero(weak & links)
        rank = np.empty(len(hashes), np.int64)
        rank[np.asarray(pc.sort_indices(hashes))] = np.arange(len(hashes))
        order = places[np.lexsort((rank[codes[places]], records[places]))]
        later = order[1:][records[order[1:]] == records[order[:-1]]]
        links[later] = False  # of several the first by hash: an order that no source can change
        return links


def _is_later(text: str | None, moment: int) -> bool:
    """Whether a time (RFC 3339) is after a moment in microseconds; a time that is none is not."""
    try:
        return datetime.fromisoformat(text or "") > datetime.fromtimestamp(moment / 1e6, UTC)
    except (ValueError, TypeError):
        return False
