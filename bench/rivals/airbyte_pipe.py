"""PyAirbyte: a source of its protocol into its DuckDB cache, as its documentation shows it.

python airbyte_pipe.py PLACE HOME
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

os.environ.update(DO_NOT_TRACK="1", AIRBYTE_OFFLINE_MODE="1", AIRBYTE_LOGGING_ROOT=f"{sys.argv[2]}/logs")

import airbyte
from airbyte.caches import DuckDBCache


def main() -> None:
    """Read everything into the cache."""
    place, home = json.loads(sys.argv[1]), Path(sys.argv[2])
    executable = home / "source-purchases"
    script = Path(__file__).with_name("airbyte_source.py")
    executable.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{script}" "$@"\n')
    executable.chmod(0o755)
    source = airbyte.get_source("source-purchases", local_executable=executable, config=place, streams="*")
    cache = DuckDBCache(db_path=home / "out.duckdb", schema_name="growthnav_bench", cache_dir=home / "cache")
    source.read(cache=cache, write_strategy="append")


if __name__ == "__main__":
    main()
