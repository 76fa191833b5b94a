"""What the pipe must know so that it decides as the reconcile did.

An identifier whose records are all one person's leads to that person. One that several people have leads to the one
with most of its records, and only where a record has nothing better. Shared ones that are blocked lead nowhere. A
record that would still be led to somebody else is pinned.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pyarrow as pa

from identity.engine import stored
from identity.fragments import CUSTOMER_ID, KINDS, RECORD
from identity.held import BLOCKED, PINNED, SHARED
from pipe.columnar import fetch, literal

if TYPE_CHECKING:
    import duckdb

    from identity.hashing import Hasher
    from identity.reconcile.ledger import Ledger, Numbers

_OWNERS: Final = """
CREATE TABLE owner AS
WITH counted AS (
    SELECT hash, any_value(kind) AS kind, any_value(source) AS source, person, count(*) AS records
    FROM fragment ANTI JOIN blocked USING (kind, hash) JOIN decided_person USING (place)
    WHERE list_contains($kinds, kind)
    GROUP BY hash, person
)
SELECT hash, first(kind ORDER BY records DESC, person) AS kind, first(source ORDER BY records DESC, person) AS source,
    first(person ORDER BY records DESC, person) AS person, count(*) > 1 AS shared
FROM counted GROUP BY hash
"""
_RECORDS: Final = """
CREATE TABLE own_key AS
WITH carried AS (
    SELECT place, count(*) FILTER (NOT shared) AS strong, min(hash) FILTER (shared) AS weak
    FROM fragment JOIN owner USING (hash) GROUP BY place
)
SELECT record.place, left(sha256($secret || key), 30) AS hash, decided_person.person,
    strong IS NULL OR (strong = 0 AND weak IS NULL) AS anonymous,
    coalesce(strong = 0 AND owner.person <> decided_person.person, FALSE) AS pinned
FROM record JOIN decided_person USING (place) LEFT JOIN carried USING (place) LEFT JOIN owner ON owner.hash = weak
"""
_WANTED: Final = f"""
SELECT hash, kind, CASE WHEN kind = '{CUSTOMER_ID}' THEN source END AS source, person, FALSE AS only_known FROM owner
UNION ALL
SELECT hash, '{RECORD}', NULL, person, NOT (anonymous OR pinned) FROM own_key
"""  # noqa: S608
_HELD: Final = f"""
SELECT hash, '{BLOCKED}' AS rule FROM blocked
UNION ALL SELECT hash, '{SHARED}' FROM owner WHERE shared
UNION ALL SELECT hash, '{PINNED}' FROM own_key WHERE pinned
ORDER BY ALL
"""  # noqa: S608


_IS_CUSTOMER: Final = f"kind = {KINDS.index(CUSTOMER_ID)}"
_CUSTOMERS: Final = f"""
INSERT INTO mapping
WITH RECURSIVE chain (source, key, person, since, until) AS (
    SELECT source.name, moved.hash, ident.person, ident.first_seen, merge.moment
    FROM moved JOIN ident ON ident.hash = (moved.hash || '00')::UUID JOIN source ON source.id = ident.source
    LEFT JOIN merge ON merge.retired = ident.person
    WHERE moved.{_IS_CUSTOMER}
    UNION ALL
    SELECT chain.source, chain.key, onto.survivor, onto.moment, later.moment
    FROM chain JOIN merge AS onto ON onto.retired = chain.person
    LEFT JOIN merge AS later ON later.retired = onto.survivor
)
SELECT source, key, person, since, coalesce(until, {{now}}), {{number}} FROM chain
UNION ALL
SELECT source, hash, person, {{now}}, NULL, {{number}} FROM moved WHERE {_IS_CUSTOMER} AND source IS NOT NULL
"""  # noqa: S608


def uuid_of(column: str) -> str:
    """SQL for a hash in hexadecimal as the store has it."""
    return f"({column} || '00')::UUID"


def settle(  # noqa: PLR0917  one call, and each is something else
    db: duckdb.DuckDBPyConnection, ledger: Ledger, hasher: Hasher, living: Numbers, now: int, number: int
) -> bool:
    """Bring the store's identifiers in line with the tables `decided_person` and `blocked`; whether any changed.

    Args:
        db: with the staged tables.
        ledger: of the store.
        hasher: the tenant's.
        living: whom each person, by number, has become.
        now: microseconds since 1970 UTC.
        number: of this reconcile.
    """
    db.execute(_OWNERS, {"kinds": list(KINDS)})
    db.execute(_RECORDS, {"secret": hasher.secret(RECORD)})
    kinds = " ".join(f"WHEN {literal(kind)} THEN {number}" for number, kind in enumerate(KINDS))
    wanted = fetch(
        db,
        f"SELECT hash, CASE kind {kinds} END::UTINYINT AS kind, source, person, only_known FROM ({_WANTED})",  # noqa: S608
    )
    with ledger.store.guard():
        changed = _move(ledger, wanted, living, now, number)
    return _hold(ledger, fetch(db, _HELD)) or changed


def _move(ledger: Ledger, wanted: pa.Table, living: Numbers, now: int, number: int) -> bool:
    """Identifiers that are new, or lead elsewhere than they should."""
    store = ledger.store
    store.db.register("wanted", wanted)
    store.db.register("became", pa.table({"id": range(len(living)), "living": living}))
    found = fetch(
        store.db,
        f"""
        SELECT wanted.hash, wanted.kind, wanted.source, wanted.person::INTEGER AS person, ident.person AS before
        FROM wanted LEFT JOIN ident ON ident.hash = {uuid_of("wanted.hash")}
        LEFT JOIN became ON became.id = ident.person
        WHERE (ident.hash IS NULL AND NOT only_known) OR living <> wanted.person
        ORDER BY wanted.hash
        """,  # noqa: S608
    )
    store.db.unregister("wanted")
    store.db.unregister("became")
    if not len(found):
        return False
    ledger.run(
        f"DELETE FROM mapping WHERE until IS NULL AND key IN (SELECT hash FROM moved WHERE {_IS_CUSTOMER})",  # noqa: S608
        moved=found,
    )
    ledger.run(_CUSTOMERS.format(now=now, number=number), moved=found)
    fresh = found.filter(found.column("before").is_null())
    store.add_identifiers(
        stored(fresh.column("hash").combine_chunks()),
        fresh.column("person").to_numpy(),
        fresh.column("kind").to_numpy(),
        fresh.column("source").combine_chunks(),
        now,
    )
    ledger.run(
        f"UPDATE ident SET person = moved.person, first_seen = {now} FROM moved"  # noqa: S608
        f" WHERE before IS NOT NULL AND ident.hash = {uuid_of('moved.hash')}",
        moved=found,
    )
    return True


def _hold(ledger: Ledger, wanted: pa.Table) -> bool:
    """Replace the exceptions, if they are others than before."""
    known = ledger.table("SELECT left(replace(hash::VARCHAR, '-', ''), 30) AS hash, rule FROM held ORDER BY ALL")
    if known.equals(wanted.cast(known.schema)):
        return False
    ledger.run("DELETE FROM held")
    ledger.run(f"INSERT INTO held SELECT {uuid_of('hash')}, rule FROM wanted", wanted=wanted)  # noqa: S608
    return True
