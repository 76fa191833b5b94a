"""Staging: every part of a batch into one temporary table, in order, or a view where that does.

Columns are c0, c1, ... whatever the properties are called; rowid is the arrival sequence. `bad` is the number of the
first column whose text is no value of its type (or `MALFORMED`), `rounded` marks a decimal that may have been.
"""

# ruff: noqa: S608  names go through `quoted`, texts through `literal`, the rest are numbers

from __future__ import annotations

import logging
import zlib
from contextlib import contextmanager, suppress
from itertools import accumulate
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa

from pipe import columnar, lenient
from pipe.errors import RetriableError
from targets.core.columns import TABLE_VERSION, DataType
from targets.core.numbers import quote_fractions
from targets.core.spool import rewrite
from targets.duckdb import checks, sources
from targets.duckdb.sources import Value
from targets.duckdb.staged import StagedTable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from targets.core.spool import Batch, Part, SpoolDirectory
    from targets.duckdb.columns import Column

logger = logging.getLogger(__name__)

MALFORMED = -1


class Stager:
    """Fills temporary tables."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, spool: SpoolDirectory, *, may_view: bool = False) -> None:
        """Stage through `connection`; mended files go to `spool`.

        With `may_view` a batch may come back as a view (`in_table` copies it), whose rows have no number of their own.
        """
        self._connection = connection
        self._spool = spool
        self._may_view = may_view
        self._tables = 0

    def stage(self, batch: Batch, columns: Iterable[Column]) -> StagedTable:
        """Stage a batch, without its rejects."""
        self._tables += 1
        staged = StagedTable(batch, table=f"staged_{self._tables}", columns=tuple(columns))
        found = self._view(staged) if self._may_view else None
        if found is None:
            self._fill(staged, batch.parts)
            found = checks.look(self._connection, staged)
        if found.rounded and (exact := self._exact_parts(staged)):
            self._fill(staged, exact)
            found = checks.look(self._connection, staged)
        staged.filled = found.filled
        if found.non_finite:
            counts = ", ".join(f"{name}: {count}" for name, count in found.non_finite.items())
            logger.warning(
                "Stream '%s': NaN and numbers without end are stored as null (%s)", batch.schema.stream, counts
            )
        for number in found.too_large:
            staged.widen(number)
        if found.bad:
            staged.rejects = checks.rejects(self._connection, staged)
            self._connection.execute(f"DELETE FROM {staged.table} WHERE bad IS NOT NULL")
        staged.has_marks = found.marks > 0
        if found.lacking is not None:
            staged.refusal = checks.refusal(self._connection, staged, found.lacking)
        return staged

    def in_table(self, staged: StagedTable) -> None:
        """Copy what is a view, so that rows can be deleted from it."""
        if staged.is_view:
            self.drop(staged)
            staged.is_view = False
            self._fill(staged, staged.batch.parts)

    def settle(self, staged: StagedTable, before: int | None) -> None:
        """Leave one row a key: the last that came, with the mark that came after it; a mark alone where no row came.

        Args:
            staged: a batch; a view has a row a key already.
            before: leave out records from this input line on; None takes all.
        """
        execute, table = self._connection.execute, staged.table
        if before is not None:
            execute(f"DELETE FROM {table} WHERE rowid >= {staged.rows_before(before)}")
        if staged.is_view or not checks.has_key_twice(self._connection, staged):
            return
        keys = ", ".join(staged.keys)
        if staged.has_marks:
            self._mark(staged, keys)
        execute(f"DELETE FROM {table} WHERE rowid NOT IN (SELECT max(rowid) FROM {table} GROUP BY {keys})")

    def _mark(self, staged: StagedTable, keys: str) -> None:
        """Have each key's last row take the first mark that came after it, and leave no other mark of the key."""
        table, mark, is_mark = staged.table, staged.mark, staged.is_mark
        places = (
            f"(SELECT rowid AS place, {is_mark} AS marks, {mark} AS moment, min(rowid) OVER same AS first, "
            f"max(rowid) FILTER (WHERE NOT {is_mark}) OVER same AS last FROM {table} "
            f"WINDOW same AS (PARTITION BY {keys}))"
        )
        self._connection.execute(
            f"UPDATE {table} AS t SET {mark} = coalesce(t.{mark}, m.moment) FROM "
            f"(SELECT last, arg_min(moment, place) AS moment FROM {places} WHERE marks AND place > last GROUP BY last) "
            "AS m WHERE t.rowid = m.last"
        )
        gone = f"SELECT place FROM {places} WHERE marks AND (last IS NOT NULL OR place > first)"
        self._connection.execute(f"DELETE FROM {table} WHERE rowid IN ({gone})")

    def drop(self, staged: StagedTable) -> None:
        """Let go of a table, or of a view and its files."""
        self._connection.execute(f"DROP {'VIEW' if staged.is_view else 'TABLE'} {staged.table}")
        if staged.is_view:
            self._let_go(staged.batch.parts)

    def _view(self, staged: StagedTable) -> checks.Findings | None:
        """Let Arrow files stand for the table, where no row of theirs has to go: the copy is a third of a load."""
        parts = staged.batch.parts
        if not parts or any(part.format != "arrow" for part in parts):
            return None
        with suppress(duckdb.Error, pa.ArrowException, OSError):  # copying them will tell what is wrong
            rows = [columnar.count(part.path, part.format) for part in parts]
            selects = " UNION ALL ".join(self._select(staged, part, number) for number, part in enumerate(parts))
            names = ", ".join([*(f"c{number}" for number in range(len(staged.columns))), "bad, rounded, part, rowid"])
            self._connection.execute(f"CREATE TEMP VIEW {staged.table} ({names}) AS SELECT *, 0 FROM ({selects})")
            staged.is_view = True
            found = checks.look(self._connection, staged)
            is_plain = not (found.bad or found.rounded or found.too_large or found.marks) and found.lacking is None
            if is_plain and not checks.has_key_twice(self._connection, staged):
                staged.rows = sum(rows)
                return found
        if staged.is_view:
            self.drop(staged)
            staged.is_view = False
        return None

    def _fill(self, staged: StagedTable, parts: list[Part]) -> None:
        """Make the table anew from `parts`.

        Raises:
            RetriableError: a batch file cannot be read.
        """
        broken: dict[int, dict[int, bytes]] = {}
        try:
            if sources.names_clash(staged.columns):  # read in a way that overlooks double keys
                parts, broken = self._mended(parts)
            try:
                rows = self._copy(staged, parts)
            except duckdb.InvalidInputException:
                parts, broken = self._mended(parts)
                rows = self._copy(staged, parts)
        except (duckdb.Error, pa.ArrowException, OSError, EOFError, zlib.error):
            if unreadable := next((part for part in parts if not self._is_readable(part)), None):
                raise RetriableError(
                    f"batch file {unreadable.path.name} cannot be read",
                    stream=staged.batch.schema.stream,
                    remedy="Run again: the tap writes its batch files anew",
                ) from None
            raise
        ends = list(accumulate(rows, initial=0))
        staged.rows = ends[-1]
        staged.parts = tuple(zip(parts, ends, ends[1:], strict=False))
        staged.broken = {ends[number] + row: line for number, lines in broken.items() for row, line in lines.items()}
        if staged.broken:
            numbers = ", ".join(map(str, staged.broken))
            self._connection.execute(f"UPDATE {staged.table} SET bad = {MALFORMED} WHERE rowid IN ({numbers})")

    def _copy(self, staged: StagedTable, parts: list[Part]) -> list[int]:
        """Load all parts in one statement (one each costs three times as much); returns how many rows each has."""
        types = ", ".join(f"c{number} {column.staged_type}" for number, column in enumerate(staged.columns))
        self._connection.execute(
            f"CREATE OR REPLACE TEMP TABLE {staged.table} ({types}, bad SMALLINT, rounded BOOLEAN, part INTEGER)"
        )
        if not parts:
            return []
        selects = " UNION ALL ".join(self._select(staged, part, number) for number, part in enumerate(parts))
        with self.in_order(typed=any(part.format != "jsonl" for part in parts)):
            self._connection.execute(f"INSERT INTO {staged.table} {selects}")
        found = self._connection.execute(f"SELECT part, count(*) FROM {staged.table} GROUP BY part").fetchall()
        counted = dict(found)
        self._let_go(parts)
        return [counted.get(number, 0) for number in range(len(parts))]

    def _let_go(self, parts: list[Part]) -> None:
        """Let go of the files that are mapped."""
        for part in parts:
            if part.format == "arrow":
                self._connection.unregister(str(part.path))

    @contextmanager
    def in_order(self, *, typed: bool) -> Iterator[None]:
        """One thread for typed files: with two the engine now and then takes their row groups in another order."""
        if not typed:
            yield
            return
        ((threads,),) = self._connection.execute("SELECT current_setting('threads')").fetchall()
        self._connection.execute("SET threads = 1")
        try:
            yield
        finally:
            self._connection.execute(f"SET threads = {int(threads)}")

    def _select(self, staged: StagedTable, part: Part, part_number: int) -> str:
        """SQL that reads one part as the rows to stage."""
        read, found = sources.source(self._connection, part, staged.columns)
        values, bad, rounded = [], [], []
        for number, (column, value) in enumerate(zip(staged.columns, found, strict=True)):
            if part.version is not None and column.origin.name == TABLE_VERSION:
                value = Value(str(part.version), typed=True)  # noqa: PLW2901
            if value is None or value.typed:
                values.append(value.sql if value else "NULL")
                continue
            text = column.text(value.sql)
            values.append(column.parsed(text))
            if condition := column.is_bad(text):
                bad.append(f"WHEN {condition} THEN {number}")
            if part.format == "jsonl" and column.kind is DataType.DECIMAL:
                rounded.append(column.may_be_rounded(value.sql))
        return (
            f"SELECT {', '.join(values)}, CASE {' '.join(bad) or 'WHEN false THEN 0'} END, "
            f"{' OR '.join(rounded) or 'NULL'}, {part_number} FROM {read}"
        )

    def _mended(self, parts: list[Part]) -> tuple[list[Part], dict[int, dict[int, bytes]]]:
        """The parts with their odd lines made plain; by part and row those that cannot be, empty objects instead."""
        whole, broken = [], {}
        for number, part in enumerate(parts):
            odd = sources.odd_rows(self._connection, part) if part.format == "jsonl" else set()
            lines = dict(part.pick(odd)) if odd else {}
            plain = {row: _plain(line) for row, line in lines.items()}
            broken[number] = {row: line for row, line in lines.items() if plain[row] == b"{}"}
            whole.append(rewrite(part, plain, self._spool.new_file()) if plain else part)
        return whole, broken

    def _is_readable(self, part: Part) -> bool:
        """Whether a file of another's making can be read to its end."""
        if part.spooled:
            return True
        try:
            if part.format == "jsonl":
                for _ in part.lines():
                    pass
            else:
                columnar.read(part.path, part.format)
        except (OSError, EOFError, zlib.error):
            return False
        except columnar.ENGINE_ERRORS:
            return False
        return True

    def _exact_parts(self, staged: StagedTable) -> list[Part]:
        """The parts with long fractions as text; none when there was nothing to change."""
        found = self._connection.execute(f"SELECT rowid FROM {staged.table} WHERE rounded").fetchall()
        suspects = {row for (row,) in found}
        parts, changed = [], False
        for part, start, end in staged.parts:
            rows = {row - start for row in suspects if start <= row < end} if part.format == "jsonl" else set()
            changes = {row: new for row, line in part.pick(rows) if (new := quote_fractions(line)) is not line}
            parts.append(rewrite(part, changes, self._spool.new_file()) if changes else part)
            changed = changed or bool(changes)
        return parts if changed else []


def _plain(line: bytes) -> bytes:
    """An equal line without oddities; an empty object for what is no object."""
    try:
        mended, _ = lenient.mend(line)
    except ValueError:
        return b"{}"
    return mended if mended.startswith(b"{") else b"{}"
