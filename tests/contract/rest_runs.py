"""Runs a REST tap in this process against a stand-in, without real waiting, and gives back what it wrote."""

from __future__ import annotations

import io
import json
import logging
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from typing import Any

from servers.rest import Service

from pipe.errors import PipeError
from taps.base.rest.tap import RESTTap

Message = dict[str, Any]
Key = tuple[Any, ...]


@dataclass
class Run:
    """One sync."""

    messages: list[Message] = field(default_factory=list)
    error: PipeError | None = None
    waits: list[float] = field(default_factory=list)
    log: str = ""
    output: str = ""

    def records(self, stream: str) -> list[Message]:
        """Records of a stream, in order."""
        return [message["record"] for message in self.messages if _is(message, "RECORD", stream)]

    def rows(self, stream: str) -> dict[Key, Message]:
        """Key -> record as a target would have it at the end: the last one wins."""
        return stored(self.messages).get(stream, {})

    @property
    def states(self) -> list[Message]:
        """Values of the STATE messages."""
        return [message["value"] for message in self.messages if message["type"] == "STATE"]

    @property
    def state(self) -> Message:
        """The last one."""
        return self.states[-1]

    def count(self, metric: str, stream: str | None = None) -> int:
        """Sum of a logged count."""
        points = [json.loads(line.split("METRIC: ", 1)[1]) for line in self.log.splitlines() if "METRIC: " in line]
        return sum(
            point["value"]
            for point in points
            if point["metric"] == metric and stream in {None, point["tags"].get("stream")}
        )


def run_tap(
    tap_class: type[RESTTap],
    config: dict[str, Any],
    state: Any = None,
    streams: list[str] | None = None,
    catalog: Any = None,
) -> Run:
    """Sync once, of some streams or all; an error of ours is kept beside what was written before it."""
    out, log, run = io.TextIOWrapper(io.BytesIO(), encoding="utf-8"), io.StringIO(), Run()
    handler = logging.StreamHandler(log)
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    with redirect_stdout(out):
        try:
            tap = tap_class(config=config, state=json.loads(json.dumps(state)) if state else None, catalog=catalog)
            tap.sleep = run.waits.append  # type: ignore[method-assign]
            if streams is not None:
                for name, stream in tap.streams.items():
                    stream.selected = name in streams  # type: ignore[misc]
            tap.sync_all()
        except PipeError as error:
            run.error = error
            log.write(f"{error.kind} error: {error}\n")
        finally:
            root.removeHandler(handler)
            root.setLevel(level)
    out.flush()
    out.seek(0)
    run.output = out.read()
    run.messages = [json.loads(line) for line in run.output.splitlines()]
    run.log = log.getvalue()
    return run


@dataclass(frozen=True)
class Runner:
    """A tap, and the settings that the runs of a test file have in common."""

    tap: type[RESTTap]
    config: dict[str, Any]

    def attempt(self, service: Service, streams: list[str] | None = None, state: Any = None, **settings: Any) -> Run:
        """A run against the stand-in, with other settings; None takes one away."""
        given = {**self.config, "api_url": service.url, **settings}
        return run_tap(self.tap, {name: value for name, value in given.items() if value is not None}, state, streams)

    def sync(self, service: Service, streams: list[str] | None = None, state: Any = None, **settings: Any) -> Run:
        """The same; it must end well, and have asked for nothing that the service does not know."""
        run = self.attempt(service, streams, state, **settings)
        assert run.error is None, run.error
        assert not service.problems
        return run


def stored(*parts: list[Message]) -> dict[str, dict[Key, Message]]:
    """Stream -> key -> record, as a target would have it after those messages one after the other."""
    keys: dict[str, list[str]] = {}
    tables: dict[str, dict[Key, Message]] = {}
    for message in (message for part in parts for message in part):
        if message["type"] == "SCHEMA":
            keys[message["stream"]] = message["key_properties"]
        elif message["type"] == "RECORD":
            record = message["record"]
            key = tuple(record[name] for name in keys[message["stream"]])
            tables.setdefault(message["stream"], {})[key] = record
    return tables


def _is(message: Message, kind: str, stream: str) -> bool:
    return message["type"] == kind and message.get("stream") == stream
