"""The others as contestants: each in an environment of its own, made on demand from rivals/versions.json."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import measure
from measure import Cost
from ours import HOME
from servers import bigquery_venv
from sources import Source

HERE = Path(__file__).parent / "rivals"
VERSIONS: dict[str, list[str]] = json.loads((HERE / "versions.json").read_text())


def environment(name: str) -> Path:
    """Directory of the executables of a pinned environment.

    Raises:
        MissingServerError: it cannot be installed; says why.
    """
    return bigquery_venv.environment(name, *VERSIONS[name], under=HOME / "rivals").parent


def duckdb_alone(source: Source, home: Path) -> Cost:
    """Read, map and store in one DuckDB process."""
    return _script("duckdb", "duckdb_alone.py", source, home)


def dlt_append(source: Source, home: Path) -> Cost:
    """Arrow tables, appended."""
    return _script("dlt", "dlt_pipe.py", source, home, "append")


def dlt_merge(source: Source, home: Path) -> Cost:
    """Arrow tables, merged by key as dlt does by default."""
    return _script("dlt", "dlt_pipe.py", source, home, "merge")


def dlt_upsert(source: Source, home: Path) -> Cost:
    """Arrow tables, merged by key by another strategy."""
    return _script("dlt", "dlt_pipe.py", source, home, "upsert")


def airbyte(source: Source, home: Path) -> Cost:
    """A source of Airbyte's protocol into the DuckDB cache, appended."""
    return _script("airbyte", "airbyte_pipe.py", source, home)


def singer(source: Source, home: Path) -> Cost:
    """A tap of the SDK, meltano-map-transform, target-duckdb, all defaults left alone."""
    tap = [str(environment("singer-tap") / "python"), str(HERE / "singer_tap.py")]
    mapper = [str(environment("singer-mapper") / "meltano-map-transform")]
    target = [str(environment("singer-target") / "target-duckdb")]
    mapping = json.loads((HERE / "singer_mapping.json").read_text())
    stored = {"path": str(home / "out.duckdb"), "default_target_schema": "growthnav_bench"}
    commands = [
        [*command, "--config", _config(home / f"{number}.json", config)]
        for number, (command, config) in enumerate(((tap, source.place), (mapper, mapping), (target, stored)))
    ]
    return measure.pipe(commands, home / "log.txt")


def _script(name: str, script: str, source: Source, home: Path, *more: str) -> Cost:
    command = [str(environment(name) / "python"), str(HERE / script), json.dumps(source.place), str(home), *more]
    return measure.pipe([command], home / "log.txt")


def _config(path: Path, config: dict[str, Any]) -> str:
    path.write_text(json.dumps(config))
    return str(path)
