"""Reading lines in blocks and writing them in blocks: no flush a line, no line held back for long.

A reader wakes at least every half second, so that buffered output reaches the next process even when a slow
source pauses, and a termination signal is noticed at once.
"""

from __future__ import annotations

import io
import os
import select
import sys
from typing import IO, TYPE_CHECKING, Any, Protocol

from singer_sdk.singerlib.encoding.base import GenericSingerReader

from pipe.errors import RetriableError

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterator

BLOCK_BYTES = 1 << 20
IDLE_SECONDS = 0.5
LINUX_SET_PIPE_SIZE = 1031  # F_SETPIPE_SZ: fewer, larger hand-overs between two processes


class Consumer(Protocol):
    """What a plugin does with its input."""

    stopping: bool

    def feed(self, lines: list[bytes], size: int) -> None:
        """Take complete lines, `size` bytes of them in all."""

    def idle(self) -> None:
        """Nothing has come for half a second: let go of what is held back."""

    def message_counts(self) -> Counter[str]:
        """Messages taken so far, by type."""


class BlockReader(GenericSingerReader[bytes]):
    """The SDK's reader seam, filled by our own loop: blocks of lines go to the plugin that owns it."""

    def __init__(self, consumer: Consumer) -> None:
        """Read for `consumer`."""
        super().__init__()
        self._consumer = consumer

    def process_lines(self, file_input: IO[Any] | None, callbacks: dict[str, Any]) -> Counter[str]:
        """Feed the whole input to the consumer."""
        for lines, size in blocks(file_input):
            if lines:
                self._consumer.feed(lines, size)
            else:
                self._consumer.idle()
            if self._consumer.stopping:
                break
        return self._consumer.message_counts()

    @property
    def default_input(self) -> IO[bytes]:
        """Standard input, as bytes."""
        return sys.stdin.buffer

    def deserialize_json(self, line: bytes) -> dict[str, Any]:
        """Not used: lines are decoded by the consumer, which knows the types it needs."""
        raise AssertionError(line and "lines are decoded by the consumer")


def blocks(source: IO[Any] | None) -> Iterator[tuple[list[bytes], int]]:
    """Yield (complete lines, their size in bytes); an empty list when nothing came for `IDLE_SECONDS`.

    A last line without its newline is yielded like any other. Blank lines are left out.
    """
    source = source or sys.stdin
    if not _has_descriptor(source):
        yield from _blocks_of_text(source)
        return
    descriptor = source.fileno()
    _enlarge(descriptor)
    rest: list[bytes] = []
    while True:
        if not _ready(descriptor):
            yield [], 0
            continue
        block = os.read(descriptor, BLOCK_BYTES)
        if not block:
            break
        head, newline, tail = block.rpartition(b"\n")
        if not newline:
            rest.append(tail)
            continue
        rest.append(head)
        data = b"".join(rest)
        rest = [tail] if tail else []
        yield _split(data), len(data)
    if rest:
        data = b"".join(rest)
        yield _split(data), len(data)


class BlockWriter:
    """Writes whole blocks of lines to standard output (or another binary file)."""

    def __init__(self, target: IO[bytes] | None = None) -> None:
        """Write to `target`, by default to whatever standard output is at that moment."""
        self._target = target
        if target is None and _has_descriptor(sys.stdout):
            _enlarge(sys.stdout.fileno())

    def write(self, data: bytes) -> None:
        """Write whole lines and let them go at once.

        Raises:
            RetriableError: the reader has gone.
        """
        try:
            self._write(data)
        except BrokenPipeError:
            raise RetriableError(
                "the next process in the pipe ended before reading everything",
                remedy="Its own last line says why; run again once that is mended",
            ) from None

    def _write(self, data: bytes) -> None:
        target = self._target or getattr(sys.stdout, "buffer", None)
        if target is None:  # a test captured standard output as text
            sys.stdout.write(data.decode())
        else:
            rest = memoryview(data)
            while rest:  # unbuffered (PYTHONUNBUFFERED), a write that a signal interrupts stops half-way
                rest = rest[target.write(rest) or 0 :]
            target.flush()


def _split(data: bytes) -> list[bytes]:
    lines = data.split(b"\n")
    if b"\r" in data or min(lines)[:1] != b"{":  # blank lines sort before any message
        lines = [stripped for line in lines if (stripped := line.rstrip(b"\r").strip())]
    return lines


def _blocks_of_text(source: IO[Any]) -> Iterator[tuple[list[bytes], int]]:
    """Input without a file descriptor: an in-memory text or byte stream."""
    while chunk := source.readlines(BLOCK_BYTES):
        data = b"".join(line.encode() if isinstance(line, str) else line for line in chunk)
        yield _split(data), len(data)


def _has_descriptor(source: IO[Any]) -> bool:
    try:
        source.fileno()
    except (io.UnsupportedOperation, AttributeError):
        return False
    return True


def _ready(descriptor: int) -> bool:
    return bool(select.select([descriptor], [], [], IDLE_SECONDS)[0])


def _enlarge(descriptor: int) -> None:
    if sys.platform != "linux":
        return
    import fcntl

    try:
        fcntl.fcntl(descriptor, LINUX_SET_PIPE_SIZE, BLOCK_BYTES)
    except OSError:
        return  # not a pipe, or the system allows no larger one
