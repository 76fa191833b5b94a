"""Lists of Shopify's: in bulk where much is to be read, else page by page, with the same rows either way."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from pipe.errors import DataError, RetriableError, SkippableError
from taps.base.rest import bulk
from taps.base.rest.bulk import LostJobError, Patience
from taps.base.rest.client import MissingError
from taps.base.rest.cursor import Window
from taps.base.rest.graphql import request
from taps.base.rest.pages import Token
from taps.base.rest.resource import Resource
from taps.base.rest.retry import AgainError
from taps.base.rest.stream import RESTStream
from taps.base.rest.template import fill
from taps.shopify import nested, queries
from taps.shopify.families import families

if TYPE_CHECKING:
    from collections.abc import Iterator

    from taps.base.rest.resource import Row
    from taps.base.stream import Rows
    from taps.shopify.nested import Nested
    from taps.shopify.tap import TapShopify

MUCH = timedelta(days=7)
"""A longer time than this is read in bulk, also after the first load."""
_SHORTEST = timedelta(hours=1)
_BUSY = {"OPERATION_IN_PROGRESS", "LIMIT_REACHED"}
_BUSY_SECONDS = 30.0
_WORKING = {"CREATED", "RUNNING", "CANCELING"}


@dataclass(frozen=True)
class ListResource(Resource):
    """The resource of a list.

    Attributes:
        kind: name of the type of its objects.
        inner: name and selection of a list inside every object; empty where there is none.
        bulk_query: what a bulk operation is asked for; empty where lists are read page by page.
        nested: a list inside the items of another field, which is asked for apart.
        whole_scope: access scope without which a part of the objects is hidden.
    """

    kind: str = ""
    inner: tuple[str, str] = ("", "")
    bulk_query: str = ""
    nested: Nested | None = None
    whole_scope: str = ""


class ListStream(RESTStream):
    """Objects of one list."""

    resource: ListResource
    _tap: TapShopify

    def blocks(self) -> Iterator[Rows]:
        """As in the base; the log says first when a part is hidden."""
        if hidden := self._hidden():
            self.logger.warning("%s: %s", self.name, hidden)
        yield from super().blocks()

    def describe(self) -> str:
        """As in the base; also whether a part is hidden."""
        text, hidden = super().describe(), self._hidden()
        return f"{text}; {hidden}" if hidden else text

    def read(self, window: Window | None) -> Iterator[list[Row]]:
        """The objects that changed in that time, each with all of its lists."""
        for rows in self._objects(window):
            if self.resource.nested:
                nested.fill(self, self.resource.nested, rows)
            yield rows

    def _objects(self, window: Window | None) -> Iterator[list[Row]]:
        """The same, with their inner lists alone."""
        if window and self._is_much(window):
            try:
                yield from bulk.read(BulkOperation(self, window), self, window, Patience(first=2.0))
            except TooLongError:
                yield from self._halves(window)
            return
        resource = self.resource
        for rows in super().read(window):
            for row in rows if resource.inner[0] else ():
                row[resource.inner[0]] = self.whole(row, resource.kind, resource.inner)
            yield rows

    def _is_much(self, window: Window) -> bool:
        first = self.mark.replication_key_value is None
        return bool(self.resource.bulk_query) and (first or window.until - window.since > MUCH)

    def _halves(self, window: Window) -> Iterator[list[Row]]:
        """The same in two operations: Shopify gave up one over so many objects."""
        self.mark.job = None
        if window.until - window.since < _SHORTEST:
            raise RetriableError("Shopify gives up bulk operations of an hour, too", stream=self.name)
        middle = window.since + (window.until - window.since) / 2
        for half in (Window(window.since, middle), Window(middle, window.until)):
            yield from self._objects(half)

    def whole(self, row: Row, kind: str, inner: tuple[str, str]) -> list[Row]:
        """The inner list of an object of that kind: the part of it that came along, and what follows."""
        name, _ = inner
        connection = row.get(name)
        if not isinstance(connection, dict) or not isinstance(connection.get("nodes"), list):
            raise DataError(f"an object without its {name}", stream=self.name)
        page = connection.get("pageInfo") or {}
        if not page.get("hasNextPage"):
            return list(connection["nodes"])
        path = f"data.node.{name}"
        more = replace(
            self.resource,
            body=request(queries.following(kind, inner), {"id": "{of}", "after": "{token}"}),
            records=f"{path}.nodes",
            may_lack=frozenset({"data", "extensions"}),  # the object is gone meanwhile
            pages=Token(f"{path}.pageInfo.endCursor", f"{path}.pageInfo.hasNextPage", {"token": page.get("endCursor")}),
        )
        return [*connection["nodes"], *(row for found in self.walk(more, {"of": row["id"]}) for row in found.rows)]

    def _hidden(self) -> str:
        """What Shopify does not show to this token; empty where it shows everything."""
        scope = self.resource.whole_scope
        if not scope or self._tap.scopes is None or scope in self._tap.scopes:
            return ""
        return f"only those of the last 60 days are shown, as the token lacks the scope {scope}"


class TooLongError(Exception):
    """Shopify gave up the operation, as it took too long."""


@dataclass(frozen=True)
class BulkOperation:
    """A bulk operation for a list and a time."""

    stream: ListStream
    window: Window

    def submit(self) -> dict[str, Any]:
        """Have it started; waits while Shopify runs as many as it may."""
        cursor = self.stream.resource.cursor
        bounds = cursor.values(self.window) if cursor else {}
        query = fill(self.stream.resource.bulk_query, bounds)
        made = self._ask(queries.RUN, {"query": query}, "bulkOperationRunQuery", _accepted)
        if not (key := (made.get("bulkOperation") or {}).get("id")):
            raise DataError("Shopify does not take the bulk operation", stream=self.stream.name)
        return {"id": key}

    def poll(self, job: dict[str, Any]) -> bool:
        """Whether it is done.

        Raises:
            LostJobError: it failed, is unknown or too old.
            TooLongError: it took too long.
            SkippableError: the token may not read the list.
        """
        operation = self._operation(job)
        status, code = operation.get("status"), operation.get("errorCode")
        if status == "FAILED" and code == "TIMEOUT":
            raise TooLongError
        if status == "FAILED" and code == "ACCESS_DENIED":
            raise SkippableError("not allowed: the bulk operation", rule="forbidden", stream=self.stream.name)
        if status != "COMPLETED" and status not in _WORKING:
            raise LostJobError
        return bool(status == "COMPLETED")

    def rows(self, job: dict[str, Any]) -> Iterator[list[Row]]:
        """The objects with their inner lists."""
        operation = self._operation(job)
        promised, found = int(operation.get("rootObjectCount") or 0), 0
        if url := operation.get("url"):
            with tempfile.TemporaryFile() as file:
                try:
                    self.stream._tap.client.save(url, file, self.stream.name, signed=False)
                except MissingError:  # Shopify keeps it for seven days
                    raise LostJobError from None
                for rows in families(file, self.stream.resource.inner[0], ("id", "updatedAt")):
                    found += len(rows)
                    yield rows
        if found < promised:
            raise LostJobError

    def _operation(self, job: dict[str, Any]) -> Row:
        found: Row | None = self._ask(queries.OPERATION, {"id": job["id"]}, "bulkOperation", lambda answer: answer)
        if found is None:
            raise LostJobError
        return found

    def _ask(self, query: str, variables: dict[str, Any], name: str, accept: Any) -> Any:
        return self.stream._tap.ask(query, variables, name, self.stream.name, accept)


def _accepted(made: Row) -> Row:
    """The answer to a submission, unless others must end first."""
    if any(error.get("code") in _BUSY for error in made.get("userErrors") or ()):
        raise AgainError("other bulk operations are running", wait=_BUSY_SECONDS, patient=True)
    return made
