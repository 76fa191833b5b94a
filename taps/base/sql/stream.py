"""One table (or query) as a stream: what is read, in which order, and from where an interrupted run goes on.

Rows come ordered by the replication key (or, of a full read, by the primary key), and each chunk is followed by a
STATE. A bookmark is met with `>=`: rows that tie with it are read again, so none of them is ever lost, and a target
that merges by key stores them once. The upper bound is taken before the read, so a row added meanwhile belongs to the
next run.

A run that was cut goes on right behind the last row it sent, by (replication key, primary key); at its end the rows
that tie with that one and come before it are read once more, as some of them may be new.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from pipe import metrics
from pipe.errors import ConfigurationError
from taps.base.sql import bookmark
from taps.base.sql.bookmark import Bookmark
from taps.base.sql.engine import HIDDEN, Condition, Read, text_of_last
from taps.base.sql.quarantine import Quarantine
from taps.base.sql.settings import FULL_TABLE, INCREMENTAL, LOG_BASED
from taps.base.tables import TableStream

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import pyarrow as pa
    from singer_sdk.singerlib import SchemaMessage

    from taps.base.sql.engine import Column, Table
    from taps.base.sql.settings import StreamOptions
    from taps.base.sql.tap import SQLTap

_STATEMENT_CHUNKS = 10
"""Chunks that one statement of a full read gives: long transactions hold the server's cleaning back."""


