"""Blocks of records through the compiled queries, and what SQL left over through the row mappers."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from itertools import islice
from typing import TYPE_CHECKING, Any, Protocol

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipe import columnar, lenient
from pipe.errors import PipeError, SkippableError
from pipe.mapper import UNREADABLE
from pipe.streams import Kind
from transforms.columns_rules import NotColumnarError
from transforms.compile_columns import KEEP, ODD, ColumnMapper
from transforms.load_lines import LineLoader
from transforms.load_tables import TableLoader, tables
from transforms.reads import DELETED_AT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import duckdb
    from numpy.typing import NDArray

    from pipe.blocks import Block
    from pipe.streams import Stream
    from transforms.compile_rows import RowMapper, Target
    from transforms.loaded import Loaded

_RELATION = "given"
_RAW = "raw"
_MOMENT = pa.timestamp("us", "UTC")
_READERS: dict[Kind, Callable[[Any], Any]] = {
    Kind.TIMESTAMP: datetime.fromisoformat,
    Kind.DATE: date.fromisoformat,
    Kind.DECIMAL: Decimal,
}
"""Kind of a canonical field -> what makes a column's value of its JSON value."""


_decode_row = msgspec.json.Decoder(float_hook=float).decode  # a raw record may have numbers that no double holds


class Outcome(Protocol):
    """Where the results of a block go."""

    def fetched(self, count: int) -> None:
        """Count source records that were not rejected."""

    def rejected(self, record: msgspec.Raw, position: int, error: SkippableError) -> None:
        """Tell of a record that was rejected; raises when there are too many."""

    def mapped(self, rule: int, table: pa.Table, filtered: int) -> None:
        """Send what a rule made of some records; that many it left out."""


class BlockMapper:
    """All rules of one source stream, over blocks of its records."""

    def __init__(
        self,
        rules: Sequence[tuple[Target, RowMapper]],
        schema: dict[str, Any],
        connection: duckdb.DuckDBPyConnection,
        outcome: Outcome,
        *,
        rows: int,
    ) -> None:
        """Map by these rules, `rows` records at a time.

        Raises:
            NotColumnarError: one of the rules is for the row mapper alone.
        """
        targets = [target for target, _ in rules]
        self._into = [target.rule.into for target in targets]
        if len(set(self._into)) < len(self._into):
            raise NotColumnarError  # the order of rows with equal keys would be lost
        self._mappers = [ColumnMapper(target, schema) for target in targets]
        self._row_mappers = [map_row for _, map_row in rules]
        self._raw = [target.include_raw for target in targets]
        self._connection = connection
        self._outcome = outcome
        self._rows = rows
        reads = frozenset(read for mapper in self._mappers for read in mapper.reads)
        self._lines = LineLoader(reads)
        self._tables = TableLoader(reads, schema.get("properties") or {}, connection)

    def __call__(self, block: Block) -> None:
        """Map a block. When it has too many rejects, what came before the last of them is sent all the same."""
        for loaded in self._loaded(block):
            self._map(loaded)

    def _loaded(self, block: Block) -> Iterator[Loaded]:
        if block.records:
            yield self._lines.load(block.records, block.positions)
        elif block.format == "jsonl":
            lines = block.lines()
            while chunk := list(islice(lines, self._rows)):
                yield self._lines.load([_stripped(record) for record, _ in chunk], [position for _, position in chunk])
        else:
            for file in block.files:
                for table in tables(file, block.format, block.stream, self._rows):
                    yield self._tables.load(table, block.position)

    def _map(self, loaded: Loaded) -> None:
        results = self._queried(loaded)
        odd = loaded.odd.copy()
        for result in results:
            odd |= _booleans(result, ODD)
        others, end, failure = self._map_odd(loaded, np.flatnonzero(odd))
        for rule, result in enumerate(results):
            kept = _booleans(result, KEEP)
            fast = np.flatnonzero(kept[:end] & ~odd[:end])
            own = [(place, rows[rule]) for place, rows in others]
            table, places = _merged(result.drop_columns([KEEP, ODD]), fast, own, self._into[rule])
            if self._raw[rule] and _RAW in self._into[rule].field_names:
                table = _with_raw(table, self._into[rule], loaded.raw().take(pa.array(places)))
            self._outcome.mapped(rule, table, end - len(places) - int(odd[:end].sum()) + len(others))
        if failure:
            raise failure

    def _queried(self, loaded: Loaded) -> list[pa.Table]:
        self._connection.register(_RELATION, loaded.table)
        try:
            return [columnar.fetch(self._connection, mapper.query(loaded.types, _RELATION)) for mapper in self._mappers]
        finally:
            self._connection.unregister(_RELATION)

    def _map_odd(
        self, loaded: Loaded, odd: NDArray[np.int64]
    ) -> tuple[list[tuple[int, list[bytes | None]]], int, PipeError | None]:
        """What the row mappers make of the odd records, by place; how far that went; and why no further."""
        found: list[tuple[int, list[bytes | None]]] = []
        places = odd.tolist()
        done = 0
        for place, (record, position) in zip(places, loaded.records(places) if places else (), strict=True):
            self._outcome.fetched(place - done)
            done = place + 1
            try:
                found.append((place, self._map_one(record)))
            except SkippableError as error:
                try:
                    self._outcome.rejected(record, position, error)
                except PipeError as failure:
                    return found, done, failure
            else:
                self._outcome.fetched(1)
        self._outcome.fetched(len(loaded.odd) - done)
        return found, len(loaded.odd), None

    def _map_one(self, record: msgspec.Raw) -> list[bytes | None]:
        """A record by all rules, mended if need be."""
        record = _stripped(record)
        try:
            return [map_row(record) for map_row in self._row_mappers]
        except UNREADABLE:
            pass
        try:
            mended = msgspec.Raw(lenient.mend(bytes(record))[0])
            return [map_row(mended) for map_row in self._row_mappers]
        except (*UNREADABLE, ValueError, ArithmeticError):
            raise SkippableError("is not a JSON object", rule="malformed") from None


