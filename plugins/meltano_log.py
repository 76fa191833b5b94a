"""Meltano's JSON log, read line by line into what the operator wants to know: counts, errors, where it stands.

Exit codes of taps and targets come with Meltano's closing event; a mapper's does not (a mapper that dies shows as
"Intermediate block failed"), so the last line that our executables write, `<kind> error: <sentence>`, counts more.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pipe.errors import KIND_BY_EXIT_CODE

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from pathlib import Path

    from plugins.redact import Redactor

Flow = tuple[str, str]
"""A source stream, and what a count tells beside it: the canonical stream it feeds, or the rule that was broken."""

EXTRACTOR, MAPPER, LOADER = "extractor", "mapper", "loader"

_LAST_LINE = re.compile(rf"({'|'.join(KIND_BY_EXIT_CODE.values())}) error: (.+)", re.DOTALL)
_METRIC = "METRIC: "
_STATE_ID = re.compile(r"Running job with name '([^']+)'")
_NOISE = {"_logger", "_name", "stdio", "consumer", "producer", "cmd_type", "job_name", "run_id", "string_id"}
_ECHO = "the next process in the pipe ended before reading everything"


@dataclass(frozen=True)
class Event:
    """One line of the log."""

    text: str
    level: str = "info"
    plugin: str = ""
    role: str = ""
    fields: dict[str, Any] = field(default_factory=dict)

    def masked(self, mask: Redactor) -> Event:
        """The event without secrets."""
        return Event(mask(self.text), self.level, self.plugin, self.role, mask.deep(self.fields))

    def as_dict(self) -> dict[str, Any]:
        """As it is kept in the run's log file."""
        return {key: value for key, value in self.fields.items() if key not in _NOISE} or {"event": self.text}

    @property
    def metric(self) -> dict[str, Any] | None:
        """The measurement it carries, if any: `metric`, `value`, `tags`."""
        point = self.fields.get("metric_info")
        if point is None and self.text.startswith(_METRIC):
            try:
                point = json.loads(self.text.removeprefix(_METRIC))
            except ValueError:
                return None
        return point if isinstance(point, dict) and isinstance(point.get("value"), int | float) else None


@dataclass(frozen=True)
class Complaint:
    """What one of our executables said when it gave up."""

    plugin: str
    kind: str
    text: str


