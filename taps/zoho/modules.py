"""Modules: queried by when records were changed, and by a bulk job where everything is read.

A query gives 2,000 records at most, of 50 fields at most. So each page asks for the ids above the last one, and what a
wide module has beyond 50 fields is asked for in further queries for the same records.
https://www.zoho.com/crm/developer/docs/api/v8/COQL-Overview.html
https://www.zoho.com/crm/developer/docs/api/v8/bulk-read/overview.html
"""

from __future__ import annotations

import csv
import io
import tempfile
import zipfile
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import islice, pairwise
from typing import TYPE_CHECKING, Any

from pipe.errors import DataError, RetriableError
from taps.base.rest import bulk
from taps.base.rest.bulk import LostJobError, Patience
from taps.base.rest.client import MissingError
from taps.base.rest.cursor import Cursor, Window
from taps.base.rest.pages import Single
from taps.base.rest.resource import Resource
from taps.base.rest.retry import AgainError
from taps.base.rest.stream import RESTStream
from taps.base.rest.template import dig

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from taps.base.rest.client import Client
    from taps.base.rest.resource import Row

FIELDS_AT_ONCE = 48
"""Beside id and Modified_Time."""
LAG = timedelta(minutes=15)
MOST = 2000
"""Records that a query gives at most."""
SPAN = "((Modified_Time >= '{since}' and Modified_Time < '{until}') and id > {last})"
_PAUSE, _TRIES = 5.0, 4000


@dataclass(frozen=True)
class ModuleResource(Resource):
    """The resource of a module.

    Attributes:
        cursor: by when a record was changed.
        module: its name at Zoho.
        fields: names of its fields.
        by_bulk: whether a first read is a bulk job.
        bulk_path: where bulk jobs are.
    """

    cursor: Cursor = field(default_factory=lambda: Cursor("Modified_Time"))
    module: str = ""
    fields: tuple[str, ...] = ()
    by_bulk: bool = True
    bulk_path: str = ""


def query(module: str, fields: Iterable[str], condition: str, size: int) -> dict[str, str]:
    """The body of a query for records of that condition, by ascending id."""
    names = ", ".join(fields)
    text = f"select {names} from {module} where {condition} order by id asc limit 0, {size}"  # noqa: S608  names are checked
    return {"select_query": text}


class ModuleStream(RESTStream):
    """Records of one module."""

    resource: ModuleResource

    def read(self, window: Window | None) -> Iterator[list[Row]]:
        """The records changed in that time: by a bulk job where none have been read yet."""
        resource = self.resource
        span = window or Window(self._tap.start or resource.cursor.start, self._tap.run_start)
        first = window is not None and self.mark.replication_key_value is None
        if resource.by_bulk and first and self._syncing:
            yield from bulk.read(BulkRead(self, span), self, span, Patience(first=2.0))
            return
        last, bounds = 0, resource.cursor.values(span)
        for page in self.walk(resource, bounds):
            ids = [last, *(int(row["id"]) for row in page.rows)]
            if any(one >= next_one for one, next_one in pairwise(ids)):  # then others may be missing between them
                raise DataError("a page is not sorted by id as it was asked to be", stream=self.name)
            yield self._widen(page.rows, {**bounds, "last": last, "end": ids[-1]})
            last = ids[-1]

    @property
    def _syncing(self) -> bool:
        """Whether rows are really read, not just looked at."""
        return self.mark.replication_key is not None

    def _widen(self, rows: list[Row], bounds: Row) -> list[Row]:
        """The rows with the fields that did not fit into the first query; one that was edited meanwhile comes later."""
        more = [name for name in self.resource.fields if name not in {"id", "Modified_Time"}][FIELDS_AT_ONCE:]
        for start in range(0, len(more) if rows else 0, FIELDS_AT_ONCE):
            names = ("id", *more[start : start + FIELDS_AT_ONCE])
            body = query(self.resource.module, names, f"({SPAN} and id <= {{end}})", MOST)
            part = replace(self.resource, body=body, pages=Single())
            found = {row["id"]: row for page in self.walk(part, bounds) for row in page.rows}
            rows = [row | found[row["id"]] for row in rows if row["id"] in found]
        return rows


