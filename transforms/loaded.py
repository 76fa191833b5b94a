"""A block of records as columns for the compiled query, from RECORD lines or from typed batch files."""

from __future__ import annotations

from abc import abstractmethod
from collections import Counter
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipe.columnar import has_nul, text_parts
from transforms.columns_text import NUMBER_TYPE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import msgspec
    from numpy.typing import NDArray

    from transforms.reads import Read

Types = tuple[tuple["Read", tuple[str, str]], ...]
"""Of each value of a record: which column it is in, and that column's SQL type."""

_SPACES = "".join(letter for letter in map(chr, range(0x3001)) if letter.isspace())
_FIRST_BYTES = np.zeros(256, np.bool_)
_FIRST_BYTES[[letter.encode()[0] for letter in _SPACES]] = True
_LAST_BYTES = np.zeros(256, np.bool_)
_LAST_BYTES[[letter.encode()[-1] for letter in _SPACES]] = True
_BLANK = " "
_SAMPLE = 500
_LARGEST = 2**63 - 1
_TYPES: dict[str, tuple[set[type], Any]] = {
    "VARCHAR": ({str}, pa.string()),
    "BOOLEAN": ({bool, type(None)}, pa.bool_()),
    "BIGINT": ({int, type(None)}, pa.int64()),
    NUMBER_TYPE: ({int, Decimal, type(None)}, pa.string()),
}


class Loaded:
    """Some records of one stream, in order."""

    def __init__(self, count: int) -> None:
        """Begin with `count` records, and no columns."""
        self.columns: list[pa.Array] = []
        self.types: Types = ()
        self.odd = np.zeros(count, np.bool_)
        """Records that only the row mapper can take."""

    def add(self, read: Read, column: pa.Array, sql_type: str, misfits: Sequence[int] = ()) -> None:
        """The values of `read`, but for the misfits."""
        self.odd[misfits if len(misfits) else []] = True
        if sql_type in {"VARCHAR", NUMBER_TYPE}:
            nul = with_nul(column)
            if nul is not None:
                self.odd |= nul
            column = trimmed(column)
        self.types += ((read, (f"c{len(self.columns)}", sql_type)),)
        self.columns.append(column)

    @property
    def table(self) -> pa.Table:
        """What the rules look at; with a number a record, as a rule may look at nothing."""
        return pa.table([np.arange(len(self.odd)), *self.columns], ["row", *(column for _, (column, _) in self.types)])

    @abstractmethod
    def records(self, places: Iterable[int]) -> list[tuple[msgspec.Raw, int]]:
        """The encoded records at these places, each with its position in the input."""

    @abstractmethod
    def raw(self) -> pa.Array:
        """Every record as JSON text."""


def likely_type(values: Sequence[Any]) -> str:
    """The SQL type that fits most of the values, judged by some of them."""
    kinds = Counter(map(type, values[:: max(1, len(values) // _SAMPLE)]))
    numbers = kinds[int] + kinds[Decimal]
    if kinds[bool] > max(kinds[str], numbers):
        return "BOOLEAN"
    if numbers > kinds[str]:
        return NUMBER_TYPE if kinds[Decimal] else "BIGINT"
    return "VARCHAR"


def values_column(values: Sequence[Any], sql_type: str) -> tuple[pa.Array, list[int]]:
    """Decoded JSON values as a column of one of the types of `likely_type`, and the places of those that do not fit."""
    kinds, arrow_type = _TYPES[sql_type]
    try:
        if sql_type == "VARCHAR" or set(map(type, values)) <= kinds:
            column = map(_number, values) if sql_type == NUMBER_TYPE else values
            return pa.array(column, arrow_type), []
    except (pa.ArrowException, TypeError, OverflowError, UnicodeEncodeError):
        pass
    fitting = [value if type(value) in kinds and _is_small(value) else None for value in values]
    pairs = enumerate(zip(values, fitting, strict=True))
    misfits = [place for place, (value, fit) in pairs if value is not None and fit is None]
    return pa.array(map(_number, fitting) if sql_type == NUMBER_TYPE else fitting, arrow_type), misfits


def trimmed(column: pa.Array) -> pa.Array:
    """The texts as `str.strip` leaves them, but for those that are white space alone: one blank stands for them.

    Nearly all texts have no white space at their ends, and two bytes of each are enough to see that.
    """
    suspects = _suspects(column)
    if not len(suspects):
        return column
    given = column.take(pa.array(suspects)).to_pylist()
    stripped = [text and (text.strip() or _BLANK) for text in given]
    changed = [place for place, (text, new) in enumerate(zip(given, stripped, strict=True)) if text != new]
    if not changed:
        return column
    mask = np.zeros(len(column), np.bool_)
    mask[suspects[changed]] = True
    return pc.replace_with_mask(column, pa.array(mask), pa.array([stripped[place] for place in changed], column.type))


def with_nul(column: pa.Array) -> NDArray[np.bool_] | None:
    """Which texts hold a NUL; None when no text does."""
    if not has_nul(column):
        return None
    found = pc.match_substring(column, "\0").fill_null(False)
    return np.asarray(found, np.bool_)


def _number(value: int | Decimal | None) -> str | None:
    return None if value is None else str(value)


def _is_small(value: Any) -> bool:
    return not isinstance(value, int) or -_LARGEST <= value <= _LARGEST


def _suspects(column: pa.Array) -> NDArray[np.int64]:
    """Places of texts that may begin or end with white space."""
    offsets, data = text_parts(column)
    starts, ends = offsets[:-1], offsets[1:]
    filled = np.flatnonzero(ends > starts)
    if not len(filled):
        return filled
    edges: NDArray[np.bool_] = _FIRST_BYTES[data[starts[filled]]] | _LAST_BYTES[data[ends[filled] - 1]]
    return filled[edges]
