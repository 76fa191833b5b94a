"""The limit: one DuckDB process that reads, maps and stores; no messages, no key, no people.

python duckdb_alone.py PLACE HOME
"""

from __future__ import annotations

import json
import sys

import duckdb
import reading


def main() -> None:
    """Make the table."""
    place, home = json.loads(sys.argv[1]), sys.argv[2]
    with duckdb.connect(f"{home}/out.duckdb") as connection:
        connection.execute("CREATE SCHEMA growthnav_bench")
        if "path" in place:
            mapping = reading.MAPPING.replace("FROM purchases", f"FROM read_csv('{place['path']}', all_varchar = true)")
            connection.execute(f"CREATE TABLE growthnav_bench.conversions AS {mapping}")
            return
        for number, purchases in enumerate(reading.tables(place)):
            connection.register("purchases", purchases)
            into = (
                "INSERT INTO growthnav_bench.conversions" if number else "CREATE TABLE growthnav_bench.conversions AS"
            )
            connection.execute(f"{into} {reading.MAPPING}")


if __name__ == "__main__":
    main()
