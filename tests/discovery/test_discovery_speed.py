"""How long a profile takes: a wide file, a sample, and the mapping of a table."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import pytest
from usage import measured, yardstick

from bench import wide_table
from discovery.profile import profile_parquet
from discovery.propose import propose

ROWS = 1_000_000
GIGABYTES = 2.0
WIDE, SAMPLE = 2.0, 0.1
"""Yardsticks (five CPU seconds of an idle core): for the wide file, and for a sample with its mapping."""

DEAREST = 12.0
"""Times as long as DuckDB takes to count distinct values of the same file, in the same minute."""
START = "import sys; from pathlib import Path; from discovery.profile import profile_parquet; profile_parquet(Path(sys.argv[1]))"


pytestmark = [pytest.mark.quality, pytest.mark.alone, measured]


@pytest.mark.timeout(600)
def test_a_million_rows_of_fifty_columns_fit(tmp_path: Path) -> None:
    path = wide_table.write(tmp_path / "wide.parquet", ROWS)
    before = _cpu(resource.RUSAGE_CHILDREN)
    taken = _timed(lambda: subprocess.run([sys.executable, "-c", START, str(path)], check=True, env=dict(os.environ)))
    spent = _cpu(resource.RUSAGE_CHILDREN) - before
    print(
        f"\nprofile of {ROWS:,} rows x {len(wide_table.NAMES)} columns, start-up included: {taken:.1f} s, CPU {spent:.1f} s"
    )
    assert spent <= WIDE * yardstick()
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e6 <= GIGABYTES


def test_a_sample_is_profiled_and_mapped_at_once(tmp_path: Path) -> None:
    path = wide_table.write(tmp_path / "sample.parquet", 10_000)
    propose(profile_parquet(path))  # the vocabulary is read once
    spent = []
    for _ in range(3):
        before, start = _cpu(resource.RUSAGE_SELF), time.perf_counter()
        propose(profile_parquet(path))
        spent.append(_cpu(resource.RUSAGE_SELF) - before)
        print(f"\n10,000 rows: {time.perf_counter() - start:.2f} s, CPU {spent[-1]:.2f} s")
    assert min(spent) <= SAMPLE * yardstick()


def test_a_profile_costs_a_few_counts(tmp_path: Path) -> None:
    path = wide_table.write(tmp_path / "some.parquet", 200_000)
    names = ", ".join(f"approx_count_distinct({name})" for name in wide_table.NAMES)
    with duckdb.connect() as connection:
        counted = min(_timed(lambda: connection.execute(f"SELECT {names} FROM '{path}'").fetchall()) for _ in range(3))
    assert min(_timed(lambda: profile_parquet(path)) for _ in range(2)) <= DEAREST * counted


def test_a_mapping_costs_less_than_the_profile(tmp_path: Path) -> None:
    path = wide_table.write(tmp_path / "sample.parquet", 10_000)
    profile = profile_parquet(path)
    propose(profile)  # the vocabulary is read once
    mapped = min(_timed(lambda: propose(profile)) for _ in range(3))
    assert mapped <= min(_timed(lambda: profile_parquet(path)) for _ in range(3)) / 4


def _cpu(whose: int) -> float:
    used = resource.getrusage(whose)
    return used.ru_utime + used.ru_stime


def _timed(work: object) -> float:
    start = time.perf_counter()
    work()  # type: ignore[operator]
    return time.perf_counter() - start
