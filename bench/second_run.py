"""The whole pipe twice over the same purchases: the second run must mint nobody and change no row.

    python bench/second_run.py 1000000 [--source postgres]

A row keeps the person who was known when it passed; when two people turn out to be one, `identity_merges` leads from
the retired id to the survivor. So what is compared is the person an id leads to. Exit 1 when anything changed.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

import duckdb
import measure
import ours
import sources

DIGEST = """
WITH RECURSIVE merges AS (
  SELECT DISTINCT from_id, to_id FROM growthnav_bench.identity_merges
  WHERE event = 'merge'
), steps AS (
  SELECT from_id AS id, to_id AS person FROM merges
  UNION ALL
  SELECT steps.id, merges.to_id FROM steps JOIN merges ON merges.from_id = steps.person
), survivors AS (
  SELECT DISTINCT id, person FROM steps WHERE person NOT IN (SELECT from_id FROM merges)
)
SELECT count(*), count(DISTINCT conversion_id), count(DISTINCT ifnull(person, global_customer_id)), sum(value),
       bit_xor(hash(conversion_id, ifnull(person, global_customer_id), value, "timestamp", user_id))
FROM growthnav_bench.conversions LEFT JOIN survivors ON id = global_customer_id
"""
_MINTED = re.compile(r'"metric":"minted_count","value":(\d+)')


def digest(home: Path) -> tuple[object, ...]:
    """Rows, keys, people, exact sum of value, and a hash of who bought what when."""
    with duckdb.connect(str(home / "out.duckdb"), read_only=True) as connection:
        return connection.execute(DIGEST).fetchall()[0]


def minted(log: Path) -> int:
    """New people, by the log of resolve-identity."""
    return sum(map(int, _MINTED.findall(log.read_text(errors="replace"))))


def main() -> None:
    """Run twice, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", type=int)
    parser.add_argument("--source", choices=list(sources.SOURCES), default="csv")
    parser.add_argument("--home", type=Path, default=ours.HOME, help="directory of purchases and runs")
    options = parser.parse_args()
    home = ours.fresh(options.home, "second-run")
    with sources.open_source(options.source, options.rows, options.home) as source:
        commands = ours.commands(ours.configs(source, home), home)
        seen, new = [], []
        for log in (home / "first.txt", home / "second.txt"):
            cost = measure.pipe(commands, log)
            seen.append(digest(home))
            new.append(minted(log))
            print(f"{log.stem} run: {cost.wall:.1f} s, {cost.total_cpu:.1f} CPU s, {new[-1]:,} people minted")
    if new[1] or seen[0] != seen[1]:
        sys.exit(f"the second run changed something: {seen[0]} became {seen[1]}, {new[1]:,} people minted")
    print(f"unchanged: {seen[0][0]:,} rows, {seen[0][2]:,} people, value {seen[0][3]}")


if __name__ == "__main__":
    main()
