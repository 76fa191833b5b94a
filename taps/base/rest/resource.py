"""A stream, declared: what a tap's list of streams is made of."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from taps.base.rest.pages import Pages, Single

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from taps.base.rest.cursor import Cursor
    from taps.base.rest.deletes import Deletes
    from taps.base.rest.stream import RESTStream

DELETED_AT = "_sdc_deleted_at"
EXTRA = "_extra"
"""Where fields go that the schema does not declare: whatever a service adds, the schema stays and no row is lost."""

Row = dict[str, Any]


@dataclass(frozen=True)
class Resource:
    """One stream of a REST API.

    Params, body, headers and path are templates (see `template`): `{since}`, `{until}` from the cursor; `{token}`,
    `{last}`, `{offset}`, `{page}` from the pager; `{parent.FIELD}` of the parent's row; and what the tap adds.

    Attributes:
        name: of the stream.
        path: below the client's base address.
        schema: of a record; `shape` makes it.
        keys: key properties.
        records: dotted path of the rows in an answer; empty for the answer itself. One object counts as one row.
        may_lack: whether an answer without that path means "no rows"; else it is an error. Names: only where the answer
            holds nothing but these.
        method: of the request.
        params: of the address.
        body: sent as JSON.
        headers: of this stream's requests alone.
        cursor: how new rows are told; None reads all of them each time.
        pages: how the list goes on.
        deletes: how deletions show; None where they do not.
        parent: name of the resource whose every row gives one list of this.
        parents_at_once: how many parents one list covers; with more than one, `{parent.FIELD}` is a list.
        permission: what a token must be allowed to, for the message when it is not.
        reshape: makes the record out of a row; None leaves a row out.
        stream: a class of the tap's own, where declarations do not suffice.
    """

    name: str
    path: str
    schema: dict[str, Any]
    keys: tuple[str, ...] = ("id",)
    records: str = "data"
    may_lack: bool | frozenset[str] = False
    method: str = "GET"
    params: Mapping[str, Any] = field(default_factory=dict)
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    cursor: Cursor | None = None
    pages: Pages = field(default_factory=Single)
    deletes: Deletes | None = None
    parent: str | None = None
    parents_at_once: int = 1
    permission: str = ""
    reshape: Callable[[Row], Row | None] | None = None
    stream: type[RESTStream] | None = None

    def full_schema(self) -> dict[str, Any]:
        """The schema with the columns that the base adds."""
        added: dict[str, Any] = {EXTRA: {"type": ["object", "null"], "description": "Fields the schema does not have"}}
        if self.deletes:
            added[DELETED_AT] = {"type": ["string", "null"], "format": "date-time"}
        return {**self.schema, "properties": {**self.schema["properties"], **added}}


def shape(**kinds: str) -> dict[str, Any]:
    """The schema of a record: `shape(string="id email", integer="amount", time="created_at", object="address")`.

    Kinds are those of JSON schema, and `time` for text that is a date-time, `date` for a date.
    """
    properties = {name: _schema(kind) for kind, names in kinds.items() for name in names.split()}
    return {"type": "object", "properties": dict(sorted(properties.items()))}


def _schema(kind: str) -> dict[str, Any]:
    if kind == "time":
        return {"type": ["string", "null"], "format": "date-time"}
    if kind == "date":
        return {"type": ["string", "null"], "format": "date"}
    return {"type": [kind, "null"]}
