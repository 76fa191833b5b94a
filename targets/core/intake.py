"""Reading messages: records to their buffers, every other message to what it means."""

from __future__ import annotations

import logging
from collections import Counter
from typing import TYPE_CHECKING

import msgspec
from singer_sdk.exceptions import RecordsWithoutSchemaException

from pipe import batches, lenient, messages, remote
from pipe.errors import DataError
from pipe.outbox import hold_folder_of
from targets.core.columns import folded, read_schema
from targets.core.metadata import decorate
from targets.core.versions import Versions

if TYPE_CHECKING:
    from pathlib import Path

    from targets.core.commit import Committer
    from targets.core.flush import Pace
    from targets.core.metadata import RecordMetadata
    from targets.core.spool import StreamBuffer

logger = logging.getLogger(__name__)


class SchemaMissingError(DataError, RecordsWithoutSchemaException):
    """A record came before the SCHEMA of its stream."""


class _StateMessage(msgspec.Struct):
    value: msgspec.Raw


_decode_state = msgspec.json.Decoder(_StateMessage).decode


class Intake:
    """Takes the messages of one run in order."""

    def __init__(self, committer: Committer, pace: Pace, metadata: RecordMetadata | None) -> None:
        """Hand records to `committer`, which commits when `pace` says so at a STATE."""
        self.position = 0
        """Number of the line read last, from 1."""
        self.counts: Counter[str] = Counter()
        """Messages by type, other than records."""
        self._committer = committer
        self._pace = pace
        self._metadata = metadata
        self._versions = Versions()
        self._mended: Counter[str] = Counter()

    def read(self, lines: list[bytes]) -> None:
        """Take complete lines.

        Raises:
            DataError: a line is no message, or breaks the protocol; what came before it is in the buffers.
        """
        decode, buffers, metadata = messages.decode, self._committer.buffers, self._metadata
        if metadata:
            metadata.next_block()
        start = self.position
        for position, line in enumerate(lines, start + 1):
            envelope, clean = decode(line, position)
            if clean is not line:
                self._mended += lenient.mend(line)[1]
            if envelope.type == messages.RECORD:
                buffer = buffers.get(envelope.stream)
                if buffer is None:
                    raise _unannounced(envelope, position)
                record = envelope.record
                if metadata or envelope.version is not None:
                    record = self._decorated(envelope)
                buffer.records.append(record)
                buffer.positions.append(position)
            else:
                self.position = position
                self._other(envelope, clean)
        self.position = start + len(lines)

    def commit(self) -> None:
        """Commit all that waits."""
        self._committer.commit()
        self._pace.committed()

    def activate_late(self) -> None:
        """The input has ended: act on ACTIVATE_VERSION messages ahead of their records, where these are complete."""
        self._committer.spill()
        last_state = self._committer.states.last_position
        for stream, buffer in self._committer.buffers.items():
            waiting = self._versions.at_end(stream, buffer.last_position, last_state)
            if waiting is None:
                continue
            version, complete = waiting
            if complete:
                self._activate(buffer, version)
            else:
                _not_activated(stream, version, "no STATE after its records says it is complete")

    def report(self) -> None:
        """Log what was odd."""
        if self._mended:
            logger.warning("Mended in records (see pipe.lenient): %s", dict(sorted(self._mended.items())))

    def _decorated(self, envelope: messages.Envelope) -> msgspec.Raw:
        if envelope.version is not None:
            self._versions.saw(envelope.stream, envelope.version)
        return msgspec.Raw(decorate(envelope, self._metadata))

    def _other(self, envelope: messages.Envelope, line: bytes) -> None:
        """A message that is not a RECORD."""
        self.counts[envelope.type] += 1
        if envelope.type == messages.STATE:
            self._on_state(line)
        elif envelope.type == messages.SCHEMA:
            self._on_schema(line)
        elif envelope.type == messages.ACTIVATE_VERSION:
            self._on_activate_version(envelope)
        elif envelope.type == messages.BATCH:
            self._on_batch(line)
        elif self.counts[envelope.type] == 1:
            logger.warning(
                "Messages of type %r are not known here and are ignored (first in line %d)",
                envelope.type[:40],
                self.position,
            )

    def _on_state(self, line: bytes) -> None:
        try:
            value = bytes(_decode_state(line).value)
        except msgspec.ValidationError:
            raise DataError(
                f"the STATE message in line {self.position} has no value", remedy="The tap must send {type, value}"
            ) from None
        self._committer.states.add(self.position, value)
        rows = self._committer.rows
        if not rows or self._pace.due(rows, at_state=True):
            self.commit()

    def _on_schema(self, line: bytes) -> None:
        if lenient.has_nul(line):
            line = lenient.mend(line)[0]
        schema = read_schema(messages.decode_schema(line, self.position), metadata=self._metadata is not None)
        buffers = self._committer.buffers
        known = buffers.get(schema.stream)
        if known is None:
            _refuse_twin(schema.stream, buffers)
            self._committer.add_stream(schema)
        elif known.schema.keys != schema.keys:
            raise DataError(
                f"the SCHEMA in line {self.position} changes the key from {_listed(known.schema.keys)} "
                f"to {_listed(schema.keys)}",
                stream=schema.stream,
                remedy="A table has one key: load the stream into a new table, or stay with the old key",
            )
        elif known.schema != schema:
            self.commit()  # records of the old schema are read by the old schema
            known.change(schema)

    def _on_activate_version(self, envelope: messages.Envelope) -> None:
        buffer = self._committer.buffers.get(envelope.stream)
        if buffer is None or envelope.version is None:
            logger.warning(
                "ACTIVATE_VERSION in line %d is ignored: it names %s",
                self.position,
                "no version" if buffer else f"stream '{envelope.stream}', which has had no SCHEMA",
            )
        elif self._versions.announce(envelope.stream, envelope.version, self.position):
            self._activate(buffer, envelope.version)

    def _activate(self, buffer: StreamBuffer, version: int) -> None:
        buffer.spill()
        if self._versions.covers(buffer.schema.stream, buffer.total):
            buffer.activate(version)
        else:
            _not_activated(buffer.schema.stream, version, "the stream sent rows of no version as well")

    def _on_batch(self, line: bytes) -> None:
        message = batches.decode(line, self.position)
        buffer = self._committer.buffers.get(message.stream)
        if buffer is None:
            raise _unannounced(message, self.position)
        hold_folder_of(message)
        paths = [self._local(uri, message.stream) for uri in message.manifest]
        for path in paths:
            self._pace.took(path.stat().st_size)
        version = message.version if isinstance(message.version, int) else self._versions.announced(message.stream)
        if version is not None:
            self._versions.saw(message.stream, version)
        buffer.add_files(message, paths, self.position, version)

    def _local(self, uri: str, stream: str) -> Path:
        """The file on this machine's disk; one in a bucket is copied into the spool."""
        if remote.is_remote(uri):
            path = self._committer.new_file()
            remote.download(uri, path)
            return path
        return batches.present(batches.local_path(uri, stream), stream)


def _unannounced(message: messages.Envelope | batches.BatchMessage, position: int) -> SchemaMissingError:
    return SchemaMissingError(
        f"the {message.type} in line {position} comes before the stream's SCHEMA",
        stream=message.stream or None,
        remedy="The tap must send SCHEMA first; what came before this line was kept",
    )


def _not_activated(stream: str, version: int, reason: str) -> None:
    logger.warning("Version %d of stream '%s' is not activated: %s", version, stream, reason)


def _refuse_twin(stream: str, known: dict[str, StreamBuffer]) -> None:
    """Warehouses compare table names without regard to case, and have none without a name."""
    if not stream:
        raise DataError("a SCHEMA message has an empty stream name", remedy="The tap must name its streams")
    for other in known:
        if folded(other) == folded(stream):
            raise DataError(
                f"it would share its table with stream '{other}', whose name differs only in case",
                stream=stream,
                remedy="Rename one of the two with a stream alias in the tap",
            )


def _listed(keys: tuple[str, ...]) -> str:
    return f"({', '.join(keys)})"
