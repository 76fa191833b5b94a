"""What the tests of the SQL taps share."""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import logging
import os
import subprocess
import sys
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

from support import BIN, Finished

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


def run_here(module: str, config: dict[str, Any], tmp_path: Path, *more: str) -> Finished:
    """As `run_tap` in this process, which saves the seconds that a new one takes to start."""
    path = tmp_path / "tap.json"
    path.write_text(json.dumps(config))
    output, log = io.TextIOWrapper(io.BytesIO(), write_through=True), io.StringIO()
    arguments = [module, "--config", str(path), *more]
    handler = logging.StreamHandler(log)
    logging.getLogger().addHandler(handler)
    with (
        mock.patch.object(sys, "argv", arguments),
        contextlib.redirect_stdout(output),
        contextlib.redirect_stderr(log),
    ):
        try:
            importlib.import_module(module).main()
            code = 0
        except SystemExit as ended:
            code = int(ended.code or 0)
        finally:
            logging.getLogger().removeHandler(handler)
    return Finished(code, output.buffer.getvalue().splitlines(), log.getvalue())  # type: ignore[attr-defined]


def cut_off(tap: str, config: dict[str, Any], tmp_path: Path, cut: Callable[[], None]) -> Finished:
    """Run a tap, and call `cut` after its first ten messages."""
    path = tmp_path / "tap.json"
    path.write_text(json.dumps(config))
    with (
        (tmp_path / "log").open("wb") as errors,
        subprocess.Popen([BIN / tap, "--config", path], stdout=subprocess.PIPE, stderr=errors) as process,
    ):
        assert process.stdout
        first = [process.stdout.readline() for _ in range(10)]
        cut()
        rest = process.stdout.read()
    return Finished(process.returncode, [*first, *rest.splitlines()], (tmp_path / "log").read_text())


def assert_lost(done: Finished, stream: str, rows: int) -> None:
    """The loss is told, and no STATE covers what was not sent; `rows` are numbered from 1 in the order of the key."""
    assert done.code == 75, done.log
    assert "connection to the database was lost" in done.log
    assert "Traceback" not in done.log
    sent = 0
    for message in done.messages():
        sent += message["type"] == "RECORD"
        if message["type"] == "STATE" and (mark := message["value"]["bookmarks"].get(stream)):
            assert int((mark.get("key_position") or [0])[0]) <= sent
    assert 0 < sent < rows
