"""What others are told of people: rows of `identity_map` and `identity_merges`.

Every row is read back from the store, so that telling it twice says the same: after a crash downstream the records that
showed a merge come again, and with them its event and the map rows it changed.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa

from pipe.columnar import fetch, literal
from pipe.keys import KEY_LENGTH, record_key
from pipe.streams import IDENTITY_MAP, IDENTITY_MERGES, Kind, Stream
from pipe.times import to_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from identity.store import Merge, Store

RULE: Final = "deterministic"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

_CUSTOMERS: Final = pa.schema(
    [
        ("hash", pa.string()),
        ("source", pa.string()),
        ("person", pa.int64()),
        ("since", pa.int64()),
        ("until", pa.int64()),
    ]
)
EVENTS: Final = pa.schema(
    [(field.name, pa.float64() if field.kind is Kind.NUMBER else pa.string()) for field in IDENTITY_MERGES.fields]
)
_MAP: Final = f"""
SELECT left(sha256(concat_ws(chr(31), source, hash, uid, since)), {KEY_LENGTH}) AS {IDENTITY_MAP.key},
    {{tenant}} AS customer_id, source AS source_system, hash AS source_key, uid AS global_customer_id,
    make_timestamptz(since) AS valid_from, make_timestamptz(until) AS valid_to
FROM linked
"""  # noqa: S608

Row = dict[str, Any]


class Lineage:
    """Writes the two streams for one tenant."""

    def __init__(self, tenant: str, store: Store, emit: Callable[[Stream, pa.Table], None]) -> None:
        """Send rows to `emit`."""
        self._tenant = tenant
        self._store = store
        self._emit = emit

    def linked(self, customers: pa.Table) -> None:
        """Source customers belong to living persons: columns `hash`, `source`, `person` and `since`."""
        if len(customers):
            self._map(customers.append_column("until", pa.nulls(len(customers), pa.int64())))

    def merged(self, persons: Sequence[int]) -> None:
        """Persons have been merged away: the events, and for each source customer where it was and where it is.

        That costs two rows a customer, each time the older of two large groups turns out to be the smaller one. It
        happens about as often as a running minimum changes, so the rows stay in proportion to the customers.
        """
        if not persons:
            return
        merges = {merge.retired: merge for merge in self._store.history(list(persons))}
        later = {m.retired: m for m in self._store.history(sorted({merge.survivor for merge in merges.values()}))}
        uids = self._uids([*merges, *(merge.survivor for merge in merges.values())])
        events = [self._event(merges[person], uids) for person in persons]
        self._emit(IDENTITY_MERGES, pa.Table.from_pylist(events, EVENTS))
        rows = []
        for customer in self._store.customers(list(persons)):
            merge = merges[customer.person]
            until = later[merge.survivor].moment if merge.survivor in later else None
            known = {"hash": customer.digest, "source": customer.source}
            rows.append({**known, "person": merge.retired, "since": customer.since, "until": merge.moment})
            rows.append({**known, "person": merge.survivor, "since": merge.moment, "until": until})
        if rows:
            self._map(pa.Table.from_pylist(rows, _CUSTOMERS))

    def _uids(self, persons: Sequence[int]) -> dict[int, str]:
        distinct = np.unique(np.array(persons, np.int64))
        return dict(zip(distinct.tolist(), self._store.uids(distinct).to_pylist(), strict=True))

    def _event(self, merge: Merge, uids: dict[int, str]) -> Row:
        before, after = uids[merge.retired], uids[merge.survivor]
        return {
            IDENTITY_MERGES.key: record_key("merge", before, after),
            "customer_id": self._tenant,
            "event": "merge",
            "from_id": before,
            "to_id": after,
            "reason": merge.reason,
            "rule": merge.rule or RULE,
            "match_weight": merge.weight,
            "model_version": merge.model,
            "record_id": merge.record_id,
            "run_id": merge.run_id,
            "effective_at": _text(merge.moment),
        }

    def _map(self, customers: pa.Table) -> None:
        """Send rows of `identity_map`; keys are made as `record_key` makes them."""
        persons, places = np.unique(customers.column("person").to_numpy(), return_inverse=True)
        customers = customers.append_column("uid", self._store.uids(persons).take(pa.array(places)))
        with self._store.guard():
            self._store.db.register("linked", customers)
            found = fetch(self._store.db, _MAP.format(tenant=literal(self._tenant)))
            self._store.db.unregister("linked")
        self._emit(IDENTITY_MAP, found)


@lru_cache
def _text(microseconds: int) -> str:
    return to_text(_EPOCH + timedelta(microseconds=microseconds))
