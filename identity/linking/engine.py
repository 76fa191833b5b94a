"""The steps of linking, in their order."""

from __future__ import annotations

from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa

from identity.linking import arrivals, certain, cluster
from identity.linking.graph import Graph, of_pairs, of_table
from identity.linking.guard import block_shared
from identity.linking.judge import Judged
from identity.linking.known import SHARE, VOTE, Known, fingerprint
from identity.linking.manual import Decisions, decisions, separate
from identity.linking.model import Model, load
from identity.linking.prepare import COLUMNS, PERSON, prepare
from identity.linking.result import CLUSTERS, EDGES, Linked, Report, timed
from identity.linking.same import SAME, set_aside
from pipe.columnar import connect, fetch

if TYPE_CHECKING:
    from collections.abc import Iterator

    import duckdb
    from numpy.typing import NDArray

    from identity.linking.known import Memory
    from identity.linking.settings import LinkSettings

SCHEMA: Final = "growthnav_linking"

LEAST_MEGABYTES, MEGABYTES, MEGABYTES_PER_MILLION = 400, 200, 300
"""Memory of the engine's own connection: so much, and more for each million records; the rest goes to disk."""

FEWEST_RECORDS: Final = 50
"""Fewer are linked by identifiers only: there is nothing to judge a score by."""

FEWEST_COMPARISONS: Final = 2

MOST_COMMON: Final = 0.9
"""A share; a column in which one value has more of it tells nobody apart and is not compared."""

MANUAL_WEIGHT: Final = 1000.0
"""Bits, in clusters."""


def run(
    records: pa.Table,
    settings: LinkSettings,
    connection: duckdb.DuckDBPyConnection | None,
    manual: pa.Table | None,
    memory: Memory | None,
) -> Linked:
    """See `identity.linking.link`."""
    report = Report(records=len(records))
    at, known = None, None
    with workspace(connection, len(records)) as db:
        with timed(report, "prepare"):
            prepare(db, records, settings.region)
            ids = fetch(db, f"SELECT record_id FROM {PERSON} ORDER BY uid").column(0).cast(pa.string()).combine_chunks()  # noqa: S608
            decided = decisions(manual, ids)
            blocked = block_shared(db, settings)
            if memory:
                known = _still_known(db, settings, memory, report)
            mark = fingerprint(db, settings) if memory and not known else ""
            set_aside(db)
        model = choose(db, settings, report)
        threshold = settings.threshold or (model.threshold if model else 0.0)
        base = len(ids) - report.arrivals
        if model is None:
            known = None
            labels, edges = _by_identifiers(db, report, decided, ids, settings)
        elif memory is None:
            judged = Judged(db, settings, model, base, report)
            same = of_table(db, SAME)

            def found(graph: Graph) -> NDArray[np.int64]:
                return _cluster(graph.joined(same), decided, len(ids), settings.clustering, settings.seed)

            def at(threshold: float) -> NDArray[np.int64]:
                return found(judged.graph(threshold))

            with timed(report, "cluster"):
                graph = judged.graph(threshold)
                labels = found(graph)
            with timed(report, "details"):
                edges = judged.details(graph, graph.links_inside(labels))
            report.prior = judged.prior
        else:
            known = known or Judged(db, settings, model, base, report).known(mark, threshold, ids)
            labels, edges = _with_arrivals(db, known, threshold, report, decided, ids, settings)
            report.prior = known.prior
        edges = _with_others(db, edges, labels, decided, ids)
    sizes = np.bincount(labels, minlength=1)
    report.people, report.largest_cluster, report.links = int((sizes > 0).sum()), int(sizes.max()), len(edges)
    if report.prior is not None:
        report.expected_matches = report.prior * report.records * (report.records - 1) / 2
    if decided.unknown:
        report.warnings.append(f"{decided.unknown} manual decisions are about records that are not there")
    clusters = pa.table([ids, pa.array(labels)], schema=CLUSTERS)
    return Linked(clusters=clusters, edges=edges, blocked=blocked, report=report, at=at, known=known)


