"""A table whose changes are read from the log.

The first run reads the table (in as many runs as that takes) and notes where the slot stands; the next ones apply what
the log has since. So a change may be sent that the snapshot had already; the last one wins, and the rows agree.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from taps.base.sql.engine import Column, Read
from taps.base.sql.settings import LOG_BASED
from taps.base.sql.stream import SQLStream
from taps.postgres import types

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from taps.base.sql.engine import Table
    from taps.base.sql.settings import StreamOptions
    from taps.postgres.pgoutput import Change, Relation, Values
    from taps.postgres.tap import TapPostgres

PUBLICATION, SLOT = "growthnav", "growthnav"
DELETED_AT = "_sdc_deleted_at"
_DELETED = Column(
    DELETED_AT,
    sql="NULL::bigint",
    type=pa.timestamp("us", "UTC"),
    schema={"type": ["string", "null"], "format": "date-time"},
    raw="NULL",
)
_LIMIT = 20_000
"""Changes that are typed by one statement: they travel to the server as text and back."""


@dataclass(frozen=True)
class _Row:
    values: Values
    deleted_at: int | None = None
    """Microseconds since 1970."""


class PostgresStream(SQLStream):
    """Rows of one table, or changes of them."""

    _tap: TapPostgres

    def __init__(self, tap: TapPostgres, table: Table, options: StreamOptions, name: str) -> None:
        """Make the stream of `table`; nothing is read yet."""
        if options.method == LOG_BASED:
            keys = options.keys or table.keys
            table = replace(table, columns=(*table.columns, _DELETED), keys=keys)
            if options.columns:
                options = replace(options, columns=(*options.columns, DELETED_AT))
        super().__init__(tap, table, options, name)

    def _rows_by_method(self) -> Iterator[pa.Table]:
        if self.replication_method != LOG_BASED:
            yield from super()._rows_by_method()
            return
        self._begin()
        mark, log = self._mark, self._tap.log
        if mark.log_position is None or mark.key_position:
            if mark.log_position is None:
                mark.log_position, mark.key_position = _log().written(log.start), None
            yield from self._full()
            return
        self.version = mark.table_version
        with _log().typing(self.name):
            yield from self._changes(_log().parsed(mark.log_position))

    def _begin(self) -> None:
        streams = [
            stream
            for stream in self._tap.streams.values()
            if isinstance(stream, PostgresStream) and stream.selected and stream.replication_method == LOG_BASED
        ]
        marks = self._tap.state.get("bookmarks", {})
        self._tap.log.begin(
            {stream.name: stream.table for stream in streams},
            {stream.name: marks.get(stream.name, {}).get("log_position") for stream in streams},
        )

    def _changes(self, position: int) -> Iterator[pa.Table]:
        """What the log has behind a position; STATE at the end of transactions only."""
        from taps.postgres import pgoutput

        waiting: list[_Row] = []
        whole, skip, at = 0, False, 0
        for reader, message in self._tap.log.messages(self.name):
            if isinstance(message, pgoutput.Begin):
                skip, at, whole = message.position < position, message.at, len(waiting)
            elif skip:
                continue
            elif isinstance(message, pgoutput.Relation):
                if self._is_mine(message) and self._has_grown(message):
                    yield from self._typed(waiting[:whole])
                    return
            elif isinstance(message, pgoutput.Change):
                waiting += self._told(message, at) if self._is_mine(reader.relations[message.oid]) else []
            elif isinstance(message, pgoutput.Truncate):
                if any(self._is_mine(reader.relations[oid]) for oid in message.oids):
                    yield from self._typed(waiting)
                    waiting, whole = [], 0
                    self._emptied()
            elif len(waiting) >= min(self._chunk_rows, _LIMIT):
                yield from self._typed(waiting)
                waiting = []
                self._reached(message.end)
                if self._is_full():
                    return
            if len(waiting) >= _LIMIT:  # a great transaction goes out in parts, and counts when it is complete
                yield from self._typed(waiting)
                waiting, whole = [], 0
        yield from self._typed(waiting)
        self._reached(self._tap.log.upper)

    def _reached(self, position: int) -> None:
        self._mark.log_position = _log().written(position)
        self._moved = True
        self.checkpoint()

    def _emptied(self) -> None:
        """TRUNCATE: what has been sent so far is no longer there."""
        self._mark.table_version = self.version = max(time.time_ns() // 1_000_000, self.version + 1)
        self.activate_version()

    def _is_mine(self, relation: Relation) -> bool:
        return (relation.schema, relation.name) == (self.table.schema, self.table.name)

    def _has_grown(self, relation: Relation) -> bool:
        """Whether the table has columns that came after discovery: the next run reads on, with them."""
        known = {*(column.name for column in self.table.columns), *self.table.hidden}
        new = [name for name in relation.columns if name not in known]
        if not new:
            return False
        engine = self._tap.engine
        select = "SELECT attname::text FROM pg_attribute WHERE attrelid = %s::regclass AND NOT attisdropped"
        there = {name for (name,) in engine.rows(select, [self.table.source.replace("%%", "%")])}
        if grown := [name for name in new if name in there]:
            self.logger.warning("New columns came while it was read (%s): the next run goes on there", ", ".join(grown))
        return bool(grown)

    def _told(self, change: Change, at: int) -> list[_Row]:
        found = []
        keys = self.primary_keys
        old, new = change.old, change.new
        if old is not None and (new is None or any(old.get(key) != new.get(key) for key in keys)):
            absent: Values = dict.fromkeys(column.name for column in self._wanted)
            found.append(_Row({**absent, **old}, at))
        if new is not None:
            found.append(_Row(new))
        return found

    def _typed(self, rows: Sequence[_Row]) -> Iterator[pa.Table]:
        """The rows with the values a read of the table would give; what the log leaves out is looked up there."""
        if not rows:
            return
        engine, table = self._tap.engine, self.table
        columns = [column for column in self._read_columns(()) if column.name != DELETED_AT]
        names = [column.name for column in columns]
        masks = ["".join("01"[name not in row.values] for name in names) for row in rows]
        texts = [[row.values.get(name) for row in rows] for name in names]
        deleted = [None if row.deleted_at is None else str(row.deleted_at) for row in rows]
        selects = [
            f"CASE WHEN substr(u.mask, {place + 1}, 1) = '1' THEN t.{engine.quote(column.name)} "
            f"ELSE u.c{place}::{column.cast} END AS {engine.quote(column.name)}"
            for place, column in enumerate(columns)
        ]
        join = " AND ".join(
            f"t.{engine.quote(key.name)} = u.c{names.index(key.name)}::{key.cast}" for key in self._keys
        )
        lists = ", ".join(["%s::text[]"] * (2 + len(columns)))
        aliases = ", ".join(f"c{place}" for place in range(len(columns)))
        source = (
            f"(SELECT u.n, u.deleted::bigint AS deleted, {', '.join(selects)} "  # noqa: S608
            f"FROM unnest({lists}) WITH ORDINALITY AS u(mask, deleted, {aliases}, n) "
            f"LEFT JOIN {table.source} t ON strpos(u.mask, '1') > 0 AND {join}) AS r"
        )
        wanted = [
            types.column(each.name, f"r.{engine.quote(each.name)}", each.cast, zone=each.zone, nullable=True)
            for each in columns
        ]
        read = [*wanted, *([replace(_DELETED, sql="r.deleted")] if self.is_selected(DELETED_AT) else [])]
        number = Column("n", sql="r.n", type=pa.int64(), schema={}, raw="r.n", nullable=False)
        chosen = Read(replace(table, source=source), tuple(read), (), (masks, deleted, *texts), (number,), None)
        self._taken += len(rows)
        for chunk in engine.read(chosen, len(rows)):
            yield self._quarantine.sift(chunk, read)


def _log() -> Any:
    from taps.postgres import log  # it needs the driver, which `--about` does not

    return log
