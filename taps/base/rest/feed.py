"""Changes that a list cannot be asked for, from the service's feed of events.

Each event names an object; what it is now is read by its id (an event's own copy may be of another API version, and
events come in no order). Where the feed no longer reaches back to the bookmark, all rows are read again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pipe import times
from taps.base.rest.cursor import Window
from taps.base.rest.resource import DELETED_AT, Resource, Row
from taps.base.rest.template import dig

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime, timedelta

    from taps.base.rest.pages import Page
    from taps.base.rest.stream import RESTStream


@dataclass(frozen=True)
class EventsFeed:
    """Where events are and what they say.

    Attributes:
        events: the feed as a resource with a cursor; `{types}` in it is filled with `types`.
        types: which events, in the service's own form.
        object_at: path of the changed object in an event.
        kind: what its field `object` says for objects of this stream.
        through: what other objects say there -> their field with the id of one of this stream (a refund's charge).
        path: of one object; `{id}` is its id.
        is_deleted: whether an object, as the service gives it by id, is gone.
        reach: how far back the feed goes, less a margin.
    """

    events: Resource
    types: Any
    kind: str
    path: str
    reach: timedelta
    through: Mapping[str, str] = field(default_factory=dict)
    object_at: str = "data.object"
    is_deleted: Callable[[Row], bool] = lambda row: bool(row.get("deleted"))

    def mark(self, row: Row, read_at: str) -> None:
        """An object read by its id says whether it is gone."""
        if self.is_deleted(row):
            row[DELETED_AT] = read_at

    def rows(self, stream: RESTStream, since: datetime | None, until: datetime) -> Iterator[list[Row]]:
        """What the objects of new events are now."""
        if since is None or since < until - self.reach:
            stream.logger.warning("%s: the events since the last run are gone: all rows are read again", stream.name)
            yield from stream.read_all(until)
            return
        changed: dict[str, None] = {}
        for page in self.pages(stream, since, until):
            for event in page.rows:
                thing = dig(event, self.object_at) or {}
                kind = str(thing.get("object"))
                key = thing.get("id" if kind == self.kind else self.through.get(kind, ""))
                if key:
                    changed[key] = None
        for key in changed:
            yield stream.read_one(self.path, {"id": key}, times.to_text(until))

    def pages(self, stream: RESTStream, since: datetime, until: datetime) -> Iterator[Page]:
        """The events of that time, and of the lookback before."""
        cursor = self.events.cursor
        if cursor is None:
            raise AssertionError("a feed of events is read by their time")
        window = Window(since - cursor.lookback, until)
        return stream.walk(self.events, {**cursor.values(window), "types": self.types})
