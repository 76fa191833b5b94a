"""How deletions show. A deleted row is a record with its key and `_sdc_deleted_at`.

SoftFlag     a field of the row says so
DeletedPass  another list has the deleted rows (an archive, a recycle bin, a log of deletions)
EventsFeed   a feed of events names what changed (`feed.py`)
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

from pipe import times
from pipe.errors import SkippableError
from taps.base.rest.cursor import Cursor, Window
from taps.base.rest.resource import DELETED_AT, Row
from taps.base.rest.template import dig

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from taps.base.rest.stream import RESTStream


class Deletes(Protocol):
    """How deletions of a stream are found."""

    def mark(self, row: Row, read_at: str) -> None:
        """Mark a row of the ordinary list that says it is deleted."""

    def rows(self, stream: RESTStream, since: datetime | None, until: datetime) -> Iterator[list[Row]]:
        """Rows that changed or went away in that time and that the ordinary list does not show; None is ever."""


@dataclass(frozen=True)
class SoftFlag:
    """The field `flag` is true, or has one of `values`; `at` is the path of when."""

    flag: str
    at: str = ""
    values: frozenset[Any] = frozenset({True})
    form: str = "iso"

    def mark(self, row: Row, read_at: str) -> None:
        """By the row's own field."""
        found = dig(row, self.flag)
        if not isinstance(found, list | dict) and found in self.values:
            row[DELETED_AT] = when(row, self.at, self.form) or read_at

    def rows(self, stream: RESTStream, since: datetime | None, until: datetime) -> Iterator[list[Row]]:
        """None beside the ordinary list."""
        return iter(())


@dataclass(frozen=True)
class DeletedPass:
    """A second list, read after the first: `changes` are what differs in the declaration (path, params, records).

    With a `cursor` in them, only deletions since the last run are asked for. `keep` names the fields of its rows that
    mean the same as in the first list; where it is empty, all do.
    """

    changes: Mapping[str, Any]
    at: str
    form: str = "iso"
    keep: tuple[str, ...] = ()

    def mark(self, row: Row, read_at: str) -> None:
        """Nothing: rows of the first list are there."""

    def rows(self, stream: RESTStream, since: datetime | None, until: datetime) -> Iterator[list[Row]]:
        """The whole second list, or what is new in it."""
        resource = replace(stream.resource, **{"cursor": None, **self.changes})
        cursor: Cursor | None = resource.cursor
        values: dict[str, Any] = {}
        if cursor:
            values = cursor.values(Window((since or cursor.start) - cursor.lookback, until))
        for page in stream.walk(resource, values):
            yield [self._deleted(row, times.to_text(until)) for row in page.rows]

    def _deleted(self, row: Row, read_at: str) -> Row:
        deleted_at = when(row, self.at, self.form) or read_at
        kept = {name: row.get(name) for name in self.keep} if self.keep else row
        return {**kept, DELETED_AT: deleted_at}


def when(row: Row, path: str, form: str) -> str | None:
    """The time at a path as canonical text; None where there is none."""
    try:
        return times.time_parser(form)(dig(row, path)) if path else None
    except SkippableError:
        return None
