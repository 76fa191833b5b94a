"""Records on their way to the warehouse: appended untouched to files, loaded whole.

A `Part` is one file of one stream: JSON lines we spooled, or a file a BATCH message named. The parts of a `Batch`
follow the order in which the records came, so that row numbers over all parts are the arrival sequence.
"""

from __future__ import annotations

import glob
import gzip
import shutil
import tempfile
from array import array
from bisect import bisect_left
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from pipe import lenient

if TYPE_CHECKING:
    from collections.abc import Iterator

    import msgspec

    from pipe.batches import BatchMessage
    from targets.core.columns import StreamSchema

LINE_LIMIT = 16 << 20
"""Bytes a line may have before a reader must be told of a longer one."""

_NOTHING = (b"", b"null")
"""Records that JSON lines readers skip or take for empty ones; a list they refuse."""


@dataclass
class Part:
    """One file of records.

    `positions` are the input line numbers of its records in order, or the one line of a BATCH message.
    """

    path: Path
    positions: array[int] | int
    format: str = "jsonl"
    longest_line: int = LINE_LIMIT
    version: int | None = None
    """Table version of all its records, where these do not say it themselves."""

    @property
    def spooled(self) -> bool:
        """We wrote it, record by record."""
        return not isinstance(self.positions, int)

    @property
    def zipped(self) -> bool:
        """It is a gzip file, whatever the BATCH message says."""
        with self.path.open("rb") as file:
            return file.read(2) == b"\x1f\x8b"

    def position(self, row: int) -> int:
        """Input line number of its record number `row`."""
        return self.positions if isinstance(self.positions, int) else self.positions[row]

    def rows_before(self, position: int, rows: int) -> int:
        """How many of its `rows` records came before input line `position`."""
        if isinstance(self.positions, int):
            return rows if self.positions < position else 0
        return bisect_left(self.positions, position)

    def lines(self) -> Iterator[bytes]:
        """Its records, for JSON lines."""
        with gzip.open(self.path) if self.zipped else self.path.open("rb") as file:
            for line in file:
                if self.spooled or line.strip():  # blank lines in others' files are not records
                    yield line.rstrip(b"\r\n")

    def pick(self, rows: set[int]) -> Iterator[tuple[int, bytes]]:
        """Some of its lines, each with its row."""
        for row, line in enumerate(self.lines()):
            if row in rows:
                yield row, line


@dataclass
class Batch:
    """What one commit takes of one stream."""

    schema: StreamSchema
    parts: list[Part] = field(default_factory=list)
    messages: list[BatchMessage] = field(default_factory=list)
    activate: int | None = None
    """Version that is complete: rows of older ones are gone at the source."""


class SpoolDirectory:
    """A directory of our own beside the database, gone when the run is over."""

    def __init__(self, parent: Path, prefix: str) -> None:
        """Remove what killed runs left in `parent`, and start a new one."""
        for leftover in parent.glob(f"{glob.escape(prefix)}*"):
            shutil.rmtree(leftover, ignore_errors=True)
        self.path = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
        self._numbers = count()

    def new_file(self) -> Path:
        """Path of a file not yet there."""
        return self.path / f"{next(self._numbers):06}.jsonl"

    def clear(self) -> None:
        """Remove the files given out so far."""
        for path in self.path.glob("*.jsonl"):
            path.unlink()

    def close(self) -> None:
        """Remove it with all that is in it."""
        shutil.rmtree(self.path, ignore_errors=True)


class StreamBuffer:
    """The records of one stream since the last commit.

    The caller appends to `records` and `positions` and calls `spill` now and then.
    """

    def __init__(self, schema: StreamSchema, spool: SpoolDirectory) -> None:
        """Start with nothing but the schema, which itself is news: its table must be there."""
        self.schema = schema
        self.records: list[msgspec.Raw | bytes] = []
        self.positions: list[int] = []
        self.rows = 0
        self.total = 0
        """Records and batch files taken so far."""
        self.last_position = 0
        self._spool = spool
        self._batch = Batch(schema)
        self._open = False
        self._news = True

    def spill(self) -> None:
        """Move the records from memory to the spool file."""
        if not self.records:
            return
        if min(map(len, self.records)) <= len(_NOTHING[1]):
            self.records = [b"[]" if bytes(record) in _NOTHING else record for record in self.records]
        self.records.append(b"")
        data = b"\n".join(self.records)
        self.records.clear()
        if lenient.has_nul(data):
            data = b"\n".join(map(_without_nul, data.split(b"\n")))
        if not self._open:
            self._batch.parts.append(Part(self._spool.new_file(), array("Q")))
            self._open = True
        part = self._batch.parts[-1]
        with part.path.open("ab") as file:  # not kept open: a source may have a thousand streams
            file.write(data)
        part.longest_line = max(part.longest_line, len(data))
        part.positions.extend(self.positions)  # type: ignore[union-attr]  # a part we write has an array
        self._count(len(self.positions), self.positions[-1])
        self.positions.clear()

    def add_files(self, message: BatchMessage, paths: list[Path], position: int, version: int | None) -> None:
        """Take the files of a BATCH message, after the records that came before it."""
        self.spill()
        self._open = False
        self._batch.parts += [Part(path, position, message.format, _line_limit(path), version) for path in paths]
        self._batch.messages.append(message)
        self.rows += sum(_rows(path, message.format) for path in paths)
        self.total += 1
        self.last_position = position
        self._news = True

    def activate(self, version: int) -> None:
        """Have the next commit delete what is older than `version`."""
        self._batch.activate = version
        self._news = True

    def change(self, schema: StreamSchema) -> None:
        """Read what comes from now on by another schema; nothing may wait."""
        self.schema = schema
        self._batch = Batch(schema)
        self._news = True

    def take(self) -> Batch | None:
        """What is to be committed, if anything; the buffer starts over."""
        self.spill()
        self._open = False
        if not self._news:
            return None
        batch, self._batch = self._batch, Batch(self.schema)
        self._news = False
        self.rows = 0
        return batch

    def _count(self, rows: int, position: int) -> None:
        self.rows += rows
        self.total += rows
        self.last_position = position
        self._news = True


def _rows(path: Path, form: str) -> int:
    """How many rows a typed file says it has; other files count as one."""
    if form == "jsonl":
        return 1
    from pipe import columnar

    try:
        return columnar.count(path, form)
    except OSError:
        return 1
    except columnar.ENGINE_ERRORS:
        return 1  # whoever loads it will say what is wrong with it


def _line_limit(path: Path) -> int:
    """What to tell a reader of a file nobody has measured: enough, for it sets aside twice that much memory."""
    size = path.stat().st_size
    return min(max(size, LINE_LIMIT), 4 * LINE_LIMIT)


def rewrite(part: Part, changes: dict[int, bytes], path: Path) -> Part:
    """A copy of `part` at `path` with other lines in some rows."""
    with path.open("wb") as file:
        for row, line in enumerate(part.lines()):
            file.write(changes.get(row, line) + b"\n")
    longest = max(part.longest_line, *map(len, changes.values()))
    return replace(part, path=path, longest_line=longest)


def _without_nul(line: bytes) -> bytes:
    return lenient.mend(line)[0] if lenient.NUL in line else line