@dataclass(frozen=True)
class BulkRead:
    """A bulk job for a stream and window: pages of 200,000 records, each a CSV file in a ZIP file."""

    stream: ModuleStream
    window: Window

    def submit(self) -> dict[str, Any]:
        """Have the first page made."""
        return {"id": self._create(1), "page": 1}

    def poll(self, job: dict[str, Any]) -> bool:
        """Whether it is ready."""
        return self._result(job["id"]) is not None

    def rows(self, job: dict[str, Any]) -> Iterator[list[Row]]:
        """The records of all pages."""
        while True:
            yield from self._page(job["id"])
            if not (self._result(job["id"]) or {}).get("more_records"):
                return
            number = job["page"] + 1
            job = {**(self.stream.mark.job or {}), "id": self._create(number), "page": number}
            tries = 0
            while not self.poll(job):
                tries += 1
                if tries > _TRIES:
                    raise RetriableError("the bulk job is not ready in time", stream=self.stream.name)
                self.stream.sleep(_PAUSE)

    def _create(self, page: int) -> str:
        resource, bounds = self.stream.resource, self.stream.resource.cursor.values(self.window)
        query = {
            "module": {"api_name": resource.module},
            "fields": list(resource.fields),
            "page": page,
            "criteria": {
                "field": {"api_name": "Modified_Time"},
                "comparator": "between",
                "value": [bounds["since"], bounds["until"]],
            },
        }

        def accept(body: Any, headers: Any) -> str:
            if not (made := dig(body, "data.0.details.id")):
                raise AgainError("an answer without a bulk job", final=DataError)
            return str(made)

        return self._client.json("POST", resource.bulk_path, accept, self.stream.name, body={"query": query})

    def _result(self, job: str) -> Row | None:
        """What a job that is done says of its result; None while it works."""

        def accept(body: Any, headers: Any) -> Row:
            found = dig(body, "data.0")
            if not isinstance(found, dict) or not found.get("state"):
                raise AgainError("an answer without the state of a bulk job", final=DataError)
            return found

        try:
            state = self._client.json("GET", f"{self.stream.resource.bulk_path}/{job}", accept, self.stream.name)
        except MissingError:
            raise LostJobError from None
        if state["state"] in {"FAILURE", "FAILED"}:
            raise LostJobError
        return (state.get("result") or {}) if state["state"] == "COMPLETED" else None

    def _page(self, job: str) -> Iterator[list[Row]]:
        """The rows of a page, which waits in a file: a ZIP file is read from its end."""
        url = self._client.url(f"{self.stream.resource.bulk_path}/{job}/result")
        with tempfile.TemporaryFile() as file:
            try:
                self._client.save(url, file, self.stream.name)
            except MissingError:  # Zoho keeps it for a day
                raise LostJobError from None
            try:
                with zipfile.ZipFile(file) as archive:
                    for name in archive.namelist():
                        with archive.open(name) as member:
                            table = csv.DictReader(io.TextIOWrapper(member, encoding="utf-8-sig", newline=""))
                            yield from self._blocks(table)
            except (zipfile.BadZipFile, UnicodeDecodeError, csv.Error):
                raise RetriableError("the file of a bulk job is damaged", stream=self.stream.name) from None

    def _blocks(self, table: csv.DictReader[str]) -> Iterator[list[Row]]:
        names = {name: "id" if name.lower() == "id" else name for name in table.fieldnames or ()}
        wanted = set(self.stream.resource.fields)
        while rows := list(islice(table, MOST)):
            yield [
                {names[name]: value or None for name, value in row.items() if names.get(name) in wanted} for row in rows
            ]

    @property
    def _client(self) -> Client:
        return self.stream._tap.client
