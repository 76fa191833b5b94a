"""Fitting the model to the records: each step gated, and taken back whole when it fails a gate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from identity.linking import score
from identity.linking.prepare import PERSON

if TYPE_CHECKING:
    import duckdb

    from identity.linking.model import Model
    from identity.linking.result import Report
    from identity.linking.settings import LinkSettings


def train(db: duckdb.DuckDBPyConnection, model: Model, settings: LinkSettings, report: Report) -> tuple[Any, float]:
    """A linker ready to score, and the prior it scores with."""
    score.add_keys(db, model)
    records = db.execute(f"SELECT count(*) FROM {PERSON}").fetchall()[0][0]  # noqa: S608
    prior = score.PRIOR / records
    return score.linker(db, model, prior), prior
