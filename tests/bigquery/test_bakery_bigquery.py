"""The bakery in BigQuery and in DuckDB, each by plain Meltano: the same records, totals and people."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from servers.bigquery import PROJECT, Emulator

from pipe.outbox import LOCK
from plugins.demo_data import bakery, cdnow
from plugins.warehouse import BigQueryWarehouse, DuckDBWarehouse
from transforms.models.queries import Parameters

ROOT = Path(__file__).parents[2]
MELTANO = Path(sys.executable).with_name("meltano")
RUNS = {"bakery": "target-duckdb", "bakery-bq": "target-bigquery"}

TOTALS = """
SELECT source_stream, conversion_type, currency, count(*), sum(value), sum(quantity), min(timestamp), max(timestamp)
FROM {}.conversions GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
"""
RECORDS = """
SELECT source_stream, transaction_id, global_customer_id FROM {0}.conversions
UNION ALL SELECT source_stream, source_record_id, global_customer_id FROM {0}.customer_profiles
"""
MERGES = "SELECT from_id, to_id FROM {}.identity_merges WHERE event = 'merge'"

pytestmark = pytest.mark.quality

Query = Callable[[str], list[tuple[Any, ...]]]


def meltano_run(root: Path, environment: str, **variables: str) -> str:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MELTANO", "PYTHONDONT"))}
    command = [MELTANO, f"--environment={environment}", "run", "tap-csv", "conversions", "identity", RUNS[environment]]
    done = subprocess.run(command, cwd=root, env=kept | variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stderr


def people(query: Query) -> set[frozenset[tuple[str, str]]]:
    """The records of each person, merges counted; a record without a person is nobody's."""
    merged = dict(query(MERGES))
    found: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for stream, record_id, sent in query(RECORDS):
        person = sent
        while person in merged:
            person = merged[person]
        if person:
            found[person].add((stream, record_id))
    return set(map(frozenset, found.values()))


def test_the_bakery_is_the_same_in_bigquery_and_in_duckdb(emulator: Emulator, tmp_path: Path) -> None:
    for name in ("meltano.yml", "logging.yaml"):
        shutil.copy(ROOT / name, tmp_path)
    shutil.copytree(ROOT / "tenants", tmp_path / "tenants")
    (tmp_path / ".venv").symlink_to(sys.prefix)
    bakery.prepare(tmp_path / ".growthnav/demo/bakery")

    meltano_run(tmp_path, "bakery")
    place = {"BAKERY_BQ_PROJECT": PROJECT, "BIGQUERY_EMULATOR_HOST": emulator.url}
    meltano_run(tmp_path, "bakery-bq", **place)

    here = DuckDBWarehouse(tmp_path / "out/bakery.duckdb", "growthnav_bakery")
    there = BigQueryWarehouse({"project": PROJECT, "dataset": "growthnav_bakery_bq", "api_endpoint": emulator.url})
    assert here.make_models(Parameters()) == there.make_models(Parameters())
    with duckdb.connect(str(tmp_path / "out/bakery.duckdb"), read_only=True) as connection:
        connection.execute("SET TimeZone = 'UTC'")

        def local(sql: str) -> list[tuple[Any, ...]]:
            return connection.execute(sql.format("growthnav_bakery")).fetchall()

        def remote(sql: str) -> list[tuple[Any, ...]]:
            return emulator.rows(sql.format("growthnav_bakery_bq"))

        totals = remote(TOTALS)
        assert totals == local(TOTALS)
        assert (sum(row[3] for row in totals), sum(row[4] for row in totals)) == (cdnow.PURCHASES, cdnow.REVENUE)
        assert isinstance(totals[0][4], Decimal)
        found, expected = people(remote), people(local)
        assert len(found) == len(expected) > 10_000
        assert found == expected
        revenue = "SELECT count(*), sum(revenue) FROM {}.rfm_people WHERE frequency > 0"
        assert remote(revenue) == local(revenue)
    assert [path.name for path in (tmp_path / ".growthnav/bakery-bq/batches").iterdir()] == [LOCK]
