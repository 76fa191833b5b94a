"""What is linked: each profile, and the conversions that carry equal identifiers taken as one.

A customer's hundred purchases say nothing that one of them does not, so they are one unit. A record that somebody has
decided about is a unit of its own. Identifiers are the store's hashes; e-mail addresses and telephone numbers are there
in clear as well, wherever a profile that carries them has them in clear, so that the model can compare them.

A profile that its source deleted because it was merged into another is no unit, but what it says holds: the two
customer ids are one here.

A record may have several identifiers of a type, but a unit has one: the others go to further units, tied to the first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa

from identity.linking.cluster import components
from pipe.columnar import fetch

if TYPE_CHECKING:
    import duckdb

COLUMN_OF: Final = {
    "email": "email",
    "phone": "phone",
    "hashed_cc": "card",
    "loyalty_id": "loyalty_id",
    "device_id": "device_id",
    "cookie_id": "cookie_id",
    "customer_id": "customer_id",
}
"""Fragment type -> column of `identity.linking`. A name with a postal code is compared by its parts."""

CLEAR: Final = ("email", "phone")
CLEAR_PREFIX: Final = "clear_"
"""Of the columns that hold those two in clear, where that is known."""

PROFILE: Final = {
    **{name: name for name in ("first_name", "last_name", "full_name", "birth_date", "street", "city", "region")},
    "postal_code": "postcode",
    "country": "country",
}
"""Column of customer_profiles -> column of `identity.linking`."""

TIED: Final = "#"
"""Between the id of a unit and the number of a further one of the same record."""

_UNITS: Final = """
CREATE TABLE unit AS
WITH carried AS (
    SELECT record.place, first(is_profile) AS is_profile, first(record.connector) AS connector, first(key) AS key,
        list(fragment.kind || ':' || fragment.hash ORDER BY fragment.kind, fragment.hash)
            FILTER (fragment.hash IS NOT NULL) AS signature
    FROM record LEFT JOIN fragment USING (place) GROUP BY record.place
), grouped AS (
    SELECT place, CASE WHEN is_profile OR signature IS NULL OR key IN (SELECT key FROM decided)
        THEN key ELSE concat_ws(chr(31), connector, array_to_string(signature, ' ')) END AS together
    FROM carried
)
SELECT place, min(place) OVER (PARTITION BY together) AS unit FROM grouped ORDER BY place
"""
_CLEAR: Final = """
CREATE TABLE clear AS
SELECT fragment.kind, hash, min(CASE fragment.kind WHEN 'email' THEN email ELSE phone END) AS text
FROM fragment JOIN record USING (place) JOIN profile ON profile.profile_id = record.key
WHERE fragment.kind IN ('email', 'phone') AND record.is_profile
    AND place NOT IN (SELECT place FROM fragment GROUP BY place, kind HAVING count(*) > 1)
GROUP BY ALL HAVING text IS NOT NULL
"""
_CARRIED: Final = """
CREATE TABLE carried AS
SELECT *, row_number() OVER (PARTITION BY place, kind ORDER BY value) - 1 AS rank FROM (
    SELECT DISTINCT place, fragment.kind, coalesce(one.value, hash) AS value, coalesce(clear.text, hash) AS clear
    FROM fragment LEFT JOIN clear USING (kind, hash) LEFT JOIN one USING (kind, hash)
    WHERE place IN (SELECT DISTINCT unit FROM unit)
)
"""


@dataclass(frozen=True)
class Units:
    """Input of `identity.linking.link`: `records`, and what ties units of one record together as `manual`."""

    records: pa.Table
    manual: pa.Table


def make(db: duckdb.DuckDBPyConnection, decisions: pa.Table) -> Units:
    """Make the table `unit` (`place` of a record, `unit`: the first place with the same identifiers) and the input.

    Args:
        db: with the staged tables.
        decisions: `left`, `right` (keys of records) and `decision`.
    """
    db.register("decisions", decisions)
    db.execute('CREATE TABLE decided AS SELECT "left" AS key FROM decisions UNION SELECT "right" FROM decisions')
    _find_one(db)
    for statement in (_UNITS, _CLEAR, _CARRIED):
        db.execute(statement)
    identifiers = ", ".join(
        [
            *(f"max(value) FILTER (kind = '{kind}') AS {column}" for kind, column in COLUMN_OF.items()),
            *(f"max(clear) FILTER (kind = '{kind}') AS {CLEAR_PREFIX}{kind}" for kind in CLEAR),
        ]
    )
    fields = ", ".join(f"CASE WHEN rank = 0 THEN profile.{name} END AS {field}" for name, field in PROFILE.items())
    records = fetch(
        db,
        f"""
        WITH ranked AS (SELECT place, rank, {identifiers} FROM carried GROUP BY place, rank),
        wanted AS (SELECT DISTINCT unit AS place FROM unit),
        rows AS (
            SELECT place, coalesce(rank, 0) AS rank, * EXCLUDE (place, rank) FROM wanted LEFT JOIN ranked USING (place)
        )
        SELECT key || CASE WHEN rank > 0 THEN '{TIED}' || rank ELSE '' END AS record_id, {fields},
            rows.* EXCLUDE (place, rank), record.connector AS source
        FROM rows JOIN record USING (place) LEFT JOIN profile ON is_profile AND profile.profile_id = key
        ORDER BY record_id
        """,  # noqa: S608
    )
    tied = fetch(
        db,
        f"""
        SELECT key AS "left", key || '{TIED}' || rank AS "right", 'link' AS decision
        FROM (SELECT DISTINCT place, rank FROM carried WHERE rank > 0) JOIN record USING (place)
        UNION ALL
        SELECT "left", "right", decision FROM decisions
        WHERE "left" IN (SELECT key FROM record) AND "right" IN (SELECT key FROM record)
        ORDER BY ALL
        """,  # noqa: S608
    )
    db.unregister("decisions")
    return Units(records, tied)


def _find_one(db: duckdb.DuckDBPyConnection) -> None:
    """Make the table `one`: `kind` and `hash` of each customer id that was merged, and the `value` it shares."""
    said = fetch(db, "SELECT key, hash FROM merged ORDER BY ALL")
    keys, hashes = (said.column(name).combine_chunks().dictionary_encode() for name in ("key", "hash"))
    count = len(hashes.dictionary)
    labels = components(count + len(keys.dictionary), np.asarray(hashes.indices), count + np.asarray(keys.indices))
    label = labels[:count]
    first = np.unique(label, return_index=True)[1]
    shared = hashes.dictionary.take(pa.array(first[label]))
    db.register("found", pa.table({"hash": hashes.dictionary, "value": shared}))
    db.execute("CREATE TABLE one AS SELECT 'customer_id' AS kind, * FROM found")
    db.unregister("found")
