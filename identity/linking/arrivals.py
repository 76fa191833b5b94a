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

_BOTH: Final = "both_sides"
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
    """Make the tables of `_SIDES`: of new records and of the base, those that share a block with a new one.

    Blocks may be as large as they could when the base was linked.
    """
    for name in ("open_keys", "base_keys"):
        db.execute(f"CREATE TEMP TABLE {name} (rule UTINYINT, uid INTEGER, key UBIGINT)")
    for (number, parts), limit in zip(enumerate(known.model.blocking.values()), known.limits, strict=True):
        if limit != score.CLOSED:
            _keys(db, number, parts, limit)
    limits = f"{known.limits}[rule + 1]"
    db.execute(
        "CREATE TEMP TABLE within_keys AS FROM open_keys "
        f"QUALIFY count(*) OVER (PARTITION BY rule, key) BETWEEN 2 AND {limits}"
    )
    tables = ((ARRIVALS, "within_keys"), (ARRIVALS, "open_keys"), (PERSON, "base_keys"))
    for name, (people, keys) in zip(_SIDES, tables, strict=True):
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
    inner, *others = _SIDES
    db.execute(f"CREATE TEMP VIEW {_BOTH} AS {' UNION ALL '.join(f'FROM {side}' for side in others)}")
    found = [
        details.of_pairs(db, scorer, model, frame.physical_name, people, threshold)
        for frame, people in zip(frames, (inner, _BOTH), strict=True)
    ]
    db.execute(f"DROP VIEW {_BOTH}")
    return pa.concat_tables(found)


def _keys(db: duckdb.DuckDBPyConnection, number: int, parts: list[str], limit: int) -> None:
    """Add the keys of one rule to the tables of them: of new records, and of those they meet in the base."""
    named = ", ".join(f"{part} AS part_{place}" for place, part in enumerate(parts))
    names = ", ".join(f"part_{place}" for place in range(len(parts)))
    keyed = f"SELECT uid, {score.key_sql(parts)} AS key FROM {ARRIVALS} WHERE key IS NOT NULL"  # noqa: S608
    # The base is joined by the parts, so that only those that meet somebody need a key.
    db.execute(
        f"""CREATE OR REPLACE TEMP TABLE near AS
        SELECT uid, hash({names}) AS key FROM (SELECT uid, {named} FROM {PERSON})
        SEMI JOIN (SELECT DISTINCT {named} FROM {ARRIVALS} WHERE {score.filled_sql(parts)}) USING ({names})"""  # noqa: S608
    )
    db.execute(f"CREATE OR REPLACE TEMP TABLE crowded AS SELECT key FROM near GROUP BY key HAVING count(*) > {limit}")  # noqa: S608
    for table, records in (("open_keys", keyed), ("base_keys", "FROM near")):
        db.execute(f"INSERT INTO {table} SELECT {number}, uid, key FROM ({records}) ANTI JOIN crowded USING (key)")  # noqa: S608


def _side(db: duckdb.DuckDBPyConnection, known: Known, name: str, people: str, keys: str) -> None:
    """The table `name` of those of `people` that have a key: what is compared, and the keys."""
    columns = [RECORD_ID, *sorted({*known.model.compared, *known.model.frequent})]
    pivot = ", ".join(
        f"max(key) FILTER (rule = {number}) AS {key(number)}" for number in range(len(known.model.blocking))
    )
    # Who has a key is chosen first: joined at once, the columns of everybody would be read.
    chosen = f"SELECT uid, {', '.join(columns)} FROM {people} WHERE uid IN (SELECT uid FROM {keys})"  # noqa: S608
    db.execute(
        f"CREATE TABLE {name} AS FROM ({chosen}) JOIN (SELECT uid, {pivot} FROM {keys} GROUP BY uid) USING (uid); "  # noqa: S608
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
