"""What the base asks of a database."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from pipe.errors import ConfigurationError, CredentialsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from contextlib import AbstractContextManager

    import pyarrow as pa

BAD = "_bad_values"
"""Column of a read that says which values of its row cannot be sent.

Bit n is set for the n-th of those columns that have `bad`; the 63rd and all after it share the last bit.
"""
LAST_BIT = 62
HIDDEN = "_position_"
"""What the names of columns begin with that are read for the bookmark only."""


@dataclass(frozen=True)
class Column:
    """One column: how it is selected, and what its values are."""

    name: str
    sql: str
    """Expression that selects it in a form `read` turns into `type`."""
    type: pa.DataType
    schema: dict[str, Any]
    """JSON schema of its values in a RECORD, null included."""
    bad: str | None = None
    """SQL condition under which a value cannot be sent (it is selected as NULL)."""
    cast: str = ""
    """SQL type to which a bookmark's text is cast to be compared with it."""
    is_time: bool = False
    """It holds points in time, so a bookmark must not lie in the future."""
    nullable: bool = True
    raw: str = ""
    """Expression for its bare value, by which rows are ordered and compared; with its table's name, so that nothing
    takes it for the selected expression of that name."""
    zone: str | None = None
    """IANA zone of the wall clock its times are stored by, from the settings; `read` sends them in UTC."""
    seekable: bool = True
    """A row can be found again by the value's text."""


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
    estimate: int | None = None
    """Rows it may have, as the database's statistics say."""
    hidden: tuple[str, ...] = ()
    """Columns this user may not read."""

    @property
    def stream(self) -> str:
        """The name of its stream: schema-table, of a query its own."""
        return f"{self.schema}-{self.name}" if self.schema else self.name

    def column(self, name: str) -> Column | None:
        """The column of that name, whatever its case; its own spelling goes first."""
        exact = (each for each in self.columns if each.name == name)
        folded = (each for each in self.columns if each.name.lower() == name.lower())
        return next(exact, None) or next(folded, None)


@dataclass(frozen=True)
class Condition:
    """SQL with a `%s` for each parameter."""

    sql: str
    parameters: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Read:
    """A SELECT: rows of `table` in order, NULLs first."""

    table: Table
    columns: tuple[Column, ...]
    conditions: tuple[str, ...]
    parameters: tuple[Any, ...]
    """Those of `table.source` first, then those of the conditions."""
    order: tuple[Column, ...]
    limit: int | None


class Engine(Protocol):
    """One connection to a database, read only, times in UTC."""

    excluded_schemas: frozenset[str]

    def connect(self) -> AbstractContextManager[None]:
        """Open the connection, for as long as the context lasts; within another such context, use that one's.

        Raises:
            CredentialsError, ConfigurationError, RetriableError: it cannot be opened.
        """

    def errors(self, stream: str | None = None) -> AbstractContextManager[None]:
        """Turn the driver's errors into ours."""

    def schemas(self) -> list[str]:
        """Names of the schemas this user may look into."""

    def tables(self, schema: str, zone_of: Callable[[str], str | None]) -> Iterator[Table]:
        """The tables and views of a schema; `zone_of(table)` is the IANA zone of its times without one."""

    def query(self, name: str, sql: str, zone: str | None) -> Table:
        """The result of a SELECT as if it were a table; `:start` in it stands for the bookmark."""

    def quote(self, name: str) -> str:
        """An identifier, whatever is in it."""

    def verbatim(self, sql: str) -> str:
        """SQL of the user's, in which nothing is taken for a parameter."""

    def now(self, column: Column) -> str:
        """SQL for this moment, as a value of a column that holds times."""

    def place(self, column: Column) -> str:
        """SQL for a parameter `%s`: the text of a value, as a value of the column."""

    def earlier(self, column: Column, value: str, days: float, numbers: int) -> str:
        """SQL for a value moved back: by days of a column that holds times, by `numbers` of one that holds numbers."""

    def text(self, column: Column, value: str) -> str:
        """SQL for the text of a value of the column, which `place` takes back."""

    def compare(self, columns: Sequence[Column], operator: str, position: Sequence[str]) -> Condition:
        """Whether a row lies before, at or behind a position, which has the text of a value for each column.

        `operator` is `>` or `<=`; see `expanded` for engines that compare rows badly.
        """

    def ordering(self, name: str, columns: Sequence[Column]) -> Column:
        """A column of that name which orders rows: the first of `columns` that is not NULL, read as text, just as it is
        stored (`replace(first, name=name, sql=text, type=pa.string(), bad=None, raw=..., nullable=...)`).
        """

    def unreadable(self, tables: Iterable[Table]) -> list[str]:
        """Names of what this user can see and not read, among `tables` (those the settings let through) or beside."""

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """The rows of a small query with `%s` for each parameter."""

    def read(self, read: Read, chunk_rows: int) -> Iterator[pa.Table]:
        """The rows in tables of at most `chunk_rows`, with the column `BAD` where any of the columns may be bad."""


def expanded(engine: Engine, columns: Sequence[Column], operator: str, position: Sequence[str]) -> Condition:
    """`compare` without row values: `a > 1 OR (a = 1 AND b > 2)`, for which every database uses an index."""
    strict = operator[0]
    alternatives: list[str] = []
    parameters: list[str] = []
    for number, column in enumerate(columns):
        equal = [f"{each.raw} = {engine.place(each)}" for each in columns[:number]]
        last = number == len(columns) - 1
        alternatives.append(
            " AND ".join([*equal, f"{column.raw} {operator if last else strict} {engine.place(column)}"])
        )
        parameters += position[: number + 1]
    sql = " OR ".join(f"({each})" for each in alternatives)
    # The bare bound on the first column lets the index start there.
    first = f"{columns[0].raw} {strict}= {engine.place(columns[0])}"
    return Condition(f"({first} AND ({sql}))", (position[0], *parameters))


def refused(engine: Engine, tables: Iterable[Table]) -> list[str]:
    """`unreadable` where the catalog shows tables and says nothing of the right to read them: each is asked for."""
    names = []
    for table in tables:
        try:
            engine.rows(f"SELECT 1 FROM {table.source} LIMIT 0")  # noqa: S608  as the engine wrote it
        except (ConfigurationError, CredentialsError):
            names.append(table.stream)
    return names


def bad_bits(conditions: Sequence[str], number: str) -> str:
    """SQL for the column `BAD`.

    Args:
        conditions: SQL of each column that has one, in order.
        number: SQL that makes the condition `{}` 1 or 0.
    """
    bits = [f"{number.format(f'({each})')} * {1 << min(place, LAST_BIT)}" for place, each in enumerate(conditions)]
    shared = bits[LAST_BIT:]
    if len(shared) > 1:
        any_of = " OR ".join(f"({each})" for each in conditions[LAST_BIT:])
        bits[LAST_BIT:] = [f"{number.format(f'({any_of})')} * {1 << LAST_BIT}"]
    return " + ".join(bits)


def text_of_last(chunk: pa.Table, column: Column) -> str | None:
    """The last value of a column as text that its `cast` takes back."""
    value = chunk.column(column.name)[-1].as_py()
    if isinstance(value, datetime):
        return value.isoformat(timespec="microseconds")
    return None if value is None else str(value)
