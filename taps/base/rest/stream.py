"""One resource as a stream: windows, pages, records, bookmark.

    for each window (or once, without a cursor)
        for each context (the parent's rows, or one)
            for each page: records out
        the bookmark moves, STATE
    then what changed or was deleted elsewhere

A subclass changes as little as it can: `read` to choose another way for a window (a bulk job), `contexts` to group
parents, `walk` to call through a vendor's library.
"""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from pipe import messages, metrics, times
from pipe.errors import SkippableError
from taps.base.rest import bookmark
from taps.base.rest.bookmark import Bookmark
from taps.base.rest.client import MissingError
from taps.base.rest.cursor import Cursor, Window, moment
from taps.base.rest.feed import EventsFeed
from taps.base.rest.pages import Single
from taps.base.rest.resource import DELETED_AT, EXTRA
from taps.base.rest.template import parent_fields
from taps.base.rest.walk import Walk
from taps.base.stream import BlockStream

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping

    from taps.base.rest.budget import Sleep
    from taps.base.rest.pages import Page
    from taps.base.rest.resource import Resource, Row
    from taps.base.rest.tap import RESTTap
    from taps.base.stream import Rows

INCREMENTAL, FULL_TABLE = "INCREMENTAL", "FULL_TABLE"
_MEANWHILE = timedelta(days=1)
"""So far ahead a full read asks for rows: one that changes while it reads must not be taken for gone."""


class StoppingError(Exception):
    """A signal came while the run was waiting."""


