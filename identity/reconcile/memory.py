"""What the store remembers of linking: the links, and what is known of the base that new records are compared with.

The base are the records there were when everything was linked at once, which an event (`relink`) tells. So it follows
from the map and the events alone, and a store made again from the warehouse finds the same.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

import duckdb

from identity.linking.known import Known, Memory
from identity.linking.result import EDGES
from pipe.columnar import fetch, quoted

if TYPE_CHECKING:
    import pyarrow as pa

    from identity.linking import Linked
    from identity.reconcile.changes import Context
    from identity.reconcile.ledger import Ledger

RELINK: Final = "relink"
"""The event: all records there were then are the base."""

FIGURES: Final = "linking_base"
"""In `meta`: what is known of the base, but for its pairs."""

_COLUMNS: Final = (
    'left_key AS "left", right_key AS "right", probability AS match_probability, weight AS match_weight, kind, rule'
)
_SINCE: Final = "SELECT key, min(since) AS since FROM mapping WHERE length(key) = 32 GROUP BY key"


def recall(ledger: Ledger) -> Memory:
    """What is remembered; the base by keys of records."""
    moment = _last(ledger)
    if moment is None:
        return Memory()
    keys = ledger.table(f"SELECT key FROM ({_SINCE}) WHERE since <= {moment} ORDER BY key")  # noqa: S608
    figures = ledger.recall(FIGURES)
    return Memory(
        base=keys.column("key").combine_chunks(), known=Known.of(figures, _pairs(ledger)) if figures else None
    )


def _last(ledger: Ledger) -> int | None:
    """When everything was linked at once, in microseconds."""
    ((moment,),) = ledger.rows(f"SELECT max(moment) FROM event WHERE event = '{RELINK}'")  # noqa: S608
    return None if moment is None else int(moment)


def _pairs(ledger: Ledger) -> pa.Table:
    found = ledger.rows("SELECT DISTINCT unnest(json_keys(details)) AS name FROM scored ORDER BY name")
    weights = "".join(f", (details ->> '$.{json.dumps(name)}')::FLOAT AS {quoted(f'mw_{name}')}" for (name,) in found)
    table = ledger.table(f"SELECT {_COLUMNS}, vote{weights} FROM scored ORDER BY left_key, right_key")  # noqa: S608
    fields = {field.name: field for field in EDGES}
    for place, name in enumerate(table.column_names):
        if name in fields:
            table = table.set_column(place, fields[name], table.column(name).cast(fields[name].type))
    return table


def keep(context: Context, before: Memory) -> None:
    """Remember what was found out about a base; tell when it has grown."""
    ledger, known = context.ledger, context.linked.known
    keep_edges(ledger, context.linked)
    if known is before.known:
        return
    ledger.run("DELETE FROM scored")
    ledger.remember(FIGURES, known.figures() if known else "")
    if known is None:
        return
    rows = _rows(known.pairs, ", vote")
    ledger.store.insert("scored", ", ".join(rows.column_names), rows)
    report = context.linked.report
    last = _last(ledger)
    ((grown,),) = ledger.rows(f"SELECT count(*) FROM ({_SINCE}) WHERE since > {-1 if last is None else last}")  # noqa: S608
    if grown and not report.arrivals:
        context.event(RELINK, (str(context.now),), reason=report.scope, rule="model", model=report.model_version)
        context.write_events()


def keep_edges(ledger: Ledger, linked: Linked) -> None:
    """Store the links, for whoever asks why two records are one person."""
    rows = _rows(linked.edges)
    ledger.run("DELETE FROM edge")
    ledger.store.insert("edge", ", ".join(rows.column_names), rows)


def _rows(pairs: pa.Table, more: str = "") -> pa.Table:
    """Pairs as the store has them: the weights of the comparisons as one JSON object."""
    weights = [name for name in pairs.column_names if name.startswith("mw_")]
    packed = ", ".join(f"{quoted(name.removeprefix('mw_'))} := {quoted(name)}" for name in weights)
    details = (
        f"CASE WHEN kind = 'model' THEN to_json(struct_pack({packed}))::VARCHAR END" if weights else "NULL::VARCHAR"
    )
    with duckdb.connect() as db:
        db.register("pairs", pairs)
        return fetch(
            db,
            'SELECT "left" AS left_key, "right" AS right_key, kind, rule, match_probability AS probability, '  # noqa: S608
            f"match_weight AS weight, {details} AS details{more} FROM pairs ORDER BY ALL",
        )
