"""The steps of linking, in their order."""

from __future__ import annotations

import time
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa

from identity.linking import certain, cluster, score
from identity.linking.guard import block_shared
from identity.linking.manual import Decisions, decisions, separate
from identity.linking.model import Model, load
from identity.linking.prepare import COLUMNS, PERSON, prepare
from identity.linking.result import CLUSTERS, EDGES, Linked, Report
from identity.linking.same import SAME, set_aside
from identity.linking.train import fit
from pipe.columnar import connect, fetch

if TYPE_CHECKING:
    from collections.abc import Iterator

    import duckdb
    from numpy.typing import NDArray

    from identity.linking.settings import LinkSettings

SCHEMA: Final = "growthnav_linking"

LEAST_MEGABYTES, MEGABYTES, MEGABYTES_PER_MILLION = 400, 200, 300
"""Memory of the engine's own connection: so much, and more for each million records; the rest goes to disk."""

FEWEST_RECORDS: Final = 50
"""Fewer are linked by identifiers only: there is nothing to judge a score by."""

FEWEST_COMPARISONS: Final = 2

MOST_COMMON: Final = 0.9
"""A share; a column in which one value has more of it tells nobody apart and is not compared."""

CERTAIN_WEIGHT, VETO_WEIGHT = 20.0, -2.0
"""Bits, in clusters: of a link that needs no score, and of a veto. A veto counts little there because its pair may
still be one person by way of others; it is never a link itself."""

MANUAL_WEIGHT: Final = 1000.0


@dataclass
class Graph:
    """Pairs that speak for or against one person, by record number."""

    left: NDArray[np.int64]
    right: NDArray[np.int64]
    weight: NDArray[np.float64]


def run(
    records: pa.Table, settings: LinkSettings, connection: duckdb.DuckDBPyConnection | None, manual: pa.Table | None
) -> Linked:
    """See `identity.linking.link`."""
    report = Report(records=len(records))
    with workspace(connection, len(records)) as db:
        with _timed(report, "prepare"):
            prepare(db, records, settings.region)
            ids = fetch(db, f"SELECT record_id FROM {PERSON} ORDER BY uid").column(0).cast(pa.string()).combine_chunks()  # noqa: S608
            decided = decisions(manual, ids)
            blocked = block_shared(db, settings)
            set_aside(db)
        model = choose(db, settings, report)
        if model is None:
            at, graph = None, _certain(db, report)
            labels = _cluster(graph, decided, len(ids), "closure", settings.seed)
            edges = _certain_links(db, labels, ids)
        else:
            prior = score.PRIOR / max(len(ids), 2)
            with _timed(report, "meet"):
                score.meet(db, model)
            with _timed(report, "train"):
                model = fit(db, model, prior, report) if settings.train else model
            with _timed(report, "score"):
                scorer = score.linker(db, model, prior, score.compared(db, model))
                scored = score.score(db, scorer, model, prior)
            report.prior = score.estimate_prior(scored, max(len(ids), 2))
            same = _pairs(db, SAME)
            weigh = partial(_scored, scored, same, report)
            graph = weigh(settings.threshold or model.threshold)

            def at(threshold: float) -> NDArray[np.int64]:
                return _cluster(weigh(threshold), decided, len(ids), settings.clustering, settings.seed)

            with _timed(report, "cluster"):
                labels = _cluster(graph, decided, len(ids), settings.clustering, settings.seed)
            with _timed(report, "details"):
                _set_linked(db, graph, labels)
                edges = score.details(db, scorer, model, odds(report.prior) - odds(prior))
        edges = _with_others(db, edges, labels, decided, ids)
    sizes = np.bincount(labels, minlength=1)
    report.people, report.largest_cluster, report.links = int((sizes > 0).sum()), int(sizes.max()), len(edges)
    if decided.unknown:
        report.warnings.append(f"{decided.unknown} manual decisions are about records that are not there")
    return Linked(
        clusters=pa.table([ids, pa.array(labels)], schema=CLUSTERS), edges=edges, blocked=blocked, report=report, at=at
    )


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


def _certain(db: duckdb.DuckDBPyConnection, report: Report) -> Graph:
    with _timed(report, "score"):
        certain.link_by_identifiers(db)
        return _with(_pairs(db, certain.CERTAIN), _pairs(db, SAME))


def _scored(scored: score.Scored, same: Graph, report: Report, threshold: float) -> Graph:
    """What the scores say at a threshold."""
    prior = report.prior or 0.5
    weight = scored.evidence + odds(prior) - odds(threshold)
    report.pairs_scored, report.vetoed = len(weight), int((scored.vetoed & (weight > 0)).sum())
    report.expected_matches = prior * report.records * (report.records - 1) / 2
    weight = np.where(scored.vetoed, VETO_WEIGHT, weight)
    used = (weight > 0) | scored.vetoed
    return _with(Graph(scored.left[used], scored.right[used], weight[used]), same)


def odds(probability: float) -> float:
    """In bits."""
    return float(np.log2(probability / (1 - probability)))


def _with(one: Graph, other: Graph) -> Graph:
    return Graph(
        np.concatenate([one.left, other.left]),
        np.concatenate([one.right, other.right]),
        np.concatenate([one.weight, other.weight]),
    )


def _pairs(db: duckdb.DuckDBPyConnection, table: str) -> Graph:
    """Links that need no score."""
    found = fetch(db, f"SELECT left_uid, right_uid FROM {table} ORDER BY left_uid, right_uid")  # noqa: S608
    left, right = (found.column(number).to_numpy().astype(np.int64) for number in range(2))
    return Graph(left, right, np.full(len(left), CERTAIN_WEIGHT))


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


def _set_linked(db: duckdb.DuckDBPyConnection, graph: Graph, labels: NDArray[np.int64]) -> None:
    """Make the table `linked` of the links inside people."""
    inside = (graph.weight > 0) & (labels[graph.left] == labels[graph.right])
    columns = {"left_uid": graph.left[inside].astype(np.int32), "right_uid": graph.right[inside].astype(np.int32)}
    db.register("linked_view", pa.table(columns))
    db.execute("CREATE OR REPLACE TABLE linked AS SELECT * FROM linked_view")
    db.unregister("linked_view")


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
    same = _pairs(db, SAME)
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


@contextmanager
def _timed(report: Report, step: str) -> Iterator[None]:
    start = time.perf_counter()
    yield
    report.seconds[step] = round(time.perf_counter() - start, 3)
