"""Runs tap-csv in this process on real files and gives back what it wrote."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from typing import Any

from pipe.errors import PipeError
from taps.csv.tap import TapCSV

MARKS = ("_sdc_file", "_sdc_file_modified_at", "_sdc_row")


@dataclass
class Run:
    messages: list[dict[str, Any]] = field(default_factory=list)
    error: PipeError | None = None

    @property
    def records(self) -> list[dict[str, Any]]:
        return [message["record"] for message in self.messages if message["type"] == "RECORD"]

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The records without the columns the tap adds."""
        return [{name: value for name, value in row.items() if name not in MARKS} for row in self.records]

    @property
    def states(self) -> list[dict[str, Any]]:
        return [message["value"] for message in self.messages if message["type"] == "STATE"]

    @property
    def schemas(self) -> list[dict[str, Any]]:
        return [message["schema"]["properties"] for message in self.messages if message["type"] == "SCHEMA"]

    @property
    def types(self) -> list[str]:
        """Message types, repeats of one type in a row counted once."""
        types = [message["type"] for message in self.messages]
        return [kind for kind, before in zip(types, [None, *types], strict=False) if kind != before]


def run_tap(config: dict[str, Any], state: Any = None, catalog: Any = None) -> Run:
    """Sync once; an error of ours is kept beside what was written before it."""
    out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    run = Run()
    with redirect_stdout(out):
        try:
            TapCSV(config=config, state=state, catalog=catalog).sync_all()
        except PipeError as error:
            run.error = error
    out.seek(0)
    run.messages = [json.loads(line) for line in out]
    return run


Read = Callable[..., Run]
