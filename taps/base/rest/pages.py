"""How a list goes on after its first page. Each pager is a value; its positions fill the places of a request.

Single       all there is comes at once
Token        the reply names the next page           {token}
LastId       the next page starts after the last row {last}
Keyset       the next page has greater keys          {last}
Offset       so many rows are left out               {offset}
PageNumber   pages are numbered                      {page}
LinkHeader   the header Link has the next address
NextUrl      the body has the next address
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import requests.utils

from pipe.errors import DataError
from taps.base.rest.template import dig

if TYPE_CHECKING:
    from collections.abc import Mapping

URL = "url"
"""The place of an address that the server gave; it stands for the whole request target."""

Position = dict[str, Any]


@dataclass(frozen=True)
class Page:
    """One page: its rows, and where they came from."""

    rows: list[dict[str, Any]]
    body: Any
    headers: Mapping[str, str] = field(default_factory=dict)
    keys: tuple[Any, ...] = ()
    """Of the rows, in order; empty where the stream has no key."""


class Pages(Protocol):
    """How to page."""

    @property
    def first(self) -> Position:
        """The values that ask for the first page."""

    def next(self, position: Position, page: Page, before: Page | None) -> Position | None:
        """The values that ask for the page after `page` (which followed `before`), or None at the end."""


@dataclass(frozen=True)
class Single:
    """All rows come in one reply."""

    first: Position = field(default_factory=dict)

    def next(self, position: Position, page: Page, before: Page | None) -> Position | None:
        """None."""
        return None


@dataclass(frozen=True)
class Token:
    """The reply says under `path` how to ask for the next page; nothing there, or false under `more`, is the end."""

    path: str
    more: str | None = None
    first: Position = field(default_factory=lambda: {"token": None})

    def next(self, position: Position, page: Page, before: Page | None) -> Position | None:
        """By the reply's token."""
        if self.more and not dig(page.body, self.more):
            return None
        token = dig(page.body, self.path)
        return None if token in (None, "") else {"token": token}


@dataclass(frozen=True)
class LastId:
    """While `more` is true, the next page starts after the row that was last on this one."""

    more: str = "has_more"
    key: str = "id"
    first: Position = field(default_factory=lambda: {"last": None})

    def next(self, position: Position, page: Page, before: Page | None) -> Position | None:
        """By the last row.

        Raises:
            DataError: more rows are promised after none.
        """
        if not dig(page.body, self.more):
            return None
        if not page.rows:
            raise DataError("a page without rows says that more follow")
        return {"last": dig(page.rows[-1], self.key)}


@dataclass(frozen=True)
class Keyset:
    """Rows come by ascending `key`; a page that is not full is the last. Has no upper limit, unlike searches."""

    key: str
    size: int
    start: Any = None

    @property
    def first(self) -> Position:
        """Everything above `start`."""
        return {"last": self.start}

    def next(self, position: Position, page: Page, before: Page | None) -> Position | None:
        """By the greatest key."""
        return {"last": dig(page.rows[-1], self.key)} if len(page.rows) >= self.size else None


@dataclass(frozen=True)
class Offset:
    """Pages overlap by one row: if that one has moved, rows were taken out meanwhile, and the walk goes back a page.

    So rows deleted while it reads cost none of the others; rows that come twice are merged by key.
    """

    size: int
    first: Position = field(default_factory=lambda: {"offset": 0})

    def next(self, position: Position, page: Page, before: Page | None) -> Position | None:
        """By the number of rows."""
        offset = position["offset"]
        moved = before and offset and not set(page.keys[:1]) & set(before.keys)
        if moved:
            return {"offset": max(0, offset - self.size)}
        return {"offset": offset + len(page.rows) - 1} if len(page.rows) >= max(self.size, 2) else None


@dataclass(frozen=True)
class PageNumber:
    """Numbered pages; the end is a page that is not full, or false under `more`.

    Rows that move while it reads can be missed: choose it only for lists that stand still or where a lookback or a
    window is read again.
    """

    size: int
    more: str | None = None
    start: int = 1

    @property
    def first(self) -> Position:
        """The first page."""
        return {"page": self.start}

    def next(self, position: Position, page: Page, before: Page | None) -> Position | None:
        """By number."""
        on = bool(dig(page.body, self.more)) if self.more else len(page.rows) >= self.size
        return {"page": position["page"] + 1} if on else None


@dataclass(frozen=True)
class LinkHeader:
    """RFC 8288: the address with rel="next" in the header Link."""

    first: Position = field(default_factory=dict)

    def next(self, position: Position, page: Page, before: Page | None) -> Position | None:
        """By the header."""
        links = requests.utils.parse_header_links(page.headers.get("Link", ""))
        return next(({URL: link["url"]} for link in links if link.get("rel") == "next"), None)


@dataclass(frozen=True)
class NextUrl:
    """The body has the next address (or its path) at `path`."""

    path: str
    first: Position = field(default_factory=dict)

    def next(self, position: Position, page: Page, before: Page | None) -> Position | None:
        """By the body."""
        address = dig(page.body, self.path)
        return {URL: address} if address else None