class SQLStream(TableStream):
    """Rows of one table."""

    _tap: SQLTap

    def __init__(self, tap: SQLTap, table: Table, options: StreamOptions, name: str) -> None:
        """Make the stream of `table`; nothing is read yet."""
        self.table = table
        self._options = options
        self._keys = [self._column(key, "key_properties") for key in options.keys or table.keys]
        self._key = self._column(options.replication_key, "replication_key") if options.replication_key else None
        method = options.method or (INCREMENTAL if self._key else FULL_TABLE)
        self._wanted = self._chosen()
        properties = {column.name: self._property(column, method) for column in self._wanted}
        super().__init__(tap, name=name, schema={"type": "object", "properties": properties})
        self.primary_keys = [column.name for column in self._keys]
        if self._key and method == INCREMENTAL:
            self.replication_key = self._key.name
        self.forced_replication_method = method
        self._mark = Bookmark()
        self._moved = False

    def tables(self) -> Iterator[pa.Table]:
        """The rows that are new, or all of them."""
        engine = self._tap.engine
        self._taken = 0
        self._quarantine = Quarantine(self)
        self._mark, self._moved = bookmark.load(self.name, self.stream_state), False
        with engine.connect(), engine.errors(self.name):
            yield from self._rows_by_method()
        metrics.counter("record_count", self._taken, stage=self.tap_name, stream=self.name)
        self._quarantine.close()

    def describe(self) -> str:
        """One line about it for whoever sets the tap up."""
        table = self.table
        parts = [f"{len(self._wanted)} columns", f"key {', '.join(self.primary_keys) or 'none'}"]
        if table.estimate is not None:
            parts.append(f"about {table.estimate:,} rows")
        method = str(self.forced_replication_method)
        parts.append(f"{method} by {self.replication_key}" if self.replication_key else method)
        if table.hidden:
            parts.append(f"columns this user may not read: {', '.join(table.hidden)}")
        return ", ".join(parts)

    def save_bookmark(self) -> None:
        """Put how far the rows have been written into the state."""
        if self._moved:
            self._mark.store(self.stream_state)

    def send(self, schema: SchemaMessage, stream: str, records: list[bytes]) -> None:
        """Send records of another stream."""
        self._tap.write_message(schema)
        self._tap.message_writer.write_records(stream, records, 0)

    def _rows_by_method(self) -> Iterator[pa.Table]:
        if self.replication_method == LOG_BASED:
            raise ConfigurationError(
                f"{self.tap_name} cannot read the log of changes of this database",
                stream=self.name,
                field="replication_method",
                remedy="Set a replication_key, or FULL_TABLE",
            )
        if self.replication_method == INCREMENTAL and self.replication_key:
            yield from self._incremental(self._column(self.replication_key, "replication_key"))
        else:
            yield from self._full()

    # Incremental.

    def _incremental(self, key: Column) -> Iterator[pa.Table]:
        """Rows from the bookmark up to the greatest replication key there is now."""
        engine, mark = self._tap.engine, self._mark
        if mark.replication_key != key.name:
            if mark.replication_key:
                self.logger.warning("The replication key was %s: all rows are read again", mark.replication_key)
            mark = self._mark = Bookmark(key.name)
        first = mark.value is None
        stands_in = [self._column(name, "coalesce") for name in self._options.coalesce]
        by = engine.ordering(f"{HIDDEN}by", [key, *stands_in]) if stands_in or key.zone else key
        keys = self._positions()
        after = mark.key_position if keys and mark.key_position and len(mark.key_position) == len(keys) else None
        mark.key_position = after
        source = Condition("", (mark.value,) * self.table.starts)
        upper = self._upper(by, source)
        if by.nullable:
            empty = self._count(source, [Condition(f"{by.raw} IS NULL")])
            if empty:
                fate = "" if first else ": they are not read"
                self.logger.warning("%d rows have no %s%s", empty, key.name, fate)
            if first:
                nulls = [Condition(f"{by.raw} IS NULL")]
                yield from self._pass(source, nulls, [*keys], after, self._at_null)
                after = None
        if upper is not None and not self._is_full():
            bounds = [Condition(f"{by.raw} <= {engine.place(by)}", (upper,))]
            yield from self._from_bookmark([by, *keys], source, bounds, None if first else after)
        if not self._is_full():
            yield from self._ties([by, *keys], source)
        if not self._is_full():
            mark.key_position = None
            self._moved = True

    def _from_bookmark(
        self, order: list[Column], source: Condition, bounds: list[Condition], after: list[str] | None
    ) -> Iterator[pa.Table]:
        engine, mark, position = self._tap.engine, self._mark, None
        if mark.value is not None:
            again = self._again(order[0], mark.value)
            if after:
                cut = [mark.value, *after]
                if self._count(source, [again, engine.compare(order, "<=", cut)]) > self._chunk_rows:
                    position = cut  # a run must get on, however many rows tie
                    mark.ties = [*(tie for tie in mark.ties if tie[0] != cut[0]), cut]
            if not position:
                bounds = [*bounds, again]
        expected, before = None if position else self._count(source, bounds), self._taken

        def moved(at: Sequence[str | None]) -> None:
            if at[0] is None:  # a value without a form here, such as -infinity: they come first
                return
            mark.replication_key_value = at[0]
            mark.key_position = [str(text) for text in at[1:]] or None

        yield from self._pass(source, bounds, order, position, moved)
        self._reconcile(expected, self._taken - before)

    def _ties(self, order: list[Column], source: Condition) -> Iterator[pa.Table]:
        """Rows that tie with those at which a run was cut and come before them."""
        while self._mark.ties:
            cut = self._mark.ties[-1]
            bounds = [self._again(order[0], cut[0]), self._tap.engine.compare(order, "<=", cut)]
            yield from self._pass(source, bounds, order, None, None)
            if self._is_full():
                return
            self._mark.ties.pop()
            self._moved = True

    def _again(self, by: Column, value: str) -> Condition:
        """What is read again: rows that tie with a value, and as many before it as the settings say."""
        engine, options = self._tap.engine, self._options
        back = engine.earlier(by, engine.place(by), options.lookback_days, options.lookback_ids)
        return Condition(f"{by.raw} >= {back}", (value,))

    def _at_null(self, at: Sequence[str | None]) -> None:
        self._mark.key_position = [str(text) for text in at] or None

    def _upper(self, by: Column, source: Condition) -> str | None:
        """The greatest replication key, of times that have come."""
        engine = self._tap.engine
        greatest = f"max({by.raw})"
        now = engine.now(by) if by.is_time else None
        bound = f"CASE WHEN {greatest} < {now} THEN {greatest} ELSE {now} END" if now else greatest
        select = f"SELECT {engine.text(by, bound)} FROM {self.table.source}{self._where([])}"  # noqa: S608
        ((upper,),) = engine.rows(select, source.parameters)
        return None if upper is None else str(upper)

    # Full.

    def _full(self) -> Iterator[pa.Table]:
        """All rows, by key; a run that was cut goes on behind the last chunk it sent, with the same table version."""
        mark, keys = self._mark, self._positions()
        engine = self._tap.engine
        source = Condition("", (None,) * self.table.starts)
        goes_on = bool(keys and mark.key_position and len(mark.key_position) == len(keys) and mark.table_version)
        if not goes_on:
            version = max(time.time_ns() // 1_000_000, mark.table_version + 1)
            limit = self._greatest_key(keys, source) if keys else None
            mark = self._mark = Bookmark(key_limit=limit, table_version=version, log_position=mark.log_position)
        self.version = mark.table_version
        # A row that comes meanwhile belongs to the next run: so every statement of this one means the same rows.
        bounds = [engine.compare(keys, "<=", mark.key_limit)] if keys and mark.key_limit else []
        expected, before = None if goes_on else self._count(source, bounds), self._taken

        def moved(at: Sequence[str | None]) -> None:
            self._mark.key_position = [str(text) for text in at]

        seek = bool(keys) and tuple(self.primary_keys) == self.table.keys
        yield from self._pass(source, bounds, keys, mark.key_position, moved if keys else None, seek=seek)
        self._reconcile(expected, self._taken - before)
        if not self._is_full():
            self.activate_version()
            self._mark.key_position = self._mark.key_limit = None
            self._moved = True

    def _greatest_key(self, keys: list[Column], source: Condition) -> list[str] | None:
        engine = self._tap.engine
        texts = ", ".join(f"{engine.text(column, column.raw)} AS k{place}" for place, column in enumerate(keys))
        order = ", ".join(f"{column.raw} DESC" for column in keys)
        select = f"SELECT {texts} FROM {self.table.source}{self._where([])} ORDER BY {order} LIMIT 1"  # noqa: S608
        found = engine.rows(select, source.parameters)
        return [str(text) for text in found[0]] if found else None

    # Both.

    def _pass(
        self,
        source: Condition,
        bounds: Iterable[Condition],
        order: Sequence[Column],
        after: Sequence[str] | None,
        moved: Any,
        *,
        seek: bool = False,
    ) -> Iterator[pa.Table]:
        """Rows within bounds, in order, behind `after`; `moved(position)` once a chunk is written, and then STATE.

        With `seek` several statements share the work, each going on where the last ended.
        """
        engine, rows = self._tap.engine, self._chunk_rows
        columns = self._read_columns(order)
        sent = [column.name for column in columns if column in self._wanted]
        size = rows * _STATEMENT_CHUNKS if seek else None
        while not self._is_full():
            begin = [engine.compare(order, ">", after)] if after else []
            conditions = [*bounds, *begin, *self._where_condition()]
            parameters = [*source.parameters, *(value for each in conditions for value in each.parameters)]
            limit = min((each for each in (size, self._left()) if each is not None), default=None)
            read = Read(
                self.table, columns, tuple(each.sql for each in conditions), tuple(parameters), tuple(order), limit
            )
            count = 0
            for chunk in engine.read(read, rows):
                count += len(chunk)
                self._taken += len(chunk)
                position = [text_of_last(chunk, column) for column in order]
                sendable = self._quarantine.sift(chunk, columns)
                yield sendable.select(sent)
                if moved:
                    moved(position)
                    self._moved = True
                    self.checkpoint()
                after = [str(text) for text in position]
            if size is None or count < (limit or 0):
                return

    def _positions(self) -> list[Column]:
        """The keys as columns by which a row is found again; none if that is not sure."""
        ordering = self._tap.engine.ordering
        keys = [
            ordering(f"{HIDDEN}{number}", [column]) if column.zone or column.bad else column
            for number, column in enumerate(self._keys)
        ]
        return keys if all(column.seekable and not column.nullable for column in keys) else []

    def _left(self) -> int | None:
        limit = self.config.get("max_rows")
        return None if limit is None else max(limit - self._taken, 0)

    def _is_full(self) -> bool:
        """Whether the run has read all that `max_rows` lets it."""
        return self._left() == 0

    @property
    def _chunk_rows(self) -> int:
        files = self.files
        return self._options.chunk_rows or (files.rows if files else int(self.config["chunk_rows"]))

    def _read_columns(self, order: Sequence[Column]) -> tuple[Column, ...]:
        wanted = [column for column in self._wanted if self.is_selected(column.name) or column in self._keys]
        return (*wanted, *(column for column in order if column not in wanted))

    def _count(self, source: Condition, bounds: list[Condition]) -> int:
        select = f"SELECT count(*) FROM {self.table.source}{self._where(bounds)}"  # noqa: S608
        parameters = [*source.parameters, *(value for each in bounds for value in each.parameters)]
        ((count,),) = self._tap.engine.rows(select, parameters)
        return int(count)

    def _where(self, bounds: list[Condition]) -> str:
        conditions = [each.sql for each in (*bounds, *self._where_condition())]
        return f" WHERE {' AND '.join(conditions)}" if conditions else ""

    def _where_condition(self) -> list[Condition]:
        return [Condition(f"({self._tap.engine.verbatim(self._options.where)})")] if self._options.where else []

    def _reconcile(self, expected: int | None, came: int) -> None:
        """Log what was counted before the read, and warn if it is not what came."""
        if expected is None or self._is_full():
            return
        metrics.counter("expected_count", expected, stage=self.tap_name, stream=self.name)
        if expected > came:
            self.logger.warning("%d rows were counted and %d read: the others changed meanwhile", expected, came)

    def _chosen(self) -> list[Column]:
        if not self._options.columns:
            return list(self.table.columns)
        named = [self._column(name, "columns") for name in self._options.columns]
        needed = [*self._keys, *([self._key] if self._key and self._key not in self._keys else [])]
        return [*(key for key in needed if key not in named), *named]

    @staticmethod
    def _property(column: Column, method: str) -> dict[str, Any]:
        """The schema of a column; one that is never NULL says so, unless a deletion or a bad value may empty it."""
        kinds = column.schema.get("type")
        if column.nullable or column.bad or method == LOG_BASED or not isinstance(kinds, list):
            return column.schema
        return {**column.schema, "type": [kind for kind in kinds if kind != "null"]}

    def _column(self, name: str, setting: str) -> Column:
        column = self.table.column(name)
        if column is None:
            raise ConfigurationError(
                f"the table has no column '{name}'",
                stream=self.table.stream,
                field=setting,
                remedy="Name one it has; --discover lists them",
            )
        return column
