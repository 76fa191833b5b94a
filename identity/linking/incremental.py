"""New records against those already linked: only pairs with a new record are scored.

The base is prepared once: normal forms, frequencies of values, blocking keys and the model fitted to it. A batch of new
records is then compared within itself and with the base (`predict_within`, `predict_between`), by the frequencies of
the base; broad blocking rules are left to the next full run. What comes out are links; the people are found again from
all links, old and new, so that a new record may also join two old people.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Final

import pyarrow as pa

from identity.linking import score
from identity.linking.engine import choose, odds, workspace
from identity.linking.guard import block_shared
from identity.linking.prepare import PERSON, prepare
from identity.linking.result import EDGES, Report
from identity.linking.train import fit
from pipe.columnar import fetch, literal
from pipe.errors import DataError

if TYPE_CHECKING:
    from typing import Self

    from identity.linking.settings import LinkSettings

BASE: Final = "base"
OPEN: Final = "arrivals"


class Base:
    """The records there are, ready for new ones.

    ```python
    with Base(records, LinkSettings()) as base:
        base.links(arrivals)  # as EDGES; ends in `arrivals` or in `records`
    ```
    """

    def __init__(self, records: pa.Table, settings: LinkSettings) -> None:
        """Prepare `records`, as `link` takes them.

        Raises:
            DataError: there are too few records or columns to score with.
        """
        self._settings = settings
        self.report = Report(records=len(records))
        self._stack = ExitStack()
        self._db = self._stack.enter_context(workspace(None, len(records)))
        prepare(self._db, records, settings.region)
        self.blocked = block_shared(self._db, settings)
        model = choose(self._db, settings, self.report)
        if model is None:
            self._stack.close()
            raise DataError(f"new records cannot be scored: {self.report.reason}", remedy="Link all records instead")
        prior = score.PRIOR / max(len(records), 2)
        score.add_keys(self._db, model, least=1)
        self._model = fit(self._db, model, prior, self.report) if settings.train else model
        self._db.execute(f"ALTER TABLE {PERSON} RENAME TO {BASE}")
        self._size = len(records)
        self._linker = score.linker(self._db, self._model, prior, BASE)
        for column in self._model.frequent:
            self._linker.table_management.compute_tf_table(column)
        self._api = self._linker._db_api
        self._frame = self._api.register(BASE)

    def links(self, arrivals: pa.Table) -> pa.Table:
        """The links of `arrivals` among themselves and with the base, as `EDGES`; both must have different ids.

        Raises:
            DataError: `record_id` is missing, empty or not unique.
        """
        db = self._db
        prepare(db, arrivals, self._settings.region)
        block_shared(db, self._settings)
        db.execute(f"UPDATE {PERSON} SET uid = uid + {self._size}")  # noqa: S608
        db.execute(f"CREATE OR REPLACE TABLE {OPEN} AS SELECT *, {score.open_keys(self._model)} FROM {PERSON}")  # noqa: S608
        score.add_keys(db, self._model)
        threshold = self._settings.threshold or self._model.threshold
        infer, limit, rules = self._linker.inference, odds(threshold), self._model.rules()
        own, others = self._api.register(PERSON), self._api.register(OPEN)
        frames = [
            infer.predict_within(
                own,
                blocking_rules_to_generate_predictions=rules,
                threshold_match_weight=limit,
                warning_mode="never",
            ),
            infer.predict_between(
                others,
                self._frame,
                blocking_rules_to_generate_predictions=rules,
                threshold_match_weight=limit,
                warning_mode="never",
            ),
        ]
        db.execute(f"CREATE OR REPLACE VIEW everybody AS FROM {BASE} UNION ALL BY NAME FROM {OPEN}")
        found = pa.concat_tables(fetch(db, self._query(frame.physical_name)) for frame in frames)
        for frame in (*frames, own, others):
            frame.drop_table_from_database_and_remove_from_cache(force_non_splink_table=True)
        db.execute(f"DROP VIEW everybody; DROP TABLE IF EXISTS {PERSON}; DROP TABLE IF EXISTS {OPEN}")
        return found.cast(EDGES).sort_by([("left", "ascending"), ("right", "ascending")])

    def _query(self, scored: str) -> str:
        used = [name for name in self._model.blocking if name not in self._model.broad]
        rules = " ".join(f"WHEN '{n}' THEN {literal(name)}" for n, name in enumerate(used))
        return (
            "SELECT least(l.record_id, r.record_id) AS left, greatest(l.record_id, r.record_id) AS right, "  # noqa: S608
            "1 / (1 + pow(2, -match_weight)) AS match_probability, match_weight, 'model' AS kind, "
            f"CASE match_key {rules} END AS rule FROM ({score.with_vetoes(self._model, scored, 'everybody')}) "
            "JOIN everybody AS l ON l.uid = left_uid JOIN everybody AS r ON r.uid = right_uid "
            "WHERE NOT vetoed"
        )

    def close(self) -> None:
        """Give the memory back."""
        self._stack.close()

    def __enter__(self) -> Self:
        """Use in a `with`."""
        return self

    def __exit__(self, *_: object) -> None:
        """Give the memory back."""
        self.close()
