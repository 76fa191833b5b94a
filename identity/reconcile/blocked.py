"""Shared identifiers: the linking engine's, under the hashes the store knows them by, and since when."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pyarrow as pa

from identity.fragments import CUSTOMER_ID
from identity.hashing import DIGITS
from identity.reconcile.units import COLUMN_OF
from pipe.columnar import fetch, literal

if TYPE_CHECKING:
    from identity.hashing import Hasher
    from identity.reconcile.changes import Context

_FOUND: Final = """
CREATE TABLE blocked AS
WITH forms AS (
    SELECT DISTINCT kind, hash, hash AS form FROM fragment
    UNION
    SELECT DISTINCT kind, hash, left(sha256(CASE kind {secrets} END || {value}), {digits}) FROM fragment
)
SELECT forms.kind, forms.hash, found.reason, found.records, found.names
FROM found JOIN forms ON forms.kind = CASE found.kind {kinds} END AND forms.form = found.identifier
ORDER BY ALL
"""


def note_blocked(context: Context, hasher: Hasher) -> None:
    """Make the table `blocked` (kind, hash, reason, records, names); remember what is new, release what is free."""
    # The engine hashes what it is given: of an identifier it only knew by its hash, that hash once more.
    secrets = " ".join(f"WHEN '{kind}' THEN {literal(hasher.secret(kind))}" for kind in COLUMN_OF)
    kinds = " ".join(f"WHEN '{column}' THEN '{kind}'" for kind, column in COLUMN_OF.items())
    value = f"CASE WHEN kind = '{CUSTOMER_ID}' THEN coalesce(source, '') || chr(31) || hash ELSE hash END"
    context.db.register("found", context.linked.blocked)
    context.db.execute(_FOUND.format(secrets=secrets, value=value, digits=DIGITS, kinds=kinds))
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
            f"UPDATE blocked SET until = {context.now}, reconcile = {context.number} FROM free"  # noqa: S608  numbers
            " WHERE blocked.until IS NULL AND blocked.kind = free.kind AND blocked.hash = free.hash",
            free=pa.table({"kind": [kind for kind, _ in released], "hash": [digest for _, digest in released]}),
        )
    context.write_events()
