"""The target base: a Singer target with its own loop, the same for every warehouse.

Records are spooled as they came, loaded whole, and committed in one transaction over all streams; a STATE is printed
only once everything before it is durable. However a run ends, it keeps what it committed.
"""

from __future__ import annotations

import errno
import os
import sys
import time
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec
from singer_sdk.exceptions import RecordsWithoutSchemaException
from singer_sdk.helpers.capabilities import PluginCapabilities
from singer_sdk.target_base import Target

from pipe import batches, lenient, messages
from pipe.errors import ConfigurationError, DataError, PipeError, RetriableError
from pipe.mapper import RUN_ID_VARIABLE
from pipe.pump import BlockReader, BlockWriter
from pipe.rejects import RejectLog
from pipe.settings import StrictSettings
from targets.core.columns import read_schema
from targets.core.commit import Committer
from targets.core.flush import IDLE_SECONDS, FlushPolicy
from targets.core.metadata import RecordMetadata, decorate
from targets.core.versions import Versions

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

    from targets.core.loader import Loader
    from targets.core.spool import StreamBuffer


class SchemaMissingError(DataError, RecordsWithoutSchemaException):
    """A record came before the SCHEMA of its stream."""


class _StateMessage(msgspec.Struct):
    value: msgspec.Raw


_decode_state = msgspec.json.Decoder(_StateMessage).decode


