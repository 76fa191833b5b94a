"""One table (or query) as a stream: what is read, in which order, and from where an interrupted run goes on.

Rows come ordered by the replication key (or, of a full read, by the primary key), and each chunk is followed by a
STATE. A bookmark is met with `>=`: rows that tie with it are read again, so none of them is ever lost, and a target
that merges by key stores them once. The upper bound is taken before the read, so a row added meanwhile belongs to the
next run.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from singer_sdk.singerlib.catalog import REPLICATION_FULL_TABLE, REPLICATION_INCREMENTAL

from pipe import metrics
from pipe.errors import ConfigurationError, DataError
from taps.base.sql.engine import BAD, Column, Read, text_of_last
from taps.base.sql.settings import FAIL, QUARANTINE
from taps.base.tables import TableStream

if TYPE_CHECKING:
    from collections.abc import Iterator

    from taps.base.sql.engine import Table
    from taps.base.sql.settings import StreamOptions
    from taps.base.sql.tap import SQLTap

VALUE, POSITION, VERSION = "replication_key_value", "key_position", "table_version"


class SQLStream(TableStream):
    """Rows of one table."""

    _tap: SQLTap

    def __init__(self, tap: SQLTap, table: Table, options: StreamOptions, name: str) -> None:
        """Make the stream of `table`; nothing is read yet."""
        self._table = table
        self._options = options
        properties = {column.name: column.schema for column in self._wanted()}
        super().__init__(tap, name=name, schema={"type": "object", "properties": properties})
        self.primary_keys = [self._column(key, "key_properties").name for key in options.keys or table.keys]
        if options.replication_key:
            self.replication_key = self._column(options.replication_key, "replication_key").name
        self.forced_replication_method = REPLICATION_INCREMENTAL if self.replication_key else REPLICATION_FULL_TABLE
        self._mark: dict[str, Any] = {}
        self._bad = 0

    def tables(self) -> Iterator[pa.Table]:
        """The rows that are new, or all of them."""
        incremental = self.replication_method == REPLICATION_INCREMENTAL and self.replication_key is not None
        engine = self._tap.engine
        with engine.connect(), engine.errors(self.name):
            yield from self._incremental() if incremental else self._full()
        if self._bad:
            metrics.counter("bad_value_count", self._bad, stage=self.tap_name, stream=self.name)
            self.logger.warning("%d rows have values that cannot be sent (on_bad_value)", self._bad)

    def save_bookmark(self) -> None:
        """Put how far the rows have been written into the state."""
        if self._mark:
            self.stream_state.clear()
            self.stream_state.update(self._mark)

    def _incremental(self) -> Iterator[pa.Table]:
        """Rows from the bookmark up to the greatest replication key there is now."""
        engine, key = self._tap.engine, self._column(str(self.replication_key), "replication_key")
        named = engine.quote(key.name)
        state = self.stream_state
        start = state.get(VALUE) if state.get("replication_key") == key.name else self.config.get("start_date")
        bound = f"least(max({named}), {engine.now(key)})" if key.is_time else f"max({named})"
        ((upper, rows, empty),) = engine.rows(
            f"SELECT ({bound})::text, count(*), count(*) - count({named}) FROM {self._from()}",  # noqa: S608
            [start] * self._table.starts,
        )
        if empty:
            self.logger.warning("%d rows have no %s%s", empty, key.name, ": they are not read" if start else "")
        conditions: list[str] = []
        parameters: list[Any] = [start] * self._table.starts
        if start is not None:
            conditions.append(f"{named} >= {engine.since(key, self._options.lookback_days)}")
            parameters.append(start)
        if upper is not None:
            nulls = "" if start is not None else f" OR {named} IS NULL"
            conditions.append(f"({named} <= %s::{key.cast}{nulls})")
            parameters.append(upper)
        order = (key, *(self._column(name, "key_properties") for name in self.primary_keys))
        for chunk in self._read(conditions, parameters, order):
            yield self._sendable(chunk)
            last = text_of_last(chunk, key)
            self._mark = {"replication_key": key.name, VALUE: last or start}
            self.checkpoint()
        self._reconcile(rows if start is None else None)

    def _full(self) -> Iterator[pa.Table]:
        """All rows, by key; a run that was cut goes on behind the last chunk it sent, with the same table version."""
        engine, state = self._tap.engine, dict(self.stream_state)
        keys = [self._column(name, "key_properties") for name in self.primary_keys]
        position = state.get(POSITION) if keys and len(state.get(POSITION) or ()) == len(keys) else None
        self.version = (
            int(state.get(VERSION, 0)) if position else max(time.time_ns() // 1_000_000, int(state.get(VERSION, 0)) + 1)
        )
        conditions: list[str] = []
        parameters: list[Any] = [None] * self._table.starts
        if position:
            names, places = ", ".join(engine.quote(key.name) for key in keys), ", ".join(f"%s::{k.cast}" for k in keys)
            conditions.append(f"({names}) >= ({places})")
            parameters += position
        ((rows,),) = engine.rows(f"SELECT count(*) FROM {self._from()}", [None] * self._table.starts)  # noqa: S608
        for chunk in self._read(conditions, parameters, tuple(keys)):
            yield self._sendable(chunk)
            if keys:
                self._mark = {VERSION: self.version, POSITION: [text_of_last(chunk, key) for key in keys]}
                self.checkpoint()
        self._reconcile(None if position else rows)
        if self.config.get("max_rows") is None or self._total < self.config["max_rows"]:
            self.activate_version()
            self._mark = {VERSION: self.version}

    def _read(self, conditions: list[str], parameters: list[Any], order: tuple[Column, ...]) -> Iterator[pa.Table]:
        if self._options.where:
            conditions = [*conditions, f"({self._tap.engine.verbatim(self._options.where)})"]
        chosen = tuple(c for c in self._wanted() if self.is_selected(c.name) or c in order)
        read = Read(self._table, chosen, tuple(conditions), tuple(parameters), order, self.config.get("max_rows"))
        files = self.files
        yield from self._tap.engine.read(read, files.rows if files else self.config["chunk_rows"])

    def _sendable(self, chunk: pa.Table) -> pa.Table:
        """The chunk without its account of bad values, which is acted upon."""
        if BAD not in chunk.column_names:
            return chunk
        bad = np.asarray(chunk.column(BAD).to_numpy() > 0)
        chunk = chunk.drop_columns([BAD])
        if not bad.any():
            return chunk
        self._bad += int(bad.sum())
        if self.config["on_bad_value"] == FAIL:
            raise DataError(
                f"{int(bad.sum())} rows have values that cannot be sent",
                stream=self.name,
                remedy="Set on_bad_value to null or quarantine, or leave these rows out with 'where'",
            )
        return chunk.filter(pc.invert(pa.array(bad))) if self.config["on_bad_value"] == QUARANTINE else chunk

    def _reconcile(self, expected: int | None) -> None:
        """Log what was counted before the read and what came."""
        metrics.counter("record_count", self._total, stage=self.tap_name, stream=self.name)
        if expected is not None:
            metrics.counter("expected_count", expected, stage=self.tap_name, stream=self.name)

    def _from(self) -> str:
        where = f" WHERE {self._tap.engine.verbatim(self._options.where)}" if self._options.where else ""
        return f"{self._table.source}{where}"

    def _wanted(self) -> list[Column]:
        if not self._options.columns:
            return list(self._table.columns)
        return [self._column(name, "columns") for name in self._options.columns]

    def _column(self, name: str, setting: str) -> Column:
        column = self._table.column(name)
        if column is None:
            raise ConfigurationError(
                f"the table has no column '{name}'",
                stream=f"{self._table.schema}-{self._table.name}",
                field=setting,
                remedy="Name one it has; --discover lists them",
            )
        return column