class LogFile:
    """The log as it is kept: one JSON object a line. A disk that gets full ends the log, and not the run."""

    def __init__(self, path: Path, mode: str, tell: Callable[[str], None]) -> None:
        """Open the file, for all to come; raises `OSError` where that cannot be."""
        self._file, self._tell, self._is_open = path.open(mode, buffering=1, encoding="utf-8"), tell, True

    def __enter__(self) -> LogFile:
        """Nothing more to do."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        with suppress(OSError):  # what could not be written has been told
            self._file.close()

    def add(self, event: Event) -> None:
        """Write a line."""
        if self._is_open:
            try:
                self._file.write(json.dumps(event.as_dict()) + "\n")
            except OSError as error:
                self._is_open = False
                self._tell(f"the run's log ends here ({error.strerror})")


def parse(line: str) -> Event:
    """An event out of a line of the log; a line that is not JSON is taken as text."""
    try:
        fields = json.loads(line)
    except ValueError:
        fields = None
    if not isinstance(fields, dict):
        return Event(line.rstrip())
    plugin = str(fields.get("string_id") or fields.get("name") or "") if fields.get("stdio") else ""
    return Event(str(fields.get("event", "")), str(fields.get("level", "info")), plugin, _role(fields), fields)


def _role(fields: dict[str, Any]) -> str:
    if fields.get("stdio") is None:
        return ""
    if fields.get("consumer"):
        return MAPPER if fields.get("producer") else LOADER
    return EXTRACTOR


class RunLog:
    """What a run's log has told so far."""

    def __init__(self, pipe: Mapping[str, str] | None = None, before: RunLog | None = None) -> None:
        """Nothing yet, or the counts of the tries `before`; `pipe` tells the role of each plugin that will run."""
        self._pipe = pipe or {}
        self.counts: dict[str, dict[str, Counter[Flow]]] = defaultdict(lambda: defaultdict(Counter))
        """plugin -> metric -> flow -> sum"""
        self.roles: dict[str, str] = {}
        self.complaints: list[Complaint] = []
        self.crashed: set[str] = set()
        self.meltano_errors: list[str] = []
        self.exit_codes: dict[str, int] = {}
        self.verdict = ""
        self.state_ids: list[str] = []
        self.states_saved = 0
        if before:
            self.counts, self.roles = before.counts, before.roles

    def take(self, event: Event) -> None:
        """Add one event."""
        if event.plugin:
            self._take_plugin(event)
        elif event.text == "Block run completed":
            self._take_verdict(event.fields)
        elif found := _STATE_ID.match(event.text):
            self.state_ids.append(found[1])
        elif event.text.startswith("Incremental state has been updated"):
            self.states_saved += 1
        elif event.level in {"error", "critical"}:
            self.meltano_errors.append(event.text)

    def total(
        self, metric: str, role: str | None = None, *, beside: str | None = None, without: Collection[str] = ()
    ) -> int:
        """Sum of a count, of all plugins or only of some.

        Args:
            metric: the count.
            role: only plugins in that role.
            beside: only plugins that have this count, too.
            without: streams to leave out.
        """
        return sum(
            count
            for plugin, metrics in self.counts.items()
            if role in {None, self.roles[plugin]} and beside in {None, *metrics}
            for (stream, _), count in metrics.get(metric, {}).items()
            if stream not in without
        )

    def flows(self, metric: str) -> Counter[Flow]:
        """A count by flow, of all plugins together."""
        return sum((metrics[metric] for metrics in self.counts.values() if metric in metrics), Counter())

    def has(self, metric: str, role: str) -> bool:
        """Whether any plugin of the role has counted that."""
        return any(metric in metrics and self.roles[plugin] == role for plugin, metrics in self.counts.items())

    def named(self, role: str) -> list[str]:
        """The plugins in a role: those that have been heard of, else those that should run."""
        heard = [name for name, its in self.roles.items() if its == role]
        return heard or [name for name, its in self._pipe.items() if its == role]

    @property
    def stage(self) -> str:
        """Where the run stands, in a word."""
        counted = {self.roles[plugin] for plugin in self.counts}
        if LOADER in counted or self.verdict or self.exit_codes:
            return "finishing"
        if MAPPER in counted:  # mappers count at their end
            return "loading"
        return "reading" if self.roles else "starting"

    @property
    def cause(self) -> Complaint | None:
        """The first complaint that is not just about a neighbour's end."""
        own = [complaint for complaint in self.complaints if _ECHO not in complaint.text]
        return next(iter(own or self.complaints), None)

    def _take_plugin(self, event: Event) -> None:
        if event.fields.get("type") != "discovery":
            self.roles[event.plugin] = event.role
            if point := event.metric:
                self._take_metric(event.plugin, point)
                return
        if found := _LAST_LINE.match(event.text):
            self.complaints.append(Complaint(event.plugin, found[1], found[2].strip()))
        elif event.text.startswith("Traceback (most recent call last)") or "plugin_exception" in event.fields:
            self.crashed.add(event.plugin)

    def _take_metric(self, plugin: str, point: dict[str, Any]) -> None:
        if point.get("type") == "counter":
            tags = point.get("tags") or {}
            flow = str(tags.get("stream", "")), str(tags.get("into") or tags.get("rule") or "")
            self.counts[plugin][str(point.get("metric"))][flow] += int(point["value"])

    def _take_verdict(self, fields: dict[str, Any]) -> None:
        self.verdict = str(fields.get("err") or "")
        codes = fields.get("exit_codes") or {}
        if isinstance(codes, list):  # of mappers, one mapping each
            self.exit_codes |= {str(name): int(code) for item in codes for name, code in item.items()}
        elif not self.verdict.startswith("Unexpected completion sequence"):  # there Meltano makes the codes up
            self.exit_codes |= {str(kind): int(code) for kind, code in codes.items()}
