"""Measures a REST tap as a process of its own against a stand-in in another: rows a second, and memory."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path
from typing import Any, NamedTuple

from support import BIN
from usage import watched, yardstick

ROWS = 100_000
DEAREST = 24.0
"""Yardsticks a million rows may take: 8,000 rows a second of an idle core, so that only the service limits a tap."""
MEMORY = 200
"""MB it may take."""


class Volume(NamedTuple):
    """What was measured."""

    rows: int
    per_second: float
    per_cpu_second: float
    yardsticks: float
    """A million rows' CPU time."""
    megabytes: float


def measure(executable: str, config: dict[str, Any], stream: str, home: Path) -> Volume:
    """Read one stream twice, the second time from a service that has its pages ready; figures are of that one."""
    (home / "config.json").write_text(json.dumps(config))
    tap = [str(BIN / executable), "--config", str(home / "config.json")]
    catalog = json.loads(subprocess.run([*tap, "--discover"], capture_output=True, check=True).stdout)
    for entry in catalog["streams"]:
        for item in entry["metadata"]:
            if item["breadcrumb"] == []:
                item["metadata"]["selected"] = entry["tap_stream_id"] == stream
    (home / "catalog.json").write_text(json.dumps(catalog))
    _read(tap, home)
    return _read(tap, home)


def _read(tap: list[str], home: Path) -> Volume:
    out = home / "out.jsonl"
    began = time.perf_counter()
    with out.open("wb") as output, (home / "log.txt").open("wb") as log:
        used = watched(*tap, "--catalog", str(home / "catalog.json"), stdout=output, stderr=log)
    wall = time.perf_counter() - began
    assert used.code == 0, (home / "log.txt").read_text()[-2000:]
    with out.open("rb") as lines:
        rows = sum(line.startswith(b'{"type":"RECORD"') for line in lines)
    a_million = used.cpu_seconds * 1_000_000 / rows
    return Volume(rows, rows / wall, rows / used.cpu_seconds, a_million / yardstick(), used.megabytes)
