"""A lost store, made again from the map, the events and the blocked identifiers in the warehouse.

Only in an empty store, and before the pipe runs again: it would make new ids for people it does not remember.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from identity.engine import stored
from identity.fragments import CUSTOMER_ID, KINDS
from pipe.columnar import fetch
from pipe.errors import ConfigurationError

if TYPE_CHECKING:
    import duckdb

    from identity.reconcile.ledger import Ledger

_MOMENT: Final = "epoch_us({}::TIMESTAMPTZ)"
_PERSONS: Final = f"""
CREATE TABLE restored AS
WITH named AS (
    SELECT global_customer_id AS uid, {_MOMENT.format("valid_from")} AS seen, NULL AS minted FROM identity_map
    UNION ALL SELECT to_id, NULL, {_MOMENT.format("effective_at")} FROM identity_merges WHERE event = 'mint'
    UNION ALL SELECT unnest([from_id, to_id]), {_MOMENT.format("effective_at")}, NULL FROM identity_merges
    UNION ALL SELECT uid, NULL, NULL FROM record
)
SELECT row_number() OVER (ORDER BY minted IS NULL, minted, seen IS NULL, seen, uid)::INTEGER AS id, uid,
    coalesce(minted, seen, $now) AS minted
FROM (SELECT uid, min(seen) AS seen, min(minted) AS minted FROM named WHERE uid LIKE 'p\\_%' ESCAPE '\\' GROUP BY uid)
"""  # noqa: S608
_MERGES: Final = f"""
SELECT retired.id AS retired, survivor.id AS survivor, {_MOMENT.format("effective_at")} AS moment,
    coalesce(reason, '') AS reason, coalesce(record_id, '') AS record_id, coalesce(run_id, '') AS run_id, rule,
    match_weight::DOUBLE AS weight, model_version AS model, 1 AS reconcile
FROM identity_merges JOIN restored AS retired ON retired.uid = from_id JOIN restored AS survivor ON survivor.uid = to_id
WHERE event = 'merge' QUALIFY row_number() OVER (PARTITION BY retired.id ORDER BY effective_at, to_id) = 1
"""  # noqa: S608
_EVENTS: Final = f"""
SELECT event, event_id, from_id, to_id, identifier, record_id, coalesce(reason, '') AS reason,
    coalesce(rule, '') AS rule, match_weight::DOUBLE AS weight, model_version AS model, coalesce(run_id, '') AS run_id,
    {_MOMENT.format("effective_at")} AS moment, 1 AS reconcile
FROM identity_merges WHERE event NOT IN ('merge', 'mint')
"""  # noqa: S608
_MAPPING: Final = f"""
SELECT source_system AS source, source_key AS key, restored.id AS person, {_MOMENT.format("valid_from")} AS since,
    {_MOMENT.format("valid_to")} AS until, 1 AS reconcile
FROM identity_map JOIN restored ON restored.uid = global_customer_id
"""  # noqa: S608
_DECISIONS: Final = f"""
SELECT record_id AS left_key, identifier AS right_key, replace(event, 'manual_', '') AS decision,
    coalesce(reason, '') AS why, {_MOMENT.format("effective_at")} AS moment
FROM identity_merges WHERE event IN ('manual_link', 'manual_unlink') AND identifier IS NOT NULL ORDER BY moment
"""  # noqa: S608
_BLOCKED: Final = f"""
SELECT identifier AS hash, type AS kind, coalesce(reason, '') AS reason, records::BIGINT AS records,
    names::BIGINT AS names, {_MOMENT.format("valid_from")} AS since, {_MOMENT.format("valid_to")} AS until,
    1 AS reconcile
FROM blocked_identifiers
"""  # noqa: S608
_IS_RECORD: Final = "length(key) = 32"


def is_needed(db: duckdb.DuckDBPyConnection, ledger: Ledger) -> bool:
    """Whether the warehouse knows people that the store does not remember.

    Raises:
        ConfigurationError: it has people of its own already.
    """
    ((saved,),) = db.execute("SELECT count(*) FROM identity_map WHERE length(source_key) = 32").fetchall()
    if ledger.last() or not saved:
        return False
    if ledger.store.persons():
        raise ConfigurationError(
            "the identity store is not the one this warehouse was reconciled with",
            field="store",
            remedy="Put the tenant's store back; if it is lost, remove this one and reconcile before all else",
        )
    return True


def restore(db: duckdb.DuckDBPyConnection, ledger: Ledger, run_id: str) -> None:
    """Fill the empty store.

    Args:
        db: with the staged tables and what was saved.
        ledger: of the store.
        run_id: of this run.
    """
    now, store = ledger.now(), ledger.store
    db.execute(_PERSONS, {"now": now})
    store.insert("person", "id, uid, minted", fetch(db, "SELECT * FROM restored ORDER BY id"))
    for table, query in (
        ("merge", _MERGES),
        ("event", _EVENTS),
        ("decision", _DECISIONS),
        ("blocked", _BLOCKED),
        ("mapping", f"SELECT * FROM ({_MAPPING}) WHERE {_IS_RECORD} OR until IS NOT NULL"),  # noqa: S608
    ):
        rows = fetch(db, query)
        store.insert(table, ", ".join(rows.column_names), rows)
    _restore_customers(db, ledger)
    db.execute("DROP TABLE restored")
    row = {"number": [1], "moment": [now], "run_id": [run_id], "input": [""], "persons": [store.persons()]}
    store.insert("reconcile", "number, moment, run_id, input, persons, report", pa.table({**row, "report": ["{}"]}))


def _restore_customers(db: duckdb.DuckDBPyConnection, ledger: Ledger) -> None:
    """The identifiers of the sources' own customers: with them comes since when they are whose."""
    found = fetch(db, f"SELECT * FROM ({_MAPPING}) WHERE NOT {_IS_RECORD} AND until IS NULL ORDER BY key")  # noqa: S608
    for since in sorted(found.column("since").unique().to_pylist()):
        rows = found.filter(pc.equal(found.column("since"), since)).combine_chunks()
        ledger.store.add_identifiers(
            stored(rows.column("key").combine_chunks()),
            rows.column("person").to_numpy(),
            np.full(len(rows), KINDS.index(CUSTOMER_ID), np.uint8),
            rows.column("source").combine_chunks(),
            since,
        )
