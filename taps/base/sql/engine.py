"""What the base asks of a database."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from contextlib import AbstractContextManager

    import pyarrow as pa

BAD = "_bad_values"
"""Column of a read that counts the values of its row which JSON cannot hold."""


@dataclass(frozen=True)
class Column:
    """One column: how it is selected, and what its values are."""

    name: str
    sql: str
    """Expression that selects it in a form `read` turns into `type`."""
    type: pa.DataType
    schema: dict[str, Any]
    """JSON schema of its values in a RECORD."""
    bad: str | None = None
    """SQL condition under which a value cannot be sent (it is selected as NULL)."""
    cast: str = ""
    """SQL type to which a bookmark's text is cast to be compared with it."""
    is_time: bool = False
    """It holds points in time, so a bookmark must not lie in the future."""
    nullable: bool = True


@dataclass(frozen=True)
class Table:
    """One table or view, or the result of a query."""

    schema: str
    name: str
    columns: tuple[Column, ...]
    keys: tuple[str, ...]
    """Primary key, else the columns of a unique index without nulls."""
    source: str
    """What stands after FROM."""
    starts: int = 0
    """How often the bookmark stands in it as a parameter."""

    def column(self, name: str) -> Column | None:
        """The column of that name, whatever its case; its own spelling goes first."""
        exact = (each for each in self.columns if each.name == name)
        folded = (each for each in self.columns if each.name.lower() == name.lower())
        return next(exact, None) or next(folded, None)


@dataclass(frozen=True)
class Read:
    """A SELECT: rows of `table` in order, from a bookmark to an upper bound."""

    table: Table
    columns: tuple[Column, ...]
    conditions: tuple[str, ...]
    parameters: tuple[Any, ...]
    order: tuple[Column, ...]
    limit: int | None


class Engine(Protocol):
    """One connection to a database, read only, times in UTC."""

    excluded_schemas: frozenset[str]

    def connect(self) -> AbstractContextManager[None]:
        """Open the connection, for as long as the context lasts.

        Raises:
            CredentialsError, ConfigurationError, RetriableError: it cannot be opened.
        """

    def errors(self, stream: str | None = None) -> AbstractContextManager[None]:
        """Turn the driver's errors into ours."""

    def schemas(self) -> list[str]:
        """Names of the schemas this user may look into."""

    def tables(self, schema: str, timezone: str | None) -> Iterator[Table]:
        """The tables and views of a schema."""

    def query(self, name: str, sql: str, timezone: str | None) -> Table:
        """The result of a SELECT as if it were a table; `:start` in it stands for the bookmark."""

    def quote(self, name: str) -> str:
        """An identifier, whatever is in it."""

    def verbatim(self, sql: str) -> str:
        """SQL of the user's, in which nothing is taken for a parameter."""

    def now(self, column: Column) -> str:
        """SQL for this moment, as a value of a column that holds times."""

    def since(self, column: Column, lookback_days: float) -> str:
        """SQL for the bookmark given as the parameter `%s`, moved back; days for times, ids are left as they are."""

    def unreadable(self) -> list[str]:
        """Tables this user can see and not read."""

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """The rows of a small query with `%s` for each parameter."""

    def read(self, read: Read, chunk_rows: int) -> Iterator[pa.Table]:
        """The rows in tables of at most `chunk_rows`, with the column `BAD` where any of the columns may be bad."""


def text_of_last(chunk: pa.Table, column: Column) -> str | None:
    """The last value of a column as text that its `cast` takes back."""
    value = chunk.column(column.name)[-1].as_py()
    if isinstance(value, datetime):
        return value.isoformat(timespec="microseconds")
    return None if value is None else str(value)
