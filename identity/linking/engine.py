"""The steps of linking, in their order."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import duckdb
import numpy as np
import pyarrow as pa

from identity.linking import certain, cluster
from identity.linking.guard import block_shared
from identity.linking.prepare import PERSON, prepare
from identity.linking.result import CLUSTERS, EDGES, Linked, Report
from pipe.columnar import fetch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from identity.linking.settings import LinkSettings

SCHEMA: Final = "growthnav_linking"


def run(
    records: pa.Table, settings: LinkSettings, connection: duckdb.DuckDBPyConnection | None, manual: pa.Table | None
) -> Linked:
    """See `identity.linking.link`."""
    report = Report(records=len(records))
    with _workspace(connection) as db:
        with _timed(report, "prepare"):
            prepare(db, records, settings.region)
            blocked = block_shared(db, settings)
        with _timed(report, "link"):
            certain.link_by_identifiers(db)
            links = fetch(db, f"SELECT left_uid, right_uid FROM {certain.CERTAIN} ORDER BY ALL")  # noqa: S608
        with _timed(report, "cluster"):
            left, right = (links.column(n).to_numpy().astype(np.int64) for n in ("left_uid", "right_uid"))
            labels = cluster.components(len(records), left, right)
        ids = fetch(db, f"SELECT record_id FROM {PERSON} ORDER BY uid").column(0)  # noqa: S608
        edges = _edges(db)
    sizes = np.bincount(labels, minlength=1)
    report.people, report.largest_cluster, report.links = len(sizes) if len(labels) else 0, int(sizes.max()), len(edges)
    return Linked(
        clusters=pa.table([ids, pa.array(labels)], schema=CLUSTERS), edges=edges, blocked=blocked, report=report
    )


def _edges(db: duckdb.DuckDBPyConnection) -> pa.Table:
    return fetch(
        db,
        f"""SELECT l.record_id AS left, r.record_id AS right, NULL::DOUBLE AS match_probability,
        NULL::DOUBLE AS match_weight, 'identifier' AS kind, rule
        FROM {certain.CERTAIN} JOIN {PERSON} AS l ON l.uid = left_uid JOIN {PERSON} AS r ON r.uid = right_uid
        ORDER BY left_uid, right_uid""",  # noqa: S608
    ).cast(EDGES)


@contextmanager
def _workspace(connection: duckdb.DuckDBPyConnection | None) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection whose current schema is ours and empty."""
    if connection is None:
        with duckdb.connect() as db:
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
