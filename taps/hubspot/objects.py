"""Objects of the CRM: searched by when they were changed, with what belongs to each asked for page by page.

A search gives at most 10,000 results, however it is paged. So each page asks anew for the ids above the last one: as
many objects may share one time as they like. Searches leave out associations, older values and archived objects.
https://developers.hubspot.com/docs/api-reference/search/guide
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any, cast

from pipe import times
from pipe.errors import DataError, SkippableError
from taps.base.rest.cursor import Cursor, Window
from taps.base.rest.deletes import when
from taps.base.rest.pages import Keyset, Page, Position, Token
from taps.base.rest.resource import DELETED_AT, Resource, Row
from taps.base.rest.stream import RESTStream
from taps.base.rest.template import dig

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

LINKED_AT_ONCE = 100
HISTORIES_AT_ONCE = 50
LAG = timedelta(minutes=15)
"""What was written shows up in searches, and in the list of archived objects, only some time later."""


@dataclass(frozen=True)
class SearchPages(Keyset):
    """As `Keyset`; the end is where the number of results that are left says so."""

    def next(self, position: Position, page: Page, before: Page | None) -> Position | None:
        """By the greatest id.

        Raises:
            DataError: more rows are promised after none.
        """
        left = dig(page.body, "total")
        more = len(page.rows) >= self.size if left is None else left > len(page.rows)
        if more and not page.rows:
            raise DataError("a page without rows says that more follow")
        return {"last": dig(page.rows[-1], self.key)} if more else None


@dataclass(frozen=True)
class ObjectResource(Resource):
    """The resource of an object type.

    Attributes:
        cursor: by when an object was changed.
        root: path of its objects.
        links: object type -> path of the associations to it.
        history: names of properties whose older values are wanted.
    """

    cursor: Cursor = field(default_factory=lambda: Cursor("properties.hs_lastmodifieddate"))
    root: str = ""
    links: tuple[tuple[str, str], ...] = ()
    history: tuple[str, ...] = ()

    def batch(self, properties: Sequence[str], history: Sequence[str] = (), *, archived: bool = False) -> Resource:
        """Reads objects by id: `{inputs}`."""
        body = {"inputs": "{inputs}", "properties": list(properties), "propertiesWithHistory": list(history)}
        params = {"archived": "true"} if archived else {}
        return Resource(
            self.name,
            f"{self.root}/batch/read",
            {},
            records="results",
            method="POST",
            params=params,
            body=body,
            permission=self.permission,
        )


class ObjectStream(RESTStream):
    """Objects of one type."""

    resource: ObjectResource

    def read(self, window: Window | None) -> Iterator[list[Row]]:
        """The objects changed in that time, each with its associations and histories."""
        cursor = self.resource.cursor
        span = window or Window(self._tap.start or cursor.start, self._tap.run_start)
        last = 0
        for page in self.walk(self.resource, self.bounds(span)):
            ids = [last, *(int(row["id"]) for row in page.rows)]
            if any(first >= second for first, second in pairwise(ids)):  # then others may be missing between them
                raise DataError("a page is not sorted by hs_object_id as it was asked to be", stream=self.name)
            last = ids[-1]
            for row in page.rows:
                row["associations"] = {}
            for kind in list(self._links):
                self._link(kind, page.rows)
            self._recall(page.rows)
            yield page.rows + list(self._merged(page.rows, cursor.field.rpartition(".")[2]))

    def bounds(self, window: Window | None) -> dict[str, Any]:
        """As text: the search takes no numbers."""
        return {name: str(value) for name, value in super().bounds(window).items()}

    @cached_property
    def _links(self) -> dict[str, Resource]:
        """Object type -> associations to it; those that may not be read are taken out."""
        if not self._wanted("associations"):
            return {}
        body = {"inputs": "{inputs}"}
        return {
            kind: Resource(f"{self.name}", path, {}, keys=(), records="results", method="POST", body=body)
            for kind, path in self.resource.links
        }

    def _wanted(self, column: str) -> bool:
        return column in self.schema["properties"] and self.mask.get(("properties", column), True)

    def _link(self, kind: str, rows: list[Row]) -> None:
        """Put the associations of the objects to those of another type into their rows, the primary one first."""
        found: dict[str, list[Row]] = {}
        try:
            for group in _groups(rows, LINKED_AT_ONCE):
                inputs = [{"id": row["id"]} for row in group]
                while inputs:
                    inputs = self._linked(self._links[kind], inputs, found)
        except SkippableError as error:
            del self._links[kind]
            self.logger.warning("%s: associations to %s are left out: %s", self.name, kind, error.problem)
            return
        for row in rows:
            if linked := found.get(row["id"]):
                row["associations"][kind] = sorted(
                    linked, key=lambda to: ("Primary" not in to["labels"], int(to["id"]))
                )

    def _linked(self, resource: Resource, inputs: list[Row], found: dict[str, list[Row]]) -> list[Row]:
        """Collect associations; what to ask for next, of objects that have very many."""
        following = []
        for answer in (row for page in self.walk(resource, {"inputs": inputs}) for row in page.rows):
            key = str(dig(answer, "from.id"))
            found.setdefault(key, []).extend(map(_association, answer.get("to") or []))
            if after := dig(answer, "paging.next.after"):
                following.append({"id": key, "after": str(after)})
        if following and following == inputs:
            raise DataError("a page of associations leads back to itself", stream=self.name)
        return following

    def _recall(self, rows: list[Row]) -> None:
        """Put the older values of the chosen properties into the rows."""
        if not self.resource.history or not self._wanted("property_history"):
            return
        batch = self.resource.batch((), self.resource.history)
        for group in _groups(rows, HISTORIES_AT_ONCE):
            by_id = {row["id"]: row for row in group}
            for page in self.walk(batch, {"inputs": [{"id": key} for key in by_id]}):
                for found in page.rows:
                    if row := by_id.get(str(found["id"])):
                        row["property_history"] = found.get("propertiesWithHistory")

    def _merged(self, rows: list[Row], modified: str) -> Iterator[Row]:
        """Objects that were merged into those of a page: they are gone, and no list ever says so."""
        for row in rows:
            changed = dig(row, f"properties.{modified}")
            for key in (dig(row, "properties.hs_merged_object_ids") or "").split(";"):
                if key.strip() not in {"", row["id"]}:
                    deleted_at = when(row, f"properties.{modified}", "iso")
                    told = {"properties": {modified: changed}, "merged_into": row["id"], DELETED_AT: deleted_at}
                    yield {"id": key.strip(), **told}


class RecycleBin:
    """Deleted objects: a list of those archived in the last 90 days, which gives few of their properties."""

    def mark(self, row: Row, read_at: str) -> None:
        """Nothing: what a search finds is there."""

    def rows(self, stream: RESTStream, since: datetime | None, until: datetime) -> Iterator[list[Row]]:
        """Objects archived since then, with all properties."""
        resource = cast("ObjectResource", stream.resource)
        params = {"limit": 100, "after": "{token}", "archived": "true"}
        archive = replace(
            resource,
            path=resource.root,
            method="GET",
            body=None,
            params=params,
            pages=Token("paging.next.after"),
        )
        batch = resource.batch(resource.body["properties"], archived=True)
        first = times.to_text(since - LAG) if since else ""
        for page in stream.walk(archive, {}):
            rows = {row["id"]: row for row in page.rows if (when(row, "archivedAt", "iso") or "~") >= first}
            if not rows:
                continue
            for found in stream.walk(batch, {"inputs": [{"id": key} for key in rows]}):
                for row in found.rows:
                    rows[str(row["id"])] = rows.get(str(row["id"]), {}) | row
            read_at = times.to_text(until)
            yield [{**row, DELETED_AT: when(row, "archivedAt", "iso") or read_at} for row in rows.values()]


def _groups(rows: list[Row], size: int) -> Iterator[list[Row]]:
    return (rows[first : first + size] for first in range(0, len(rows), size))


def _association(to: Row) -> Row:
    types = to.get("associationTypes") or []
    labels = sorted({kind["label"] for kind in types if kind.get("label")})
    return {"id": str(to["toObjectId"]), "types": sorted({kind["typeId"] for kind in types}), "labels": labels}
