"""New records against those already linked (the base): only pairs with a new record are scored.

The model, its prior, the frequencies of values and the blocks that may meet are those of the base. So what two records
weigh follows from the base and the two alone: it does not matter in how many runs the new ones came.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pyarrow as pa

from identity.linking import details, score
from identity.linking.model import key
from identity.linking.prepare import PERSON
from identity.linking.result import RECORD_ID

if TYPE_CHECKING:
    import duckdb

    from identity.linking.known import Known

ARRIVALS: Final = "arrival"
"""The table of new records, like `person`, which then holds the base."""

_EVERYBODY: Final = "everybody"
_SIDES: Final = ("inner_side", "outer_side", "base_side")
"""Tables of what is compared: new records with each other; with the base; of the base."""


def split(db: duckdb.DuckDBPyConnection, base: pa.Array) -> int:
    """Move the records that are not of `base` from the table `person` to `arrival`; returns how many."""
    db.register("base_ids", pa.table({RECORD_ID: base}))
    db.execute(f"CREATE TABLE {ARRIVALS} AS SELECT * FROM {PERSON} ANTI JOIN base_ids USING ({RECORD_ID}) ORDER BY uid")  # noqa: S608
    db.unregister("base_ids")
    db.execute(f"DELETE FROM {PERSON} WHERE uid IN (SELECT uid FROM {ARRIVALS})")  # noqa: S608
    return int(db.execute(f"SELECT count(*) FROM {ARRIVALS}").fetchall()[0][0])  # noqa: S608


def unite(db: duckdb.DuckDBPyConnection) -> None:
    """Undo `split`."""
    db.execute(f"INSERT INTO {PERSON} FROM {ARRIVALS}; DROP TABLE {ARRIVALS}")
    db.execute(f"CREATE OR REPLACE TABLE {PERSON} AS SELECT * FROM {PERSON} ORDER BY uid")  # noqa: S608


def meet(db: duckdb.DuckDBPyConnection, known: Known) -> None:
    """Make the tables of `_SIDES`: of new records and of the base, those that share a block with a new one."""
    inner, (outer, base) = _keys_within(db, known), _keys_between(db, known)
    for name, people, keys in zip(_SIDES, (ARRIVALS, ARRIVALS, PERSON), (inner, outer, base), strict=True):
        _side(db, known, name, people, keys)


def compare(db: duckdb.DuckDBPyConnection, known: Known, threshold: float) -> pa.Table:
    """The pairs of those that meet, as `identity.linking.known.PAIRS`."""
    model = known.model
    scorer = score.linker(db, model, known.prior, _SIDES[-1])
    details.keep_parts(scorer)
    api, infer = scorer._db_api, scorer.inference
    for column in model.frequent:
        shares = api.register(_shares(db, column))
        scorer.table_management.register_term_frequency_lookup(shares, column)
    here, new, old = (api.register(name) for name in _SIDES)
    chosen = {
        "blocking_rules_to_generate_predictions": model.rules(),
        "threshold_match_weight": score.KEPT_WEIGHT,
        "warning_mode": "never",
    }
    frames = [infer.predict_within(here, **chosen), infer.predict_between(new, old, **chosen)]
    db.execute(f"CREATE TEMP VIEW {_EVERYBODY} AS FROM {PERSON} UNION ALL FROM {ARRIVALS}")
    found = [details.of_pairs(db, scorer, model, frame.physical_name, _EVERYBODY, threshold) for frame in frames]
    db.execute(f"DROP VIEW {_EVERYBODY}")
    return pa.concat_tables(found)


def _keys_within(db: duckdb.DuckDBPyConnection, known: Known) -> str:
    """The table of keys by which new records meet each other: `rule`, `uid`, `key`."""
    db.execute("CREATE TEMP TABLE within_keys (rule UTINYINT, uid INTEGER, key UBIGINT)")
    for number, _ in score.keys(db, known.model, ARRIVALS, least=2):
        db.execute(f"INSERT INTO within_keys SELECT {number}, uid, key FROM keys")  # noqa: S608
    return "within_keys"


def _keys_between(db: duckdb.DuckDBPyConnection, known: Known) -> tuple[str, str]:
    """The same by which they meet the base, on either side: of its blocks those that could meet when it was linked."""
    for name in ("open_keys", "base_keys"):
        db.execute(f"CREATE TEMP TABLE {name} (rule UTINYINT, uid INTEGER, key UBIGINT)")
    for number, parts in enumerate(known.model.blocking.values()):
        keyed = f"SELECT {number} AS rule, uid, {score.key_sql(parts)} AS key FROM {{}} WHERE key IS NOT NULL"  # noqa: S608
        db.execute(f"INSERT INTO open_keys {keyed.format(ARRIVALS)}")
        db.execute(
            f"INSERT INTO base_keys SELECT * FROM ({keyed.format(PERSON)}) "  # noqa: S608
            f"SEMI JOIN (FROM open_keys WHERE rule = {number}) USING (key) "
            f"QUALIFY count(*) OVER (PARTITION BY key) <= {known.limits[number]}"
        )
    return "open_keys", "base_keys"


def _side(db: duckdb.DuckDBPyConnection, known: Known, name: str, people: str, keys: str) -> None:
    """The table `name` of those of `people` that have a key: what is compared, and the keys."""
    columns = sorted({*known.model.compared, *known.model.frequent})
    pivot = ", ".join(
        f"max(key) FILTER (rule = {number}) AS {key(number)}" for number in range(len(known.model.blocking))
    )
    db.execute(
        f"CREATE TABLE {name} AS SELECT uid, {', '.join(columns)}, keyed.* EXCLUDE (uid) "  # noqa: S608
        f"FROM {people} JOIN (SELECT uid, {pivot} FROM {keys} GROUP BY uid) AS keyed USING (uid) ORDER BY uid; "
        f"DROP TABLE {keys}"
    )


def _shares(db: duckdb.DuckDBPyConnection, column: str) -> str:
    """A table of the values to be compared and their shares in the base; one that is new to it counts as seen once."""
    name = f"share_of_{column}"
    values = " UNION ".join(f"SELECT {column} FROM {side}" for side in _SIDES)  # noqa: S608
    db.execute(
        f"CREATE TABLE {name} AS SELECT {column}, greatest(count({PERSON}.uid), 1) / "  # noqa: S608
        f"(SELECT greatest(count({column}), 1) FROM {PERSON}) AS tf_{column} "
        f"FROM ({values}) LEFT JOIN {PERSON} USING ({column}) WHERE {column} IS NOT NULL GROUP BY {column}"
    )
    return name
