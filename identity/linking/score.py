"""Which records meet, and how much speaks for each pair: the scoring library at work on the table `person`."""

from __future__ import annotations

import itertools
import logging
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from identity.linking import spark
from identity.linking.prepare import PERSON
from identity.linking.result import IDENTIFIERS
from pipe.columnar import fetch

if TYPE_CHECKING:
    from collections.abc import Iterator

    import duckdb
    from numpy.typing import NDArray

    from identity.linking.model import Model
    from identity.linking.settings import Backend

BLOCK: Final = 1000
"""Records; a key that more of them share brings nobody together."""

CLOSED: Final = 0
"""The limit of a rule that brings nobody together."""

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

MET, COMPARED = "met", "compared"

PAIRS_SCORED: Final = 1_000_000
"""At once."""


@dataclass
class Scored:
    """Pairs that may be links, an entry each, ordered by `left`, `right`."""

    left: NDArray[np.int64]
    right: NDArray[np.int64]
    evidence: NDArray[np.float64]
    """Bits for (against, if negative) one person, before the prior."""
    vetoed: NDArray[np.bool_]


def meet(db: duckdb.DuckDBPyConnection, model: Model) -> list[int]:
    """Make the table `met` of the pairs that meet: `join_key_l` < `join_key_r` and `match_key`, their first rule.

    Returns of each rule how many records may share a key and still meet.

    Pairs are found rule by rule from narrow tables. The library would join `person` with itself by all rules, each key
    a column of it: that takes twice the memory and time.
    """
    db.execute("CREATE TEMP TABLE met_by_rule (rule UTINYINT, join_key_l INTEGER, join_key_r INTEGER)")
    limits = []
    for number, limit in _keys(db, model):
        limits.append(limit)
        db.execute(
            f"INSERT INTO met_by_rule SELECT {number}, l.uid, r.uid FROM keys AS l JOIN keys AS r USING (key) "  # noqa: S608
            "WHERE l.uid < r.uid"
        )
    db.execute(
        f"CREATE TABLE {MET} AS SELECT min(rule)::VARCHAR AS match_key, join_key_l, join_key_r FROM met_by_rule "  # noqa: S608
        "GROUP BY join_key_l, join_key_r"
    )
    db.execute("DROP TABLE met_by_rule")
    return limits


def _keys(db: duckdb.DuckDBPyConnection, model: Model) -> Iterator[tuple[int, int]]:
    """Each rule in turn, and how many records may share a key, with its keys in the table `keys` (`uid`, `key`).

    Left out are keys with an empty part, those of one record, and those that too many share: `BLOCK`, or fewer where
    the rule would cost too much, and `CLOSED` where any two would.
    """
    records = db.execute(f"SELECT count(*) FROM {PERSON}").fetchall()[0][0]  # noqa: S608
    broad = min(PAIRS, PAIRS_TIMES_RECORDS / max(records, 1))
    for number, (rule, parts) in enumerate(model.blocking.items()):
        budget = broad if rule in model.broad else max(broad, PAIRS_PER_RECORD * records)
        if parts in [[kind] for kind in IDENTIFIERS]:
            budget = records * BLOCK  # shared ones are blocked already
        keyed = f"SELECT uid, {key_sql(parts)} AS key FROM {PERSON} WHERE key IS NOT NULL"  # noqa: S608
        db.execute(
            f"CREATE OR REPLACE TEMP TABLE blocks AS SELECT key, count(*) AS size FROM ({keyed}) "  # noqa: S608
            f"GROUP BY key HAVING size BETWEEN 2 AND {BLOCK}"
        )
        limit = db.execute(
            f"""SELECT CASE WHEN max(cost) > {budget} THEN coalesce(max(size) FILTER (cost <= {budget}), {CLOSED})
            ELSE {BLOCK} END
            FROM (SELECT size, sum(count(*) * size * (size - 1) / 2) OVER (ORDER BY size) AS cost
                FROM blocks GROUP BY size)"""  # noqa: S608
        ).fetchall()[0][0]
        db.execute(
            f"CREATE OR REPLACE TEMP TABLE keys AS SELECT uid, key FROM ({keyed}) "  # noqa: S608
            f"SEMI JOIN (SELECT key FROM blocks WHERE size <= {limit}) USING (key)"
        )
        yield number, int(limit)
    db.execute("DROP TABLE keys; DROP TABLE blocks")


def key_sql(parts: list[str]) -> str:
    """SQL for a key; empty when a part of it is."""
    return f"CASE WHEN {filled_sql(parts)} THEN hash({', '.join(parts)}) END"


