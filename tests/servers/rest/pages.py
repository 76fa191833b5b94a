"""Ways of cutting a list into pages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from servers.rest.values import Params, Row, index_of, nested

Paging = Callable[[list[Row], Params], tuple[list[Row], Row, dict[str, str]]]
"""(rows that pass the filters, parameters) -> rows of the page, what the body has besides, headers."""


def whole(rows: list[Row], params: Params) -> tuple[list[Row], Row, dict[str, str]]:
    """Everything on one page."""
    return rows, {}, {}


def after_last(param: str, more: str = "has_more", size: int = 10, most: int = 100, key: str = "id") -> Paging:
    """Stripe's way: the page after the row of that id; `more` says whether others follow."""

    def page(rows: list[Row], params: Params) -> tuple[list[Row], Row, dict[str, str]]:
        last = params.get(param)
        start = 0 if last is None else index_of(rows, key)[last] + 1
        end = start + min(int(params.get("limit", size)), most)
        return rows[start:end], {more: end < len(rows)}, {}

    return page


def by_token(
    param: str, path: str, size: int = 100, most: int = 100, limit: str = "limit", wrap: Callable[[int], Any] = str
) -> Paging:
    """An opaque token in the answer, at the dotted `path`, asked back as `param`; absent at the end."""

    def page(rows: list[Row], params: Params) -> tuple[list[Row], Row, dict[str, str]]:
        start = int(params.get(param) or 0)
        end = start + min(int(params.get(limit, size)), most)
        return rows[start:end], nested(path, wrap(end)) if end < len(rows) else {}, {}

    return page


def by_offset(param: str = "offset", size: int = 100, most: int = 100, limit: str = "limit") -> Paging:
    """So many rows left out."""

    def page(rows: list[Row], params: Params) -> tuple[list[Row], Row, dict[str, str]]:
        start = int(params.get(param) or 0)
        return rows[start : start + min(int(params.get(limit, size)), most)], {}, {}

    return page


def by_number(param: str = "page", size: int = 100, most: int = 200, limit: str = "per_page", more: str = "") -> Paging:
    """Numbered pages, from 1; `more` is the dotted path of whether others follow."""

    def page(rows: list[Row], params: Params) -> tuple[list[Row], Row, dict[str, str]]:
        width = min(int(params.get(limit, size)), most)
        start = (int(params.get(param) or 1) - 1) * width
        return rows[start : start + width], nested(more, start + width < len(rows)) if more else {}, {}

    return page
