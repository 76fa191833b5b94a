"""Rejects: one row a record that could not be taken, and the ceiling above which a run fails."""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import TYPE_CHECKING, Any

from pipe import messages
from pipe.errors import DataError, SkippableError
from pipe.keys import KEY_LENGTH, record_key
from pipe.streams import REJECTS

if TYPE_CHECKING:
    import msgspec

MAX_RATIO = 0.001
MINIMUM = 10
RETRY_REMEDY = (
    "The table rejects names rule and field of each; mend the source or its preset, or raise max_reject_ratio"
)


class RejectLog:
    """Counts and describes the rejects of one stage.

    The run fails when a stream's rejects exceed both `minimum` and `ratio` of the records fetched so far.
    """

    def __init__(self, stage: str, tenant: str, run_id: str, ratio: float = MAX_RATIO, minimum: int = MINIMUM) -> None:
        """Describe rejects of `stage` (an executable's name)."""
        self.stage = stage
        self.tenant = tenant
        self.run_id = run_id
        self.ratio = ratio
        self.minimum = minimum
        self.counts: Counter[str] = Counter()

    def row(
        self, connector: str, stream: str, record: msgspec.Raw | bytes, error: SkippableError, position: int
    ) -> bytes:
        """The encoded `rejects` record; a second run over the same input makes the same key."""
        self.counts[stream] += 1
        record_hash = hashlib.sha256(bytes(record)).hexdigest()[:KEY_LENGTH]
        field = error.field or ""
        row: dict[str, Any] = {
            REJECTS.key: record_key(self.tenant, connector, stream, record_hash, error.rule, field),
            "customer_id": self.tenant,
            "connector": connector,
            "source_stream": stream,
            "stage": self.stage,
            "rule": error.rule,
            "field": error.field,
            "reason": error.problem,
            "record_hash": record_hash,
            "position": position,
            "run_id": self.run_id,
        }
        return messages.encode(row)

    def check(self, stream: str, fetched: int) -> None:
        """Raise `DataError` when too many of the `fetched` records of `stream` were rejected."""
        rejected = self.counts[stream]
        if rejected > max(self.minimum, self.ratio * fetched):
            raise DataError(
                f"{rejected} of {fetched} records were rejected, more than max_reject_ratio {self.ratio} bears",
                stream=stream,
                remedy=RETRY_REMEDY,
            )
