"""Why two records are one person, or are not: read from the links of the last reconcile."""

from __future__ import annotations

import heapq
import json
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from identity.reconcile import units
from identity.reconcile.ledger import DECISIONS
from pipe.errors import ConfigurationError

if TYPE_CHECKING:
    import duckdb

    from identity.reconcile.ledger import Ledger


@dataclass(frozen=True)
class Link:
    """One link between two units."""

    left: str
    right: str
    kind: str
    rule: str
    probability: float
    weight: float | None
    details: dict[str, float] = field(default_factory=dict)
    """Comparison -> its weight, log2 of its Bayes factor; without those that say nothing."""


@dataclass(frozen=True)
class Record:
    """One record of a person."""

    key: str
    unit: str
    connector: str
    stream: str
    source_id: str
    values: dict[str, str]
    """Personal columns that have a value."""
    fragments: list[tuple[str, str]]
    """Type and keyed hash."""


@dataclass(frozen=True)
class Person:
    """Everything there is to say of one."""

    uid: str
    former: list[str]
    """Retired ids that lead here."""
    records: list[Record]
    links: list[Link]
    history: list[tuple[int, str, str, str, str]]
    """(moment, event, from, to, reason), oldest first."""


class Explainer:
    """Answers questions about one tenant's people."""

    def __init__(self, db: duckdb.DuckDBPyConnection, ledger: Ledger) -> None:
        """Take the staged tables and the store; both are only read."""
        self._db = db
        self._ledger = ledger
        rows = [(each.left, each.right, each.decision) for each in ledger.decisions()]
        import pyarrow as pa

        units.make(db, pa.Table.from_pylist([dict(zip(DECISIONS.names, row, strict=True)) for row in rows], DECISIONS))
        self._living, self._uids = ledger.living(), ledger.uids()
        self._number = {uid: number for number, uid in enumerate(self._uids)}

    def record_key(self, text: str) -> str | None:
        """The key of the record that is meant by its key or by `connector:its id in the source`, or None."""
        connector, _, source_id = text.partition(":")
        found = self._db.execute(
            "SELECT key FROM record WHERE key = ? OR (connector = ? AND source_id = ?) ORDER BY key",
            [text, connector, source_id],
        ).fetchall()
        return str(found[0][0]) if found else None

    def person_of(self, text: str) -> int:
        """The number of the living person that is meant, by an id of theirs or by a record.

        Raises:
            ConfigurationError: nobody is.
        """
        if text in self._number and text:
            return int(self._living[self._number[text]])
        key = self.record_key(text)
        rows = self._ledger.rows("SELECT person FROM mapping WHERE until IS NULL AND key = ?", [key or ""])
        if rows:
            return int(self._living[rows[0][0]])
        raise ConfigurationError(
            "there is no such person or record",
            remedy="Give a person's id (p_...), a record's key, or connector:id as the source has it; reconcile first",
        )

    def representative(self, text: str) -> str:
        """The key of the record that is meant, or of a person the one with the smallest key.

        Raises:
            ConfigurationError: nobody is meant.
        """
        if (key := self.record_key(text)) is not None:
            return key
        keys = self._keys(self.person_of(text))
        if not keys:
            raise ConfigurationError("that person has no records", remedy="Name a record")
        return keys[0]

    def person(self, number: int) -> Person:
        """A person with all records and links."""
        keys = self._keys(number)
        records = self._records(keys)
        members = sorted({record.unit for record in records})
        same = [other for other, living in enumerate(self._living.tolist()) if living == number and other]
        uids = [self._uids[other] for other in same]
        history = self._ledger.rows(
            "SELECT moment, event, coalesce(from_id, ''), coalesce(to_id, ''), reason FROM event"
            " WHERE list_contains($1, from_id) OR list_contains($1, to_id)"
            " UNION ALL SELECT moment, 'merge', r.uid, s.uid, reason FROM merge JOIN person AS r ON r.id = retired"
            " JOIN person AS s ON s.id = survivor WHERE list_contains($1, r.uid) OR list_contains($1, s.uid)"
            " UNION ALL SELECT minted, 'mint', '', uid, 'first seen' FROM person WHERE list_contains($1, uid)"
            " ORDER BY ALL",
            [uids],
        )
        return Person(
            self._uids[number],
            [uid for uid in uids if uid != self._uids[number]],
            records,
            self._links(members),
            history,
        )

    def path(self, person: Person, left: str, right: str) -> list[Link]:
        """The way from one unit to another whose weakest link is strongest; empty when there is none."""
        near: dict[str, list[tuple[str, Link]]] = {}
        for link in person.links:
            near.setdefault(link.left, []).append((link.right, link))
            near.setdefault(link.right, []).append((link.left, link))
        queue: list[tuple[float, int, str, list[Link]]] = [(-math.inf, 0, left, [])]
        seen: set[str] = set()
        while queue:
            worst, steps, unit, way = heapq.heappop(queue)
            if unit == right:
                return way
            if unit in seen:
                continue
            seen.add(unit)
            for other, link in near.get(unit, []):
                if other not in seen:
                    entry = (max(worst, -link.probability), steps + 1, other, [*way, link])
                    heapq.heappush(queue, entry)
        return []

    def shared(self, left: str, right: str) -> list[tuple[str, str]]:
        """Identifiers two records have in common: type, and `links`, `shared` or `blocked`."""
        rows = self._db.execute(
            "SELECT DISTINCT kind, hash FROM fragment JOIN record USING (place) WHERE key = ? INTERSECT"
            " SELECT DISTINCT kind, hash FROM fragment JOIN record USING (place) WHERE key = ? ORDER BY ALL",
            [left, right],
        ).fetchall()
        held = dict(self._ledger.rows("SELECT left(replace(hash::VARCHAR, '-', ''), 30), rule FROM held"))
        return [(kind, held.get(digest, "links")) for kind, digest in rows]

    def decisions(self, left: str, right: str) -> list[str]:
        """What people decided about the two."""
        pair = (min(left, right), max(left, right))
        return [f"{each.decision}: {each.why}" for each in self._ledger.decisions() if (each.left, each.right) == pair]

    def _keys(self, number: int) -> list[str]:
        rows = self._ledger.rows(
            "SELECT key, person FROM mapping WHERE until IS NULL AND length(key) = 32 ORDER BY key"
        )
        return [key for key, person in rows if self._living[person] == number]

    def _links(self, members: list[str]) -> list[Link]:
        rows = self._ledger.rows(
            "SELECT * FROM edge WHERE list_contains($1, split_part(left_key, '#', 1))"
            " AND list_contains($1, split_part(right_key, '#', 1)) ORDER BY ALL",
            [members],
        )
        return [
            Link(
                left.partition(units.TIED)[0], right.partition(units.TIED)[0], kind, rule or "",
                1.0 if probability is None else probability, weight, _telling(details),
            )
            for left, right, kind, rule, probability, weight, details in rows
        ]  # fmt: skip

    def _records(self, keys: list[str]) -> list[Record]:
        columns = {column: f'"{column}"' for column in (*units.PROFILE, "email", "phone")}
        values = ", ".join(f"{text} := profile.{text}" for text in columns.values())
        rows = self._db.execute(
            f"SELECT record.key, of_unit.key, connector, source_stream, source_id, "  # noqa: S608
            f"CASE WHEN record.is_profile THEN to_json(struct_pack({values}))::VARCHAR END, "
            "(SELECT to_json(list([kind, hash] ORDER BY kind, hash))::VARCHAR FROM fragment"
            " WHERE fragment.place = record.place) "
            "FROM (SELECT * FROM record WHERE list_contains(?, key)) AS record JOIN unit USING (place) "
            "JOIN (SELECT place, key FROM record) AS of_unit ON of_unit.place = unit.unit "
            "LEFT JOIN profile ON record.is_profile AND profile_id = record.key ORDER BY record.key".replace(
                "connector, source_stream", "record.connector, record.source_stream"
            ),
            [keys],
        ).fetchall()
        return [
            Record(
                key, unit, connector or "", stream or "", source_id or "",
                {name: text for name, text in json.loads(texts or "{}").items() if text},
                [(kind, digest) for kind, digest in json.loads(parts or "[]")],
            )
            for key, unit, connector, stream, source_id, texts, parts in rows
        ]  # fmt: skip


def _telling(details: str | None) -> dict[str, float]:
    found: dict[str, Any] = json.loads(details) if details else {}
    return {name: float(weight) for name, weight in found.items() if weight}
