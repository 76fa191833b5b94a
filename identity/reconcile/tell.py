"""What others are told of a reconcile: rows of the streams, read back from the store and so the same every time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

from identity.lineage import Lineage
from identity.reconcile.warehouse import DELETED
from identity.settings import PersonalData
from pipe.columnar import fetch, literal
from pipe.keys import KEY_LENGTH
from pipe.streams import BLOCKED_IDENTIFIERS, IDENTITIES, IDENTITY_MAP, IDENTITY_MERGES, Stream

if TYPE_CHECKING:
    from collections.abc import Callable

    import duckdb

    from identity.hashing import Hasher
    from identity.reconcile.ledger import Ledger

STREAMS: Final = (IDENTITIES, IDENTITY_MAP, IDENTITY_MERGES, BLOCKED_IDENTIFIERS)
_ROWS: Final = 100_000
"""Of a table that is sent at once, at most."""

_MINTS: Final = """
SELECT left(sha256(concat_ws(chr(31), 'mint', uid)), {digits}) AS event_id, {tenant} AS customer_id, 'mint' AS event,
    NULL::VARCHAR AS from_id, uid AS to_id, 'first seen' AS reason, 'deterministic' AS rule,
    NULL::DOUBLE AS match_weight, NULL::VARCHAR AS model_version, NULL::VARCHAR AS identifier,
    NULL::VARCHAR AS record_id, NULL::VARCHAR AS run_id, make_timestamptz(minted) AS effective_at
FROM person WHERE id > {persons} ORDER BY id
"""
_OTHERS: Final = """
SELECT event_id, {tenant} AS customer_id, event, from_id, to_id, reason, rule, weight AS match_weight,
    model AS model_version, identifier, record_id, run_id, make_timestamptz(moment) AS effective_at
FROM event WHERE reconcile > {number} ORDER BY moment, event_id
"""
_MAP: Final = """
SELECT left(sha256(concat_ws(chr(31), source, key, uid, since)), {digits}) AS identity_map_id, {tenant} AS customer_id,
    source AS source_system, key AS source_key, uid AS global_customer_id, make_timestamptz(since) AS valid_from,
    make_timestamptz(until) AS valid_to
FROM mapping JOIN person ON person.id = mapping.person WHERE reconcile > {number} ORDER BY key, since
"""
_BLOCKED: Final = """
SELECT left(sha256(concat_ws(chr(31), kind, hash, since)), {digits}) AS blocked_id, {tenant} AS customer_id,
    kind AS type, hash AS identifier, reason, records, names, make_timestamptz(since) AS valid_from,
    make_timestamptz(until) AS valid_to
FROM blocked WHERE reconcile > {number} ORDER BY kind, hash, since
"""
_ERASED: Final = """
SELECT identity_map_id, {tenant} AS customer_id, {nothing}, make_timestamptz(moment) AS {deleted}
FROM erased WHERE reconcile > {number} ORDER BY identity_map_id
"""
_NEWS: Final = """
SELECT person.id AS person, uid AS global_customer_id, make_timestamptz(minted) AS minted_at
FROM told JOIN person ON person.id = told.person WHERE reconcile > {number} ORDER BY person.id
"""
_IDENTITIES: Final = """
SELECT global_customer_id, {tenant} AS customer_id, emails, phones, fragments, fragment_types, sources, profiles,
    conversions, match_probability, minted_at, identity.person IS NULL AS is_deleted
FROM news LEFT JOIN identity USING (person) ORDER BY global_customer_id
"""


class Teller:
    """Sends what is newer than a bookmark."""

    def __init__(self, ledger: Ledger, hasher: Hasher, tenant: str, emit: Callable[[Stream, pa.Table], None]) -> None:
        """Send rows to `emit`."""
        self._ledger = ledger
        self._hasher = hasher
        self._tenant = tenant
        self._emit = emit

    def bookmark(self) -> dict[str, int]:
        """Where the store stands: when it was first used, the last reconcile's number, how many persons there are."""
        began = self._ledger.rows("SELECT coalesce(min(moment), 0) FROM reconcile")[0][0]
        return {"began": began, "reconcile": self._ledger.last(), "persons": self._ledger.store.persons()}

    def known(self, mark: dict[str, int]) -> dict[str, int]:
        """The bookmark, unless it is of another store: then none."""
        return mark if mark.get("began") == self.bookmark()["began"] else {}

    def tell(self, db: duckdb.DuckDBPyConnection, since: dict[str, Any], personal: PersonalData) -> None:
        """Send everything after the bookmark `since`.

        Args:
            db: with the table `identity`, if a reconcile has been done.
            since: as `bookmark` gave it; empty for everything.
            personal: what becomes of addresses and numbers.
        """
        number, persons = int(since.get("reconcile", 0)), int(since.get("persons", 0))
        values = {"tenant": literal(self._tenant), "number": number, "persons": persons, "digits": KEY_LENGTH}
        for stream, query in (
            (IDENTITY_MERGES, _MINTS),
            (IDENTITY_MERGES, _OTHERS),
            (IDENTITY_MAP, _MAP),
            (BLOCKED_IDENTIFIERS, _BLOCKED),
        ):
            self._send(stream, self._ledger.table(query.format(**values)))
        nothing = ", ".join(f"NULL::{kind} AS {name}" for name, kind in [*IDENTITY_MAP.duckdb_columns().items()][2:])
        self._send(IDENTITY_MAP, self._ledger.table(_ERASED.format(**values, nothing=nothing, deleted=DELETED)))
        lineage = Lineage(self._tenant, self._ledger.store, self._send)
        merged = self._ledger.rows("SELECT retired FROM merge WHERE reconcile > ? ORDER BY retired", [number])
        lineage.merged([person for (person,) in merged])
        self._tell_identities(db, values, personal)

    def _tell_identities(self, db: duckdb.DuckDBPyConnection, values: dict[str, Any], personal: PersonalData) -> None:
        news = self._ledger.table(_NEWS.format(**values))
        if not len(news):
            return
        db.register("news", news)
        table = fetch(db, _IDENTITIES.format(**values))
        db.unregister("news")
        for name in ("emails", "phones"):
            table = table.set_column(table.schema.get_field_index(name), name, self._hidden(table, name, personal))
        self._send(IDENTITIES, table)

    def _hidden(self, table: pa.Table, name: str, personal: PersonalData) -> pa.Array:
        import json

        column = table.column(name)
        if personal is PersonalData.KEEP:
            return column
        if personal is PersonalData.DROP:
            return pa.nulls(len(column), pa.string())
        field = name.removesuffix("s")
        hashed = [
            text
            and json.dumps(
                [value if _is_hash(value) else self._hasher.field(field, value) for value in json.loads(text)]
            )
            for text in column.to_pylist()
        ]
        return pa.array(hashed, pa.string())

    def _send(self, stream: Stream, table: pa.Table) -> None:
        for start in range(0, len(table), _ROWS):
            self._emit(stream, table.slice(start, _ROWS))


def _is_hash(text: str) -> bool:
    return len(text) == 30 and all(digit in "0123456789abcdef" for digit in text)  # noqa: PLR2004
