"""The whole pipe twice over the same purchases: the second run must mint nobody and change no stored row.

    python bench/second_run.py 1000000

Exit 0 when nothing changed, 1 with the number of people before and after.
"""

from __future__ import annotations

import sys
from pathlib import Path

import duckdb
import measure
import purchases
import record

DIGEST = """
SELECT count(*), count(DISTINCT conversion_id), count(DISTINCT global_customer_id), sum(value),
       bit_xor(hash(conversion_id, global_customer_id, value, "timestamp", user_id))
FROM growthnav_bench.conversions
"""


def digest(home: Path) -> tuple[object, ...]:
    """Rows, keys, people, exact sum of value, and a hash of who bought what when."""
    with duckdb.connect(str(home / "ours.duckdb"), read_only=True) as connection:
        return connection.execute(DIGEST).fetchall()[0]


def main() -> None:
    """Run twice, compare, print."""
    rows = int(sys.argv[1])
    data = record.HOME / f"purchases-{rows}.csv"
    purchases.write(data, rows)
    home = record.fresh("second-run")
    paths = record.files(record.our_configs(data, home), home)
    stages = [[str(record.BIN / stage), "--config", paths[stage]] for stage in record.STAGES]
    seen = []
    for name in ("first run", "second run"):
        record.show(name, rows, measure.pipe(stages, home / "log.txt"))
        record.check(home, rows)
        seen.append(digest(home))
    if seen[0] != seen[1]:
        sys.exit(f"the second run changed what is stored: {seen[0][2]:,} people became {seen[1][2]:,}")
    print(f"unchanged: {seen[0][0]:,} rows, {seen[0][2]:,} people, value {seen[0][3]}")


if __name__ == "__main__":
    main()
