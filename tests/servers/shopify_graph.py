"""Queries of a GraphQL API answered field by field, and what they cost by Shopify's rules."""

from __future__ import annotations

import functools
from typing import Any

from graphql import DocumentNode, FieldNode, InlineFragmentNode, SelectionSetNode, parse
from graphql.utilities import value_from_ast_untyped
from servers.rest import Row


@functools.lru_cache(maxsize=500)
def parsed(query: str) -> DocumentNode:
    """The query as a tree."""
    return parse(query)


def arguments(field: FieldNode, variables: Row) -> Row:
    """The values of a field's arguments."""
    return {
        argument.name.value: value_from_ast_untyped(argument.value, variables) for argument in field.arguments or ()
    }


def cost(chosen: SelectionSetNode, variables: Row) -> int:
    """Points, by the published rules: an object one, a list of pages two and its objects, a value nothing."""
    points = 0
    for field in chosen.selections:
        if isinstance(field, InlineFragmentNode):
            points += cost(field.selection_set, variables)
        elif isinstance(field, FieldNode) and field.selection_set and field.name.value != "pageInfo":
            size = arguments(field, variables).get("first")
            inside = cost(field.selection_set, variables)
            points += inside if field.name.value in {"nodes", "edges"} else 2 + size * inside if size else 1 + inside
        if isinstance(field, FieldNode) and field.name.value in {"nodes", "node"}:
            points += 1
    return points


def project(chosen: SelectionSetNode, value: Any, variables: Row) -> Any:
    """What of a value is asked for; a list whose pages are asked for is given in pages."""
    if isinstance(value, list):
        return [project(chosen, item, variables) for item in value]
    if value is None:
        return None
    found: Row = {}
    for field in chosen.selections:
        if isinstance(field, InlineFragmentNode):
            found |= project(field.selection_set, value, variables)
        elif isinstance(field, FieldNode):
            name = field.name.value
            inner = value[name]
            if field.selection_set and is_paged(field.selection_set):
                inner = _inner_page(field, inner, variables)
            elif field.selection_set:
                inner = project(field.selection_set, inner, variables)
            found[field.alias.value if field.alias else name] = inner
    return found


def is_paged(chosen: SelectionSetNode) -> bool:
    return any(isinstance(field, FieldNode) and field.name.value in {"nodes", "edges"} for field in chosen.selections)


def _inner_page(field: FieldNode, rows: list[Row], variables: Row) -> Row:
    given = arguments(field, variables)
    start = int(given.get("after") or 0)
    end = start + given["first"]
    assert field.selection_set
    [nodes] = [
        one for one in field.selection_set.selections if isinstance(one, FieldNode) and one.name.value == "nodes"
    ]
    assert nodes.selection_set
    return {
        "nodes": project(nodes.selection_set, rows[start:end], variables),
        "pageInfo": {"hasNextPage": end < len(rows), "endCursor": str(min(end, len(rows)))},
    }
