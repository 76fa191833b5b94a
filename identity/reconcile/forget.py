"""Erasing a person: out of the store and the map, and with a mark that keeps old files from bringing them back.

The mark is the keyed hash of each record's key. A record that comes again as it was says nothing about anybody; one
that its source has changed since, or a new one, does: that is new data.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa

from identity.fragments import RECORD
from identity.held import Held
from identity.reconcile.settle import uuid_of
from pipe.columnar import fetch, literal
from pipe.keys import KEY_LENGTH, record_key

if TYPE_CHECKING:
    import duckdb

    from identity.hashing import Hasher
    from identity.reconcile.ledger import Ledger

_RECORD_IDS: Final = """
SELECT left(sha256(concat_ws(chr(31), source, key, uid, since)), {digits}) AS identity_map_id, {now} AS moment,
    {number} AS reconcile
FROM mapping JOIN person ON person.id = mapping.person WHERE {which}
"""
_CUSTOMER_IDS: Final = """
SELECT left(
    sha256(concat_ws(chr(31), source.name, left(replace(hash::VARCHAR, '-', ''), 30), uid, first_seen)), {digits}
) AS identity_map_id, {now} AS moment, {number} AS reconcile
FROM ident JOIN person ON person.id = ident.person JOIN source ON source.id = ident.source WHERE {which}
"""


def map_ids(which: str, now: int, number: int) -> str:
    """SQL for the rows of `identity_map` about sources' own customers, as rows of `erased`.

    Args:
        which: SQL condition on `ident`.
        now: microseconds since 1970 UTC.
        number: of the reconcile they are told with.
    """
    return _CUSTOMER_IDS.format(which=which, now=now, number=number, digits=KEY_LENGTH)


def forget(ledger: Ledger, hasher: Hasher, person: int, why: str) -> int:
    """Erase a living person, with every id that led to it; returns how many records were theirs.

    Args:
        ledger: of the store; the caller commits.
        hasher: with the tenant's key.
        person: by number.
        why: the reason, for the event.
    """
    living, uids = ledger.living(), ledger.uids()
    gone = pa.table({"id": pa.array(np.flatnonzero(living == person), pa.int32())})
    now, number = ledger.now(), ledger.last() + 1
    keys = "SELECT DISTINCT key FROM mapping WHERE length(key) = 32 AND person IN (SELECT id FROM gone)"
    with ledger.store.guard():
        ledger.store.db.register("gone", gone)
        theirs = fetch(ledger.store.db, f"{keys} ORDER BY key")
        ledger.store.db.unregister("gone")
    theirs_in = "{}.person IN (SELECT id FROM gone)"
    of_records = _RECORD_IDS.format(which=theirs_in.format("mapping"), now=now, number=number, digits=KEY_LENGTH)
    ledger.run(f"INSERT INTO erased {of_records}", gone=gone)
    ledger.run(f"INSERT INTO erased {map_ids(theirs_in.format('ident'), now, number)}", gone=gone)
    secret = literal(hasher.secret(RECORD))
    hashed = f"left(sha256({secret} || key), 30)"
    ledger.run(f"INSERT INTO forgotten SELECT {uuid_of(hashed)}, {now} FROM theirs", theirs=theirs)  # noqa: S608
    ledger.run("DELETE FROM ident WHERE person IN (SELECT id FROM gone)", gone=gone)
    ledger.run("DELETE FROM mapping WHERE person IN (SELECT id FROM gone)", gone=gone)
    for table in ("edge", "scored", "decision"):
        ledger.run(
            f"DELETE FROM {table} WHERE split_part(left_key, '#', 1) IN (SELECT key FROM theirs)"  # noqa: S608
            " OR split_part(right_key, '#', 1) IN (SELECT key FROM theirs)",
            theirs=theirs,
        )
    ledger.run("UPDATE merge SET record_id = '' WHERE record_id IN (SELECT key FROM theirs)", theirs=theirs)
    ledger.run(f"DELETE FROM told WHERE person = {person}; INSERT INTO told VALUES ({person}, NULL, {number})")  # noqa: S608
    event = {"event": "forget", "event_id": record_key("forget", uids[person]), "to_id": uids[person], "reason": why}
    run = {"rule": "manual", "run_id": "", "moment": now, "reconcile": number}
    ledger.add_events([{**event, **run}])
    row = {"number": [number], "moment": [now], "run_id": [""], "input": [""], "persons": [len(uids) - 1]}
    ledger.store.insert(
        "reconcile", "number, moment, run_id, input, persons, report", pa.table({**row, "report": ["{}"]})
    )
    return len(theirs)


def leave_out(db: duckdb.DuckDBPyConnection, ledger: Ledger, hasher: Hasher) -> None:
    """Take records that are forgotten out of the staged tables."""
    held = Held(ledger.store)
    if not held.forgotten:
        return
    digest = f"left(sha256({literal(hasher.secret(RECORD))} || key), 30)"
    known = fetch(db, f"SELECT place, key, changed, {digest} AS hash FROM record ORDER BY place")  # noqa: S608
    erased = held.erased(known.column("hash").combine_chunks(), known.column("changed").combine_chunks())
    db.register("out", known.filter(pa.array(erased)))
    for table, column in (("fragment", "place"), ("profile", "profile_id"), ("conversion", "conversion_id")):
        db.execute(f"DELETE FROM {table} WHERE {column} IN (SELECT {'place' if column == 'place' else 'key'} FROM out)")  # noqa: S608
    db.execute("CREATE OR REPLACE TABLE record AS SELECT * FROM record WHERE place NOT IN (SELECT place FROM out)")
    db.execute(
        "CREATE TABLE renumbered AS SELECT place AS before,"
        " (row_number() OVER (ORDER BY key) - 1)::INTEGER AS place FROM record"
    )
    for table in ("record", "fragment"):
        db.execute(
            f"CREATE OR REPLACE TABLE {table} AS SELECT renumbered.place, {table}.* EXCLUDE (place) FROM {table}"  # noqa: S608
            f" JOIN renumbered ON renumbered.before = {table}.place ORDER BY renumbered.place"
        )
    db.execute("DROP TABLE renumbered")
    db.unregister("out")
