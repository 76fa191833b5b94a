"""One reconcile: read, link, assign ids, and commit what follows; nothing is sent on here."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from identity.linking.known import Memory
from identity.reconcile import changes, memory, units
from identity.reconcile.assign import assign
from identity.reconcile.attach import find_people
from identity.reconcile.blocked import note_blocked
from identity.reconcile.identities import note_identities
from identity.reconcile.ledger import DECISIONS, INPUT, Ledger
from identity.reconcile.settle import settle
from pipe.columnar import fetch

if TYPE_CHECKING:
    import duckdb
    from numpy.typing import NDArray

    from identity.hashing import Hasher
    from identity.linking import Linked, LinkSettings

    Numbers = NDArray[np.int64]

_DIGEST: Final = """
SELECT (SELECT md5(string_agg(md5(profile::VARCHAR), '' ORDER BY profile_id)) FROM profile)
    || (SELECT coalesce(md5(string_agg(md5(conversion::VARCHAR), '' ORDER BY conversion_id)), '') FROM conversion)
    || (SELECT coalesce(md5(string_agg(md5(merged::VARCHAR), '' ORDER BY merged)), '') FROM merged)
"""


@dataclass(frozen=True)
class Job:
    """What a reconcile is given."""

    tenant: str
    run_id: str
    linking: LinkSettings
    cap: int
    """Units of one person above which an event says so."""
    force: bool
    """Link again even when nothing has changed."""
    incremental: bool = True
    """Whether new records, while they are few, are compared with those linked before; else everything is linked."""


def reconcile(db: duckdb.DuckDBPyConnection, ledger: Ledger, hasher: Hasher, job: Job) -> Linked | None:
    """Do it, within one transaction that the caller commits; None when there was nothing to do.

    Args:
        db: with the staged tables.
        ledger: of the tenant's store.
        hasher: with the tenant's key.
        job: what to do.
    """
    seen = _input(db, ledger, job)
    if seen == ledger.recall(INPUT) and not job.force:
        return None
    decisions = [(each.left, each.right, each.decision) for each in ledger.decisions()]
    table = pa.Table.from_pylist([dict(zip(DECISIONS.names, row, strict=True)) for row in decisions], DECISIONS)
    given = units.make(db, table)
    before = memory.recall(ledger) if job.incremental else Memory()
    linked = find_people(db, given, job.linking, before)
    groups = _groups(db, linked)
    living, uids = ledger.living(), ledger.uids()
    previous = _previous(db, ledger, living, uids)
    number, now = ledger.last() + 1, ledger.now()
    found = assign(groups, living[previous])
    context = changes.Context(db, ledger, job, linked, number, now)
    note_blocked(context)
    persons = changes.apply(context, found, groups, living[previous], uids)
    db.register("persons", pa.table({"place": np.arange(len(persons)), "person": persons}))
    db.execute("CREATE TABLE decided_person AS SELECT place::INTEGER AS place, person::INTEGER AS person FROM persons")
    changed = settle(db, ledger, hasher, ledger.living(), now, number)
    changed |= changes.map_records(context)
    changed |= note_identities(context, hasher)
    memory.keep(context, before)
    if changed or context.changed:
        report = json.dumps(summary(linked, ledger))
        row = {"number": [number], "moment": [now], "run_id": [job.run_id], "input": [seen]}
        row |= {"persons": [ledger.store.persons()], "report": [report]}
        ledger.store.insert("reconcile", "number, moment, run_id, input, persons, report", pa.table(row))
    ledger.remember(INPUT, _input(db, ledger, job))
    return linked


def summary(linked: Linked, ledger: Ledger) -> dict[str, Any]:
    """What is kept of a reconcile for the tenant's page: counts and names of fields only."""
    report = asdict(linked.report)
    report.pop("seconds")
    weights = [weight for weight in linked.edges.column("match_probability").to_pylist() if weight is not None]
    steps = [round(0.05 * step, 2) for step in range(1, 20)]
    report["threshold_curve"] = [[step, sum(weight >= step for weight in weights)] for step in steps]
    report["blocked"] = len(linked.blocked)
    report["persons"] = ledger.store.persons()
    return report


def _input(db: duckdb.DuckDBPyConnection, ledger: Ledger, job: Job) -> str:
    """Digest of everything the outcome follows from."""
    ((data,),) = db.execute(_DIGEST).fetchall()
    settings = {name: str(value) for name, value in asdict(job.linking).items() if name != "hash_key"}
    rest = json.dumps(
        [settings, job.cap, job.incremental, [tuple(each) for each in ledger.decisions()]], sort_keys=True
    )
    merges = ledger.rows("SELECT count(*), max(moment) FROM merge")[0]
    return ledger.digest(f"{data}{rest}{merges}")


def _groups(db: duckdb.DuckDBPyConnection, linked: Linked) -> Numbers:
    """Of each record the group it is in, numbered by their first records."""
    db.register("clusters", linked.clusters)
    found = fetch(
        db,
        "SELECT cluster FROM unit JOIN record ON record.place = unit.unit"
        " JOIN clusters ON clusters.record_id = record.key ORDER BY unit.place",
    )
    db.unregister("clusters")
    labels = found.column("cluster").to_numpy()
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    rank = np.empty(len(first), np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[inverse] if len(labels) else np.zeros(0, np.int64)


def _previous(db: duckdb.DuckDBPyConnection, ledger: Ledger, living: Numbers, uids: list[str]) -> Numbers:
    """The person each record was last known to belong to; before the first reconcile, the one it passed with."""
    current = ledger.current()
    keys = fetch(db, "SELECT key, uid FROM record ORDER BY place")
    numbers = np.full(len(keys), -1)
    places = pc.index_in(keys.column("key"), value_set=current.column("key").combine_chunks())
    known = ~np.asarray(places.is_null())
    numbers[known] = current.column("person").to_numpy()[np.asarray(places.drop_null())]
    names = np.asarray(pc.fill_null(pc.index_in(keys.column("uid"), value_set=pa.array(uids, pa.string())), 0))
    return np.where(known, numbers, names).astype(np.int64)