def _still_known(db: duckdb.DuckDBPyConnection, settings: LinkSettings, memory: Memory, report: Report) -> Known | None:
    """Leave in the table `person` what makes the base, and new records in `arrival`; returns what still holds of it.

    All records become the base where there is none, where new ones are many, and where what was known no longer holds.
    """
    if memory.base is None:
        report.scope = "all records: there is nothing to compare new ones with"
        return None
    report.arrivals = arrivals.split(db, memory.base)
    base = report.records - report.arrivals
    report.scope = f"{report.arrivals} new records against {base}"
    if report.arrivals > SHARE * base:
        report.scope = f"all records: {report.arrivals} are new, more than one in {1 / SHARE:.0f} of those before"
    elif memory.known is None:
        report.scope += ", which were judged again"
        return None
    elif memory.known.fingerprint == fingerprint(db, settings):
        return memory.known
    else:
        report.scope = "all records: earlier ones, the settings or the programs have changed"
    arrivals.unite(db)
    report.arrivals = 0
    return None


def _by_identifiers(
    db: duckdb.DuckDBPyConnection, report: Report, decided: Decisions, ids: pa.Array, settings: LinkSettings
) -> tuple[NDArray[np.int64], pa.Table]:
    """Labels and links by identifiers alone."""
    if report.arrivals:
        arrivals.unite(db)
        report.arrivals = 0
    with timed(report, "score"):
        certain.link_by_identifiers(db)
    graph = of_table(db, certain.CERTAIN).joined(of_table(db, SAME))
    labels = _cluster(graph, decided, len(ids), "closure", settings.seed)
    return labels, _certain_links(db, labels, ids)


def _with_arrivals(  # noqa: PLR0917  one step of `run`
    db: duckdb.DuckDBPyConnection, known: Known, threshold: float, report: Report, decided: Decisions, ids: pa.Array,
    settings: LinkSettings,
) -> tuple[NDArray[np.int64], pa.Table]:  # fmt: skip
    """Labels and links from what is known and what new records add to it."""
    pairs = known.pairs
    if report.arrivals:
        with timed(report, "meet"):
            arrivals.meet(db, known)
        with timed(report, "score"):
            found = arrivals.compare(db, known, threshold)
        report.pairs_scored += len(found)
        pairs = pa.concat_tables([pairs, found], promote_options="default")
    # In one order, however they were found: so sums of weights are equal to the last bit.
    pairs = pairs.sort_by([("left", "ascending"), ("right", "ascending")])
    graph = of_pairs(pairs, ids)
    with timed(report, "cluster"):
        labels = _cluster(graph.joined(of_table(db, SAME)), decided, len(ids), settings.clustering, settings.seed)
    return labels, pairs.filter(pa.array(graph.links_inside(labels))).drop_columns([VOTE])


def choose(db: duckdb.DuckDBPyConnection, settings: LinkSettings, report: Report) -> Model | None:
    """The model to score with, or None when identifiers alone must do; the report says why."""
    counts = db.execute(f"SELECT count(*), {', '.join(f'count({name})' for name in COLUMNS)} FROM {PERSON}").fetchall()  # noqa: S608
    records, *filled = counts[0]
    telling = {name for name, count in zip(COLUMNS, filled, strict=True) if count and not _says_nothing(db, name)}
    model = load(settings.model, telling)
    report.model_version = model.version
    if settings.method == "deterministic":
        report.reason = "asked for"
    elif records < FEWEST_RECORDS:
        report.reason = f"fewer than {FEWEST_RECORDS} different records"
    elif len(model.comparisons) < FEWEST_COMPARISONS:
        report.reason = "there is only one thing to compare"
    else:
        report.method, report.reason = "probabilistic", "enough records and columns"
        return model
    return None


