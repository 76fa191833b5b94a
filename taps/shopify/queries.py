"""GraphQL texts, made from a stream's schema: what is declared is what is asked for.

One list is asked for in two ways: page by page, and in bulk, where Shopify pages by itself.
https://shopify.dev/docs/api/usage/bulk-operations/queries
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

PATH = "/admin/api/{version}/graphql.json"
PAGE = "pageInfo { hasNextPage endCursor }"
CHANGED = "updated_at:>='{since}' AND updated_at:<'{until}'"
GONE = "action:destroy AND subject_type:%s AND comments:false AND created_at:>='{since}' AND created_at:<='{until}'"
EVENTS = (
    "query($query: String, $after: String) { events(first: 250, after: $after, query: $query, sortKey: CREATED_AT) "
    f"{{ nodes {{ createdAt ... on BasicEvent {{ id: subjectId }} }} {PAGE} }} }}"
)
SCOPES = "{ currentAppInstallation { accessScopes { handle } } }"
RUN = (
    "mutation($query: String!) { bulkOperationRunQuery(query: $query, groupObjects: false) "
    "{ bulkOperation { id } userErrors { code } } }"
)
OPERATION = "query($id: ID!) { bulkOperation(id: $id) { status errorCode url rootObjectCount } }"
_FIRST_INNER, _SOME_INNER, _MORE_INNER = 5, 10, 100


def fields(schema: dict[str, Any], parts: Mapping[str, str], inner: str = "") -> str:
    """The selection of every declared field; `parts` are what to ask of objects -> names of the fields that are such.

    `inner` is a field with a connection of its own, which is asked for in another way.
    """
    asked = {name: part for part, names in parts.items() for name in names.split()}
    return " ".join(
        f"{name} {{ {asked[name]} }}" if name in asked else name for name in schema["properties"] if name != inner
    )


def paged(root: str, selection: str, inner: tuple[str, str], arguments: str, *, filtered: bool) -> str:
    """A page of a list; of `inner` (name and selection) come the first few."""
    name, inside = inner
    nested = f" {name}(first: {_FIRST_INNER}) {{ nodes {{ {inside} }} {PAGE} }}" if name else ""
    variables, query = ("$query: String, ", ", query: $query") if filtered else ("", "")
    return (
        f"query({variables}$after: String) {{ {root}(after: $after{query}, {arguments}) "
        f"{{ nodes {{ {selection}{nested} }} {PAGE} }} }}"
    )


def several(kind: str, inner: tuple[str, str]) -> str:
    """Objects by their ids; of the inner list come the first."""
    name, inside = inner
    nested = f"{name}(first: {_SOME_INNER}) {{ nodes {{ {inside} }} {PAGE} }}"
    return f"query($ids: [ID!]!) {{ nodes(ids: $ids) {{ id ... on {kind} {{ {nested} }} }} }}"


def following(kind: str, inner: tuple[str, str]) -> str:
    """What follows of the inner list of one object."""
    name, inside = inner
    nested = f"{name}(first: {_MORE_INNER}, after: $after) {{ nodes {{ {inside} }} {PAGE} }}"
    return f"query($id: ID!, $after: String) {{ node(id: $id) {{ id ... on {kind} {{ {nested} }} }} }}"


def bulk(root: str, selection: str, inner: tuple[str, str]) -> str:
    """All of a list that changed in a time; its bounds are places."""
    name, inside = inner
    nested = f" {name} {{ edges {{ node {{ {inside} }} }} }}" if name else ""
    return f"{{ {root}(query: {json.dumps(CHANGED)}) {{ edges {{ node {{ {selection}{nested} }} }} }} }}"
