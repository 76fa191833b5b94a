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

from bench import wide_table
from discovery.profile import profile_parquet
from discovery.propose import propose

ROWS = 1_000_000
SECONDS, GIGABYTES = 5.0, 2.0
SAMPLE_SECONDS = 0.5
DEAREST = 12.0
"""Times as long as DuckDB takes to count distinct values of the same file, in the same minute."""
START = "import sys; from pathlib import Path; from discovery.profile import profile_parquet; profile_parquet(Path(sys.argv[1]))"


@pytest.mark.quality
@pytest.mark.timeout(600)
def test_a_million_rows_of_fifty_columns(tmp_path: Path) -> None:
    path = wide_table.write(tmp_path / "wide.parquet", ROWS)
    best = min(_timed(lambda: profile_parquet(path)) for _ in range(2))
    assert best <= SECONDS
    subprocess.run([sys.executable, "-c", START, str(path)], check=True, env=dict(os.environ))
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e6 <= GIGABYTES


@pytest.mark.quality
def test_a_sample_and_its_mapping(tmp_path: Path) -> None:
    path = wide_table.write(tmp_path / "sample.parquet", 10_000)
    propose(profile_parquet(path))  # the vocabulary is read once
    assert min(_timed(lambda: propose(profile_parquet(path))) for _ in range(3)) <= SAMPLE_SECONDS


def test_a_profile_costs_a_few_counts(tmp_path: Path) -> None:
    path = wide_table.write(tmp_path / "some.parquet", 200_000)
    propose(profile_parquet(path))
    names = ", ".join(f"approx_count_distinct({name})" for name in wide_table.NAMES)
    with duckdb.connect() as connection:
        counted = min(_timed(lambda: connection.execute(f"SELECT {names} FROM '{path}'").fetchall()) for _ in range(3))
    assert min(_timed(lambda: profile_parquet(path)) for _ in range(2)) <= DEAREST * counted


def test_the_mapping_takes_a_millisecond_a_column(tmp_path: Path) -> None:
    profile = profile_parquet(wide_table.write(tmp_path / "sample.parquet", 2_000))
    propose(profile)
    assert min(_timed(lambda: propose(profile)) for _ in range(3)) <= 0.001 * len(profile.columns)


def _timed(work: object) -> float:
    start = time.perf_counter()
    work()  # type: ignore[operator]
    return time.perf_counter() - start
