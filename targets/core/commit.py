"""One commit over all streams: stage, reject, merge, and only then STATE."""

from __future__ import annotations

import logging
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

from singer_sdk.exceptions import MissingKeyPropertiesError

from pipe import messages, metrics
from pipe.batches import discard
from pipe.errors import DataError, SkippableError
from pipe.streams import REJECTS
from targets.core.columns import read_schema
from targets.core.flush import States
from targets.core.spool import StreamBuffer

if TYPE_CHECKING:
    from pathlib import Path

    from pipe.pump import BlockWriter
    from pipe.rejects import RejectLog
    from targets.core.columns import StreamSchema
    from targets.core.loader import Loader, Refusal, Staged

REJECTS_SCHEMA = read_schema(messages.decode_schema(messages.encode(REJECTS.schema_message()), 0))


class FieldMissingError(DataError, MissingKeyPropertiesError):
    """A record came without its key or a required field."""


class Committer:
    """Holds what waits, by stream, and commits it."""

    def __init__(self, loader: Loader[Any], rejects: RejectLog, writer: BlockWriter) -> None:
        """Commit to `loader`; write STATE to `writer`."""
        self.buffers: dict[str, StreamBuffer] = {}
        self.states = States()
        self.commits = 0
        self.broken = False
        """A commit has failed: what it held is lost to this run, and no later STATE may be said."""
        self._loader = loader
        self._rejects = rejects
        self._writer = writer
        self._fetched: Counter[str] = Counter()
        self._written: Counter[str] = Counter()
        self._started = time.monotonic()

    @property
    def rows(self) -> int:
        """Records that wait, of all streams."""
        return sum(buffer.rows + len(buffer.positions) for buffer in self.buffers.values())

    def add_stream(self, schema: StreamSchema) -> None:
        """Take records of a stream from now on, by this schema."""
        self.buffers[schema.stream] = StreamBuffer(schema, self._loader.spool)

    def new_file(self) -> Path:
        """A place in the spool for a file that comes from elsewhere."""
        return self._loader.spool.new_file()

    def spill(self) -> None:
        """Move what waits from memory to disk."""
        for buffer in self.buffers.values():
            buffer.spill()

    def commit(self) -> None:
        """Make all that waits durable, then print the STATE that covers it.

        Raises:
            FieldMissingError: a record lacks its key or a required field; what came before it is durable.
            DataError: too many rejects; the good records are durable, but no STATE covers them.
            PipeError: the warehouse refused; nothing of this commit is durable.
        """
        self.broken = True
        taken = [batch for buffer in self.buffers.values() if (batch := buffer.take())]
        staged = [self._loader.stage(batch) for batch in taken]
        refusal = min((each.refusal for each in staged if each.refusal), key=_position, default=None)
        before = refusal.position if refusal else None
        rejects = self._stage_rejects(staged, before)
        if staged:
            self._loader.commit(staged + rejects, before)
            self.commits += 1
            self._loader.spool.clear()
        self._count(staged)
        if refusal:
            self._say(before)
            raise _missing(refusal)
        for each in staged:
            self._rejects.check(each.batch.schema.stream, self._fetched[each.batch.schema.stream])
        for message in (message for batch in taken for message in batch.messages):
            discard(message)
        self.broken = False
        self._say(None)

    def report(self) -> None:
        """Log what was written, as metrics and in one sentence."""
        stage = self._rejects.stage
        for stream in sorted(self._fetched):
            metrics.counter("record_count", self._written[stream], stage=stage, stream=stream)
        self._rejects.report(sorted(self._fetched))
        logging.getLogger(stage).info(
            "%d records of %d streams written in %d commits, %.1f s; %d rejected",
            self._written.total(),
            len(self._fetched),
            self.commits,
            time.monotonic() - self._started,
            self._rejects.counts.total(),
        )

    def _stage_rejects(self, staged: list[Staged], before: int | None) -> list[Staged]:
        """The rows for the table `rejects`, staged like any other stream."""
        buffer = StreamBuffer(REJECTS_SCHEMA, self._loader.spool)
        for each in staged:
            stream, keys = each.batch.schema.stream, each.batch.schema.keys
            each.rejects = [reject for reject in each.rejects if before is None or reject.position < before]
            for reject in each.rejects:
                error = SkippableError(reject.reason, rule=reject.rule, field=reject.field)
                row = self._rejects.row("", stream, reject.record, error, reject.position, keys=keys)
                buffer.records.append(row)
                buffer.positions.append(0)
        batch = buffer.take() if buffer.records else None
        return [self._loader.stage(batch)] if batch else []

    def _count(self, staged: list[Staged]) -> None:
        for each in staged:
            stream = each.batch.schema.stream
            self._fetched[stream] += each.rows
            self._written[stream] += each.rows - len(each.rejects)

    def _say(self, before: int | None) -> None:
        state = self.states.release(before)
        if state is not None:
            self._writer.write(state + b"\n")


def _position(refusal: Refusal) -> int:
    return refusal.position


def _missing(refusal: Refusal) -> FieldMissingError:
    return FieldMissingError(
        f"the record in line {refusal.position} has no value for {refusal.what}",
        stream=refusal.stream,
        field=refusal.field,
        remedy="Every record must have its key and the required fields; what came before this line was kept",
    )
