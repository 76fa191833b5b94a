"""The mapper base: a Singer inline mapper with its own loop.

What a step handles is decoded, worked on and encoded once; what it does not handle (other streams, unknown message
types, BATCH of other streams) passes byte for byte. Records are worked on one by one (`handlers`) or many at once
(`block_handlers`): gathered from the input, or the files of a BATCH message. Output leaves in blocks of lines, and
`before_write` runs ahead of each: because STATE lines travel inside, no STATE can overtake what it covers.
"""

from __future__ import annotations

import os
import signal
import sys
from collections import Counter
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec
from singer_sdk.mapper_base import InlineMapper

from pipe import batches, lenient, messages
from pipe.blocks import BATCH_ROWS, BATCHES, BLOCK_BYTES, RECORDS, Block, BlockHandler
from pipe.errors import DataError, PipeError, SkippableError
from pipe.outbox import Outbox, hold_folder_of
from pipe.pump import BlockReader, BlockWriter
from pipe.settings import StrictSettings

if TYPE_CHECKING:
    from pathlib import Path
    from types import FrameType

RecordHandler = Callable[[msgspec.Raw], None]
"""Takes one encoded record and emits what becomes of it; raises `SkippableError` to have it rejected."""

_PIECES = 6_000
"""Pieces of messages joined for one write: a few megabytes at most times."""

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError)

RUN_ID_VARIABLE = "GROWTHNAV_RUN_ID"
"""Environment variable that names the run, for the log and the rejects."""


