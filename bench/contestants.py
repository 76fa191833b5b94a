"""Who takes part, as data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import duckdb
import ours
import rivals
from measure import Cost
from sources import Source

BASE = "ours-batches"
"""All ratios are to this one, on the same source."""
Totals = tuple[int, int, Decimal]


@dataclass(frozen=True)
class Contestant:
    """One way from a source to a DuckDB file."""

    name: str
    title: str
    run: Callable[[Source, Path], Cost]
    sources: tuple[str, ...] = ("csv", "postgres", "snowflake")
    slow: bool = False
    """It gets fewer rows, for it would take many minutes; what is compared is rows a second."""
    table: str = "conversions"
    key: str = "transaction_id"
    value: str = "value"


def totals(contestant: Contestant, home: Path) -> Totals:
    """Rows, distinct keys and the exact sum of the value in what a run made.

    Some store doubles or texts: each is read to the cent before it is added.
    """
    query = (
        f"SELECT count(*), count(DISTINCT {contestant.key}), sum({contestant.value}::DECIMAL(38,2)) "
        f"FROM growthnav_bench.{contestant.table}"
    )
    with duckdb.connect(str(home / "out.duckdb"), read_only=True) as connection:
        rows, keys, value = connection.execute(query).fetchall()[0]
    return rows, keys, value


ALL = (
    Contestant(BASE, "ours, files", ours.in_batches),
    Contestant("ours-meltano", "ours, files, meltano run", ours.by_meltano),
    Contestant("ours-tap-records", "ours, tap by row, meltano", ours.tap_in_records),
    Contestant("ours-records", "ours, a message a row", ours.in_records, slow=True),
    Contestant("ours-no-people", "ours, files, no people", ours.without_people),
    Contestant("dlt-append", "dlt, Arrow, append", rivals.dlt_append),
    Contestant("dlt-merge", "dlt, Arrow, merge by key", rivals.dlt_merge),
    Contestant("dlt-upsert", "dlt, Arrow, upsert by key", rivals.dlt_upsert),
    Contestant("duckdb", "DuckDB alone (the limit)", rivals.duckdb_alone),
    Contestant("singer", "default Singer pipe", rivals.singer, ("csv",), True, "purchases", "purchase_id"),
    Contestant("airbyte", "PyAirbyte", rivals.airbyte, ("csv",), True, "purchases", "purchase_id", "amount"),
)
NAMES = tuple(each.name for each in ALL)
