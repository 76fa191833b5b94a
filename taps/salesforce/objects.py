"""Objects: read page by page where little has changed, by a job of Bulk API 2.0 where much has.

The first page of a query says how many rows there are, so the choice costs no call of its own.
https://developer.salesforce.com/docs/atlas.en-us.api_asynch.meta/api_asynch/queries.htm
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pipe.errors import DataError, SkippableError
from taps.base.rest import bulk
from taps.base.rest.bulk import LostJobError, Patience
from taps.base.rest.call import Call
from taps.base.rest.client import MissingError
from taps.base.rest.cursor import Window
from taps.base.rest.pages import URL
from taps.base.rest.resource import Resource
from taps.base.rest.retry import AgainError
from taps.base.rest.stream import RESTStream
from taps.base.rest.template import dig, fill

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from taps.base.rest.client import Client, Reply
    from taps.base.rest.cursor import Cursor
    from taps.base.rest.pages import Page, Position
    from taps.base.rest.resource import Row

LONGEST = 12_000
"""Characters of a query in an address; a longer one goes by job, whose text is in the body."""
CELLS = 100_000
"""Of one page of a job's result: so many values are held at once, however wide the object is."""
_MOST_ROWS, _BLOCK = 50_000, 2_000
_WORKING, _DONE, _FAILED = {"UploadComplete", "InProgress"}, {"JobComplete"}, {"Failed", "Aborted"}


@dataclass(frozen=True)
class QueryPages:
    """The answer says whether it is `done`, and where it goes on; pages of another window are noticed by their times.

    A row may be newer than its window, as it may have changed since the query began, but never older.
    """

    cursor: Cursor | None
    first: Position = field(default_factory=dict)

    def next(self, position: Position, page: Page, before: Page | None) -> Position | None:
        """By the answer's nextRecordsUrl."""
        done, address = page.body.get("done"), page.body.get("nextRecordsUrl")
        if not isinstance(done, bool) or not (done or address):
            raise AgainError("an answer that does not say whether it is the last", final=DataError)
        if self.cursor and page.rows and "since" in position:
            stamp = self.cursor.value(page.rows[0])
            if stamp is not None and stamp[:23] < str(position["since"])[:23]:
                raise AgainError("a page of another time than was asked for", final=DataError)
        return None if done else {URL: address}


@dataclass(frozen=True)
class ObjectResource(Resource):
    """The resource of an object.

    Attributes:
        names: of the fields it reads.
        jobs: path of bulk jobs.
        operation: of those: query, or queryAll, which has deleted rows as well.
        most_by_query: rows above which a job is used; None for never.
    """

    names: tuple[str, ...] = ()
    jobs: str = ""
    operation: str = "query"
    most_by_query: int | None = None


class ObjectStream(RESTStream):
    """Records of one object."""

    resource: ObjectResource

    def read(self, window: Window | None) -> Iterator[list[Row]]:
        """The records changed in that time: by a job where they are many."""
        pages = self.walk(self.resource, self.bounds(window))
        first: Page | None = None
        if not self._needs_job:
            first = next(pages)
        if first is None or self._is_large(first):
            try:
                yield from bulk.read(BulkQuery(self, window), self, window, Patience(first=2.0))
            except UnsupportedError:
                self.logger.warning("%s: not for bulk jobs; it is read page by page", self.name)
            else:
                return
        if first:
            yield first.rows
        for page in pages:
            yield page.rows

    def describe(self) -> str:
        """How many rows there are from start_date on; makes no job."""
        cursor = self.resource.cursor
        whole = Window(self._tap.start or cursor.start, self._tap.run_start) if cursor else None
        first = next(self.walk(self.resource, self.bounds(whole)))
        return f"{first.body.get('totalSize')} rows"

    def query(self, window: Window | None) -> str:
        """The query for a window."""
        return str(fill(self.resource.params["q"], self.bounds(window)))

    @property
    def _needs_job(self) -> bool:
        """Whether no query is tried: a job is under way, every read is to be a job, or the query is too long."""
        most = self.resource.most_by_query
        return self.mark.job is not None or most == 0 or len(self.resource.params["q"]) > LONGEST

    def _is_large(self, first: Page) -> bool:
        most, total = self.resource.most_by_query, first.body.get("totalSize")
        return most is not None and isinstance(total, int) and total > most


class UnsupportedError(Exception):
    """The object is not one that bulk jobs can read."""


