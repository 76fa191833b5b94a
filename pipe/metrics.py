"""Counts in the log, in the form the Singer SDK uses, so that every runner can add them up."""

from __future__ import annotations

import json
import logging

logger = logging.getLogger("singer_sdk.metrics")


def counter(metric: str, value: int, **tags: str) -> None:
    """Log one count: `METRIC: {"type": "counter", "metric": ..., "value": ..., "tags": {...}}`."""
    point = {"type": "counter", "metric": metric, "value": value, "tags": tags}
    logger.info("METRIC: %s", json.dumps(point, separators=(",", ":")))
