"""Rejects: one row a record that could not be taken, and the ceiling above which a run fails."""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import TYPE_CHECKING, Any

import msgspec

from pipe import messages, metrics
from pipe.errors import DataError, SkippableError
from pipe.keys import KEY_LENGTH, SEPARATOR, record_key
from pipe.streams import REJECTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

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
        """By stream."""
        self.rules: Counter[tuple[str, str]] = Counter()
        """By stream and rule."""

    def row(
        self,
        connector: str,
        stream: str,
        record: msgspec.Raw | bytes,
        error: SkippableError,
        position: int,
        *,
        keys: Sequence[str] = (),
    ) -> bytes:
        """The encoded `rejects` record; a second run over the same input makes the same key.

        `keys` are the stream's key properties: what is hashed is their values, or else the whole record.
        """
        self.counts[stream] += 1
        self.rules[stream, error.rule] += 1
        hashed = record_hash(bytes(record), keys)
        field = error.field or ""
        row: dict[str, Any] = {
            REJECTS.key: record_key(self.tenant, connector, stream, hashed, error.rule, field),
            "customer_id": self.tenant,
            "connector": connector,
            "source_stream": stream,
            "stage": self.stage,
            "rule": error.rule,
            "field": error.field,
            "reason": error.problem,
            "record_hash": hashed,
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

    def report(self, streams: Iterable[str]) -> None:
        """Log the counts of `streams` as metrics: how many, and by which rule."""
        for stream in streams:
            metrics.counter("reject_count", self.counts[stream], stage=self.stage, stream=stream)
        for (stream, rule), count in sorted(self.rules.items()):
            metrics.counter("reject_rule_count", count, stage=self.stage, stream=stream, rule=rule)


def record_hash(record: bytes, keys: Sequence[str]) -> str:
    """Hash of the key's values, in the order of `keys`; of the record when it lacks one of them."""
    try:
        values = msgspec.json.decode(record, type=dict[str, msgspec.Raw]) if keys else {}
    except (msgspec.DecodeError, UnicodeDecodeError):
        values = {}
    found = [bytes(values[key]) for key in keys if values.get(key, b"null") != b"null"]
    identifying = SEPARATOR.encode().join(found) if keys and len(found) == len(keys) else record
    return hashlib.sha256(identifying).hexdigest()[:KEY_LENGTH]
