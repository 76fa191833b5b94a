"""Rows of typed batch files as columns: most as they are, nested ones decoded."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from pipe import batches, columnar
from pipe.errors import SkippableError
from pipe.mapper import UNREADABLE
from transforms.columns_text import is_plain
from transforms.load_lines import clean, getter
from transforms.loaded import Loaded, likely_type, values_column

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    import duckdb

    from transforms.reads import Read

_GIVEN = "given_rows"
_decode = msgspec.json.Decoder(float_hook=Decimal).decode


def tables(path: Path, form: str, stream: str, rows: int) -> Iterator[pa.Table]:
    """The rows of a typed batch file, so many at a time.

    Raises:
        RetriableError: it is cut short, or no such file.
    """
    if form == "arrow":
        table = batches.read_table(path, form, stream)
        for start in range(0, table.num_rows, rows):
            yield table.slice(start, rows)
        return
    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(rows):
                yield pa.Table.from_batches([batch])
    except OSError as error:
        raise batches.unreadable(path, stream, type(error).__name__) from None
    except columnar.ENGINE_ERRORS as error:
        raise batches.unreadable(path, stream, type(error).__name__) from None


class TableLoader:
    """Loads tables of one stream."""

    def __init__(
        self, reads: Iterable[Read], properties: Mapping[str, Any], connection: duckdb.DuckDBPyConnection
    ) -> None:
        """Take these values of each record; `properties` are those of the stream's SCHEMA."""
        self._reads = sorted(reads, key=lambda read: (read.root, read.steps, read.summed))
        self._properties = properties
        self._connection = connection

    def load(self, table: pa.Table, position: int) -> Loaded:
        """The rows of a file that the message in line `position` names."""
        table = table.combine_chunks()
        self._connection.register(_GIVEN, table)
        try:
            found = columnar.columns(self._connection, _GIVEN)
            types = dict(zip(table.column_names, found.items(), strict=True))
            loaded = _Rows(table, position, self._properties)
            for read in self._reads:
                self._add(loaded, read, table, types.get(read.root))
        finally:
            self._connection.unregister(_GIVEN)
        return loaded

    def _add(self, loaded: Loaded, read: Read, table: pa.Table, column: tuple[str, str] | None) -> None:
        if column is None:
            loaded.add(read, pa.nulls(table.num_rows, pa.string()), "VARCHAR")
            return
        name, sql_type = column
        value = columnar.record_value(name, sql_type, self._properties.get(read.root))
        is_text = sql_type == "VARCHAR"
        if not is_plain(sql_type) or (is_text and value != columnar.quoted(name)):
            self._add_nested(loaded, read, value)
        elif read.steps:
            loaded.add(read, pa.nulls(table.num_rows, pa.string()), "VARCHAR")  # no way leads into it
        else:
            array = _single(table.column(read.root))
            loaded.add(read, _text(array) if is_text else array, sql_type)

    def _add_nested(self, loaded: Loaded, read: Read, value: str) -> None:
        """What is inside a nested column; the column itself when it holds texts or numbers after all."""
        query = f"SELECT to_json({value})::VARCHAR FROM {_GIVEN}"  # noqa: S608
        get = getter(read)
        values, odd = [], []
        for place, (text,) in enumerate(self._connection.execute(query).fetchall()):
            try:
                whole = None if text is None else _decode(text)
                values.append(get(whole) if get else whole)
            except (SkippableError, InvalidOperation, *UNREADABLE):
                odd.append(place)
                values.append(None)
        sql_type = likely_type(values)
        array, misfits = values_column(values, sql_type)
        loaded.add(read, array, sql_type, [*odd, *misfits])


class _Rows(Loaded):
    def __init__(self, table: pa.Table, position: int, properties: Mapping[str, Any]) -> None:
        super().__init__(table.num_rows)
        self._table = table
        self._position = position
        self._properties = properties

    def records(self, places: Iterable[int]) -> list[tuple[msgspec.Raw, int]]:
        chosen = self._table.take(pa.array(places, pa.int64()))
        return [(msgspec.Raw(record), self._position) for record in columnar.encoded(chosen, self._properties)]

    def raw(self) -> pa.Array:
        return pa.array(map(clean, columnar.encoded(self._table, self._properties)), pa.string())


def _single(column: pa.ChunkedArray) -> pa.Array:
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def _text(array: pa.Array) -> pa.Array:
    return array if pa.types.is_string(array.type) or pa.types.is_large_string(array.type) else array.cast(pa.string())
