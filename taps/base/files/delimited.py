"""CSV, TSV and columns set apart by blanks: header, dialect, and rows that survive a broken quote.

The parser is the standard library's, in its strict mode. It lets a quote that never closes swallow line after line;
so after any quoting error reading goes on at the line below the one where the broken row began. No line is swallowed
twice, because what ends one swallowing is the quote that begins the next: the cost stays linear.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

from pipe.errors import DataError, SkippableError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from taps.base.files.table import Row, Rows
    from taps.base.files.text import Lines

DETECT, WHITESPACE, TAB = "detect", "whitespace", "tab"
RAGGED = "ragged"
"""Rule broken by a row that has more or fewer cells than there are columns."""

_CANDIDATES = ",;\t|"
_SAMPLE_LINES = 100
_SEPARATOR_LINE = re.compile(r"sep=(.)[\r\n]*", re.IGNORECASE)  # Excel's own hint, before the header


@dataclass(frozen=True)
class Dialect:
    """How the cells of a line are set apart. An empty `quotechar` or `escapechar` means there is none."""

    delimiter: str = DETECT
    quotechar: str = '"'
    escapechar: str = ""
    doublequote: bool = True
    trim: bool = False

    def options(self, delimiter: str) -> dict[str, Any]:
        """Arguments for `csv.reader`."""
        return {
            "delimiter": delimiter,
            "quotechar": self.quotechar or None,
            "quoting": csv.QUOTE_MINIMAL if self.quotechar else csv.QUOTE_NONE,
            "escapechar": self.escapechar or None,
            "doublequote": self.doublequote,
            "skipinitialspace": self.trim and delimiter != " ",
        }


@dataclass(frozen=True)
class Layout:
    """Where the header is, and what becomes of odd names and rows.

    `header`: true for the first line, a number for that line (from 1), false for none; then `names` are the columns in
    order. `number_duplicates`: a second `x` is called `x_2`. `pad`: rows of another width are made to fit.
    """

    header: bool | int = True
    names: Sequence[str] = ()
    number_duplicates: bool = False
    pad: bool = False
    nulls: frozenset[str] = frozenset([""])


class Delimited:
    """One delimited text: its `columns`, and its `rows`."""

    def __init__(self, lines: Lines, dialect: Dialect, layout: Layout, limit: int) -> None:
        """Read as far as the header; `limit` is the largest number of characters in a cell.

        Raises:
            DataError: the header cannot be read, or names a column twice.
        """
        csv.field_size_limit(limit)
        self.cut = 0
        """Rows of which `pad` dropped cells beyond the last column."""
        self._lines = lines
        self.dialect = dialect
        self.layout = layout
        self._start = layout.header - 1 if type(layout.header) is int else 0
        self.delimiter = self._find_delimiter()
        self._parsed = self._parse()
        self._held: list[Row | SkippableError] = []
        self.columns = self._header() if layout.header else self._given_names()

    def rows(self) -> Rows:
        """Every data row; blank lines are none."""
        return self._cells(chain(self._held, self._parsed))

    def held(self) -> Rows:
        """The rows that were read to count the columns, where no header names them."""
        return self._cells(self._held)

    def rows_of(self, lines: Lines, count: int) -> Rows:
        """The data rows that begin in the first `count` of other lines; afterwards these are read no further."""
        self._lines, self._start = lines, 0
        for row in self._cells(self._parse()):
            yield row
            if lines.row_start >= count:
                return

    def _cells(self, rows: Iterable[Row | SkippableError]) -> Rows:
        width, nulls, trim = len(self.columns), self.layout.nulls, self.dialect.trim
        for row in rows:
            if not isinstance(row, list):
                yield row
                continue
            if len(row) != width:
                fitted = self._fitted(row, width)
                if not isinstance(fitted, list):
                    if fitted is not None:
                        yield fitted
                    continue
                row = fitted  # noqa: PLW2901
            if trim:
                row = [cell and cell.strip() for cell in row]  # noqa: PLW2901
            yield [None if cell in nulls else cell for cell in row]

    def _parse(self) -> Rows:
        if self.delimiter == WHITESPACE:
            yield from self._parse_blanks()
            return
        lines, options = self._lines, self.dialect.options(self.delimiter)
        at = self._start
        while True:
            start = at
            reader = csv.reader(lines.read_from(start), strict=True, **options)
            try:
                for row in reader:
                    lines.row_start = at = start + reader.line_num
                    if row:
                        yield row
            except csv.Error:
                lines.row_start = at = at + 1
                yield SkippableError("its quotes do not close where a cell ends", rule="quotes")
            else:
                return

    def _parse_blanks(self) -> Iterator[list[str]]:
        for number, line in enumerate(self._lines.read_from(self._start), self._start):
            self._lines.row_start = number + 1
            if cells := [cell for cell in line.strip(" \t\r\n").replace("\t", " ").split(" ") if cell]:
                yield cells

    def _fitted(self, row: Row, width: int) -> Row | SkippableError | None:
        """A row of another width made to fit, or why not; None for a blank line."""
        if len(row) == 1 and not row[0].strip():
            return None
        if not any(cell.strip() for cell in row[width:]) and len(row) > width:
            return row[:width]  # delimiters at the end of the line, with nothing between them
        if not self.layout.pad:
            return SkippableError(f"it has {len(row)} cells instead of {width}", rule=RAGGED)
        self.cut += len(row) > width
        return [*row[:width], *[None] * (width - len(row))]

    def _find_delimiter(self) -> str:
        declared = self.dialect.delimiter
        if declared != DETECT:
            return "\t" if declared == TAB else declared
        sample = self._lines.sample()[self._start : self._start + _SAMPLE_LINES]
        if sample and self._start == 0 and (hint := _SEPARATOR_LINE.fullmatch(sample[0])):
            self._start = 1
            return hint[1]
        return max(_CANDIDATES, key=lambda candidate: self._fit(sample, candidate))

    def _fit(self, sample: list[str], delimiter: str) -> tuple[float, int]:
        """How well the delimiter explains the lines: the share of rows as wide as the first, and that width."""
        try:
            widths = [len(row) for row in csv.reader(sample, **self.dialect.options(delimiter)) if row]
        except csv.Error:
            return 0, 0
        return (widths.count(widths[0]) / len(widths), widths[0]) if widths and widths[0] > 1 else (0, 0)

    def _header(self) -> list[str]:
        for row in self._parsed:
            if not isinstance(row, list):
                raise DataError(
                    "the header cannot be read: its quotes do not close", remedy="Check header and quotechar"
                )
            if any(cell.strip() for cell in row):
                return self._unique([cell.strip() or f"column_{place}" for place, cell in enumerate(row, 1)])
        if self._start and self._lines.sample():
            raise DataError(f"there is no header in line {self._start + 1}", remedy="Set header to the line it is in")
        return []

    def _unique(self, names: list[str]) -> list[str]:
        used: set[str] = set()
        unique = []
        for name in names:
            new, count = name, 1
            while new in used:
                if not self.layout.number_duplicates:
                    raise DataError(
                        f"the header names '{name}' twice",
                        remedy="Set duplicate_columns: number to call the second one "
                        f"'{name}_2', or header: false and name the columns yourself",
                    )
                count += 1
                new = f"{name}_{count}"
            used.add(new)
            unique.append(new)
        return unique

    def _given_names(self) -> list[str]:
        names = list(self.layout.names)
        for row in self._parsed:
            self._held.append(row)
            if isinstance(row, list) and any(cell.strip() for cell in row):
                width = len(row)
                while width > len(names) > 0 and not row[width - 1].strip():
                    width -= 1
                return names + [f"column_{place}" for place in range(len(names) + 1, width + 1)]
        return []
