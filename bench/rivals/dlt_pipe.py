"""dlt at its best: Arrow tables, mapped by SQL before they reach it, into DuckDB.

    python dlt_pipe.py PLACE HOME append|merge|upsert

PLACE is a JSON object (see sources.Source.place). Merging is on `conversion_id`: as dlt does when nothing is said (it
deletes, then inserts), or by its strategy `upsert`.
"""

from __future__ import annotations

import json
import os
import sys

import reading

os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"

import dlt


def main() -> None:
    """Run the pipeline."""
    place, home, how = json.loads(sys.argv[1]), sys.argv[2], sys.argv[3]
    pipeline = dlt.pipeline(
        "bench",
        pipelines_dir=f"{home}/dlt",
        destination=dlt.destinations.duckdb(f"{home}/out.duckdb"),
        dataset_name="growthnav_bench",
    )
    key = None if how == "append" else "conversion_id"
    write = {"disposition": "merge", "strategy": "upsert"} if how == "upsert" else how
    conversions = dlt.resource(reading.mapped(place), name="conversions", primary_key=key, write_disposition=write)
    pipeline.run(conversions).raise_on_failed_jobs()


if __name__ == "__main__":
    main()
