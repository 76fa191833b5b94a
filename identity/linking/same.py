"""Records that are equal in every field and share an identifier: one is enough to be compared, the others follow it.

A regular guest has hundreds of them, and pairs grow with their square.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from identity.linking.prepare import COLUMNS, PERSON
from identity.linking.result import IDENTIFIERS

if TYPE_CHECKING:
    import duckdb

SAME: Final = "same"
"""The table made: `left_uid`, the record that stays in `person`, and `right_uid`, one that left it."""


def set_aside(db: duckdb.DuckDBPyConnection) -> None:
    """Move all but the first of equal records from the table `person` to `same`."""
    listed = ", ".join(COLUMNS)
    identified = f"coalesce({', '.join(IDENTIFIERS)}) IS NOT NULL"
    db.execute(
        f"CREATE TABLE {SAME} AS SELECT left_uid, uid AS right_uid FROM "  # noqa: S608
        f"(SELECT uid, min(uid) OVER (PARTITION BY hash({listed})) AS left_uid FROM {PERSON} WHERE {identified}) "
        "WHERE uid <> left_uid ORDER BY ALL"
    )
    db.execute(f"DELETE FROM {PERSON} USING {SAME} WHERE uid = right_uid")  # noqa: S608
