"""What a reconcile changes in the store: new persons, merges, splits, whose every record is; each with its reason."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from identity.reconcile import reasons
from identity.store import Merge
from pipe.columnar import fetch
from pipe.keys import record_key

if TYPE_CHECKING:
    import duckdb

    from identity.linking import Linked
    from identity.reconcile.assign import Assignment
    from identity.reconcile.ledger import Ledger, Numbers
    from identity.reconcile.work import Job

DETERMINISTIC, MODEL, MANUAL = "deterministic", "model", "manual"

_MAPPED: Final = """
SELECT record.connector AS source, record.key, decided_person.person,
    mapping.person AS before, CASE WHEN became.living = decided_person.person THEN first_merge.moment END AS merged
FROM record JOIN decided_person USING (place)
LEFT JOIN mapping ON mapping.key = record.key
LEFT JOIN became ON became.id = mapping.person
LEFT JOIN first_merge ON first_merge.retired = mapping.person
WHERE mapping.person IS DISTINCT FROM decided_person.person
ORDER BY record.key
"""


@dataclass
class Context:
    """One reconcile under way."""

    db: duckdb.DuckDBPyConnection
    ledger: Ledger
    job: Job
    linked: Linked
    number: int
    now: int
    changed: bool = False
    events: list[dict[str, Any]] = field(default_factory=list)

    def event(self, event: str, about: tuple[str, ...], **details: Any) -> None:
        """Something happened; `about` makes its id."""
        row = {"event": event, "event_id": record_key(event, *about), "run_id": self.job.run_id, "moment": self.now}
        defaults = {"reason": "", "rule": DETERMINISTIC, "reconcile": self.number}
        self.events.append({**defaults, **row, **details})

    def write_events(self) -> None:
        """Store what has happened so far."""
        before = len(self.ledger.rows("SELECT event_id FROM event"))
        self.ledger.add_events(self.events)
        self.events.clear()
        self.changed |= len(self.ledger.rows("SELECT event_id FROM event")) > before


def apply(context: Context, found: Assignment, groups: Numbers, previous: Numbers, uids: list[str]) -> Numbers:
    """Store who is who now; returns the person of each record.

    Args:
        context: of the reconcile.
        found: what was decided about the groups.
        groups: of each record.
        previous: living person each record had.
        uids: id of each person there was.
    """
    person = found.person.copy()
    keys = fetch(context.db, "SELECT key FROM record ORDER BY place").column("key")
    fresh = np.flatnonzero(person == 0)
    _, first = np.unique(groups, return_index=True)
    founders = [f"{uids[found.split.get(group, 0)]}:{keys[int(first[group])].as_py()}" for group in fresh.tolist()]
    person[fresh] = len(uids) + np.arange(len(fresh))
    everyone = [*uids, *context.ledger.mint(len(uids), founders, context.now)]
    context.changed |= bool(len(fresh))
    why = reasons.Reasons(context, groups, previous)
    merges = []
    for retired, group in sorted(found.retired.items()):
        reason = why.of_merge(retired, group)
        into = int(person[group])
        merges.append(
            Merge(
                retired, into, context.now, reason.text, reason.record, context.job.run_id,
                reason.rule, reason.weight, reason.model, context.number,
            )
        )  # fmt: skip
    context.ledger.store.add_merges(merges)
    for group, before in sorted(found.split.items()):
        reason = why.of_split(before, group)
        names = (everyone[before], everyone[int(person[group])])
        context.event(
            "split", names, from_id=names[0], to_id=names[1], reason=reason.text, rule=reason.rule, model=reason.model,
            record_id=keys[int(first[group])].as_py(),
        )  # fmt: skip
    _note_large(context, person[groups], everyone)
    _note_decisions(context)
    context.write_events()
    context.changed |= bool(merges)
    return person[groups]


def map_records(context: Context) -> bool:
    """Store whose every record is where that has changed; whether any did."""
    ledger, number = context.ledger, context.number
    living = ledger.living()
    context.db.register("became", pa.table({"id": np.arange(len(living)), "living": living}))
    context.db.register("mapping", ledger.current())
    context.db.register("first_merge", ledger.table("SELECT retired, moment FROM merge"))
    moved = fetch(context.db, _MAPPED)
    for name in ("became", "mapping", "first_merge"):
        context.db.unregister(name)
    if not len(moved):
        return False
    ends = pc.fill_null(moved.column("merged"), context.now)
    ended = moved.append_column("ended", ends).filter(moved.column("before").is_valid())
    ledger.run(
        f"UPDATE mapping SET until = ended.ended, reconcile = {number} FROM ended"  # noqa: S608
        " WHERE mapping.key = ended.key AND mapping.until IS NULL",
        ended=ended,
    )
    begun = moved.append_column("since", ends)
    ledger.store.insert("mapping", f"source, key, person, since, NULL, {number}", begun)
    return True


def _note_large(context: Context, persons: Numbers, uids: list[str]) -> None:
    """An event for everybody with more units than the cap: worth a look, and never silent."""
    units = fetch(context.db, "SELECT unit FROM unit ORDER BY place").column("unit").to_numpy()
    pairs = np.unique(np.stack([persons, units]), axis=1)
    large, counts = np.unique(pairs[0], return_counts=True)
    for person, count in zip(large.tolist(), counts.tolist(), strict=True):
        if count > context.job.cap:
            reason = f"more than {context.job.cap} profiles and distinct sets of identifiers"
            context.event("oversized", (uids[person],), to_id=uids[person], reason=reason)


def _note_decisions(context: Context) -> None:
    for each in context.ledger.decisions():
        context.event(
            f"manual_{each.decision}", (each.left, each.right, str(each.moment)), reason=each.why, rule=MANUAL,
            record_id=each.left, identifier=each.right,
        )  # fmt: skip
