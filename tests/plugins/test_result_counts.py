"""What the counts of the steps come to in the result of a run."""

from __future__ import annotations

from plugins.meltano_log import EXTRACTOR, LOADER, MAPPER, Event, RunLog
from plugins.result import RunResult


def counted(role: str, metric: str, value: int, **tags: str) -> Event:
    point = {"type": "counter", "metric": metric, "value": value, "tags": tags}
    return Event("", plugin=role, role=role, fields={"metric_info": point})


def test_what_takes_its_row_back_is_filtered_and_not_loaded() -> None:
    log, flow = RunLog(), {"stream": "deals", "into": "conversions"}
    for event in (
        counted(EXTRACTOR, "record_count", 10, stream="deals"),
        counted(MAPPER, "fetched_count", 10, stream="deals"),
        counted(MAPPER, "mapped_count", 5, **flow),
        counted(MAPPER, "filtered_count", 1, **flow),
        counted(MAPPER, "retracted_count", 4, **flow),
        counted(LOADER, "record_count", 9, stream="conversions"),
    ):
        log.take(event)
    result = RunResult("r", "tap-zoho", "acme", "deals", "incremental", "2024-05-01T00:00:00Z")
    result.count(log)
    assert (result.records_fetched, result.records_normalized, result.records_filtered) == (10, 5, 5)
    assert (result.records_rejected, result.records_loaded) == (0, 5)
    assert result.stages[MAPPER]["retracted_count"] == {"deals > conversions": 4}
