"""Blocks: many records of one stream at once, and the settings of a step that works on them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec
from singer_sdk import typing as th

from pipe import batches

if TYPE_CHECKING:
    from pathlib import Path


@dataclass
class Block:
    """Records of one stream that are worked on together: lines of the input, or the files of one BATCH message."""

    stream: str
    records: list[msgspec.Raw] = field(default_factory=list)
    """Encoded records; strict decoders may refuse some of them (see `PipeMapper.mended`)."""
    positions: list[int] = field(default_factory=list)
    """Number of the input line of each."""
    files: list[Path] = field(default_factory=list)
    format: str = "jsonl"
    """Of the files."""
    position: int = 0
    """Number of the input line of the BATCH message."""

    def lines(self) -> Iterator[tuple[msgspec.Raw, int]]:
        """Its encoded records, each with the number of its input line; for blocks of lines, and of JSON lines files."""
        yield from zip(self.records, self.positions, strict=True)
        message = batches.BatchMessage(self.stream, {"format": self.format}, [file.as_uri() for file in self.files])
        for record in batches.records(message):
            yield msgspec.Raw(record), self.position


BlockHandler = Callable[[Block], None]
"""Takes a block and sends on what becomes of it; keeps the order of records with equal keys."""

RECORDS, BATCHES = "records", "batches"
BATCH_ROWS = 100_000
BLOCK_BYTES = 128 << 20
"""Records gathered for a block have no more bytes than that, however few they are."""

BATCH_SETTINGS: tuple[th.Property[Any], ...] = (
    th.Property(
        "emit",
        th.StringType,
        allowed_values=[RECORDS, BATCHES],
        default=RECORDS,
        title="Emit",
        description="Send RECORD messages, or BATCH messages that name Arrow files: much faster, same rows",
    ),
    th.Property(
        "batch_rows",
        th.IntegerType(minimum=1),
        default=BATCH_ROWS,
        title="Batch rows",
        description="Records gathered for one batch file at most; a BATCH message that comes in gives one of its size",
    ),
    th.Property(
        "batch_directory",
        th.StringType(min_length=1),
        title="Batch directory",
        description="Where batch files are written: a directory of the tenant's, or an s3:// or gs:// URL; "
        "default: a private folder among the system's temporary files",
    ),
)
"""Settings of every step that can send batches."""
