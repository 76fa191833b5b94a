"""People among all units: the model judges those with a name or an address, identifiers bring the others to them.

A purchase carries no name, so a model can say little about it: what it shares with a profile is either an identifier or
nothing. So the model sees profiles only. An identifier that profiles of one person have (or none) then brings every
other unit with it to that person; one that profiles of several people have brings nobody. Two people whom such units
would join become one unless their given names or birth dates differ.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from identity.hashing import DIGITS
from identity.linking import CLUSTERS, EDGES, Linked, link
from identity.linking.cluster import components, in_order
from identity.reconcile.units import CLEAR, CLEAR_PREFIX, COLUMN_OF, TIED
from pipe.columnar import fetch

if TYPE_CHECKING:
    import duckdb
    from numpy.typing import NDArray

    from identity.linking import LinkSettings
    from identity.linking.known import Memory
    from identity.reconcile.units import Units

    Numbers = NDArray[np.int64]

NAMED: Final = ("first_name", "last_name", "full_name", "birth_date", "street")
KINDS: Final = tuple(COLUMN_OF.values())
_ROUNDS: Final = 50

_BLOCKED: Final = f"""
WITH entries (kind, source, hash) AS ({{values}})
SELECT DISTINCT found.kind, entries.hash, reason, records, names FROM found JOIN entries ON found.kind = entries.kind
    AND identifier = left(sha256(found.kind || chr(31)
        || CASE WHEN found.kind = 'customer_id' THEN coalesce(source, '') || chr(31) ELSE '' END || hash), {DIGITS})
ORDER BY ALL
"""  # noqa: S608

_CARRIED: Final = """
CREATE OR REPLACE TEMP TABLE carrying AS
SELECT node, kind || ':' || value AS identifier, kind, value FROM (
    UNPIVOT (SELECT row_number() OVER (ORDER BY record_id) - 1 AS node, {identifiers} FROM given_units)
    ON {identifiers} INTO NAME kind VALUE value
)
"""
_STARS: Final = """
WITH named AS (
    SELECT identifier, count(DISTINCT label) AS people, min(label) AS label
    FROM carrying JOIN labels USING (node) WHERE label >= 0 GROUP BY identifier
)
SELECT node, coalesce(named.label, -1) AS label, kind, dense_rank() OVER (ORDER BY identifier) - 1 AS star
FROM carrying JOIN labels USING (node) LEFT JOIN named USING (identifier)
WHERE labels.label < 0 AND coalesce(people, 1) = 1 ORDER BY node, identifier
"""
_TRAITS: Final = """
SELECT label, min(left(lower(strip_accents(coalesce(first_name, full_name))), 2)) AS name,
    min(birth_date) AS birth
FROM given_units JOIN (SELECT record_id, label FROM labelled) USING (record_id)
WHERE label >= 0 GROUP BY label ORDER BY label
"""


def find_people(db: duckdb.DuckDBPyConnection, units: Units, settings: LinkSettings, memory: Memory) -> Linked:
    """Link all units.

    Args:
        db: where to work.
        units: all of them.
        settings: of the linking engine.
        memory: what is known of records linked before, by their keys.
    """
    certain = link(units.records, settings=replace(settings, method="deterministic"), manual=units.manual)
    blocked = _blocked(db, units.records, certain.blocked)
    records = _without(units.records, blocked)
    telling = np.zeros(len(records), np.bool_)
    for name in NAMED:
        telling |= np.asarray(records.column(name).is_valid())
    if not telling.any():
        return replace(certain, blocked=blocked)
    named = records.filter(pa.array(telling))
    known = replace(memory, base=_of_base(named, memory.base))
    judged = link(_in_clear(named), settings=settings, manual=_among(units.manual, named), memory=known)
    if telling.all():
        return replace(judged, blocked=blocked)
    return _Attaching(db, records, units.manual, judged).linked(blocked)


def _of_base(records: pa.Table, keys: pa.Array | None) -> pa.Array | None:
    """Ids of the units whose records have these keys."""
    if keys is None:
        return None
    ids = records.column("record_id").combine_chunks()
    return ids.filter(pc.is_in(pc.replace_substring_regex(ids, f"{TIED}[0-9]+$", ""), value_set=keys))


def _among(manual: pa.Table, records: pa.Table) -> pa.Table:
    """The decisions about two of the records; those about others take effect where these are attached."""
    ids = records.column("record_id")
    return manual.filter(pc.and_(*(pc.is_in(manual.column(name), value_set=ids) for name in ("left", "right"))))


def _blocked(db: duckdb.DuckDBPyConnection, records: pa.Table, found: pa.Table) -> pa.Table:
    """The shared identifiers by the store's own hashes: `kind` as a column of units, `hash`, `reason`, counts."""
    values = " UNION ".join(f"SELECT '{name}', source, {name} FROM given WHERE {name} IS NOT NULL" for name in KINDS)  # noqa: S608
    db.register("given", records)
    db.register("found", found)
    blocked = fetch(db, _BLOCKED.format(values=values))
    db.unregister("found")
    db.unregister("given")
    return blocked


