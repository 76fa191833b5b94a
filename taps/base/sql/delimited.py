"""Delimited text, as databases write it fastest, to Arrow tables.

NULL is nothing at all, an empty text is a pair of quotes. Times are either text or microseconds since 1970.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from taps.base.sql.engine import BAD

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from taps.base.sql.engine import Column

_BLOCK = 1 << 22
_LONGEST_BLOCK = (1 << 31) - 1
"""What the parser allows; a row must be in one block, or it is none to it."""

_PATIENCE = 5.0
"""Seconds that a piece which is on its way is waited for when no more are wanted."""


def tables(parts: Iterator[bytes], columns: Sequence[Column], rows: int, *, numbers: bool) -> Iterator[pa.Table]:
    """Tables of `rows` rows; the last may have fewer.

    Args:
        parts: the text, in pieces of whole rows.
        columns: those of the text, in order, followed by `BAD` if one of them may have bad values.
        rows: of a table.
        numbers: whether times and days are numbers since 1970.
    """
    lines = _Lines(parts)
    if not lines.ahead():
        return
    kinds = {column.name: column.type for column in columns}
    if any(column.bad for column in columns):
        kinds[BAD] = pa.int64()
    reader = pa_csv.open_csv(
        lines,
        read_options=pa_csv.ReadOptions(column_names=list(kinds), block_size=_LONGEST_BLOCK, use_threads=False),
        parse_options=pa_csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
        convert_options=pa_csv.ConvertOptions(
            column_types={name: _carrier(kind, numbers=numbers) for name, kind in kinds.items()},
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
            true_values=["t", "1"],
            false_values=["f", "0"],
        ),
    )
    waiting: list[pa.RecordBatch] = []
    count = 0
    try:
        for batch in reader:
            waiting.append(batch)
            count += batch.num_rows
            while count >= rows:
                table = pa.Table.from_batches(waiting)
                yield _typed(table.slice(0, rows), columns, kinds)
                rest = table.slice(rows)
                waiting, count = rest.to_batches(), rest.num_rows
    finally:
        # It reads ahead in a thread of its own, which must not be at it when the process ends: that would abort it.
        if lines.end():
            with suppress(Exception):
                for _ in reader:
                    pass
    if count:
        yield _typed(pa.Table.from_batches(waiting), columns, kinds)


def in_utc(values: pa.ChunkedArray, zone: str) -> pa.ChunkedArray:
    """Times without a zone, as those of `zone`; of an hour that came twice the first, of one that never was its end."""
    return pc.assume_timezone(values, zone, ambiguous="earliest", nonexistent="latest").cast(pa.timestamp("us", "UTC"))


def _typed(table: pa.Table, columns: Sequence[Column], kinds: dict[str, pa.DataType]) -> pa.Table:
    zones = {column.name: column.zone for column in columns if column.zone and pa.types.is_timestamp(column.type)}
    arrays = {}
    for name, values in zip(table.column_names, table.columns, strict=True):
        if name in zones:
            arrays[name] = in_utc(values.cast(pa.timestamp("us")), zones[name])
        elif values.type == pa.float32():  # 19.99 stays that, not the nearest 32-bit fraction in 64 bits
            arrays[name] = values.cast(pa.string()).cast(pa.float64())
        else:
            arrays[name] = values.cast(kinds[name])
    return pa.table(arrays)


def _carrier(kind: pa.DataType, *, numbers: bool) -> pa.DataType:
    """What a value of the type is parsed as."""
    if pa.types.is_timestamp(kind):
        return pa.int64() if numbers else pa.timestamp("us")
    if pa.types.is_time(kind):
        return pa.int64()
    if pa.types.is_date(kind):
        return pa.int32() if numbers else kind
    return kind


class _Lines:
    """Pieces of text as a file to read from, some whole pieces at a time."""

    closed = False

    def __init__(self, parts: Iterator[bytes]) -> None:
        self._parts = parts
        self._rest = b""
        self._reading = threading.Lock()
        self._ended = False

    def ahead(self) -> bool:
        """Whether there is anything."""
        self._rest = self._rest or bytes(next(self._parts, b""))
        return bool(self._rest)

    def read(self, size: int = _LONGEST_BLOCK) -> bytes:
        """At most so many bytes; none at the end only."""
        with self._reading:
            pieces, length = [self._rest], len(self._rest)
            while length < min(size, _BLOCK) and not self._ended and (piece := next(self._parts, None)) is not None:
                pieces.append(piece)
                length += len(piece)
            if self._ended:
                return b""
            found = b"".join(pieces)
            self._rest = found[size:]
            return found[:size]

    def end(self) -> bool:
        """Give no more; whether nobody is reading any longer."""
        self._ended = True
        if not self._reading.acquire(timeout=_PATIENCE):
            return False
        self._reading.release()
        return True

    def readable(self) -> bool:
        """As a file says it."""
        return True
