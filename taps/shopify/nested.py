"""Lists inside the items of an object's list: the lines of an order's refunds.

Shopify gives them in no bulk operation, and in a page of objects they would cost too much. They are asked for where
there are any, some items at a time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from taps.shopify import queries

if TYPE_CHECKING:
    from taps.base.rest.resource import Row
    from taps.shopify.lists import ListStream

AT_ONCE = 10
"""Items a query, so that it costs less than 1,000 points."""


@dataclass(frozen=True)
class Nested:
    """Where such a list is.

    Attributes:
        field: of the object, with the items.
        kind: name of the items' type.
        inner: name and selection of the list inside every item.
    """

    field: str
    kind: str
    inner: tuple[str, str]


def fill(stream: ListStream, nested: Nested, rows: list[Row]) -> None:
    """Give every item of the rows its list, whole; one that is gone meanwhile gets an empty one."""
    items = [item for row in rows for item in _items(row, nested.field)]
    query, name = queries.several(nested.kind, nested.inner), nested.inner[0]
    for start in range(0, len(items), AT_ONCE):
        group = items[start : start + AT_ONCE]
        ids = [item["id"] for item in group]
        found = stream._tap.ask(query, {"ids": ids}, "nodes", stream.name, _by_id)
        for item in group:
            item[name] = stream.whole(found[item["id"]], nested.kind, nested.inner) if item["id"] in found else []


def _items(row: Row, name: str) -> list[Row]:
    """The items; of a bulk operation they come as they were written, and are decoded in place."""
    given: Any = row.get(name)
    if isinstance(given, msgspec.Raw):
        given = row[name] = msgspec.json.decode(given)
    return given or []


def _by_id(nodes: list[Row | None]) -> dict[str, Row]:
    return {node["id"]: node for node in nodes if node}
