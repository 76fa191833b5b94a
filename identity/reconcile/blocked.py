"""Shared identifiers: the linking engine's, under the hashes the store knows them by, and since when."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pyarrow as pa

from identity.reconcile.units import COLUMN_OF
from pipe.columnar import fetch

if TYPE_CHECKING:
    from identity.reconcile.changes import Context

_FOUND: Final = """
CREATE TABLE blocked AS
SELECT CASE kind {kinds} END AS kind, hash, reason, records, names FROM found ORDER BY ALL
"""


def note_blocked(context: Context) -> None:
    """Make the table `blocked` (kind, hash, reason, records, names); remember what is new, release what is free."""
    kinds = " ".join(f"WHEN '{column}' THEN '{kind}'" for kind, column in COLUMN_OF.items())
    context.db.register("found", context.linked.blocked)
    context.db.execute(_FOUND.format(kinds=kinds))
    context.db.unregister("found")
    now_blocked = fetch(context.db, "SELECT * FROM blocked")
    before = {(kind, digest): since for kind, digest, since in context.ledger.rows(
        "SELECT kind, hash, since FROM blocked WHERE until IS NULL"
    )}  # fmt: skip
    names = list(zip(*(now_blocked.column(name).to_pylist() for name in ("kind", "hash")), strict=True))
    fresh = [place for place, name in enumerate(names) if name not in before]
    context.ledger.store.insert(
        "blocked",
        f"hash, kind, reason, records, names, {context.now}, NULL, {context.number}",
        now_blocked.take(pa.array(fresh, pa.int64())),
    )
    for place in fresh:
        kind, digest = names[place]
        reason = now_blocked.column("reason")[place].as_py()
        context.event("block", (kind, digest, str(context.now)), identifier=digest, reason=f"{kind}: {reason}")
    released = sorted(before.keys() - set(names))
    for kind, digest in released:
        since = before[kind, digest]
        context.event("unblock", (kind, digest, str(since)), identifier=digest, reason=f"{kind}: no longer shared")
    if released:
        context.ledger.run(
            f"UPDATE blocked SET until = {context.now}, reconcile = {context.number} FROM free"  # noqa: S608
            " WHERE blocked.until IS NULL AND blocked.kind = free.kind AND blocked.hash = free.hash",
            free=pa.table({"kind": [kind for kind, _ in released], "hash": [digest for _, digest in released]}),
        )
    context.write_events()
