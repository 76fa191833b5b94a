"""What the store remembers of reconciles: whose every record was and is, events, decisions, blocked identifiers."""

from __future__ import annotations

import hashlib
import itertools
import time
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import pyarrow as pa

from identity.hashing import UID_DIGITS
from identity.linking.manual import contradictions
from pipe.columnar import fetch
from pipe.errors import DataError
from pipe.keys import SEPARATOR

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from identity.store import Store

    Numbers = NDArray[np.int64]

INPUT: Final = "reconcile_input"
"""In `meta`: digest of what the last reconcile was made from."""

EVENT: Final = pa.schema(
    [
        *((name, pa.string()) for name in ("event", "event_id", "from_id", "to_id", "identifier", "record_id")),
        *((name, pa.string()) for name in ("reason", "rule")),
        ("weight", pa.float64()),
        *((name, pa.string()) for name in ("model", "run_id")),
        ("moment", pa.int64()),
        ("reconcile", pa.int32()),
    ]
)
DECISIONS: Final = pa.schema([("left", pa.string()), ("right", pa.string()), ("decision", pa.string())])


class Decision(NamedTuple):
    """What a person decided about two records, the smaller key first."""

    left: str
    right: str
    decision: str
    why: str
    moment: int


class Ledger:
    """Reads and writes these tables of an open store; what is written waits for `store.commit`."""

    def __init__(self, store: Store, secret: str) -> None:
        """Work on `store`; `secret` makes the ids of new persons."""
        self.store = store
        self._secret = secret

    def rows(self, query: str, parameters: Sequence[Any] = ()) -> list[Any]:
        """What a query gives."""
        with self.store.guard():
            return self.store.db.execute(query, list(parameters) or None).fetchall()

    def table(self, query: str) -> pa.Table:
        """The same as a table."""
        with self.store.guard():
            return fetch(self.store.db, query)

    def run(self, statement: str, **tables: pa.Table) -> None:
        """Change something, with tables of ours by their names."""
        with self.store.guard():
            self.store.begin()
            for name, content in tables.items():
                self.store.db.register(name, content)
            self.store.db.execute(statement)
            for name in tables:
                self.store.db.unregister(name)

    def last(self) -> int:
        """Number of the last reconcile that changed something; 0 before the first."""
        return int(self.rows("SELECT coalesce(max(number), 0) FROM reconcile")[0][0])

    def now(self) -> int:
        """The time of what is written now, in microseconds: later than all that is in the store."""
        latest = self.rows(
            "SELECT greatest(coalesce((SELECT max(moment) FROM reconcile), 0),"
            " coalesce((SELECT max(moment) FROM decision), 0), coalesce((SELECT max(moment) FROM forgotten), 0))"
        )[0][0]
        return max(self.store.latest() + 1, int(latest) + 1, time.time_ns() // 1000)

    def living(self) -> Numbers:
        """Whom each person has become, by number; 0 stays 0."""
        became = np.arange(self.store.persons() + 1)
        for retired, survivor in self.store.merges():
            became[retired] = survivor
        while (became[became] != became).any():
            became = became[became]
        return became

    def uids(self) -> list[str]:
        """The id of each person, by number; the first, of nobody, is empty."""
        return ["", *(uid for (uid,) in self.rows("SELECT uid FROM person ORDER BY id"))]

    def current(self) -> pa.Table:
        """Whose each record is: `key`, `person`."""
        return self.table("SELECT key, person FROM mapping WHERE until IS NULL AND length(key) = 32")

    def decisions(self) -> list[Decision]:
        """What people have decided, each pair once: the last word counts."""
        found = self.rows("SELECT left_key, right_key, decision, why, moment FROM decision ORDER BY moment, rowid")
        return sorted({(row[0], row[1]): Decision(*row) for row in found}.values())

    def decide(self, decision: Decision) -> None:
        """Remember what a person decided.

        Raises:
            DataError: two records would be linked, through others, and unlinked; no reconcile could obey.
        """
        standing = {(one.left, one.right): one for one in (*self.decisions(), decision)}.values()
        keys = sorted({key for one in standing for key in one[:2]})
        place = {key: number for number, key in enumerate(keys)}
        ends = np.array([[place[one.left], place[one.right]] for one in standing])
        is_link = np.array([one.decision == "link" for one in standing])
        both, whole = contradictions(ends[is_link], ends[~is_link], len(keys))
        for left, right in both[whole[both[:, 0]] == whole[place[decision.left]]][:1]:
            raise DataError(
                f"{keys[left]} and {keys[right]} would be linked by hand, through others, and unlinked by hand",
                field="decision",
                remedy="Take back one of the decisions: unlink what was linked, or link these two",
            )
        self.run(
            "INSERT INTO decision SELECT * FROM decided",
            decided=pa.table(
                {name: [value] for name, value in zip(Decision._fields, decision, strict=True)},
            ),
        )

    def mint(self, first: int, founders: Sequence[str], now: int) -> list[str]:
        """New persons, numbered from `first`; ids follow from `founders` and are unlike any there ever was."""
        taken = {uid for (uid,) in self.rows("SELECT uid FROM person")}
        chosen: list[str] = []
        for founder in founders:
            candidates = (f"p_{self.digest(founder, number)}" for number in itertools.count())
            chosen.append(next(uid for uid in candidates if uid not in taken))
            taken.add(chosen[-1])
        numbers = pa.array(np.arange(first, first + len(chosen), dtype=np.int32))
        self.store.insert("person", f"id, uid, {now}", pa.table({"id": numbers, "uid": pa.array(chosen, pa.string())}))
        return chosen

    def digest(self, text: str, number: int = 0) -> str:
        """A keyed hash of a text."""
        text = SEPARATOR.join((self._secret, "reconcile", text, str(number)))
        return hashlib.sha256(text.encode()).hexdigest()[:UID_DIGITS]

    def add_events(self, events: Sequence[dict[str, Any]]) -> None:
        """Things that happened; one whose id is known already is left alone."""
        if events:
            table = pa.Table.from_pylist(list(events), EVENT)
            known = {name for (name,) in self.rows("SELECT event_id FROM event")}
            fresh = [place for place, name in enumerate(table.column("event_id").to_pylist()) if name not in known]
            self.store.insert("event", ", ".join(EVENT.names), table.take(pa.array(fresh, pa.int64())))

    def remember(self, name: str, value: str) -> None:
        """Set a value of `meta`."""
        self.run(f"DELETE FROM meta WHERE name = '{name}'")  # noqa: S608
        self.store.insert("meta", "name, value", pa.table({"name": [name], "value": [value]}))

    def recall(self, name: str) -> str:
        """A value of `meta`; empty when it was never set."""
        found = self.rows("SELECT value FROM meta WHERE name = ?", [name])
        return str(found[0][0]) if found else ""
