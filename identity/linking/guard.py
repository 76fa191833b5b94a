"""Which identifiers are shared by many: a kiosk's address, a shop's telephone, the text a clerk types to get on.

Decided by the counts over all records, so the order of records cannot matter. Names are told apart by their first two
letters after familiar forms are resolved: a typing error is not another person, and a family stays below the limit.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

import pyarrow as pa

from identity.fragments import CUSTOMER_ID
from identity.hashing import DIGITS, Hasher
from identity.linking.prepare import PERSON
from identity.linking.result import BLOCKED, IDENTIFIERS
from pipe.keys import SEPARATOR

if TYPE_CHECKING:
    import duckdb

    from identity.linking.settings import LinkSettings

_STORE_KIND: Final = {"card": "hashed_cc"}
"""What the pipe calls an identifier, where that differs."""


def block_shared(db: duckdb.DuckDBPyConnection, settings: LinkSettings) -> pa.Table:
    """Empty the shared identifiers in the table `person`; returns them as `BLOCKED`."""
    found: list[dict[str, object]] = []
    for kind in IDENTIFIERS:
        db.execute(
            "CREATE OR REPLACE TEMP TABLE shared AS "  # noqa: S608  names of ours
            f"SELECT {kind} AS value, count(*) AS records, count(DISTINCT left(name_root, 2)) AS names FROM {PERSON} "
            f"WHERE {kind} IS NOT NULL GROUP BY ALL "
            f"HAVING names > {settings.names_per_identifier} OR records > {settings.records_per_identifier}"
        )
        for value, records, names in db.execute("SELECT value, records, names FROM shared").fetchall():
            reason = "names" if names > settings.names_per_identifier else "records"
            hashed = _hash(kind, value, settings.hash_key)
            found.append({"kind": kind, "identifier": hashed, "reason": reason, "records": records, "names": names})
        db.execute(f"UPDATE {PERSON} SET {kind} = NULL WHERE {kind} IN (SELECT value FROM shared)")  # noqa: S608
    db.execute("DROP TABLE shared")
    return pa.Table.from_pylist(found, BLOCKED).sort_by([("kind", "ascending"), ("identifier", "ascending")])


def _hash(kind: str, value: str, key: bytes | None) -> str:
    """The identifier's hash: the store's when there is a key."""
    if key is None:
        return hashlib.sha256(f"{kind}{SEPARATOR}{value}".encode()).hexdigest()[:DIGITS]
    scope = [_STORE_KIND.get(kind, kind)]
    if kind == CUSTOMER_ID:
        source, _, value = value.partition(SEPARATOR)
        scope.append(source)
    return Hasher(key).identifiers(*scope)(value)
