"""A wide table to profile: 24 columns of numbers, 6 of times, 20 of text, the same for the same number of rows.

    python bench/wide_table.py 1000000

Prints how long a profile and a proposal take, beside DuckDB's own SUMMARIZE.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import duckdb

NUMBERS, TIMES, TEXTS = 24, 6, 20
NAMES = [*(f"n{i}" for i in range(NUMBERS)), *(f"t{i}" for i in range(TIMES)), *(f"s{i}" for i in range(TEXTS))]
_TEXTS = (
    "md5(({i} + {n})::VARCHAR)",
    "'user' || hash({i}) % 100000 || '@example.com'",
    "(['paid', 'open', 'void', 'refunded'])[1 + {i} % 4]",
    "'Some words ' || hash({i} + {n}) % 1000 || ' and more'",
)


def write(path: Path, rows: int) -> Path:
    """Write the table as Parquet; returns its path."""
    columns = [
        f"(hash(i + {n}) % {10 ** (n % 6 + 1)}){'::BIGINT' if n % 2 else '::DECIMAL(18, 2) / 100'} AS n{n}"
        for n in range(NUMBERS)
    ]
    columns += [
        f"TIMESTAMP '2020-01-01' + to_seconds((hash(i + {n}) % 100000000)::BIGINT) AS t{n}" for n in range(TIMES)
    ]
    columns += [f"{_TEXTS[n % 4].format(i='i', n=n)} AS s{n}" for n in range(TEXTS)]
    duckdb.execute(f"COPY (SELECT {', '.join(columns)} FROM range({rows}) t(i)) TO '{path}' (FORMAT parquet)")
    return path


def main(rows: int) -> None:
    """Measure."""
    from discovery.profile import profile_parquet
    from discovery.propose import propose

    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder) / "wide.parquet", rows)
        start = time.perf_counter()
        profile = profile_parquet(path)
        profiled = time.perf_counter()
        propose(profile)
        proposed = time.perf_counter()
        duckdb.execute(f"SUMMARIZE SELECT * FROM '{path}'").fetchall()
        summarized = time.perf_counter()
    print(f"{rows:,} x {len(NAMES)}: profile {profiled - start:.2f} s, proposal {proposed - profiled:.2f} s, ")
    print(f"DuckDB SUMMARIZE {summarized - proposed:.2f} s")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
