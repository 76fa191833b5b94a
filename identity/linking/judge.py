"""All pairs of the table `person` that meet, judged by a model that is fitted to them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from identity.linking import details, score
from identity.linking.graph import Graph
from identity.linking.known import VETO, VOTE, Known
from identity.linking.result import EDGES, Report, timed
from identity.linking.train import fit

if TYPE_CHECKING:
    import duckdb
    from numpy.typing import NDArray

    from identity.linking.model import Model
    from identity.linking.settings import LinkSettings


class Judged:
    """The pairs, and what can be asked about them."""

    def __init__(
        self, db: duckdb.DuckDBPyConnection, settings: LinkSettings, model: Model, records: int, report: Report
    ) -> None:
        """Judge them.

        Args:
            db: with the table.
            settings: how.
            model: not fitted yet.
            records: how many there are, equal ones included.
            report: told what was done.
        """
        self._db = db
        self._report = report
        self._given_prior = score.PRIOR / max(records, 2)
        with timed(report, "meet"):
            self._limits = score.meet(db, model)
        with timed(report, "train"):
            self._model = fit(db, model, self._given_prior, report) if settings.train else model
        with timed(report, "score"):
            self._scorer = score.linker(db, self._model, self._given_prior, score.compared(db, self._model))
            self._scored = score.score(db, self._scorer, self._model, self._given_prior, settings.backend)
        self.prior = score.estimate_prior(self._scored, max(records, 2))
        report.pairs_scored = len(self._scored.left)
        if wrong := score.implausible(self.prior, max(records, 2)):
            report.warnings.append(wrong)

    def graph(self, threshold: float) -> Graph:
        """What the pairs say when a link needs at least this probability."""
        scored = self._scored
        weight = scored.evidence + score.odds(self.prior) - score.odds(threshold)
        self._report.vetoed = int((scored.vetoed & (weight > 0)).sum())
        weight = np.where(scored.vetoed, details.VETO_WEIGHT, weight)
        used = (weight > 0) | scored.vetoed
        return Graph(scored.left[used], scored.right[used], weight[used])

    def details(self, graph: Graph, chosen: NDArray[np.bool_]) -> pa.Table:
        """`EDGES`, and details, of the chosen pairs of a graph."""
        columns = {"left_uid": graph.left[chosen].astype(np.int32), "right_uid": graph.right[chosen].astype(np.int32)}
        self._db.register("linked_view", pa.table(columns))
        self._db.execute("CREATE OR REPLACE TABLE linked AS SELECT * FROM linked_view")
        self._db.unregister("linked_view")
        shift = score.odds(self.prior) - score.odds(self._given_prior)
        return details.of_linked(self._db, self._scorer, self._model, shift)

    def known(self, fingerprint: str, threshold: float, ids: pa.Array) -> Known:
        """All that is worth remembering; `ids` are the records', by number."""
        graph = self.graph(threshold)
        links = graph.weight > 0
        ends = [ids.take(pa.array(end[~links])) for end in (graph.left, graph.right)]
        against = pa.table([*ends, pa.array(graph.weight[~links])], names=["left", "right", VOTE])
        against = against.append_column(EDGES.field("kind"), pa.array([VETO] * len(against), pa.string()))
        found = self.details(graph, links).append_column(VOTE, pa.array(graph.weight[links]))
        return Known(
            fingerprint=fingerprint,
            model=self._model,
            prior=self.prior,
            limits=self._limits,
            pairs=pa.concat_tables([found, against], promote_options="default"),
        )
