"""What others are told of people: rows of `identity_map` and `identity_merges`.

Every row is read back from the store, so that telling it twice says the same: after a crash downstream the records that
showed a merge come again, and with them its event and the map rows it changed.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from identity.hashing import uid_text
from pipe import messages
from pipe.keys import record_key
from pipe.streams import IDENTITY_MAP, IDENTITY_MERGES
from pipe.times import to_text

if TYPE_CHECKING:
    from identity.store import Customer, Store

Emit = Callable[[bytes], None]

RULE: Final = "deterministic"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Lineage:
    """Writes the two streams for one tenant."""

    def __init__(self, tenant: str, store: Store, uids: bytearray, to_map: Emit, to_merges: Emit) -> None:
        """Send encoded rows to `to_map` and `to_merges`; `uids` are those of `Store.persons`, grown as people are."""
        self._tenant = tenant
        self._store = store
        self.uids = uids
        self._to_map = to_map
        self._to_merges = to_merges

    def linked(self, customer: Customer, person: int) -> None:
        """A source customer belongs to a living person."""
        self._map(customer, uid_text(self.uids, person), _text(customer.since), None)

    def merged(self, person: int) -> None:
        """A person has been merged away: the event, and for each source customer it had, where it was and where it is.

        That costs two rows a customer, each time the older of two large groups turns out to be the smaller one. It
        happens about as often as a running minimum changes, so the rows stay in proportion to the customers.
        """
        merge = self._store.merge(person)
        if merge is None:
            raise AssertionError("only a retired person has been merged")
        later = self._store.merge(merge.survivor)
        before, after = uid_text(self.uids, merge.retired), uid_text(self.uids, merge.survivor)
        at, until = _text(merge.at), None if later is None else _text(later.at)
        self._to_merges(
            messages.encode(
                {
                    IDENTITY_MERGES.key: record_key("merge", before, after),
                    "customer_id": self._tenant,
                    "event": "merge",
                    "from_id": before,
                    "to_id": after,
                    "reason": merge.reason,
                    "rule": RULE,
                    "record_id": merge.record_id,
                    "run_id": merge.run_id,
                    "effective_at": at,
                }
            )
        )
        for customer in self._store.customers(person):
            self._map(customer, before, _text(customer.since), at)
            self._map(customer, after, at, until)

    def _map(self, customer: Customer, uid: str, valid_from: str, valid_to: str | None) -> None:
        source_key = customer.digest.hex()
        self._to_map(
            messages.encode(
                {
                    IDENTITY_MAP.key: record_key(customer.source, source_key, uid),
                    "customer_id": self._tenant,
                    "source_system": customer.source,
                    "source_key": source_key,
                    "global_customer_id": uid,
                    "valid_from": valid_from,
                    "valid_to": valid_to,
                }
            )
        )


@lru_cache
def _text(microseconds: int) -> str:
    return to_text(_EPOCH + timedelta(microseconds=microseconds))
