"""Profiles of Singer streams, in bounded memory: counts of every record, a reservoir of records for the rest."""

from __future__ import annotations

import json
import random
import zlib
from collections import defaultdict
from typing import TYPE_CHECKING, Any

import msgspec

from discovery import batch_files, cards, relations
from discovery.summary import Counts, column_profile
from discovery.table import TableProfile
from pipe import batches

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    import pyarrow as pa

SAMPLE_ROWS = 2_000
_SMALLEST = 1_024
"""Hashes kept of each column's values: below as many distinct values the count is exact, above it is an estimate."""

_HASHES = 1 << 32
_DEPTH = 2
"""Levels of objects that are looked into."""

_SEED = 42


class _Distinct:
    """How many different values came by: the smallest hashes and how far apart they lie (a KMV sketch)."""

    __slots__ = ("_kept", "_largest")

    def __init__(self) -> None:
        self._kept: set[int] = set()
        self._largest = _HASHES

    def add(self, value: str) -> None:
        """Take a value."""
        code = zlib.crc32(value.encode("utf-8", "replace"))
        if code < self._largest:
            self._kept.add(code)
            if len(self._kept) > 2 * _SMALLEST:
                self._kept = set(sorted(self._kept)[:_SMALLEST])
                self._largest = max(self._kept)

    def count(self) -> int:
        """How many, about."""
        if self._largest == _HASHES:
            return len(self._kept)
        smallest = sorted(self._kept)[:_SMALLEST]
        return round((_SMALLEST - 1) * _HASHES / smallest[-1])


class StreamProfiler:
    """Profiles the records of one stream as they pass."""

    def __init__(self, name: str) -> None:
        """`name` of the stream."""
        self.name = name
        self.rows = 0
        self._filled: dict[str, int] = {}
        self._distinct: dict[str, _Distinct] = {}
        self._long_numbers: dict[str, list[str]] = defaultdict(list)
        self._sample: list[dict[str, str]] = []
        self._dice = random.Random(_SEED)  # noqa: S311  the same sample for the same stream

    def add(self, record: Mapping[str, Any]) -> None:
        """Take a record."""
        row: dict[str, str] = {}
        for key, value in _flat(record):
            self._know(key)
            text = _text(value)
            if text:
                self._filled[key] += 1
                self._see(key, text)
                row[key] = text
        if (place := self._place()) is not None:
            self._sample[place] = row

    def add_columns(self, columns: Mapping[str, pa.Array]) -> None:
        """Take rows that are at hand column by column, without objects or lists in them: as `add` one by one."""
        texts: dict[str, tuple[list[str], list[int | None]]] = {}
        for key, column in columns.items():
            self._know(key)
            encoded = column.dictionary_encode()
            different = [_text(value) for value in encoded.dictionary.to_pylist()]
            places = encoded.indices.to_pylist()
            texts[key] = different, places
            self._filled[key] += sum(place is not None and different[place] != "" for place in places)
            for text in filter(None, different):
                self._see(key, text)
        for number in range(len(next(iter(columns.values()), ()))):
            if (kept := self._place()) is not None:
                row = {}
                for key, (different, places) in texts.items():
                    place = places[number]
                    if place is not None and different[place]:
                        row[key] = different[place]
                self._sample[kept] = row

    def _know(self, key: str) -> None:
        if key not in self._filled:
            self._filled[key] = 0
            self._distinct[key] = _Distinct()

    def _see(self, key: str, text: str) -> None:
        self._distinct[key].add(text)
        if cards.SHORTEST <= len(text) <= cards.LONGEST and cards.like_one(text):
            self._keep(key, text)

    def _place(self) -> int | None:
        """Count a row, and say where in the sample it goes, if it does (Vitter's algorithm R)."""
        self.rows += 1
        if len(self._sample) < SAMPLE_ROWS:
            self._sample.append({})
            return len(self._sample) - 1
        place = self._dice.randrange(self.rows)
        return place if place < SAMPLE_ROWS else None

    def _keep(self, key: str, text: str) -> None:
        kept = self._long_numbers[key]
        if len(kept) < cards.KEPT:
            kept.append(text)

    def profile(self) -> TableProfile:
        """What has been seen so far."""
        columns = tuple(
            column_profile(
                name,
                position,
                [row.get(name) for row in self._sample],
                Counts(self.rows, filled, self._distinct[name].count(), long_numbers=tuple(self._long_numbers[name])),
            )
            for position, (name, filled) in enumerate(self._filled.items())
        )
        numeric = {
            column.name: [row.get(column.name) for row in self._sample]
            for column in columns
            if column.type in {"integer", "number"} or column.patterns.get("money")
        }
        return TableProfile(self.name, self.rows, columns, relations.find(numeric))


def profile_singer(lines: Iterable[bytes]) -> dict[str, TableProfile]:
    """Stream -> profile, of the RECORD and BATCH messages in Singer lines; other messages are passed over.

    Raises:
        DataError, RetriableError: a BATCH message is malformed, or a file of it is not there.
    """
    found: dict[str, StreamProfiler] = {}
    decode = msgspec.json.Decoder(dict[str, Any]).decode
    for position, line in enumerate(lines, 1):
        if not line.strip():
            continue
        message = decode(line)
        kind, stream = message.get("type"), str(message.get("stream"))
        if kind == "RECORD":
            found.setdefault(stream, StreamProfiler(stream)).add(message.get("record") or {})
        elif kind == "BATCH":
            batch_files.add(found.setdefault(stream, StreamProfiler(stream)), batches.decode(line, position), {})
    return {name: profiler.profile() for name, profiler in found.items()}


def _flat(record: Mapping[str, Any], before: str = "", depth: int = _DEPTH) -> Iterator[tuple[str, Any]]:
    """Each field by its path, with its value: objects are looked into, lists stay whole."""
    for key, value in record.items():
        if isinstance(value, dict) and value and depth and "." not in key:
            yield from _flat(value, f"{before}{key}.", depth - 1)
        else:
            yield f"{before}{key}", value


def _text(value: Any) -> str:
    """The value as text; nothing for null and for empty text."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value if value.strip() else ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value, default=str) if isinstance(value, dict | list) else str(value)
