"""The pages of one list: each is asked for, checked, and compared with those before it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipe.errors import DataError
from taps.base.rest.pages import URL, Page
from taps.base.rest.retry import AgainError, RestartError
from taps.base.rest.template import dig, fill, fill_path

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from taps.base.rest.client import Client
    from taps.base.rest.pages import Position
    from taps.base.rest.resource import Resource, Row

_RESTARTS = 3
_WANDERING = {"token", "last", "page", URL}
"""Places whose value never comes twice in one list."""


class Walk:
    """One reading of a list from its first page to its last."""

    def __init__(self, client: Client, resource: Resource, values: Mapping[str, Any], stream: str) -> None:
        """Prepare to read; `values` fill the templates, `stream` is for messages and counts."""
        self._client, self._resource, self._values, self._stream = client, resource, values, stream
        self._positions: set[str] = set()
        self._contents: set[int] = set()

    def pages(self) -> Iterator[Page]:
        """Every page.

        Raises:
            DataError: pages repeat, or an answer has no rows where they should be.
        """
        position: Position | None = self._resource.pages.first
        before: Page | None = None
        number = restarts = 0
        while position is not None:
            number += 1
            try:
                page, following = self._page(position, before, number)
            except RestartError as error:
                restarts += 1
                if before is None or restarts > _RESTARTS:
                    raise self._error(number, f"{error}, also from the start of the list") from None
                position, before = self._resource.pages.first, None
                self._positions.clear()
                self._contents.clear()
                continue
            self._check(position, page, following, number)
            yield page
            before, position = page, following

    def _check(self, position: Position, page: Page, following: Position | None, number: int) -> None:
        """Raise where the list goes round in circles; pages by offset may be read again, as rows move."""
        if page.keys and "offset" not in position:
            if hash(page.keys) in self._contents:
                raise self._error(number, "it is a page that came before")
            self._contents.add(hash(page.keys))
        if following is not None and set(following) & _WANDERING:
            if str(following) in self._positions:
                raise self._error(number, "it leads back to a page that came before")
            self._positions.add(str(following))

    def _page(self, position: Position, before: Page | None, number: int) -> tuple[Page, Position | None]:
        resource, values = self._resource, {**self._values, **position}

        def accept(body: Any, headers: Mapping[str, str]) -> tuple[Page, Position | None]:
            rows = _rows(resource, body)
            page = Page(rows, body, headers, _keys(resource, rows))
            if before and page.keys and page.keys == before.keys and "offset" not in position:
                raise AgainError("the page before came again", final=DataError)
            return page, resource.pages.next(values, page, before) if body is not None else None

        target = values.get(URL)
        return self._client.json(
            resource.method,
            target or fill_path(resource.path, values),
            accept,
            f"{self._stream}, page {number}",
            params=None if target else fill(dict(resource.params), values),
            body=fill(resource.body, values),
            headers=fill(dict(resource.headers), values),
        )

    def _error(self, number: int, problem: str) -> DataError:
        return DataError(f"page {number}: {problem}", stream=self._stream)


def _keys(resource: Resource, rows: list[Row]) -> tuple[Any, ...]:
    """The rows' keys; nothing where reshaping makes the key, so that pages cannot be told apart."""
    keys = tuple(tuple(row.get(key) for key in resource.keys) for row in rows)
    return () if not resource.keys or (rows and None in keys[0]) else keys


def _rows(resource: Resource, body: Any) -> list[Row]:
    """The rows in an answer.

    Raises:
        AgainError: they are not where they should be.
    """
    found = dig(body, resource.records)
    if body is None or (found is None and isinstance(body, dict) and _may_lack(resource, body)):
        return []
    if isinstance(found, dict):
        found = [found]
    if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
        what = f"no list '{resource.records}'" if resource.records else "no list"
        raise AgainError(f"an answer with {what}", final=DataError)
    return found


def _may_lack(resource: Resource, body: Row) -> bool:
    """Whether an answer without rows may be one that has none."""
    may = resource.may_lack
    return may if isinstance(may, bool) else set(body) <= may