@dataclass(frozen=True)
class BulkQuery:
    """A job of Bulk API 2.0 for a stream and window; the state also has how far its result has been read."""

    stream: ObjectStream
    window: Window | None

    def submit(self) -> dict[str, Any]:
        """Have it started."""
        query = {"operation": self.stream.resource.operation, "query": self.stream.query(self.window)}
        form = {"contentType": "CSV", "columnDelimiter": "COMMA", "lineEnding": "LF"}

        def accept(body: Any, headers: Any) -> str:
            if not (made := dig(body, "id")):
                raise AgainError("an answer without a bulk job", final=DataError)
            return str(made)

        try:
            made = self._client.json("POST", self.stream.resource.jobs, accept, self.stream.name, body=query | form)
        except SkippableError:
            raise UnsupportedError from None
        return {"id": made, "locator": None}

    def poll(self, job: dict[str, Any]) -> bool:
        """Whether it is done."""

        def accept(body: Any, headers: Any) -> str:
            state = dig(body, "state")
            if state not in _WORKING | _DONE | _FAILED:
                raise AgainError("an answer without the state of a bulk job", final=DataError)
            return str(state)

        try:
            state = self._client.json("GET", self._path(job), accept, self.stream.name)
        except MissingError:
            raise LostJobError from None
        if state in _FAILED:
            raise LostJobError
        return state in _DONE

    def rows(self, job: dict[str, Any]) -> Iterator[list[Row]]:
        """The result, page by page; every page is checked against the number of rows it should have."""
        names = self.stream.resource.names
        locator, number = job.get("locator"), 0
        while True:
            number += 1
            try:
                table, locator = self._page(job, locator, f"{self.stream.name}, page {number} of a bulk job")
            except MissingError:
                raise LostJobError from None
            for start in range(0, len(table), _BLOCK):
                block = table[start : start + _BLOCK]
                yield [{name: cell or None for name, cell in zip(names, cells, strict=True)} for cells in block]
            if locator is None:
                return
            self.stream.save_job({**(self.stream.mark.job or {}), "locator": locator})

    def _page(self, job: dict[str, Any], locator: str | None, where: str) -> tuple[list[list[str]], str | None]:
        names = self.stream.resource.names
        params = {"maxRecords": max(200, min(_MOST_ROWS, CELLS // len(names)))} | (
            {"locator": locator} if locator else {}
        )
        url = self._client.url(f"{self._path(job)}/results")

        def accept(reply: Reply) -> tuple[list[list[str]], str | None]:
            count = _header(reply.headers, "Sforce-NumberOfRecords")
            following = _header(reply.headers, "Sforce-Locator") if count != "0" else "null"
            if following == locator and locator:
                raise AgainError("the page before came again", final=DataError)
            return _table(reply, names), None if following == "null" else following

        def perform() -> Reply:
            headers = {**self._client.signed(), "Accept": "text/csv"}
            return self._client.perform(Call("GET", url, params, headers=headers))

        return self._client.exchange(perform, accept, where)

    def _path(self, job: dict[str, Any]) -> str:
        return f"{self.stream.resource.jobs}/{job['id']}"

    @property
    def _client(self) -> Client:
        return self.stream._tap.client


def _table(reply: Reply, names: tuple[str, ...]) -> list[list[str]]:
    """The rows of a result, without the head, in the order of `names`."""
    count = _header(reply.headers, "Sforce-NumberOfRecords")
    csv.field_size_limit(1 << 24)  # a long text has up to 131,072 characters and markup
    try:
        text = reply.content.replace(b"\0", b"").decode()
        head, *rows = list(csv.reader(io.StringIO(text, newline=""), strict=True)) or [list(names)]
    except (UnicodeDecodeError, csv.Error):
        raise AgainError("a result of a bulk job that is not CSV", final=DataError) from None
    if sorted(head) != sorted(names) or any(len(row) != len(head) for row in rows):
        raise AgainError("a result of a bulk job with other fields than were asked for", final=DataError)
    if str(len(rows)) != count:
        raise AgainError("a result of a bulk job with rows missing", final=DataError)
    if tuple(head) == names:
        return rows
    places = [head.index(name) for name in names]
    return [[row[place] for place in places] for row in rows]


def _header(headers: Mapping[str, str], name: str) -> str:
    if not (value := headers.get(name)):
        raise AgainError(f"a result of a bulk job without the header {name}", final=DataError)
    return value
