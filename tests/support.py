"""What tests of several rooms share: running our executables as real processes, and making Singer lines."""

from __future__ import annotations

import io
import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipe.errors import PipeError
from pipe.pump import BlockWriter

BIN = Path(sys.executable).parent


@dataclass(frozen=True)
class Finished:
    """A process that has ended."""

    code: int
    lines: list[bytes]
    log: str

    def messages(self, kind: str | None = None, stream: str | None = None) -> list[dict[str, Any]]:
        """Decoded output messages, of one type or stream."""
        decoded = [json.loads(line) for line in self.lines]
        return [
            message
            for message in decoded
            if (kind is None or message["type"] == kind) and (stream is None or message.get("stream") == stream)
        ]

    def records(self, stream: str) -> list[dict[str, Any]]:
        """Records of a stream."""
        return [message["record"] for message in self.messages("RECORD", stream)]

    def metrics(self) -> dict[tuple[str, str], int]:
        """Logged counts: (metric, stream) -> value. Ours outrank the SDK's, which come in parts on a slow machine."""
        found: dict[tuple[str, str], int] = {}
        for line in self.log.splitlines():
            if "METRIC: " in line:
                point = json.loads(line.split("METRIC: ", 1)[1])
                key = point["metric"], point["tags"].get("stream", "")
                if "stage" in point["tags"] or key not in found:
                    found[key] = point["value"]
        return found


def run(
    executable: str,
    config: dict[str, Any] | None,
    lines: Iterable[bytes | str | dict[str, Any]],
    tmp_path: Path,
    *more: str,
) -> Finished:
    """Run an executable of ours with `lines` on its standard input."""
    arguments = [str(BIN / executable), *more]
    if config is not None:
        path = tmp_path / f"{executable}.json"
        path.write_text(json.dumps(config))
        arguments += ["--config", str(path)]
    environment = {**os.environ, "COLUMNS": "200"}
    done = subprocess.run(arguments, input=join(lines), capture_output=True, env=environment, timeout=120, check=False)
    return Finished(done.returncode, done.stdout.splitlines(), done.stderr.decode())


def run_inside(plugin: Any, config: dict[str, Any], lines: Iterable[bytes | str | dict[str, Any]]) -> Finished:
    """Run a mapper class in this process: as `run`, without the half second a new process takes to start."""
    output, log = io.BytesIO(), io.StringIO()
    handler = logging.StreamHandler(log)
    logging.getLogger().addHandler(handler)
    code = 0
    try:
        step = plugin(config=config)
        step._writer = BlockWriter(output)
        step.listen(io.BytesIO(join(lines)))
    except PipeError as error:
        code = error.exit_code
        log.write(f"{error.kind} error: {error}\n")
    finally:
        logging.getLogger().removeHandler(handler)
    return Finished(code, output.getvalue().splitlines(), log.getvalue())


def join(lines: Iterable[bytes | str | dict[str, Any]]) -> bytes:
    """Lines as one block of bytes; dictionaries as JSON."""
    encoded = [
        line if isinstance(line, bytes) else line.encode() if isinstance(line, str) else json.dumps(line).encode()
        for line in lines
    ]
    return b"".join(line + b"\n" for line in encoded)


def schema(stream: str, fields: Iterable[str], keys: Iterable[str] = ()) -> dict[str, Any]:
    """A SCHEMA message in which every field is text."""
    properties = {field: {"type": ["null", "string"]} for field in fields}
    return {
        "type": "SCHEMA",
        "stream": stream,
        "schema": {"type": "object", "properties": properties},
        "key_properties": list(keys),
    }


def record(stream: str, **values: Any) -> dict[str, Any]:
    """A RECORD message."""
    return {"type": "RECORD", "stream": stream, "record": values}


def state(**value: Any) -> dict[str, Any]:
    """A STATE message."""
    return {"type": "STATE", "value": value}
