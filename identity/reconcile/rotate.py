"""A new key for a tenant: the same people, under hashes that the old key cannot tell.

A hash cannot be turned into another, so the identifiers must come again: every record is pinned to its person by its
own key, a full refresh brings the identifiers under the new key, and the next reconcile lets go of the pins.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pyarrow as pa

from identity.fragments import KINDS, RECORD
from identity.hashing import Hasher
from identity.held import PINNED
from identity.keys import make_key
from identity.reconcile.forget import map_ids
from identity.reconcile.ledger import Ledger
from identity.reconcile.settle import uuid_of
from identity.store import Store
from pipe.columnar import fetch, literal
from pipe.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

    import duckdb

    from identity.reconcile.settings import Settings

BEFORE: Final = ".before"
"""What the names of the old store and key end with: remove them once all is well."""

_KEPT: Final = ("person", "merge", "event", "decision", "reconcile", "edge", "erased")
"""Tables that hold no hash of an identifier, or only in what happened."""


def rotate(db: duckdb.DuckDBPyConnection, ledger: Ledger, hasher: Hasher, chosen: Settings) -> int:
    """Write a new store and key beside the old ones; returns how many erased records are no longer recognised.

    Args:
        db: with the staged tables.
        ledger: of the old store, held.
        hasher: with the old key.
        chosen: the tenant's settings.

    Raises:
        ConfigurationError: the key is not in a file, or a rotation is not finished.
    """
    if chosen.key is not None:
        raise ConfigurationError(
            "the key is in the settings, not in a file", field="key", remedy="Move it to key_file, then rotate"
        )
    new_store, new_key = _beside(chosen.store, ".rotated"), _beside(chosen.key_file, ".rotated")
    for path in (_beside(chosen.store, BEFORE), _beside(chosen.key_file, BEFORE)):
        if path.exists():
            raise ConfigurationError(
                f"{path.name} is there from a rotation before", remedy="Remove it once that one has proved good"
            )
    for leftover in (new_store, new_key):
        leftover.unlink(missing_ok=True)
    fresh = Hasher(make_key(new_key))
    store = Store(new_store, chosen.tenant, fresh)
    try:
        lost = _fill(db, ledger, hasher, Ledger(store, fresh.secret("person")), fresh)
        store.commit()
    finally:
        store.close()
    return lost


def swap(chosen: Settings) -> None:
    """Put the new store and key in place; the old store must be closed."""
    for path in (chosen.key_file, chosen.store):
        path.rename(_beside(path, BEFORE))
        _beside(path, ".rotated").rename(path)


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def _fill(db: duckdb.DuckDBPyConnection, old: Ledger, hasher: Hasher, new: Ledger, fresh: Hasher) -> int:
    for table in _KEPT:
        rows = old.table(f"SELECT * FROM {table}")  # noqa: S608
        new.store.insert(table, ", ".join(rows.column_names), rows)
    records = old.table("SELECT * FROM mapping WHERE length(key) = 32")
    new.store.insert("mapping", ", ".join(records.column_names), records)
    number, now = old.last() + 1, old.now()
    secret = literal(fresh.secret(RECORD))
    digest = uuid_of(f"left(sha256({secret} || key), 30)")
    current = f"(SELECT {digest} AS hash, person, since FROM mapping WHERE until IS NULL)"  # noqa: S608
    new.run(f"INSERT INTO ident SELECT hash, person, {KINDS.index(RECORD)}, NULL, since FROM {current}")  # noqa: S608
    new.run(f"INSERT INTO held SELECT hash, '{PINNED}' FROM {current}")  # noqa: S608
    customers = old.table(map_ids("TRUE", now=now, number=number))
    new.store.insert("erased", ", ".join(customers.column_names), customers)
    row = {"number": [number], "moment": [now], "run_id": [""], "input": [""], "persons": [old.store.persons()]}
    new.store.insert("reconcile", "number, moment, run_id, input, persons, report", pa.table({**row, "report": ["{}"]}))
    return _carry_forgotten(db, old, hasher, new, digest)


def _carry_forgotten(db: duckdb.DuckDBPyConnection, old: Ledger, hasher: Hasher, new: Ledger, digest: str) -> int:
    """The marks of erased records whose keys the warehouse still has; returns how many others there are."""
    before = uuid_of(f"left(sha256({literal(hasher.secret(RECORD))} || key), 30)")
    marks = old.table("SELECT hash, moment FROM forgotten")
    db.register("marks", marks)
    found = fetch(db, f"SELECT {digest} AS hash, moment FROM record JOIN marks ON marks.hash = {before}")  # noqa: S608
    db.unregister("marks")
    new.store.insert("forgotten", "hash, moment", found)
    return len(marks) - len(found)
