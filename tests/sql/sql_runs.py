"""What the tests of the SQL taps share."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

from support import Finished

from pipe import batches


def unpacked(done: Finished, stream: str) -> list[dict[str, Any]]:
    """The records of a stream, those of its batch files too."""
    (schema,) = done.messages("SCHEMA", stream)[:1]
    found = done.records(stream)
    for message in done.messages("BATCH", stream):
        given = batches.decode(json.dumps(message).encode(), 1)
        found += map(json.loads, batches.records(given, schema["schema"]["properties"]))
    return found


def with_state(tmp_path: Path, value: Any) -> tuple[str, str]:
    """Arguments that give the tap a state."""
    path = tmp_path / f"state-{uuid.uuid4().hex}.json"
    path.write_text(json.dumps(value))
    return "--state", str(path)


def run_tap(module: str, config: dict[str, Any], tmp_path: Path, *more: str) -> Finished:
    """Run a tap by its module, as its executable does."""
    path = tmp_path / "tap.json"
    path.write_text(json.dumps(config))
    command = [sys.executable, "-c", f"from {module} import main; main()", "--config", str(path), *more]
    environment = {**os.environ, "COLUMNS": "200"}
    done = subprocess.run(command, capture_output=True, env=environment, timeout=120, check=False)
    return Finished(done.returncode, done.stdout.splitlines(), done.stderr.decode())