def _stripped(record: msgspec.Raw) -> msgspec.Raw:
    """The record without NULs (see `pipe.lenient`)."""
    data = bytes(record)
    if not lenient.has_nul(data):
        return record
    try:
        return msgspec.Raw(lenient.mend(data)[0])
    except (ValueError, ArithmeticError):
        return record  # the row mapper rejects it


def _booleans(table: pa.Table, name: str) -> NDArray[np.bool_]:
    return np.asarray(table.column(name), np.bool_)


def _merged(
    fast: pa.Table, places: NDArray[np.int64], others: Sequence[tuple[int, bytes | None]], into: Stream
) -> tuple[pa.Table, NDArray[np.int64]]:
    """The rows of `fast` at `places` and the encoded others, in order: of equal keys the last wins. And all places."""
    rows = [(place, _decode_row(row)) for place, row in others if row is not None]
    if not rows:
        return (fast if len(places) == len(fast) else fast.take(pa.array(places))), places
    slow = _table([row for _, row in rows], fast.schema, into)
    if any(DELETED_AT in row for _, row in rows):
        moments = [row.get(DELETED_AT) for _, row in rows]
        column = pa.array([moment and datetime.fromisoformat(moment) for moment in moments], _MOMENT)
        slow = slow.append_column(DELETED_AT, column)
        fast = fast.append_column(DELETED_AT, pa.nulls(len(fast), _MOMENT))
    indices = np.concatenate([places, np.arange(len(fast), len(fast) + len(slow))])
    found = np.concatenate([places, [place for place, _ in rows]])
    order = np.argsort(found, kind="stable")
    return pa.concat_tables([fast, slow]).take(pa.array(indices[order])), found[order]


def _table(rows: Sequence[Mapping[str, Any]], schema: pa.Schema, into: Stream) -> pa.Table:
    """Decoded canonical records as a table."""
    kinds = {field.name: field.kind for field in into.fields}
    columns = []
    for column in schema:
        read = _READERS.get(kinds[column.name])
        values = [row.get(column.name) for row in rows]
        columns.append(pa.array([read(v) if read and v is not None else v for v in values], column.type))
    return pa.table(columns, schema=schema)


def _with_raw(table: pa.Table, into: Stream, raw: pa.Array) -> pa.Table:
    """The table with the source records, in the stream's order of columns; a retraction is its key alone."""
    if DELETED_AT in table.column_names:
        raw = pc.if_else(table.column(DELETED_AT).is_null(), raw, pa.scalar(None, raw.type))
    table = table.append_column(_RAW, raw)
    return table.select([name for name in (*into.field_names, DELETED_AT) if name in table.column_names])
