"""The `_sdc_` properties that come from the envelope of a message, put into its record."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from pipe import times
from targets.core.columns import TABLE_VERSION

if TYPE_CHECKING:
    from pipe.messages import Envelope


class RecordMetadata:
    """What `add_record_metadata` adds to each record; the clock is read once a block."""

    def __init__(self) -> None:
        """The run starts now."""
        self._started = _milliseconds()
        self._block = b""

    def next_block(self) -> None:
        """A block of input has come."""
        now = times.now_text().encode()
        self._block = b'"_sdc_received_at":"%b","_sdc_batched_at":"%b","_sdc_sequence":%d,"_sdc_sync_started_at":%d' % (
            now,
            now,
            _milliseconds(),
            self._started,
        )

    def added(self, envelope: Envelope) -> bytes:
        """The members to add to the record."""
        return self._block + b',"_sdc_extracted_at":' + (bytes(envelope.time_extracted) or b"null")


def decorate(envelope: Envelope, metadata: RecordMetadata | None) -> bytes:
    """The record of `envelope` with its table version, and with metadata if wanted; anything but an object stays."""
    record = bytes(envelope.record)
    if not record.startswith(b"{"):
        return record
    added = [metadata.added(envelope)] if metadata else []
    if envelope.version is not None:
        added.append(b'"%b":%d' % (TABLE_VERSION.encode(), envelope.version))
    if fields := record[1:-1].strip():
        added.insert(0, fields)
    return b"{" + b",".join(added) + b"}"


def _milliseconds() -> int:
    return time.time_ns() // 1_000_000