class RESTStream(BlockStream):
    """Rows of one resource."""

    _tap: RESTTap
    state_rows = 1000

    def __init__(self, tap: RESTTap, resource: Resource) -> None:
        """Make the stream of `resource`; nothing is read yet."""
        self.resource = resource
        super().__init__(tap, name=resource.name, schema=resource.full_schema())
        self.primary_keys = list(resource.keys)
        cursor = self.cursor
        if resource.cursor and (name := resource.cursor.field.rpartition(".")[2]) in resource.schema["properties"]:
            self.replication_key = name
        self.forced_replication_method = INCREMENTAL if cursor else FULL_TABLE
        self._mark = Bookmark()
        self._undated = self._gone = self._keyless = self._lists = 0
        self._best = ""
        self._parents: list[dict[str, Any]] | None = None

    @cached_property
    def cursor(self) -> Cursor | None:
        """What moves the bookmark: the resource's own cursor, or else its parent's."""
        if self.resource.cursor or not self.resource.parent:
            return self.resource.cursor
        return self._tap.resource(self.resource.parent).cursor

    # What a subclass may change.

    def read(self, window: Window | None) -> Iterator[list[Row]]:
        """The rows of a window (None: all there are), a page at a time."""
        for context in self.contexts(window):
            try:
                for page in self.walk(self.resource, {**context, **self.bounds(window)}):
                    yield page.rows
            except MissingError:
                if not self.resource.parent:
                    raise
                self._gone += 1  # the parent went away between the two calls

    def bounds(self, window: Window | None) -> dict[str, Any]:
        """What fills the templates with the bounds of a window."""
        return self.resource.cursor.values(window) if self.resource.cursor and window else {}

    def contexts(self, window: Window | None) -> Iterator[dict[str, Any]]:
        """What fills the templates for each list: once nothing, or one row of the parent after the other.

        A resource without a cursor of its own is read for the parents that are new; one with its own, for all of them.
        """
        if self.resource.parent is None:
            yield {}
            return
        parent = self._tap.resource(self.resource.parent)
        if self.resource.cursor or parent.cursor is None or window is None:
            if self._parents is None:
                named = {*parent.keys, *parent_fields(self.resource)}
                self._parents = [
                    {name: row.get(name) for name in named}
                    for page in self.walk(parent, _all(parent))
                    for row in page.rows
                ]
            for group in self._grouped(self._parents):
                self._lists += 1
                yield group
            return
        for page in self.walk(parent, parent.cursor.values(window)):
            self._saw(parent.cursor, page.rows)
            yield from self._grouped(page.rows)

    def _grouped(self, parents: list[Row]) -> Iterator[dict[str, Any]]:
        size = self.resource.parents_at_once
        for first in range(0, len(parents), size):
            group = parents[first : first + size]
            names = dict.fromkeys(name for row in group for name in row)
            yield {
                f"parent.{name}": group[0].get(name) if size == 1 else [row.get(name) for row in group]
                for name in names
            }

    def walk(self, resource: Resource, values: Mapping[str, Any]) -> Iterator[Page]:
        """The pages of one list."""
        yield from Walk(self._tap.client, resource, {**self._tap.values, **values}, self.name).pages()

    def read_all(self, until: datetime) -> Iterator[list[Row]]:
        """All rows, whatever the bookmark says."""
        cursor = self.resource.cursor
        yield from self.read(Window(self._tap.start or cursor.start, until) if cursor else None)

    def read_one(self, path: str, key: Mapping[str, Any], read_at: str) -> list[Row]:
        """One row by its key; one that is not there any more is a deleted row."""
        resource = replace(self.resource, path=path, params={}, body=None, method="GET", records="", pages=Single())
        try:
            return [row for page in self.walk(resource, key) for row in page.rows]
        except MissingError:
            return [{**key, DELETED_AT: read_at}]

    @property
    def mark(self) -> Bookmark:
        """The bookmark as it is now."""
        return self._mark

    @property
    def sleep(self) -> Sleep:
        """Waits, unless a signal ends the run."""
        return self._tap.sleep

    def save_job(self, job: dict[str, Any] | None) -> None:
        """Have the state say at once which job of the service is being waited for."""
        self._mark.job = job
        self._write_bookmark()

    def save_bookmark(self) -> None:
        """Put how far the rows have been written into the state."""
        self._mark.store(self.stream_state)

    # The order of things.

    def blocks(self) -> Iterator[Rows]:
        """Every record that is new."""
        self._mark = bookmark.load(self.name, self.stream_state)
        self._undated = self._gone = self._keyless = 0
        self._chosen = {name for name in self.schema["properties"] if self.is_selected(name)}
        cursor = self.cursor
        if isinstance(self.resource.deletes, EventsFeed) and self._mark == Bookmark():
            self._mark.changes = times.to_text(self._tap.run_start)  # what is read from now on may change behind it
        try:
            if cursor and self.replication_method == INCREMENTAL:
                yield from self._incremental(cursor)
            else:
                yield from self._full()
            yield from self._changes()
        finally:
            self._tell()

    def _incremental(self, cursor: Cursor) -> Iterator[Rows]:
        mark, end = self._mark, self._tap.run_start
        if mark.replication_key not in {None, cursor.field}:
            self.logger.warning("The replication key was %s: all rows are read again", mark.replication_key)
            mark.replication_key_value = None
        mark.replication_key = cursor.field
        since = self._since(cursor)
        if since >= end:
            which = "the bookmark" if mark.replication_key_value else "start_date"
            self.logger.warning("%s: %s lies in the future, so there is nothing to read", self.name, which)
            return
        size, first_load = cursor.window or end - since, mark.replication_key_value is None
        self._best = mark.replication_key_value or ""
        while since < end:
            of_job = self._end_of_job(since)
            until = of_job or min(since + size, end)
            pages = self._lists = 0
            for rows in self.read(Window(since, until)):
                pages += 1
                if self.resource.cursor:
                    self._saw(cursor, rows)
                yield self._encoded(rows)
                if cursor.ascending and self.resource.cursor:
                    mark.replication_key_value = self._best or None
                    self.checkpoint()
            mark.replication_key_value = self._best or None
            self.checkpoint(at_end=True)
            pages -= max(self._lists - 1, 0)  # the first pages of lists that every window has tell nothing of it
            since, size = until, cursor.resized(size, pages, first_load=first_load)
            if of_job:  # an earlier run had it begin: what showed up late is not in it
                since -= self._lookback(cursor)

    def _since(self, cursor: Cursor) -> datetime:
        """From when to read: the bookmark less the lookback, or where the settings say to start."""
        if value := self._mark.replication_key_value:
            return moment(value) - self._lookback(cursor)
        return self._tap.start or cursor.start

    def _lookback(self, cursor: Cursor) -> timedelta:
        days = self.config.get("lookback_days")
        return cursor.lookback if days is None else timedelta(days=days)

    def _end_of_job(self, since: datetime) -> datetime | None:
        """The end of the window for which a job of the last run still works; a job for another window is dropped."""
        job = self._mark.job
        if job and job.get("since") == times.to_text(since):
            return moment(job["until"])
        self._mark.job = None
        return None

    def _full(self) -> Iterator[Rows]:
        mark = self._mark
        self.version = mark.table_version = max(time.time_ns() // 1_000_000, mark.table_version + 1)
        mark.job = None  # of another run: a part of the rows, under another version
        for rows in self.read_all(self._tap.run_start + _MEANWHILE):
            yield self._encoded(rows)
        self.activate_version()

    def _changes(self) -> Iterator[Rows]:
        policy, mark, until = self.resource.deletes, self._mark, self._tap.run_start
        if policy is None:
            return
        since = moment(mark.changes) if mark.changes else None
        if since and since >= until:
            return
        for rows in policy.rows(self, since, until):
            yield self._encoded(rows)
        mark.changes = times.to_text(until)

    def _sync_records(self, context: Any = None, *, write_messages: bool = True) -> Generator[dict[str, Any], Any, Any]:
        """As in the base; a stream that may not be read is left out, and the others go on."""
        try:
            yield from super()._sync_records(context, write_messages=write_messages)
        except SkippableError as error:
            self._tap.skip(self, error)
        except StoppingError:
            self._write_bookmark()
            sys.exit(128 + self._tap.stopping)
        finally:
            self._tap.writing = False
            self._tap.client.account.report()

    # Records.

    def _encoded(self, rows: list[Row]) -> list[bytes]:
        """Records of the selected fields; what the schema does not declare goes to `_extra`."""
        resource, chosen = self.resource, self._chosen
        known, read_at = self.schema["properties"], times.to_text(self._tap.run_start)
        encoded = []
        for row in rows:
            deleted_at = row.get(DELETED_AT)
            record = resource.reshape(row) if resource.reshape else row
            if record is None:
                continue
            if deleted_at:
                record[DELETED_AT] = deleted_at
            if any(record.get(key) in (None, "") for key in resource.keys):
                self._keyless += 1
                continue
            if resource.deletes and not deleted_at:
                resource.deletes.mark(record, read_at)
            extra = {name: value for name, value in record.items() if name not in known}
            out = {name: value for name, value in record.items() if name in chosen}
            if extra and EXTRA in chosen:
                out[EXTRA] = extra
            encoded.append(messages.encode(out))
        return encoded

    def _saw(self, cursor: Cursor, rows: list[Row]) -> None:
        """Take note of the greatest time in the rows, of those that have come."""
        end = times.to_text(self._tap.run_start)
        for row in rows:
            value = cursor.value(row)
            if value is None:
                self._undated += 1
            elif self._best < value <= end:
                self._best = value

    def _tell(self) -> None:
        """Log what was odd."""
        for metric, count, text in (
            ("undated_count", self._undated, "rows have no readable replication key: sent, but not counted as seen"),
            ("missing_parent_count", self._gone, "parents went away while their rows were read"),
            ("reject_count", self._keyless, "rows have no key and are left out"),
        ):
            if count:
                self.logger.warning("%s: %d %s", self.name, count, text)
                metrics.counter(metric, count, stream=self.name)

    def describe(self) -> str:
        """One line about the first page, for whoever sets the tap up.

        Raises:
            PipeError: it cannot be read.
        """
        end = self._tap.run_start
        cursor, policy = self.cursor, self.resource.deletes
        if isinstance(policy, EventsFeed):
            next(policy.pages(self, end, end))  # a later run reads them
        window = Window(end - (cursor.window or timedelta(days=30)), end) if cursor else None
        for context in self.contexts(window):
            page = next(self.walk(self.resource, {**context, **self.bounds(window)}))
            return f"{len(page.rows)} rows on the first page"
        return f"nothing to ask for: {self.resource.parent} has no rows"


def _all(resource: Resource) -> dict[str, Any]:
    """The bounds that leave nothing out."""
    cursor = resource.cursor
    return cursor.values(Window(cursor.start, datetime.now(UTC))) if cursor else {}