class PipeMapper(StrictSettings, InlineMapper):
    """Base of the steps between tap and target.

    A subclass sets `handlers[stream]` when it has seen a SCHEMA it cares for, emits records through `outlet(stream)`
    and overrides the hooks it needs.
    """

    flush_bytes: ClassVar[int] = 256 * 1024
    """Input worth of output that is held back at most: more makes larger commits, less makes lower latency."""

    def __init__(self, **arguments: Any) -> None:
        """Take the SDK's arguments."""
        super().__init__(**arguments)
        self.message_reader = BlockReader(self)
        self.handlers: dict[str, RecordHandler] = {}
        self.passing: set[str] = set()  # handled streams whose own messages go on as well
        self.position = 0
        self.stopping = False
        self.withholding = False
        """No STATE goes on any more: it would cover records that did not."""
        self.run_id = os.environ.get(RUN_ID_VARIABLE, "")
        self.block_handlers: dict[str, BlockHandler] = {}
        self.in_batches = self.config.get("emit", RECORDS) == BATCHES
        self.batch_rows = int(self.config.get("batch_rows", BATCH_ROWS))
        if self.in_batches:
            _ = self.outbox  # a directory that cannot be is told at the start
        self._announced: set[str] = set()
        self._properties: dict[str, dict[str, Any]] = {}
        self._writer = BlockWriter()
        self._chunks: list[bytes] = []  # whole messages in pieces: joining them once saves a copy a record
        self._pending: dict[str, list[bytes]] = {}
        self._gathered: dict[str, Block] = {}
        self._state: bytes | None = None
        self._held = 0
        self._counts: Counter[str] = Counter()

    # Hooks of a step, in the order in which a run meets them.

    def on_schema(self, message: messages.SchemaMessage, line: bytes) -> list[bytes]:
        """Lines that replace a SCHEMA message; by default it passes."""
        return [line]

    def is_ours(self, stream: str) -> bool:
        """Whether the step would handle the stream, had it seen its SCHEMA."""
        return False

    def on_reject(self, stream: str, record: msgspec.Raw, error: SkippableError) -> None:
        """Tell of a record its handler refused; raises when there are too many."""
        raise error

    def on_batch(self, message: batches.BatchMessage, files: list[Path]) -> None:
        """The files of a BATCH message of a stream the step handles are here; it may take other handlers for them."""

    def on_activate_version(self, stream: str, line: bytes) -> list[bytes]:
        """Lines that replace an ACTIVATE_VERSION message; by default it passes."""
        return [line]

    def before_write(self) -> None:
        """Make durable what the lines about to leave depend on."""

    def at_end(self) -> None:
        """Emit what is left once the whole input has been seen, and report counts."""

    # What a step calls.

    @cached_property
    def outbox(self) -> Outbox:
        """Where batch files go."""
        return Outbox(self.config.get("batch_directory"))

    def outlet(self, stream: str) -> Callable[[bytes], None]:
        """A function that sends one encoded record of `stream` on, as a RECORD or in a batch file."""
        if self.in_batches:
            return self._pending.setdefault(stream, []).append
        head, tail = messages.record_frame(stream)
        extend = self._chunks.extend

        def emit(record: bytes) -> None:
            extend((head, record, tail))

        return emit

    def send(self, *lines: bytes) -> None:
        """Send whole messages on."""
        for line in lines:
            self._chunks += (line, b"\n")

    def flush(self) -> None:
        """Write what is held back, after `before_write`."""
        self._held = 0
        if self._chunks:
            self.before_write()
            for start in range(0, len(self._chunks), _PIECES):
                self._writer.write(b"".join(self._chunks[start : start + _PIECES]))
            self._chunks.clear()

    # The loop.

    def feed(self, lines: list[bytes], size: int) -> None:
        """Work on a block of input lines."""
        chunks, handlers, passing, decode = self._chunks, self.handlers, self.passing, messages.decode
        start = self.position or self._begin()
        try:
            for position, line in enumerate(lines, start + 1):
                envelope, clean = decode(line, position)
                if envelope.type == "RECORD":
                    handler = handlers.get(envelope.stream)
                    if handler is None:
                        self._gather_or_pass(envelope, clean, line, position)
                        continue
                    if envelope.stream in passing:
                        chunks += (line, b"\n")
                    try:
                        if lenient.has_nul(clean):
                            self._handle_mended(handler, envelope.record)
                        else:
                            handler(envelope.record)
                    except UNREADABLE:
                        self.position = position
                        self._second_chance(envelope.stream, envelope.record)
                    except SkippableError as error:
                        self.position = position
                        self.on_reject(envelope.stream, envelope.record, error)
                else:
                    self.position = position
                    self._counts[envelope.type] += 1
                    self._other(envelope, clean, line)
        except PipeError:
            self._let_go()  # what came before the bad line is good
            raise
        self.position = start + len(lines)
        self._held += size
        if self._is_full():
            self._let_go()
        elif self._held >= self.flush_bytes and not self._gathered:
            self.flush()

    def _begin(self) -> int:
        """The first input is here, and with it perhaps files on their way to us; the position before it."""
        if self.in_batches:
            self.outbox.hold()
        return 0

    def idle(self) -> None:
        """Let go of everything while the input pauses."""
        self._let_go()

    def process_endofpipe(self) -> None:
        """The input has ended, or a signal asked to stop: let go of the rest."""
        try:
            self._let_go()
            if not self.stopping:
                self.at_end()
        finally:
            self._let_go()
        if self.stopping:
            sys.exit(128 + signal.SIGTERM)

    def message_counts(self) -> Counter[str]:
        """Messages read, by type."""
        others = sum(self._counts.values())
        return self._counts + Counter(RECORD=self.position - others)

    def _unannounced(self, stream: str, position: int) -> None:
        """The first RECORD of a stream that has had no SCHEMA: none of our business, or an error."""
        if self.is_ours(stream):
            raise DataError(
                f"the record in line {position} comes before the stream's SCHEMA",
                stream=stream,
                remedy="The tap must send SCHEMA first",
            )
        self._announced.add(stream)

    def _handle_mended(self, handler: RecordHandler, record: msgspec.Raw) -> None:
        """Give the handler an equal record without the oddities strict decoders refuse (see `pipe.lenient`)."""
        handler(msgspec.Raw(lenient.mend(bytes(record))[0]))

    def _second_chance(self, stream: str, record: msgspec.Raw) -> None:
        """A record the strict decoder refused: mend it, or reject it."""
        try:
            self._handle_mended(self.handlers[stream], record)
        except (*UNREADABLE, ValueError):
            self.on_reject(stream, record, SkippableError("is not a JSON object", rule="malformed"))
        except SkippableError as error:
            self.on_reject(stream, record, error)

    def _other(self, envelope: messages.Envelope, clean: bytes, line: bytes) -> None:
        """A message that is not a RECORD."""
        if envelope.type == "STATE" and self.withholding:
            return
        if envelope.type == "STATE" and (self.in_batches or self._gathered):
            self._state = line  # a later STATE covers an earlier one; it leaves with the batch it covers
            return
        self._close_batches()
        if envelope.type == "SCHEMA":
            self._announced.add(envelope.stream)
            message = messages.decode_schema(clean, self.position)
            self._properties[envelope.stream] = message.schema.get("properties") or {}
            self.send(*self.on_schema(message, line))
        elif envelope.type == "ACTIVATE_VERSION":
            self.send(*self.on_activate_version(envelope.stream, line))
        elif envelope.type == "BATCH" and self._is_handled(envelope.stream):
            if envelope.stream in self.passing:
                self.send(line)
            self._on_batch(batches.decode(clean, self.position))
        else:
            self.send(line)

    def _is_handled(self, stream: str) -> bool:
        return stream in self.handlers or stream in self.block_handlers

    def _gather_or_pass(self, envelope: messages.Envelope, clean: bytes, line: bytes, position: int) -> None:
        """Keep a record for its stream's next block, or send it on when it is none of our business."""
        stream = envelope.stream
        if stream not in self.block_handlers:
            if stream not in self._announced:
                self._unannounced(stream, position)
            self.send(line)
            return
        if stream in self.passing:
            self.send(line)
        block = self._gathered.get(stream)
        if block is None:
            block = self._gathered[stream] = Block(stream)
        record = envelope.record
        if lenient.has_nul(clean):
            record = msgspec.Raw(lenient.mend(bytes(record))[0])
        block.records.append(record)
        block.positions.append(position)

    def _on_batch(self, message: batches.BatchMessage) -> None:
        """Put the records of a batch through the stream's handler; then the files have served."""
        hold_folder_of(message)
        with batches.local_files(message) as files:
            self.on_batch(message, files)
            work = self.block_handlers.get(message.stream)
            if work:
                work(Block(message.stream, files=files, format=message.format, position=self.position))
            else:
                self._expand(message)
        self._let_go()
        if message.stream not in self.passing:
            batches.discard(message)

    def _expand(self, message: batches.BatchMessage) -> None:
        """Put each record of a batch through the stream's handler, one by one."""
        handler = self.handlers[message.stream]
        for encoded in batches.records(message, self._properties.get(message.stream)):
            record = msgspec.Raw(encoded)
            try:
                handler(record)
            except UNREADABLE:
                self._second_chance(message.stream, record)
            except SkippableError as error:
                self.on_reject(message.stream, record, error)
            self._held += len(encoded)
            if self._is_full():
                self._let_go()

    def _is_full(self) -> bool:
        """Whether what is held back has to go."""
        if not self.in_batches:
            return bool(self._gathered) and self._held >= self.flush_bytes
        rows = [len(block.records) for block in self._gathered.values()] + [*map(len, self._pending.values())]
        return max(rows, default=0) >= self.batch_rows or self._held >= BLOCK_BYTES

    def _close_batches(self) -> None:
        """Work on gathered records, write pending ones to batch files, then the STATE that covers them."""
        gathered, self._gathered = self._gathered, {}
        try:
            for stream, block in gathered.items():
                self.block_handlers[stream](block)
        except PipeError:
            self._state = None  # it covers records that came to nothing
            raise
        for stream, rows in self._pending.items():
            if rows:
                self.send(self.outbox.write(stream, rows))
                rows.clear()
        if self._state is not None:
            self.send(self._state)
            self._state = None

    def _let_go(self) -> None:
        self._close_batches()
        self.flush()

    def _handle_termination(self, signum: int, frame: FrameType | None) -> None:
        """SIGTERM or SIGINT: finish the block at hand, let it go, exit 143."""
        self.stopping = True

    # The SDK's message hooks are not used: its reader is replaced by ours.

    def map_schema_message(self, message_dict: dict[str, Any]) -> Any:
        """Not called."""
        raise AssertionError(message_dict.keys())

    map_record_message = map_state_message = map_activate_version_message = map_schema_message