class CoreTarget(StrictSettings, Target):
    """Base of the targets: a subclass has settings and says how to open its `Loader`."""

    package_name = "growthnav-connectors"
    capabilities: ClassVar = [PluginCapabilities.ABOUT, PluginCapabilities.STRUCTURED_LOGGING]

    def __init__(self, **arguments: Any) -> None:
        """Take the SDK's arguments; the warehouse is opened when input comes."""
        super().__init__(**{"setup_mapper": False, **arguments})
        self.message_reader = BlockReader(self)
        self.stopping = False
        self._signal = 0
        self._policy = FlushPolicy(
            self.config["batch_size_rows"], self.config["batch_size_bytes"], self.config["batch_wait_seconds"]
        )
        self._metadata = RecordMetadata() if self.config["add_record_metadata"] else None
        self._loader: Loader[Any] | None = None
        self._committer: Committer | None = None
        self._versions = Versions()
        self._writer = BlockWriter()
        self._position = 0
        self._bytes = 0
        self._held_since: float | None = None
        self._last_input = time.monotonic()
        self._counts: Counter[str] = Counter()
        self._mended: Counter[str] = Counter()

    def open_loader(self) -> Loader[Any]:
        """Open the warehouse.

        Raises:
            PipeError: it cannot be opened.
        """
        raise NotImplementedError

    @classmethod
    def append_builtin_config(cls, config_jsonschema: dict[str, Any]) -> None:
        """Leave out the SDK's own settings: only what this target acts on is a setting."""

    # What the reader calls.

    def feed(self, lines: list[bytes], size: int) -> None:
        """Take a block of input lines."""
        with self._ending_well():
            committer = self._open()
            if self._metadata:
                self._metadata.next_block()
            try:
                self._read(lines, committer.buffers)
            except PipeError:
                if not committer.broken:
                    committer.commit()  # what came before the bad line is good
                raise
            committer.spill()
            self._bytes += size
            self._last_input = time.monotonic()
            self._commit_if_due(at_state=False)

    def idle(self) -> None:
        """The input pauses: commit what a STATE waits for."""
        with self._ending_well():
            committer = self._open()
            quiet = time.monotonic() - self._last_input
            if committer.states and quiet >= IDLE_SECONDS:
                self._commit()
            else:
                self._commit_if_due(at_state=False)

    def message_counts(self) -> Counter[str]:
        """Messages taken, by type."""
        others = self._counts.total()
        return self._counts + Counter(RECORD=self._position - others)

    def process_endofpipe(self) -> None:
        """The input has ended, or a signal asked to stop: commit the rest."""
        with self._ending_well():
            if self._committer:
                if not self.stopping:
                    self._activate_late()
                self._commit()
                self._committer.report()
            if self._mended:
                self.logger.warning("Mended in records (see pipe.lenient): %s", dict(sorted(self._mended.items())))
        self._close()
        if self.stopping:
            sys.exit(128 + self._signal)

    # The loop.

    def _read(self, lines: list[bytes], buffers: dict[str, StreamBuffer]) -> None:
        decode, metadata = messages.decode, self._metadata
        start = self._position
        for position, line in enumerate(lines, start + 1):
            envelope, clean = decode(line, position)
            if clean is not line:
                self._mended += lenient.mend(line)[1]
            if envelope.type == "RECORD":
                buffer = buffers.get(envelope.stream)
                if buffer is None:
                    raise _unannounced(envelope, position)
                record = envelope.record
                if metadata or envelope.version is not None:
                    record = self._decorated(envelope)
                buffer.records.append(record)
                buffer.positions.append(position)
            else:
                self._position = position
                self._counts[envelope.type] += 1
                self._other(envelope, clean)
        self._position = start + len(lines)

    def _decorated(self, envelope: messages.Envelope) -> msgspec.Raw:
        if envelope.version is not None:
            self._versions.saw(envelope.stream, envelope.version)
        return msgspec.Raw(decorate(envelope, self._metadata))

    def _other(self, envelope: messages.Envelope, line: bytes) -> None:
        """A message that is not a RECORD."""
        if envelope.type == messages.STATE:
            self._on_state(line)
        elif envelope.type == messages.SCHEMA:
            self._on_schema(line)
        elif envelope.type == messages.ACTIVATE_VERSION:
            self._on_activate_version(envelope)
        elif envelope.type == messages.BATCH:
            self._on_batch(line)
        elif self._counts[envelope.type] == 1:
            self.logger.warning(
                "Messages of type %r are not known here and are ignored (first in line %d)",
                envelope.type[:40],
                self._position,
            )

    def _on_state(self, line: bytes) -> None:
        try:
            value = bytes(_decode_state(line).value)
        except msgspec.ValidationError:
            raise DataError(
                f"the STATE message in line {self._position} has no value", remedy="The tap must send {type, value}"
            ) from None
        committer = self._open()
        committer.states.add(self._position, value)
        if committer.rows:
            self._commit_if_due(at_state=True)
        else:
            self._commit()

    def _on_schema(self, line: bytes) -> None:
        message = messages.decode_schema(line, self._position)
        schema = read_schema(message, metadata=self._metadata is not None)
        buffers = self._open().buffers
        known = buffers.get(schema.stream)
        if known is None:
            _refuse_twin(schema.stream, buffers)
            self._open().add_stream(schema)
        elif known.schema.keys != schema.keys:
            raise DataError(
                f"the SCHEMA in line {self._position} changes the key from {_listed(known.schema.keys)} "
                f"to {_listed(schema.keys)}",
                stream=schema.stream,
                remedy="A table has one key: load the stream into a new table, or stay with the old key",
            )
        elif known.schema != schema:
            self._commit()  # records of the old schema are read by the old schema
            known.change(schema)

    def _on_activate_version(self, envelope: messages.Envelope) -> None:
        buffer = self._open().buffers.get(envelope.stream)
        if buffer is None or envelope.version is None:
            self.logger.warning(
                "ACTIVATE_VERSION in line %d is ignored: it names %s",
                self._position,
                "no version" if buffer else f"stream '{envelope.stream}', which has had no SCHEMA",
            )
        elif self._versions.announce(envelope.stream, envelope.version, self._position):
            buffer.activate(envelope.version)

    def _on_batch(self, line: bytes) -> None:
        message = batches.decode(line, self._position)
        buffer = self._open().buffers.get(message.stream)
        if buffer is None:
            raise _unannounced(message, self._position)
        paths = [batches.local_path(uri, message.stream) for uri in message.manifest]
        for path in paths:
            if not path.is_file():
                raise RetriableError(
                    f"batch file {path.name} is not there",
                    stream=message.stream,
                    remedy="Run again: the tap writes its batch files anew",
                )
            self._bytes += path.stat().st_size
        buffer.add_files(message, paths, self._position)

    def _activate_late(self) -> None:
        """Act on ACTIVATE_VERSION messages that came ahead of their records, where these are complete."""
        committer = self._open()
        committer.spill()
        for stream, buffer in committer.buffers.items():
            waiting = self._versions.at_end(stream, buffer.last_position, committer.states.last_position)
            if waiting is None:
                continue
            version, complete = waiting
            if complete:
                buffer.activate(version)
            else:
                self.logger.warning(
                    "Version %d of stream '%s' is not activated: no STATE after its records says it is complete",
                    version,
                    stream,
                )

    # Commits.

    def _commit_if_due(self, *, at_state: bool) -> None:
        committer = self._open()
        rows = committer.rows
        if not rows:
            return
        now = time.monotonic()
        self._held_since = self._held_since or now
        age = now - self._held_since
        if self._policy.due(rows, self._bytes, age, at_state=at_state, first=not committer.commits):
            self._commit()

    def _commit(self) -> None:
        self._open().commit()
        self._bytes = 0
        self._held_since = None

    def _open(self) -> Committer:
        if self._committer is None:
            self._loader = self.open_loader()
            rejects = RejectLog(
                self.name,
                self.config["tenant"],
                os.environ.get(RUN_ID_VARIABLE, ""),
                self.config["max_reject_ratio"],
                self.config["min_rejects"],
            )
            self._committer = Committer(self._loader, rejects, self._writer)
        return self._committer

    def _close(self) -> None:
        if self._loader:
            self._loader.close()
            self._loader = None

    @contextmanager
    def _ending_well(self) -> Iterator[None]:
        """Leave no spool and no lock behind, whatever happens; say what a full or read-only disk is."""
        try:
            yield
        except OSError as error:
            self._close()
            raise _storage_error(error) from None
        except BaseException:
            self._close()
            raise

    def _handle_termination(self, signum: int, frame: FrameType | None) -> None:
        """SIGTERM or SIGINT: commit what has come and end; a second one, or one before any input, ends now."""
        if self.stopping or self._committer is None:
            self._close()
            sys.exit(128 + signum)
        self.stopping = True
        self._signal = signum

    # The SDK's message hooks are not used: its reader is replaced by ours.

    def _process_record_message(self, message_dict: dict[str, Any]) -> None:
        raise AssertionError(message_dict.keys())

    _process_schema_message = _process_state_message = _process_record_message
    _process_batch_message = _process_activate_version_message = _process_record_message


