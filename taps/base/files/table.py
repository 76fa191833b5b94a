"""What the readers of all formats give: columns, and rows with an error in the place of each unreadable one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from pipe.errors import SkippableError

if TYPE_CHECKING:
    import pyarrow as pa

    from taps.base.files.kinds import Convert

Row = list[Any]
"""One cell a column; None for no value."""

Rows = Iterator[Row | SkippableError]
"""The rows of a table."""

Objects = Iterator[dict[str, Any] | SkippableError]
"""The records of a format in which each names its own properties."""

Part: TypeAlias = "pa.Table | list[Row | SkippableError]"
"""Rows in order: as a table of the wanted columns with neutral names, or as cells of all columns."""

Tables = Callable[[Sequence[int]], Iterator[Part]]
"""The rows of a file, whose wanted columns are given by their places; at least one."""


@dataclass
class Column:
    """A column of a table: the JSON schema of its values, and how its cells become them (None: they are values).

    `widens`: the type was inferred; a cell that does not fit makes it a string column from there on.
    """

    name: str
    schema: dict[str, Any]
    convert: Convert | None = None
    widens: bool = False