def _says_nothing(db: duckdb.DuckDBPyConnection, column: str) -> bool:
    """Whether nearly all records have the same value there, such as the one city that a shop is in."""
    most, filled = db.execute(
        f"SELECT max(size), sum(size) FROM (SELECT count(*) AS size FROM {PERSON} WHERE {column} IS NOT NULL "  # noqa: S608
        f"GROUP BY {column})"
    ).fetchall()[0]
    return bool(most > MOST_COMMON * filled and filled >= FEWEST_RECORDS)


def _cluster(graph: Graph, decided: Decisions, count: int, clustering: str, seed: int) -> NDArray[np.int64]:
    """The person of each record."""
    # What was linked by hand moves as one.
    node = cluster.components(count, *decided.links.T)
    nodes = int(node.max()) + 1 if count else 0
    apart = node[decided.unlinks]
    left, right = np.concatenate([node[graph.left], apart[:, 0]]), np.concatenate([node[graph.right], apart[:, 1]])
    weight = np.concatenate([graph.weight, np.full(len(apart), -MANUAL_WEIGHT)])
    if clustering == "closure":
        labels = cluster.components(nodes, left[weight > 0], right[weight > 0])
    else:
        labels = cluster.propagate(nodes, left, right, weight, seed)
    labels = separate(labels, apart, left, right, weight)
    # A person is connected by links: who lost the last one on the way stands alone.
    inside = (weight > 0) & (labels[left] == labels[right])
    return cluster.in_order(cluster.components(nodes, left[inside], right[inside])[node])


def _certain_links(db: duckdb.DuckDBPyConnection, labels: NDArray[np.int64], ids: pa.Array) -> pa.Table:
    """The links by identifiers that are inside people."""
    found = fetch(db, f"SELECT left_uid, right_uid, rule FROM {certain.CERTAIN} ORDER BY left_uid, right_uid")  # noqa: S608
    left, right = (found.column(number).to_numpy() for number in range(2))
    inside = labels[left] == labels[right]
    return _bare_links(
        ids, left[inside], right[inside], "identifier", found.column("rule").cast(pa.string()).filter(pa.array(inside))
    )


def _with_others(
    db: duckdb.DuckDBPyConnection, edges: pa.Table, labels: NDArray[np.int64], decided: Decisions, ids: pa.Array
) -> pa.Table:
    """The links found, which are in order, with those of equal records and those made by hand."""
    same = of_table(db, SAME)
    inside = labels[same.left] == labels[same.right]
    others = [
        _bare_links(ids, same.left[inside], same.right[inside], "same", pa.nulls(int(inside.sum()), pa.string())),
        _bare_links(ids, decided.links[:, 0], decided.links[:, 1], "manual", pa.nulls(len(decided.links), pa.string())),
    ]
    if not any(len(other) for other in others):
        return edges
    table = pa.concat_tables([edges, *others], promote_options="default")
    return table.sort_by([("left", "ascending"), ("right", "ascending"), ("kind", "ascending")])


def _bare_links(
    ids: pa.Array, left: NDArray[np.int64], right: NDArray[np.int64], kind: str, rule: pa.Array
) -> pa.Table:
    """Links without a score, as `EDGES`."""
    empty = pa.nulls(len(left), pa.float64())
    kinds = pa.array([kind] * len(left), pa.string())
    return pa.table([ids.take(pa.array(left)), ids.take(pa.array(right)), empty, empty, kinds, rule], schema=EDGES)


@contextmanager
def workspace(connection: duckdb.DuckDBPyConnection | None, records: int) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection whose current schema is ours and empty."""
    if connection is None:
        with TemporaryDirectory() as directory:
            memory = max(LEAST_MEGABYTES, MEGABYTES + MEGABYTES_PER_MILLION * records // 1_000_000)
            with closing(connect(Path(directory), f"{memory}MB")) as db:
                yield db
        return
    before = connection.execute("SELECT current_schema()").fetchall()[0][0]
    connection.execute(f"CREATE SCHEMA {SCHEMA}; USE {SCHEMA}")
    try:
        yield connection
    finally:
        connection.execute(f"USE {before}; DROP SCHEMA {SCHEMA} CASCADE")
