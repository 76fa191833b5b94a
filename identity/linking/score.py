"""Which records meet, and how much speaks for each pair: the scoring library at work on the table `person`."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from identity.linking.model import key
from identity.linking.prepare import PERSON
from identity.linking.result import IDENTIFIERS
from pipe.columnar import fetch

if TYPE_CHECKING:
    from collections.abc import Iterator

    import duckdb
    import pyarrow as pa
    from numpy.typing import NDArray

    from identity.linking.model import Model

BLOCK: Final = 1000
"""Records; a key that more of them share brings nobody together."""

PAIRS, PAIRS_PER_RECORD, PAIRS_TIMES_RECORDS = 500_000, 1.0, 2.5e10
"""What one rule may cost; its largest blocks are left out until it costs no more. Few records can be compared broadly:
up to `PAIRS`, and the fewer pairs the more records there are (their product is bounded). Rules that are not broad may
always cost `PAIRS_PER_RECORD`."""

KEPT_WEIGHT: Final = -6.0
"""Bits; what scores less cannot become a link and is not kept."""

PRIOR: Final = 2.0
"""Over the number of records: the prior that scoring starts from, one match for each record."""

LEAST_PRIOR, MOST_PRIOR = 0.1, 20.0
"""Over the number of records: a twentieth to ten matches for each record."""

ROUNDS: Final = 50

MET: Final = "met"


@dataclass
class Scored:
    """Pairs that may be links, an entry each, ordered by `left`, `right`."""

    left: NDArray[np.int64]
    right: NDArray[np.int64]
    evidence: NDArray[np.float64]
    """Bits for (against, if negative) one person, before the prior."""
    vetoed: NDArray[np.bool_]


def meet(db: duckdb.DuckDBPyConnection, model: Model) -> None:
    """Make the table `met` of the pairs that meet: `join_key_l` < `join_key_r` and `match_key`, their first rule.

    Pairs are found rule by rule from narrow tables. The library would join `person` with itself by all rules, each key
    a column of it: that takes twice the memory and time.
    """
    db.execute("CREATE TEMP TABLE met_by_rule (rule UTINYINT, join_key_l INTEGER, join_key_r INTEGER)")
    for number in _keys(db, model, PERSON, least=2):
        db.execute(
            f"INSERT INTO met_by_rule SELECT {number}, l.uid, r.uid FROM keys AS l JOIN keys AS r USING (key) "  # noqa: S608
            "WHERE l.uid < r.uid"
        )
    db.execute(
        f"CREATE TABLE {MET} AS SELECT min(rule)::VARCHAR AS match_key, join_key_l, join_key_r FROM met_by_rule "  # noqa: S608
        "GROUP BY join_key_l, join_key_r"
    )
    db.execute("DROP TABLE met_by_rule")


def add_keys(db: duckdb.DuckDBPyConnection, model: Model, table: str = PERSON, least: int = 2) -> None:
    """Give `table` a column for each blocking rule; empty where `_keys` leaves the key out."""
    for number in _keys(db, model, table, least):
        name = key(number)
        db.execute(f"ALTER TABLE {table} ADD COLUMN {name} UBIGINT")
        db.execute(f"UPDATE {table} SET {name} = keys.key FROM keys WHERE keys.uid = {table}.uid")  # noqa: S608


def _keys(db: duckdb.DuckDBPyConnection, model: Model, table: str, least: int) -> Iterator[int]:
    """Each rule in turn, with its keys in the table `keys` (`uid`, `key`).

    Left out are keys with an empty part, those that too many share, and those that fewer than `least` records share:
    nobody to meet.
    """
    records = db.execute(f"SELECT count(*) FROM {table}").fetchall()[0][0]  # noqa: S608
    broad = min(PAIRS, PAIRS_TIMES_RECORDS / max(records, 1))
    for number, (rule, parts) in enumerate(model.blocking.items()):
        budget = broad if rule in model.broad else max(broad, PAIRS_PER_RECORD * records)
        if parts in [[kind] for kind in IDENTIFIERS]:
            budget = records * BLOCK  # shared ones are blocked already
        keyed = f"SELECT uid, {_key(parts)} AS key FROM {table} WHERE key IS NOT NULL"  # noqa: S608
        db.execute(
            f"""CREATE OR REPLACE TEMP TABLE keys AS WITH keyed AS ({keyed}),
            blocks AS (SELECT key, count(*) AS size FROM keyed GROUP BY key HAVING size BETWEEN {least} AND {BLOCK}),
            sizes AS (
                SELECT size, sum(count(*) * size * (size - 1) / 2) OVER (ORDER BY size) AS cost
                FROM blocks GROUP BY size
            ),
            chosen AS (SELECT key FROM blocks SEMI JOIN (SELECT size FROM sizes WHERE cost <= {budget}) USING (size))
            SELECT uid, key FROM keyed SEMI JOIN chosen USING (key)"""  # noqa: S608
        )
        yield number
    db.execute("DROP TABLE keys")


def open_keys(model: Model) -> str:
    """SQL for the columns of `add_keys` with nothing left out."""
    return ", ".join(f"{_key(parts)} AS {key(number)}" for number, parts in enumerate(model.blocking.values()))


def _key(parts: list[str]) -> str:
    filled = " AND ".join(f"nullif({part}, '') IS NOT NULL" for part in parts)
    return f"CASE WHEN {filled} THEN hash({', '.join(parts)}) END"


def linker(db: duckdb.DuckDBPyConnection, model: Model, prior: float, table: str = PERSON) -> Any:
    """A linker over `person`, or a table like it."""
    from splink import DuckDBAPI, Linker

    made = Linker(DuckDBAPI(db).register(table), model.splink(prior))
    logging.getLogger("splink").setLevel(logging.ERROR)  # the linker sets its own level
    return made


def score(db: duckdb.DuckDBPyConnection, scorer: Any, model: Model, prior: float) -> Scored:
    """Score every pair that meets; leaves the pairs and the rule that brought them together in the table `pairs`."""
    scorer.table_management.register_blocked_pairs_for_predict(scorer._db_api.register(MET))
    frame = scorer.inference.predict(threshold_match_weight=KEPT_WEIGHT, warning_mode="never")
    db.execute(f"CREATE TABLE pairs AS {with_vetoes(model, frame.physical_name, PERSON)} ORDER BY ALL")
    frame.drop_table_from_database_and_remove_from_cache()
    found = fetch(db, "SELECT left_uid, right_uid, match_weight, vetoed FROM pairs ORDER BY left_uid, right_uid")
    return Scored(
        left=found.column(0).to_numpy().astype(np.int64),
        right=found.column(1).to_numpy().astype(np.int64),
        evidence=found.column(2).to_numpy() - np.log2(prior / (1 - prior)),
        vetoed=found.column(3).to_numpy(),
    )


def with_vetoes(model: Model, scored: str, people: str) -> str:
    """A query for the pairs that were `scored`, ends in order, and whether each is `vetoed`."""
    columns = model.columns
    sides = ", ".join(f"{side}.{name} AS {name}_{side}" for name in columns for side in "lr")
    joined = (
        f"SELECT uid_l, uid_r, match_weight, match_key{', ' if columns else ''}{sides} FROM {scored} "  # noqa: S608
        f"JOIN {people} AS l ON l.uid = uid_l JOIN {people} AS r ON r.uid = uid_r"
    )
    return (
        "SELECT least(uid_l, uid_r) AS left_uid, greatest(uid_l, uid_r) AS right_uid, match_weight, match_key, "  # noqa: S608
        f"coalesce({model.veto_sql()}, false) AS vetoed FROM ({joined})"
    )


def estimate_prior(scored: Scored, records: int) -> float:
    """The prior that explains the matches it leads to: a fixed point of the expectation of matches.

    It stays within limits that hold for any files of customers, so that a bad model cannot run away with it.
    """
    evidence = scored.evidence[~scored.vetoed]
    everything = records * (records - 1) / 2
    prior = PRIOR / records
    for _ in range(ROUNDS):
        weight = np.clip(evidence + np.log2(prior / (1 - prior)), -60, 60)
        expected = float((1 / (1 + np.exp2(-weight))).sum())
        found = min(max(expected / everything, LEAST_PRIOR / records), MOST_PRIOR / records, 0.5)
        if abs(found - prior) < 1e-6 * prior:
            break
        prior = found
    return prior


def details(db: duckdb.DuckDBPyConnection, scorer: Any, model: Model, shift: float) -> pa.Table:
    """For the pairs in the table `linked` (`left_uid`, `right_uid`): levels and weights of every comparison.

    `shift` (bits) is added to the weights, for a prior that changed since.
    """
    db.execute(
        "CREATE OR REPLACE TABLE linked_pairs AS SELECT match_key, left_uid AS join_key_l, right_uid AS join_key_r "
        "FROM linked JOIN pairs USING (left_uid, right_uid)"
    )
    # The library keeps the parts of a weight only when asked for at its creation; a second linker would have to count
    # all frequencies again.
    scorer._settings_obj._retain_intermediate_calculation_columns = True
    api = scorer._db_api
    scorer.table_management.register_blocked_pairs_for_predict(api.register("linked_pairs"))
    frame = scorer.inference.predict(warning_mode="never")
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
    weight = f"(match_weight + {shift})"
    table = fetch(
        db,
        f"""SELECT l.record_id AS left, r.record_id AS right, 1 / (1 + pow(2, -{weight})) AS match_probability,
        {weight} AS match_weight, 'model' AS kind, CASE match_key {rules} END AS rule, {", ".join(parts)}
        FROM {frame.physical_name} JOIN {PERSON} AS l ON l.uid = least(uid_l, uid_r)
        JOIN {PERSON} AS r ON r.uid = greatest(uid_l, uid_r) ORDER BY l.uid, r.uid""",  # noqa: S608
    )
    frame.drop_table_from_database_and_remove_from_cache()
    return table
