"""The streams of Salesforce: what an organisation's objects and queries become."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from taps.base.rest.cursor import Cursor
from taps.base.rest.deletes import SoftFlag
from taps.base.rest.resource import Resource, shape
from taps.salesforce import fields
from taps.salesforce.fields import CHANGED, DELETED, KEY
from taps.salesforce.objects import LONGEST, ObjectResource, ObjectStream, QueryPages
from taps.salesforce.queries import select

if TYPE_CHECKING:
    from taps.base.rest.resource import Row
    from taps.salesforce.queries import Query

READ = (
    "Opportunity",
    "Lead",
    "Account",
    "Contact",
    "OpportunityLineItem",
    "Product2",
    "Campaign",
    "CampaignMember",
    "Order",
)
FOUNDED = datetime(1999, 1, 1, tzinfo=UTC)
LAG = timedelta(minutes=15)
"""What is committed late has a time of before; ten minutes have been seen."""
WINDOW = timedelta(days=365)
RECORDS = "records"


def changed(name: str, window: timedelta | None = None) -> Cursor:
    """The cursor on a time that tells what is new."""
    return Cursor(name, send="iso_ms", window=window, lookback=LAG, start=FOUNDED, granularity=timedelta(seconds=1))


def sobject(name: str, described: list[Row], root: str, page_size: int, most_by_query: int | None) -> Resource:
    """The stream of an object, with the fields that the organisation has.

    Args:
        name: the object's API name.
        described: its fields.
        root: path of the API's version.
        page_size: rows that a query gives at once.
        most_by_query: rows above which a bulk job is used; None for never.
    """
    known = fields.readable(described)
    names, key = tuple(row["name"] for row in known), fields.replication_key(known)
    text, operation = select(name, names, key), "queryAll" if DELETED in names else "query"
    by_page = most_by_query is None and len(text) <= LONGEST
    cursor = changed(key, WINDOW if by_page else None) if key else None
    return ObjectResource(
        **_query(name.lower(), f"{root}/{operation}", text, page_size, cursor),
        schema=fields.schema(known),
        deletes=SoftFlag(DELETED, at=CHANGED[0]) if DELETED in names else None,
        permission=f"Read on {name}",
        reshape=fields.reader(known),
        stream=ObjectStream,
        names=names,
        jobs=f"{root}/jobs/query",
        operation=operation,
        most_by_query=most_by_query,
    )


def custom(name: str, query: Query, described: list[Row], root: str, page_size: int) -> Resource:
    """The stream of a query that somebody wrote, of that name; related records are columns of their own."""
    known = [row for row in fields.readable(described) if row["name"] in query.plain]
    schema = fields.schema(known)
    schema["properties"] |= shape(object=" ".join(query.related), array=" ".join(query.lists))["properties"]
    operation = "queryAll" if query.names_deleted else "query"
    return Resource(
        **_query(name, f"{root}/{operation}", query.text, page_size, changed(CHANGED[0]) if query.bounded else None),
        schema=schema,
        deletes=SoftFlag(DELETED, at=CHANGED[0]) if query.names_deleted else None,
        permission=f"Read on {query.sobject}",
        reshape=fields.reader(known),
    )


def _query(name: str, path: str, text: str, page_size: int, cursor: Cursor | None) -> dict[str, Any]:
    """What all queries share."""
    return {
        "name": name,
        "path": path,
        "keys": (KEY,),
        "records": RECORDS,
        "params": {"q": text},
        "headers": {"Sforce-Query-Options": f"batchSize={page_size}"},
        "cursor": cursor,
        "pages": QueryPages(cursor),
    }
