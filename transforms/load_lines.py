"""RECORD lines as columns, decoded as the row mapper decodes them.

A thousand records at a time: what is just decoded is still in the processor's caches when it becomes a column.
"""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec
import pyarrow as pa
from msgspec.structs import astuple

from pipe import lenient
from pipe.errors import SkippableError
from pipe.mapper import UNREADABLE
from transforms import convert
from transforms.loaded import Loaded, likely_type, values_column
from transforms.row_reader import has_usual_names, struct_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from transforms.reads import Read

_ROWS = 1000
_SUSPECT = re.compile(rb"\\u(0000|[dD])")
_SAMPLE = 500


class LineLoader:
    """Loads records of one stream."""

    def __init__(self, reads: Iterable[Read]) -> None:
        """Take these values of each record."""
        self._reads = sorted(reads, key=lambda read: (read.root, read.steps, read.summed))
        self._roots = sorted({read.root for read in self._reads})
        self._getters = [(self._roots.index(read.root), getter(read)) for read in self._reads]
        self._decode, self._tuple = self._decoder()

    def load(self, records: Sequence[msgspec.Raw], positions: Sequence[int]) -> Loaded:
        """The records as columns; `positions` are the numbers of their lines."""
        loaded = _Lines(records, positions)
        sample = self._values(records[:: max(1, len(records) // _SAMPLE)])[0]
        types = [likely_type(values) for values in sample]
        chunks: list[list[pa.Array]] = [[] for _ in self._reads]
        odd: list[int] = []
        for start in range(0, len(records), _ROWS):
            columns, misfits = self._values(records[start : start + _ROWS])
            odd += [start + place for place in misfits]
            for values, sql_type, chunk in zip(columns, types, chunks, strict=True):
                column, misfits = values_column(values, sql_type)
                odd += [start + place for place in misfits]
                chunk.append(column)
        for read, sql_type, chunk in zip(self._reads, types, chunks, strict=True):
            loaded.add(read, pa.concat_arrays(chunk), sql_type)
        loaded.odd[odd] = True
        return loaded

    def _values(self, records: Sequence[msgspec.Raw]) -> tuple[list[Sequence[Any]], list[int]]:
        """The values of some records, by read; and the places of those that could not be had."""
        odd: list[int] = []
        try:
            rows = [self._tuple(self._decode(record)) for record in records]
        except (*UNREADABLE, InvalidOperation):
            rows = [self._decode_or_mark(record, place, odd) for place, record in enumerate(records)]
        roots = list(zip(*rows, strict=True))
        return [self._got(roots[root], get, odd) if get else roots[root] for root, get in self._getters], odd

    def _decode_or_mark(self, record: msgspec.Raw, place: int, odd: list[int]) -> tuple[Any, ...]:
        try:
            return self._tuple(self._decode(record))
        except (*UNREADABLE, InvalidOperation):
            odd.append(place)
            return (None,) * len(self._roots)

    def _got(self, values: Sequence[Any], get: Callable[[Any], Any], odd: list[int]) -> list[Any]:
        found = []
        for place, value in enumerate(values):
            try:
                found.append(get(value))
            except SkippableError:
                odd.append(place)
                found.append(None)
        return found

    def _decoder(self) -> tuple[Callable[[msgspec.Raw], Any], Callable[[Any], tuple[Any, ...]]]:
        """Functions encoded record -> what is decoded of it -> values of `_roots`."""
        if has_usual_names(self._roots):
            struct = struct_of({root: f"f{number}" for number, root in enumerate(self._roots)})
            return msgspec.json.Decoder(struct, float_hook=Decimal).decode, astuple
        to_dict = msgspec.json.Decoder(dict[str, Any], float_hook=Decimal).decode
        return to_dict, lambda values: tuple(values.get(root) for root in self._roots)


class _Lines(Loaded):
    def __init__(self, records: Sequence[msgspec.Raw], positions: Sequence[int]) -> None:
        super().__init__(len(records))
        self._records = records
        self._positions = positions

    def records(self, places: Iterable[int]) -> list[tuple[msgspec.Raw, int]]:
        return [(self._records[place], self._positions[place]) for place in places]

    def raw(self) -> pa.Array:
        """The records' own bytes, mended where a warehouse would not take them for JSON."""
        return pa.array([clean(bytes(record)) for record in self._records], pa.string())


def clean(record: bytes) -> bytes:
    """The record, mended if it has invalid UTF-8, a NUL, or what may be half a surrogate pair."""
    if not (b"\\" in record and _SUSPECT.search(record)) and _is_utf8(record):
        return record
    try:
        return lenient.mend(record)[0]
    except (ValueError, ArithmeticError):
        return b"null"  # rejected, so nobody sees it


def _is_utf8(data: bytes) -> bool:
    """Whether the bytes are text."""
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def getter(read: Read) -> Callable[[Any], Any] | None:
    """What leads from the value of a read's field to that of the read; None when they are the same."""
    if read.summed:
        return partial(_total, read.steps)
    return partial(_dig, read.steps) if read.steps else None


def _total(steps: tuple[str, ...], value: Any) -> Decimal | None:
    return convert.total(value, steps)


def _dig(steps: tuple[str, ...], value: Any) -> Any:
    return convert.dig(value, steps)
