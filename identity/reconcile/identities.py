"""The stream `identities`: everybody who lives, as one row, and which rows are news."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipe.columnar import fetch, literal

if TYPE_CHECKING:
    import duckdb
    from numpy.typing import NDArray

    from identity.hashing import Hasher
    from identity.linking import Linked
    from identity.reconcile.changes import Context

_FIELDS: Final = """
CREATE TABLE identity AS
WITH counted AS (
    SELECT person, count(*) FILTER (is_profile) AS profiles, count(*) FILTER (NOT is_profile) AS conversions,
        list(DISTINCT connector ORDER BY connector) AS sources
    FROM record JOIN decided_person USING (place) GROUP BY person
), personal AS (
    SELECT person, list(DISTINCT email ORDER BY email) FILTER (email IS NOT NULL) AS emails,
        list(DISTINCT phone ORDER BY phone) FILTER (phone IS NOT NULL) AS phones
    FROM record JOIN decided_person USING (place) JOIN profile ON profile_id = key WHERE is_profile GROUP BY person
), parts AS (
    SELECT DISTINCT person, kind, hash, source FROM fragment JOIN decided_person USING (place)
), identifying AS (
    SELECT person,
        list({'type': kind, 'value': hash, 'source_system': source} ORDER BY kind, hash, source) AS fragments,
        list(DISTINCT kind ORDER BY kind) AS fragment_types
    FROM parts GROUP BY person
)
SELECT person, to_json(emails)::VARCHAR AS emails, to_json(phones)::VARCHAR AS phones,
    to_json(fragments)::VARCHAR AS fragments, to_json(fragment_types)::VARCHAR AS fragment_types,
    to_json(sources)::VARCHAR AS sources, profiles, conversions, coalesce(probability, 1.0) AS match_probability
FROM counted LEFT JOIN personal USING (person) LEFT JOIN identifying USING (person) LEFT JOIN weakest USING (person)
ORDER BY person
"""


def weakest_links(
    count: int, left: NDArray[np.int64], right: NDArray[np.int64], probability: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Of each group of connected nodes the probability of the weakest link it cannot do without.

    That is the weakest one of the maximum spanning tree: between any two members there is a way no weaker.

    Args:
        count: of nodes.
        left: one end of each link.
        right: the other.
        probability: of each link.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import minimum_spanning_tree

    order = np.argsort(-probability, kind="stable")
    _, first = np.unique(np.minimum(left, right)[order] * count + np.maximum(left, right)[order], return_index=True)
    best = order[first]
    costs = 2.0 - probability[best]  # a link of probability 1 must not cost nothing: that would be no link
    graph = coo_array((costs, (left[best], right[best])), shape=(count, count)).tocsr()
    tree = minimum_spanning_tree(graph).tocoo()
    return np.asarray(tree.row, np.int64), 2.0 - np.asarray(tree.data)


def note_identities(context: Context, hasher: Hasher) -> bool:
    """Make the table `identity` (a row a person) and remember which rows are new or changed; whether any are."""
    db, ledger = context.db, context.ledger
    _weakest(db, context.linked)
    db.execute(_FIELDS)
    secret = literal(hasher.secret("identity row"))
    fresh = fetch(
        db,
        f"SELECT person, left(sha256({secret} || to_json(identity)::VARCHAR), 32) AS digest "  # noqa: S608
        "FROM identity ORDER BY person",
    )
    known = ledger.table("SELECT person, digest FROM told ORDER BY person")
    db.register("known", known)
    db.register("fresh", fresh)
    news = fetch(
        db,
        "SELECT coalesce(fresh.person, known.person)::INTEGER AS person, fresh.digest"
        " FROM fresh FULL JOIN known USING (person)"
        " WHERE fresh.digest IS DISTINCT FROM known.digest ORDER BY 1",
    )
    db.unregister("known")
    db.unregister("fresh")
    if not len(news):
        return False
    ledger.run("DELETE FROM told WHERE person IN (SELECT person FROM news)", news=news)
    ledger.store.insert("told", f"person, digest, {context.number}", news)
    return True


def _weakest(db: duckdb.DuckDBPyConnection, linked: Linked) -> None:
    ids = linked.clusters.column("record_id").combine_chunks()
    left = np.asarray(pc.index_in(linked.edges.column("left"), value_set=ids), np.int64)
    right = np.asarray(pc.index_in(linked.edges.column("right"), value_set=ids), np.int64)
    clusters = linked.clusters.column("cluster").to_numpy()
    inside = clusters[left] == clusters[right]
    probability = np.asarray(pc.fill_null(linked.edges.column("match_probability"), 1.0))
    node, found = weakest_links(len(ids), left[inside], right[inside], probability[inside])
    least = np.ones(int(clusters.max(initial=-1)) + 1)
    np.minimum.at(least, clusters[node], found)
    db.register("least", pa.table({"cluster": np.arange(len(least)), "probability": least}))
    db.register("clusters", linked.clusters)
    db.execute(
        "CREATE TABLE weakest AS SELECT person, min(probability) AS probability"
        " FROM clusters JOIN least USING (cluster)"
        " JOIN record ON key = record_id JOIN decided_person USING (place) GROUP BY person"
    )
    db.unregister("least")
    db.unregister("clusters")
