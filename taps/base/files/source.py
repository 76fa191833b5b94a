"""Opening a file in its format, whatever it is packed in."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from pipe.errors import DataError
from pipe.lenient import BOM
from taps.base.files import choices, jsonl, mixed, text, unpack
from taps.base.files.delimited import DETECT, TAB, WHITESPACE, Delimited, Dialect, Layout
from taps.base.files.mixed import Blocks
from taps.base.files.parquet import ParquetTable
from taps.base.files.table import Column
from taps.base.files.text import Lines, LongLineError, NulFilter

if TYPE_CHECKING:
    from collections.abc import Iterator

    from taps.base.files.find import SourceFile
    from taps.base.files.settings import StreamSettings
    from taps.base.files.table import Objects, Rows, Tables

_SUFFIXES = {
    ".csv": choices.CSV,
    ".tsv": choices.TSV,
    ".tab": choices.TSV,
    ".jsonl": choices.JSONL,
    ".ndjson": choices.JSONL,
    ".parquet": choices.PARQUET,
    ".pq": choices.PARQUET,
}
_PARQUET_MAGIC = b"PAR1"


@dataclass
class Source:
    """An open file.

    Either a table (`columns` and `rows`) or `objects`. Columns of a delimited file are strings; the caller sets their
    declared types. `notes` say what was made to fit without rejecting a row, once the file has been read.
    `tables` gives what `rows` gives, many rows at a time.
    """

    columns: list[Column] = field(default_factory=list)
    rows: Rows = field(default_factory=lambda: iter(()))
    objects: Objects | None = None
    typed: bool = False
    notes: list[str] = field(default_factory=list)
    tables: Tables | None = None


@contextmanager
def opened(file: SourceFile, options: StreamSettings, *, in_tables: bool = False) -> Iterator[Source]:
    """Open the file and read as far as its header; `in_tables`, to read `tables` where the format has them.

    Raises:
        CredentialsError, DataError, RetriableError: the file cannot be read; the error names it.
    """
    with unpack.readable(file, options.stream):
        if not file.size:
            yield Source(notes=["it is empty"])
            return
        form = _format(file, options)
        if form == choices.PARQUET:
            with _parquet(file, options) as source:
                yield source
            return
        nuls = NulFilter()
        try:
            if form == choices.JSONL:
                source = Source(objects=jsonl.objects(Lines(_texts(file, options, nuls))))
                yield source
            else:
                blocks = Blocks(_utf8_texts(file, options, nuls)) if in_tables else None
                lines = Lines(blocks.decoded() if blocks else _texts(file, options, nuls))
                table = _delimited(lines, form, options)
                source = Source([Column(name, {}) for name in table.columns], table.rows())
                if blocks and table.columns and table.delimiter != WHITESPACE:
                    source.tables = partial(mixed.items, table, lines, blocks, options.max_line_length)
                yield source
                if table.cut:
                    source.notes.append(f"{table.cut} rows had more cells than columns; the surplus was dropped")
        except LongLineError:
            raise DataError(
                f"a line is longer than max_line_length ({options.max_line_length})",
                remedy="Check that it is text with line ends; or raise max_line_length",
            ) from None
        if nuls.dropped:
            source.notes.append(f"{nuls.dropped} NUL characters were dropped")


def _texts(file: SourceFile, options: StreamSettings, nuls: NulFilter) -> Iterator[str]:
    texts = text.decoded(unpack.pieces(file.path), options.encoding)
    return text.whole_lines(nuls.without(texts), options.max_line_length)


def _utf8_texts(file: SourceFile, options: StreamSettings, nuls: NulFilter) -> Iterator[bytes]:
    texts = text.utf8(unpack.pieces(file.path), options.encoding)
    return text.whole_lines(nuls.without(texts), options.max_line_length)


def _format(file: SourceFile, options: StreamSettings) -> str:
    if options.format != choices.DETECT:
        return options.format
    name = file.name.lower()
    for packed in unpack.PACKED_SUFFIXES:
        name = name.removesuffix(packed)
    suffix = name[name.rfind(".") :]
    if suffix in _SUFFIXES:
        return _SUFFIXES[suffix]
    start = next(unpack.pieces(file.path), b"")
    if start.startswith(_PARQUET_MAGIC):
        return choices.PARQUET
    return choices.JSONL if start.removeprefix(BOM).lstrip().startswith(b"{") else choices.CSV


def _delimited(lines: Lines, form: str, options: StreamSettings) -> Delimited:
    delimiter = TAB if form == choices.TSV and options.delimiter == DETECT else options.delimiter
    dialect = Dialect(delimiter, options.quotechar, options.escapechar, options.doublequote, options.trim)
    layout = Layout(
        header=options.header,
        names=() if options.header else tuple(options.columns),
        number_duplicates=options.duplicate_columns == choices.NUMBER,
        pad=options.on_ragged == choices.PAD,
        nulls=frozenset(options.null_values),
    )
    return Delimited(lines, dialect, layout, options.max_line_length)


@contextmanager
def _parquet(file: SourceFile, options: StreamSettings) -> Iterator[Source]:
    import duckdb

    try:
        with unpack.unpacked_file(file.path) as path, duckdb.connect(config={"threads": 1}) as connection:
            table = ParquetTable(connection, path, options.reading)
            yield Source(table.columns, table.rows(), typed=True)
    except duckdb.Error as error:
        raise DataError(
            f"it is no Parquet file, or damaged ({type(error).__name__})", remedy="Have it delivered again"
        ) from None