def _without(records: pa.Table, blocked: pa.Table) -> pa.Table:
    """The units without the identifiers that too many share."""
    for name in KINDS:
        shared = blocked.filter(pc.equal(blocked.column("kind"), name)).column("hash").combine_chunks()
        if not len(shared):
            continue
        free = pc.invert(pc.is_in(records.column(name), value_set=shared))
        for column in (name, f"{CLEAR_PREFIX}{name}"):
            if column in records.column_names:
                place = records.schema.get_field_index(column)
                records = records.set_column(place, column, pc.if_else(free, records.column(column), None))
    return records


def _in_clear(records: pa.Table) -> pa.Table:
    for name in CLEAR:
        place = records.schema.get_field_index(name)
        records = records.set_column(place, name, records.column(f"{CLEAR_PREFIX}{name}"))
    return records


class _Attaching:
    """Brings the bare units to those that were judged."""

    def __init__(self, db: duckdb.DuckDBPyConnection, records: pa.Table, manual: pa.Table, judged: Linked) -> None:
        self.db = db
        self.records = records
        self.judged = judged
        self.ids = records.column("record_id").combine_chunks()
        self.count = len(self.ids)
        labels = np.full(self.count, -1)
        places = np.asarray(pc.index_in(judged.clusters.column("record_id"), value_set=self.ids), np.int64)
        labels[places] = judged.clusters.column("cluster").to_numpy()
        self.labels = labels
        self.people = int(labels.max()) + 1
        ends = [
            np.asarray(pc.fill_null(pc.index_in(manual.column(name), value_set=self.ids), -1))
            for name in ("left", "right")
        ]
        known = (ends[0] >= 0) & (ends[1] >= 0)
        is_link = np.asarray(pc.equal(manual.column("decision"), "link"))
        self.tied = np.stack([end[known & is_link] for end in ends])
        self.apart = np.stack([end[known & ~is_link] for end in ends])

    def linked(self, blocked: pa.Table) -> Linked:
        """The outcome for all units."""
        stars = self._stars()
        node, star = stars.column("node").to_numpy(), stars.column("star").to_numpy()
        label = stars.column("label").to_numpy()
        # Nodes of the graph: people, then units, then identifiers.
        unit, hub = node + self.people, star + self.people + self.count
        size = self.people + self.count + int(star.max(initial=-1)) + 1
        direct = label >= 0
        left = np.concatenate([unit, label[direct], self._home(self.tied[0])])
        right = np.concatenate([hub, unit[direct], self._home(self.tied[1])])
        whole = components(size, left, right)
        torn = self._torn(whole)
        home = np.where(self.labels >= 0, self.labels, self.people + np.arange(self.count))
        if torn.any():
            self._deal(home, node, star, label, torn[whole[unit]])
        labels = np.where(torn[whole[home]], whole.max() + 1 + home, whole[home])
        labels = in_order(self._kept_apart(self._kept_together(labels)))
        found = [self.judged.edges, self._star_edges(stars, labels), self._tied_edges()]
        edges = pa.concat_tables(found, promote_options="default")
        report = replace(self.judged.report, records=self.count, people=int(labels.max()) + 1, links=len(edges))
        report.largest_cluster = int(np.bincount(labels).max())
        clusters = pa.table([self.ids, pa.array(labels)], schema=CLUSTERS)
        return Linked(clusters=clusters, edges=edges, blocked=blocked, report=report, known=self.judged.known)

    def _home(self, nodes: Numbers) -> Numbers:
        return np.where(self.labels[nodes] >= 0, self.labels[nodes], nodes + self.people)

    def _stars(self) -> pa.Table:
        """Bare units by identifier: `node`, `star` (the identifier), `label` of the person whose profiles have it."""
        db = self.db
        db.register("given_units", self.records)
        db.execute(_CARRIED.format(identifiers=", ".join(KINDS)))
        db.register("labels", pa.table({"node": np.arange(self.count), "label": self.labels}))
        found = fetch(db, _STARS)
        db.unregister("labels")
        return found

    def _torn(self, whole: Numbers) -> NDArray[np.bool_]:
        """Components that hold people who cannot be one."""
        self.db.register("labelled", pa.table({"record_id": self.ids, "label": self.labels}))
        traits = fetch(self.db, _TRAITS)
        self.db.unregister("labelled")
        self.db.unregister("given_units")
        at = whole[traits.column("label").to_numpy()]
        torn = np.zeros(int(whole.max()) + 1, np.bool_)
        for one in ("name", "birth"):
            value = traits.column(one).combine_chunks().dictionary_encode()
            codes = np.asarray(pc.fill_null(value.indices, -1), np.int64)
            known = codes >= 0
            spread = np.bincount(np.unique(np.stack([at[known], codes[known]]), axis=1)[0], minlength=len(torn)) > 1
            people = np.bincount(at, minlength=len(torn)) > 1
            torn |= spread & people
        together = whole[self._home(self.apart[0])]
        torn[together[together == whole[self._home(self.apart[1])]]] = True
        return torn

    def _deal(self, home: Numbers, node: Numbers, star: Numbers, label: Numbers, here: NDArray[np.bool_]) -> None:
        """Among people who cannot be one, each bare unit goes to the one it shares most with; others follow."""
        node, star, label = node[here], star[here], label[here]
        direct = label >= 0
        pairs, votes = np.unique(np.stack([node[direct], label[direct]]), axis=1, return_counts=True)
        order = np.lexsort((pairs[1], -votes, pairs[0]))
        units, first = np.unique(pairs[0][order], return_index=True)
        home[units] = pairs[1][order][first]
        for _ in range(_ROUNDS):
            lost = home[node] >= self.people
            nearest = np.full(int(star.max(initial=-1)) + 1, np.iinfo(np.int64).max)
            np.minimum.at(nearest, star, home[node])
            better = lost & (nearest[star] < home[node])
            if not better.any():
                break
            np.minimum.at(home, node[better], nearest[star[better]])

    def _kept_together(self, labels: Numbers) -> Numbers:
        """What people decided to be one and was torn: the bare one goes with the other."""
        for _ in range(len(self.tied.T)):  # a chain of decisions takes as many rounds at most
            open_ones = [pair for pair in self.tied.T.tolist() if labels[pair[0]] != labels[pair[1]]]
            if not open_ones:
                break
            for left, right in open_ones:
                bare, other = (right, left) if self.labels[right] < 0 else (left, right)
                labels[bare] = labels[other]
        return labels

    def _kept_apart(self, labels: Numbers) -> Numbers:
        """What people decided to keep apart and is still together: the bare one goes."""
        for left, right in self.apart.T.tolist():
            if labels[left] == labels[right]:
                labels[right if self.labels[right] < 0 else left] = labels.max() + 1
        return labels

    def _tied_edges(self) -> pa.Table:
        """The links by hand that the model was not told of, because one end is bare."""
        places = np.sort(self.tied[:, (self.labels[self.tied] < 0).any(axis=0)], axis=0)
        rows = [
            {"left": self.ids[left].as_py(), "right": self.ids[right].as_py(), "kind": "manual"}
            for left, right in places.T.tolist()
        ]
        return pa.Table.from_pylist(rows, EDGES)

    def _star_edges(self, stars: pa.Table, labels: Numbers) -> pa.Table:
        """For each bare unit and identifier a link to another unit with it in the same person."""
        self.db.register("final", pa.table({"node": np.arange(self.count), "final": labels, "record_id": self.ids}))
        found = fetch(
            self.db,
            "WITH hub AS (SELECT identifier, kind, final, min(record_id) AS record_id"
            " FROM carrying JOIN final USING (node) GROUP BY ALL)"
            " SELECT DISTINCT least(hub.record_id, final.record_id) AS left,"
            " greatest(hub.record_id, final.record_id) AS right, 1.0 AS match_probability,"
            " NULL::DOUBLE AS match_weight,"
            " 'identifier' AS kind, carrying.kind AS rule FROM carrying JOIN final USING (node)"
            " JOIN hub ON hub.identifier = carrying.identifier AND hub.final = final.final"
            " WHERE hub.record_id <> final.record_id ORDER BY ALL",
        )
        self.db.unregister("final")
        self.db.execute("DROP TABLE carrying")
        return found.cast(EDGES)
