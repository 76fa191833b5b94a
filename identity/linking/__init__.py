"""Which records are one person: identifiers guarded by total counts, pairs scored, conflicts vetoed, clusters found.

```python
from identity.linking import LinkSettings, link

linked = link(records, settings=LinkSettings())
linked.clusters  # record_id, cluster
```

The heavy parts (the scoring library, the graph routines) are imported by the call, not by the import.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from identity.linking.result import BLOCKED, CLUSTERS, EDGES, FIELDS, IDENTIFIERS, MANUAL, Linked, Report, Session
from identity.linking.settings import LinkSettings

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

    from identity.linking.known import Memory

__all__ = [
    "BLOCKED",
    "CLUSTERS",
    "EDGES",
    "FIELDS",
    "IDENTIFIERS",
    "MANUAL",
    "LinkSettings",
    "Linked",
    "Report",
    "Session",
    "link",
]


def link(
    records: pa.Table,
    *,
    settings: LinkSettings | None = None,
    connection: duckdb.DuckDBPyConnection | None = None,
    manual: pa.Table | None = None,
    memory: Memory | None = None,
) -> Linked:
    """Find the people in `records`.

    Args:
        records: one row a record: `record_id` (text, unique) and any columns of `FIELDS` (text, nullable), values as
            they come; others are left alone. Order does not matter.
        settings: how; the shipped values when left out.
        connection: where to work, in a schema that is dropped at the end; by default a new one in memory.
        manual: decisions of people, as `MANUAL`; pairs with an unknown record are left alone.
        memory: of the last time, so that only new records are scored; when given, `Linked.known` is for the next.

    Raises:
        ConfigurationError: the person model cannot be read, or the back end is not installed.
        DataError: `record_id` is missing, empty or not unique, or the manual decisions contradict each other.
    """
    from identity.linking.engine import run

    return run(records, settings or LinkSettings(), connection, manual, memory)
