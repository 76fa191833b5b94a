"""Requests as data: `{since}`, `{token}` and the like in parameters, bodies and paths, filled in for every call."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Mapping

    from taps.base.rest.resource import Resource

_PLACE = re.compile(r"\{([a-z][A-Za-z0-9_.]*)\}")


def fill(template: Any, values: Mapping[str, Any]) -> Any:
    """The template with every `{name}` that `values` knows replaced.

    A text that is nothing but a place takes the value as it is (a number stays a number); where that value is None,
    the entry of the mapping or list that held it is left out. Other braces, as GraphQL has them, stay.
    """
    if isinstance(template, str):
        whole = _PLACE.fullmatch(template)
        if whole and whole[1] in values:
            return values[whole[1]]
        return _PLACE.sub(lambda place: str(values.get(place[1], place[0])), template)
    if isinstance(template, dict):
        filled = {name: fill(item, values) for name, item in template.items()}
        return {name: item for name, item in filled.items() if item is not None or template[name] is None}
    if isinstance(template, list | tuple):
        return [item for item in (fill(item, values) for item in template) if item is not None]
    return template


def fill_path(template: str, values: Mapping[str, Any]) -> str:
    """A path with its places filled and quoted, so that no value can leave its segment."""
    return _PLACE.sub(lambda place: quote(str(values[place[1]]), safe=""), template)


def dig(value: Any, path: str) -> Any:
    """What is at a dotted path (`paging.next.after`, `data.orders.nodes`); None where something is missing.

    An empty path is the value itself.
    """
    for name in path.split(".") if path else ():
        if isinstance(value, dict):
            value = value.get(name)
        elif isinstance(value, list) and name.isdecimal() and int(name) < len(value):
            value = value[int(name)]
        else:
            return None
    return value


def parent_fields(resource: Resource) -> set[str]:
    """The fields of its parent that a resource's templates name."""
    texts = repr((resource.path, resource.params, resource.body, resource.headers))
    return {name.partition(".")[2] for name in _PLACE.findall(texts) if name.startswith("parent.")}
