"""One batch in a temporary table, on its way to the tenant's."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from targets.core.columns import DELETED_AT, DataType
from targets.core.loader import Staged
from targets.duckdb.columns import SQL_TYPES, Column

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from targets.core.spool import Part


@dataclass
class StagedTable(Staged):
    """A batch in a temporary table."""

    table: str = ""
    """Or a view of the files themselves."""
    is_view: bool = False
    columns: tuple[Column, ...] = ()
    filled: frozenset[int] = frozenset()
    """Numbers of the optional columns that have a value in some row."""
    has_marks: bool = False
    """Some rows are marks (see `is_mark`)."""
    hashes: NDArray[np.uint64] | None = None
    """Of the keys, once somebody asked (see `checks.key_hashes`)."""
    broken: dict[int, bytes] = field(default_factory=dict)
    """Rows whose record is no object, as they came."""
    parts: tuple[tuple[Part, int, int], ...] = ()
    """Each part with its first row and the row after its last."""

    @property
    def keys(self) -> dict[str, Column]:
        """The key columns by their names here."""
        return {f"c{number}": column for number, column in enumerate(self.columns) if column.is_key}

    @property
    def key_types(self) -> tuple[str, ...]:
        """SQL types of the key columns."""
        return tuple(column.sql_type for column in self.keys.values())

    @property
    def mark(self) -> str:
        """Name here of the column that says when the source deleted the row."""
        return next(f"c{number}" for number, column in enumerate(self.columns) if column.origin.name == DELETED_AT)

    @property
    def is_mark(self) -> str:
        """SQL that is true for a mark: a deletion that came with its key alone, and says nothing of other columns."""
        if not self.keys:
            return "false"
        others = [f"c{number} IS NULL" for number, column in enumerate(self.columns) if column.is_told]
        return f"({' AND '.join((f'{self.mark} IS NOT NULL', *others))})"

    def widen(self, number: int) -> None:
        """Give column `number` the type for larger whole numbers."""
        kind = DataType.BIG_INTEGER
        wider = replace(self.columns[number], kind=kind, sql_type=SQL_TYPES[kind])
        self.columns = (*self.columns[:number], wider, *self.columns[number + 1 :])
        self.hashes = None

    def rows_before(self, position: int) -> int:
        """How many of its rows came before input line `position`; they are the first."""
        return sum(part.rows_before(position, end - start) for part, start, end in self.parts)
