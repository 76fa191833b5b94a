"""Links that need no model: an identifier in common, and given names that can be one person's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from identity.linking.prepare import PERSON
from identity.linking.result import IDENTIFIERS

if TYPE_CHECKING:
    import duckdb

CERTAIN: Final = "certain"
"""The table made: `left_uid` < `right_uid`, `rule` (the identifier)."""


def link_by_identifiers(db: duckdb.DuckDBPyConnection) -> None:
    """Make the table `certain` of `person`.

    Records with one identifier and one beginning of the given name hang together as a star, so a customer with a
    thousand purchases costs a thousand links. Those without a name join when there is only one name to join.
    """
    stars = " UNION ALL ".join(
        f"SELECT uid, '{kind}' AS rule, {kind} AS value, left(name_root, 2) AS name FROM {PERSON} "  # noqa: S608
        f"WHERE {kind} IS NOT NULL"
        for kind in IDENTIFIERS
    )
    db.execute(
        f"""CREATE TABLE {CERTAIN} AS
        WITH entries AS ({stars}),
        named AS (
            SELECT uid, rule, value, CASE
                WHEN name IS NULL AND count(DISTINCT name) OVER (PARTITION BY rule, value) = 1
                THEN max(name) OVER (PARTITION BY rule, value) ELSE coalesce(name, '') END AS name
            FROM entries
        ),
        stars AS (SELECT min(uid) OVER (PARTITION BY rule, value, name) AS left_uid, uid AS right_uid, rule FROM named)
        SELECT left_uid, right_uid, min(rule) AS rule FROM stars WHERE left_uid < right_uid GROUP BY left_uid, right_uid
        ORDER BY left_uid, right_uid"""  # noqa: S608
    )
