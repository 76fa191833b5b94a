"""What is told of scored pairs: levels and weights of every comparison."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa

from identity.linking import score
from identity.linking.known import VETO, VOTE
from identity.linking.prepare import PERSON
from pipe.columnar import fetch

if TYPE_CHECKING:
    import duckdb

    from identity.linking.model import Model

AT_ONCE: Final = 250_000
"""Pairs: details are forty figures each."""

VETO_WEIGHT: Final = -2.0
"""Bits, in clusters. A veto counts little there because its pair may still be one person by way of others; it is never
a link itself."""


def of_linked(db: duckdb.DuckDBPyConnection, scorer: Any, model: Model, shift: float) -> pa.Table:
    """For the pairs in the table `linked` (`left_uid`, `right_uid`): as `identity.linking.EDGES`, and details.

    `shift` (bits) is added to the weights, for a prior that changed since.
    """
    db.execute(
        "CREATE OR REPLACE TABLE linked_pairs AS SELECT match_key, left_uid AS join_key_l, right_uid AS join_key_r "
        "FROM linked JOIN pairs USING (left_uid, right_uid)"
    )
    keep_parts(scorer)
    listed = _listed(scorer, model, PERSON, f"(match_weight + {shift})")
    tables = [
        _with_texts(db, f"SELECT {listed.format(frame)} ORDER BY l.uid, r.uid")
        for frame in score.predicted(db, scorer, "linked_pairs", AT_ONCE)
    ]
    return pa.concat_tables(tables)


def keep_parts(scorer: Any) -> None:
    """Have a linker keep the parts of a weight from now on.

    The library offers that at its creation only; a second linker would have to count all frequencies again.
    """
    scorer._settings_obj._retain_intermediate_calculation_columns = True


def of_pairs(  # noqa: PLR0917  one query, and each is a part of it
    db: duckdb.DuckDBPyConnection, scorer: Any, model: Model, scored: str, people: str, threshold: float
) -> pa.Table:
    """Those predictions that speak for one person or against, as `identity.linking.known.PAIRS`, and details.

    Args:
        db: to work in.
        scorer: that made them, with the parts of weights.
        model: of the scorer.
        scored: the table of predictions.
        people: the table their records are in.
        threshold: least probability of a link.
    """
    vetoes = score.with_vetoes(model, scored, people)
    db.execute(f"CREATE OR REPLACE TEMP TABLE judged AS SELECT left_uid, right_uid, vetoed FROM ({vetoes})")  # noqa: S608
    listed = _listed(scorer, model, people, "match_weight").format(scored)
    limit = score.odds(threshold)
    found = _with_texts(
        db,
        f"""SELECT * EXCLUDE (vetoed) REPLACE (CASE WHEN vetoed THEN '{VETO}' ELSE kind END AS kind),
        CASE WHEN vetoed THEN {VETO_WEIGHT} ELSE match_weight - ({limit}) END AS {VOTE}
        FROM (SELECT vetoed, {listed} JOIN judged ON left_uid = l.uid AND right_uid = r.uid)
        WHERE vetoed OR match_weight > {limit} ORDER BY "left", "right" """,  # noqa: S608
    )
    db.execute("DROP TABLE judged")
    return found


def _listed(scorer: Any, model: Model, people: str, weight: str) -> str:
    """SQL for what is told of a link, from a table of predictions ({}) with the parts of its weights."""
    parts = []
    for one in scorer._settings_obj.core_model_settings.comparisons:
        name = one.output_column_name
        levels = [level for level in one.comparison_levels if not level.is_null_level]
        nearest = " ".join(
            f"WHEN abs(mw_{name} - ({np.log2(level.m_probability / level.u_probability)})) < 1e-9 "
            f"THEN {len(levels) - 1 - number}"
            for number, level in enumerate(levels)
        )
        adjusted = f" + mw_tf_adj_{name}" if any(level._has_tf_adjustments for level in levels) else ""
        parts.append(
            f"(CASE {nearest} ELSE -1 END)::TINYINT AS gamma_{name}, (mw_{name}{adjusted})::FLOAT AS mw_{name}"
        )
    rules = " ".join(f"WHEN '{n}' THEN '{name}'" for n, name in enumerate(model.blocking))
    return (
        f"l.record_id AS left, r.record_id AS right, 1 / (1 + pow(2, -{weight})) AS match_probability, "
        f"{weight} AS match_weight, 'model' AS kind, CASE match_key {rules} END AS rule, {', '.join(parts)} "
        f"FROM {{}} JOIN {people} AS l ON l.uid = least(uid_l, uid_r) "
        f"JOIN {people} AS r ON r.uid = greatest(uid_l, uid_r)"
    )


def _with_texts(db: duckdb.DuckDBPyConnection, query: str) -> pa.Table:
    """What a query gives, its texts as `EDGES` has them."""
    found = fetch(db, query)
    fields = [field.with_type(pa.string()) if pa.types.is_large_string(field.type) else field for field in found.schema]
    return found.cast(pa.schema(fields))