def _unannounced(message: messages.Envelope | batches.BatchMessage, position: int) -> SchemaMissingError:
    return SchemaMissingError(
        f"the {message.type} in line {position} comes before the stream's SCHEMA",
        stream=message.stream or None,
        remedy="The tap must send SCHEMA first; what came before this line was kept",
    )


def _refuse_twin(stream: str, known: dict[str, StreamBuffer]) -> None:
    """Warehouses compare table names without regard to case, and have none without a name."""
    if not stream:
        raise DataError("a SCHEMA message has an empty stream name", remedy="The tap must name its streams")
    for other in known:
        if other.casefold() == stream.casefold():
            raise DataError(
                f"it would share its table with stream '{other}', whose name differs only in case",
                stream=stream,
                remedy="Rename one of the two with a stream alias in the tap",
            )


def _listed(keys: tuple[str, ...]) -> str:
    return f"({', '.join(keys)})"


def _storage_error(error: OSError) -> PipeError:
    reason = error.strerror or type(error).__name__
    if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST}:
        return ConfigurationError(
            f"the database's directory cannot be written to ({reason})",
            remedy="Give this user the right to write there, or set filepath to another place",
        )
    return RetriableError(
        f"the disk beside the database cannot be used ({reason})",
        remedy="Free space there and run again; what was committed is kept",
    )