def filled_sql(parts: list[str]) -> str:
    """SQL for whether no part of a key is empty."""
    return " AND ".join(f"nullif({part}, '') IS NOT NULL" for part in parts)


def compared(db: duckdb.DuckDBPyConnection, model: Model) -> str:
    """Make a table of what is compared, each frequent value beside its frequency; returns its name.

    Left to itself the library joins the frequencies of every column to both ends of every part of the pairs.
    """
    frequencies, joins = "", ""
    for name in model.frequent:
        frequencies += f", tf_{name}"
        joins += (
            f" LEFT JOIN (SELECT {name}, (count(*) / (SELECT count({name}) FROM {PERSON}))::FLOAT AS tf_{name} "  # noqa: S608
            f"FROM {PERSON} WHERE {name} IS NOT NULL GROUP BY {name}) USING ({name})"
        )
    columns = sorted({*model.compared, *model.frequent})
    db.execute(f"CREATE TABLE {COMPARED} AS SELECT uid, {', '.join(columns)}{frequencies} FROM {PERSON}{joins}")  # noqa: S608
    return COMPARED


def linker(db: duckdb.DuckDBPyConnection, model: Model, prior: float, table: str = PERSON) -> Any:
    """A linker over `person`, or a table like it."""
    from splink import DuckDBAPI, Linker

    made = Linker(DuckDBAPI(db).register(table), model.splink(prior), validate_settings=False)
    logging.getLogger("splink").setLevel(logging.ERROR)  # the linker sets its own level
    return made


def score(db: duckdb.DuckDBPyConnection, scorer: Any, model: Model, prior: float, backend: Backend) -> Scored:
    """Score every pair that meets, with `scorer` or on another back end.

    Leaves the pairs and the rule that brought them together in the table `pairs`.
    """
    statement = "CREATE TABLE pairs AS"
    if backend == "spark":
        frames = spark.predicted(db, model, prior, (COMPARED, MET), KEPT_WEIGHT)
    else:
        frames = predicted(db, scorer, MET, PAIRS_SCORED, KEPT_WEIGHT)
    for frame in frames:
        db.execute(f"{statement} {with_vetoes(model, frame, PERSON)} ORDER BY ALL")
        statement = "INSERT INTO pairs"
    db.execute(f"DROP TABLE {MET}")
    found = fetch(db, "SELECT left_uid, right_uid, match_weight, vetoed FROM pairs ORDER BY left_uid, right_uid")
    return Scored(
        left=found.column(0).to_numpy().astype(np.int64),
        right=found.column(1).to_numpy().astype(np.int64),
        evidence=found.column(2).to_numpy() - np.log2(prior / (1 - prior)),
        vetoed=found.column(3).to_numpy(),
    )


def predicted(
    db: duckdb.DuckDBPyConnection, scorer: Any, pairs: str, at_once: int, least: float | None = None
) -> Iterator[str]:
    """Tables of predictions for the pairs in a table, which are scored in parts, by their first records.

    The library copies the records of all pairs that it scores, and every figure of them.
    """
    size, records = db.execute(f"SELECT count(*), coalesce(max(join_key_l), 0) + 1 FROM {pairs}").fetchall()[0]  # noqa: S608
    parts = max(1, math.ceil(size / at_once))
    bounds = [records * number // parts for number in range(parts + 1)]
    for first, end in itertools.pairwise(bounds):
        db.execute(
            f"CREATE OR REPLACE TABLE part AS SELECT match_key, join_key_l, join_key_r FROM {pairs} "  # noqa: S608
            f"WHERE join_key_l >= {first} AND join_key_l < {end}"
        )
        scorer.table_management.register_blocked_pairs_for_predict(scorer._db_api.register("part"))
        frame = scorer.inference.predict(threshold_match_weight=least, warning_mode="never")
        yield frame.physical_name
        frame.drop_table_from_database_and_remove_from_cache()
    db.execute("DROP TABLE part")


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


def implausible(prior: float, records: int) -> str | None:
    """What is wrong with a prior that ended at a limit; None when nothing is."""
    if prior <= LEAST_PRIOR / records:
        few = "hardly any two records are found to be one person"
    elif prior >= min(MOST_PRIOR / records, 0.5):
        few = f"more than {MOST_PRIOR / 2:g} matches are expected for each record"
    else:
        return None
    return f"the prior is implausible: {few}; look whether columns hold what their names say"


def odds(probability: float) -> float:
    """In bits."""
    return float(np.log2(probability / (1 - probability)))
