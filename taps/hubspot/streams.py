"""The streams of HubSpot.

Version paths: https://developers.hubspot.com/docs/developer-tooling/platform/versioning
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from taps.base.rest.cursor import Cursor
from taps.base.rest.deletes import DeletedPass
from taps.base.rest.pages import Token
from taps.base.rest.resource import Resource, shape
from taps.hubspot import properties
from taps.hubspot.objects import LAG, ObjectResource, ObjectStream, RecycleBin, SearchPages

if TYPE_CHECKING:
    from taps.base.rest.resource import Row

Root = Callable[[str], str]
"""Area of the API (objects, owners, ...) -> path of the version that is used."""
OPENED = datetime(2006, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class CRMObject:
    """An object type: its name in addresses, the types its associations are read to, its property of last change."""

    name: str
    links: str = ""
    modified: str = "hs_lastmodifieddate"


_COMPANY = "contacts companies deals tickets"
OBJECTS = {
    kind.name: kind
    for kind in (
        CRMObject("contacts", "companies", modified="lastmodifieddate"),
        CRMObject("companies"),
        CRMObject("deals", "contacts companies line_items"),
        CRMObject("tickets", "contacts companies deals"),
        CRMObject("line_items", "deals"),
        CRMObject("products"),
        CRMObject("calls", _COMPANY),
        CRMObject("emails", _COMPANY),
        CRMObject("meetings", _COMPANY),
        CRMObject("notes", _COMPANY),
        CRMObject("tasks", _COMPANY),
        CRMObject("orders", "contacts companies line_items"),
        CRMObject("carts", "contacts line_items"),
        CRMObject("leads", "contacts companies"),
        CRMObject("subscriptions", "contacts companies deals line_items"),
        CRMObject("commerce_payments", "contacts companies deals orders"),
    )
}
READ = tuple(OBJECTS)[:11]
"""What is read unless settings say otherwise; accounts without the shop have no orders, carts and so on."""


def crm_object(kind: CRMObject, described: list[Row], root: Root, size: int, history: tuple[str, ...]) -> Resource:
    """The stream of an object type, with the properties that the account has."""
    columns = properties.ENVELOPE["properties"].keys()
    unread = ({"associations"} if not kind.links else set()) | ({"property_history"} if not history else set())
    names = sorted({row["name"] for row in described} | {"hs_object_id", kind.modified})
    by_id = {"propertyName": "hs_object_id", "operator": "GT", "value": "{last}"}
    span = [
        {"propertyName": kind.modified, "operator": operator, "value": bound}
        for operator, bound in (("GTE", "{since}"), ("LT", "{until}"))
    ]
    return ObjectResource(
        kind.name,
        f"{root('objects')}/{kind.name}/search",
        properties.schema(described, columns - unread),
        records="results",
        method="POST",
        body={
            "filterGroups": [{"filters": [*span, by_id]}],
            "sorts": ["hs_object_id"],
            "properties": names,
            "limit": size,
            "after": "0",
        },
        cursor=Cursor(f"properties.{kind.modified}", send="epoch_ms", lookback=LAG, start=OPENED),
        pages=SearchPages("id", size, "0"),
        deletes=RecycleBin(),
        permission=f"crm.objects.{kind.name}.read",
        reshape=properties.reader(described),
        stream=ObjectStream,
        root=f"{root('objects')}/{kind.name}",
        links=tuple((to, f"{root('associations')}/{kind.name}/{to}/batch/read") for to in kind.links.split()),
        history=history,
    )


def others(root: Root) -> list[Resource]:
    """What is read in full each time."""
    return [
        Resource(
            "owners",
            root("owners"),
            shape(
                string="id email firstName lastName type",
                integer="userId userIdIncludingInactive",
                time="createdAt updatedAt",
                boolean="archived",
                array="teams",
            ),
            records="results",
            params={"limit": 100, "after": "{token}", "archived": "false"},
            pages=Token("paging.next.after"),
            deletes=DeletedPass({"params": {"limit": 100, "after": "{token}", "archived": "true"}}, "updatedAt"),
            permission="crm.objects.owners.read",
        ),
        *(
            Resource(
                f"{kind}_pipelines",
                f"{root('pipelines')}/{kind}s",
                shape(
                    string="id label",
                    integer="displayOrder",
                    time="createdAt updatedAt",
                    boolean="archived",
                    array="stages",
                ),
                records="results",
                permission=f"crm.objects.{kind}s.read",
            )
            for kind in ("deal", "ticket")
        ),
    ]
