"""The streams of Zoho CRM."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from taps.base.rest.cursor import Cursor
from taps.base.rest.deletes import DeletedPass
from taps.base.rest.pages import Keyset, PageNumber
from taps.base.rest.resource import Resource, shape
from taps.zoho import fields
from taps.zoho.modules import FIELDS_AT_ONCE, LAG, SPAN, ModuleResource, ModuleStream, query

if TYPE_CHECKING:
    from taps.base.rest.resource import Row

READ = ("Deals", "Leads", "Accounts", "Contacts", "Products", "Invoices")
STAMP = "%Y-%m-%dT%H:%M:%S+00:00"
OPENED = datetime(2005, 1, 1, tzinfo=UTC)
PAGES = {"page": "{page}", "per_page": 200}


def module(name: str, described: list[Row], root: str, bulk_path: str, size: int, *, by_bulk: bool) -> Resource:
    """The stream of a module, with the fields that the organisation has.

    Args:
        name: the module's API name.
        described: its fields.
        root: path of the API's version.
        bulk_path: path of bulk jobs.
        size: records that a query gives at once.
        by_bulk: whether a first read is a bulk job.
    """
    known = fields.readable(described)
    names = tuple(row["api_name"] for row in known)
    queried = ("id", "Modified_Time", *[one for one in names if one not in {"id", "Modified_Time"}][:FIELDS_AT_ONCE])
    window = None if by_bulk else timedelta(days=30)
    changed = Cursor("Modified_Time", send=STAMP, window=window, lookback=LAG, start=OPENED)
    deleted = {
        "path": f"{root}/{name}/deleted",
        "method": "GET",
        "body": None,
        "params": {"type": "all", **PAGES},
        "headers": {"If-Modified-Since": "{since}"},
        "pages": PageNumber(200, more="info.more_records"),
        "cursor": replace(changed, field="deleted_time", inclusive=False),
    }
    return ModuleResource(
        name.lower(),
        f"{root}/coql",
        fields.schema(known),
        method="POST",
        body=query(name, queried, SPAN, size),
        cursor=changed,
        pages=Keyset("id", size, "0"),
        deletes=DeletedPass(deleted, "deleted_time", keep=("id",)),
        permission=f"ZohoCRM.modules.{name}.READ and ZohoCRM.coql.READ",
        reshape=fields.reader(known),
        stream=ModuleStream,
        module=name,
        fields=names,
        by_bulk=by_bulk,
        bulk_path=bulk_path,
    )


def others(root: str) -> list[Resource]:
    """What is read in full each time."""
    return [
        Resource(
            "users",
            f"{root}/users",
            shape(string="id full_name first_name last_name email status time_zone", object="role profile"),
            records="users",
            params={"type": "AllUsers", **PAGES},
            pages=PageNumber(200, more="info.more_records"),
            permission="ZohoCRM.users.READ",
        )
    ]
