"""The rows of a file as tables of its stream's columns: what `shape` does row by row, a column at a time.

Both reject the same rows for the same reasons, and both turn an inferred column into text at the same row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from pipe.errors import SkippableError
from taps.base.files import kinds, shape, vectors

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from taps.base.files.kinds import Reading
    from taps.base.files.shape import TableShape
    from taps.base.files.table import Part, Tables

_MOST_BYTES = 64 * 1024 * 1024
"""Of rows that wait to be sent, however few they are."""

_MARK_TYPES = {
    shape.FILE: pa.string(),
    shape.MODIFIED: vectors.TYPES[kinds.DATETIME],
    shape.ROW: vectors.TYPES[kinds.INTEGER],
}


def fits(shaped: TableShape) -> bool:
    """Whether there are columns, and go into one typed file: the engines that read it take `a` and `A` for one name."""
    return len({name.casefold() for name in shaped.names}) == len(shaped.names) > 0


class Tabled:
    """Turns the parts of one file into tables."""

    def __init__(self, shaped: TableShape, reading: Reading, reject: Callable[[int, SkippableError], None]) -> None:
        """Take what a row is to become, how texts are read, and what is told the number of each rejected row."""
        self._shaped = shaped
        self._reading = reading
        self._reject = reject
        self._room = 0
        """Rows that still go into the table to be sent next."""

    def tables(
        self, read: Tables, skip: int, size: int, announce: Callable[[dict[str, dict[str, object]]], None]
    ) -> Generator[tuple[pa.Table, int], None, int]:
        """Yield tables of at most `size` rows, each with the number of the last data row it covers.

        Args:
            read: gives the parts.
            skip: data rows that have been sent before.
            size: rows.
            announce: is told of new properties before the table that has them, and after all that come before.

        Returns:
            The number of the last data row.
        """
        waiting: list[pa.Table] = []
        number, self._room = skip, size
        for table, last in self._pieces(read, skip):
            if table.num_rows and self._shaped.news:
                if waiting:
                    yield pa.concat_tables(waiting), number
                    waiting, self._room = [], size
                announce(self._shaped.news)
                self._shaped.news = {}
            if table.num_rows:
                waiting.append(table)
                self._room -= table.num_rows
            number = last
            if not self._room or sum(table.nbytes for table in waiting) >= _MOST_BYTES:
                yield pa.concat_tables(waiting), number
                waiting, self._room = [], size
        if waiting:
            yield pa.concat_tables(waiting), number
        return number

    def _pieces(self, read: Tables, skip: int) -> Iterator[tuple[pa.Table, int]]:
        """The good rows, as many at a time as there is room for, and the number of the last row of each."""
        number = 0
        for whole in read(self._shaped.places or [0]):
            part = whole[max(0, skip - number) :]
            number += len(whole) - len(part)
            start = 0
            while piece := part[start : start + self._room]:
                start += len(piece)
                yield from self._converted(*self._texts(piece, number), number + len(piece))
                number += len(piece)

    def _texts(self, part: Part, before: int) -> tuple[list[pa.Array], np.ndarray, dict[int, SkippableError]]:
        """Cells of each wanted column, the numbers of their rows, and the rows that could not be read, by number."""
        if not isinstance(part, list):
            texts = [column.combine_chunks() for column in part.columns]
            return texts, np.arange(before + 1, before + len(part) + 1), {}
        rows, numbers, wrong = [], [], {}
        for number, row in enumerate(part, before + 1):
            if isinstance(row, SkippableError):
                wrong[number] = row
            else:
                rows.append(row)
                numbers.append(number)
        texts = [pa.array([row[place] for row in rows], pa.string()) for place in self._shaped.places]
        return texts, np.array(numbers, np.int64), wrong

    def _converted(
        self, texts: list[pa.Array], numbers: np.ndarray, wrong: dict[int, SkippableError], last: int
    ) -> Iterator[tuple[pa.Table, int]]:
        """The good rows as tables: a second one from the row on where an inferred column becomes text."""
        shaped = self._shaped
        arrays: list[pa.Array] = []
        bad: dict[int, SkippableError] = {}
        widening: tuple[int, int] | None = None  # index of the row, place of the column
        for place, (column, array) in enumerate(zip(shaped.columns, texts, strict=False)):
            if column.convert is None:
                arrays.append(array)
                continue
            kind = kinds.kind_of(column.schema)
            values, errors = vectors.converted(array, kind, column.convert, vectors.plain(kind, self._reading))
            arrays.append(values)
            if column.widens:
                first = min((index for index in errors if index not in bad), default=None)
                if first is not None and (widening is None or first < widening[0]):
                    widening = first, place
                continue
            for index, error in errors.items():
                try:
                    shaped.frame.check_bad_value(column.name, error)
                except SkippableError as rejected:
                    bad.setdefault(index, rejected)
        for place in shaped.keys:
            for index in np.flatnonzero(arrays[place].is_null().to_numpy(zero_copy_only=False)).tolist():
                bad.setdefault(index, shaped.no_key(place))
        if widening is None:
            wrong |= {int(numbers[index]): error for index, error in bad.items()}
            yield self._good(arrays, numbers, wrong), last
            return
        cut, place = widening
        end = int(numbers[cut])
        before = {number: error for number, error in wrong.items() if number < end}
        before |= {int(numbers[index]): error for index, error in bad.items() if index < cut}
        yield self._good([array[:cut] for array in arrays], numbers[:cut], before), end - 1
        shaped.widen(place)
        after = {number: error for number, error in wrong.items() if number > end}
        yield from self._converted([text[cut:] for text in texts], numbers[cut:], after, last)

    def _good(self, arrays: list[pa.Array], numbers: np.ndarray, wrong: dict[int, SkippableError]) -> pa.Table:
        for number in sorted(wrong):
            self._reject(number, wrong[number])
        marks = self._shaped.frame.marks
        made = [
            pa.repeat(pa.scalar(value, pa.string()), len(numbers)).cast(_MARK_TYPES[name])
            for name, value in marks.items()
        ]
        rows = [pa.array(numbers, _MARK_TYPES[shape.ROW])] if self._shaped.frame.numbered else []
        table = pa.table([*arrays[: len(self._shaped.columns)], *made, *rows], names=self._shaped.names)
        return table.filter(pa.array(~np.isin(numbers, list(wrong)))) if wrong else table
