#!/usr/bin/env python
"""A source that speaks Airbyte's protocol: purchases of a CSV file, a message a row.

spec, check, discover and read as PyAirbyte calls them; `--config` names a JSON file with `path`.
"""

from __future__ import annotations

import csv
import sys
import time
from pathlib import Path
from typing import Any

import orjson

SPEC = {
    "connectionSpecification": {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object",
        "required": ["path"],
        "properties": {"path": {"type": "string"}},
    }
}


def say(kind: str, content: dict[str, Any]) -> None:
    """Write one message."""
    name = {"CONNECTION_STATUS": "connectionStatus", "STATE": "state"}.get(kind, kind.lower())
    sys.stdout.buffer.write(orjson.dumps({"type": kind, name: content}, option=orjson.OPT_APPEND_NEWLINE))


def stream(path: Path) -> dict[str, Any]:
    """The one stream; all columns are text."""
    with path.open(encoding="utf-8", newline="") as file:
        columns = next(csv.reader(file))
    return {
        "name": "purchases",
        "json_schema": {
            "type": "object",
            "properties": {column: {"type": ["null", "string"]} for column in columns},
        },
        "supported_sync_modes": ["full_refresh"],
        "source_defined_primary_key": [["purchase_id"]],
    }


def read(path: Path) -> None:
    """Every row; empty text is null."""
    now = int(time.time() * 1000)
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            data = {name: value or None for name, value in row.items()}
            say("RECORD", {"stream": "purchases", "data": data, "emitted_at": now})


def main() -> None:
    """Do what is asked."""
    command, options = sys.argv[1], sys.argv[2:]
    if command == "spec":
        say("SPEC", SPEC)
        return
    path = Path(orjson.loads(Path(options[options.index("--config") + 1]).read_bytes())["path"])
    if command == "check":
        say("CONNECTION_STATUS", {"status": "SUCCEEDED"})
    elif command == "discover":
        say("CATALOG", {"streams": [stream(path)]})
    else:
        read(path)


if __name__ == "__main__":
    main()
