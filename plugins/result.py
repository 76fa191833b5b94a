"""The one result of a run: what the operator, a scheduler or a page needs to know about it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from pipe.errors import EXIT_FAILED, EXIT_PARTIAL, EXIT_SUCCESS
from pipe.streams import IDENTITY_MAP, IDENTITY_MERGES, REJECTS
from plugins.meltano_log import EXTRACTOR, LOADER, MAPPER

if TYPE_CHECKING:
    from plugins.meltano_log import Flow, RunLog

BY_PRODUCTS = {REJECTS.name, IDENTITY_MAP.name, IDENTITY_MERGES.name}
"""Streams that our own steps add: in `stages`, but not among the records loaded."""

STATUS = {EXIT_SUCCESS: "success", EXIT_PARTIAL: "partial", EXIT_FAILED: "failed"}


@dataclass
class RunResult:
    """Result of one run (the fields of F025 and some more). Counts are of records.

    `fetched = normalized + filtered + rejected`, each of them counted by the mapper; a record that takes back its row
    is filtered, and not loaded. `failed` adds what later stages rejected. Without a mapper in the job, `fetched` is
    what the tap sent.
    """

    run_id: str
    connector_name: str
    """The taps of the job, with commas between."""
    customer_id: str
    """The tenant."""
    job: str
    sync_mode: str
    """`incremental` or `full`."""
    started_at: str
    completed_at: str | None = None
    duration_seconds: float | None = None
    records_fetched: int = 0
    records_normalized: int = 0
    records_filtered: int = 0
    records_rejected: int = 0
    records_failed: int = 0
    records_loaded: int = 0
    rejects: dict[str, int] = field(default_factory=dict)
    """Rule -> records that broke it."""
    api_calls: int = 0
    attempts: int = 0
    """Times Meltano was started."""
    skipped_streams: int = 0
    resynced_streams: list[str] = field(default_factory=list)
    """Streams read in full because their mapping had changed."""
    success: bool = False
    status: str = STATUS[EXIT_FAILED]
    exit_code: int = EXIT_FAILED
    error: str | None = None
    error_class: str | None = None
    """Kind of `pipe.errors`, or `interrupted`, or `unknown` for a plugin that does not follow them."""
    failed_plugin: str | None = None
    cursor: dict[str, Any] = field(default_factory=dict)
    """Stream -> bookmark after the run."""
    stages: dict[str, dict[str, dict[str, int]]] = field(default_factory=dict)
    """Plugin -> count -> stream, or `source > canonical stream` -> records."""
    log: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        return asdict(self)

    def count_of(self, metric: str) -> int:
        """Sum of a count over all stages and streams."""
        return sum(sum(counts.get(metric, {}).values()) for counts in self.stages.values())

    def count(self, log: RunLog) -> None:
        """Take the counts from the log."""
        mapped = log.has("fetched_count", MAPPER)
        self.records_fetched = log.total("fetched_count", MAPPER) if mapped else log.total("record_count", EXTRACTOR)
        self.records_normalized, self.records_filtered = _once_a_record(log)
        self.records_failed = log.total("reject_count")
        self.records_rejected = log.total("reject_count", EXTRACTOR) + log.total("reject_count", beside="fetched_count")
        self.records_fetched += log.total("reject_count", EXTRACTOR)
        taken_back = log.total("retracted_count", MAPPER)  # loaded as marks, if at all
        self.records_loaded = log.total("record_count", LOADER, without=BY_PRODUCTS) - taken_back
        self.rejects = {}
        for (_, rule), count in sorted(log.flows("reject_rule_count").items()):
            self.rejects[rule] = self.rejects.get(rule, 0) + count
        self.api_calls = log.total("http_request_count")
        self.skipped_streams = log.total("skipped_stream_count")
        self.stages = {
            plugin: {
                metric: {" > ".join(filter(None, flow)): n for flow, n in flows.items()}
                for metric, flows in its.items()
            }
            for plugin, its in log.counts.items()
        }

    def end(self, exit_code: int, error: str | None = None, error_class: str | None = None, plugin: str = "") -> None:
        """Say how it ended."""
        self.exit_code = exit_code
        self.status = STATUS[exit_code]
        self.success = exit_code == EXIT_SUCCESS
        self.error, self.error_class, self.failed_plugin = error, error_class, plugin or None


def _once_a_record(log: RunLog) -> tuple[int, int]:
    """Records mapped, and records filtered out.

    The mapper counts by flow, and a record of a stream that feeds several canonical streams is counted in each: here
    the fullest flow of each stream stands for it.
    """
    mapped, filtered = log.flows("mapped_count"), log.flows("filtered_count") + log.flows("retracted_count")
    fullest: dict[str, Flow] = {}
    for flow in sorted({*mapped, *filtered}, key=lambda flow: mapped[flow]):
        fullest[flow[0]] = flow
    return sum(mapped[flow] for flow in fullest.values()), sum(filtered[flow] for flow in fullest.values())
