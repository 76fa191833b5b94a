"""SOQL: the query that reads an object, and what a query of the settings' own asks for.

Names come from the organisation's description and are checked; the only literals are times that we write ourselves.
https://developer.salesforce.com/docs/atlas.en-us.soql_sosl.meta/soql_sosl/sforce_api_calls_soql_select.htm
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipe.errors import ConfigurationError
from taps.salesforce.fields import CHANGED, DELETED, KEY, NAME

if TYPE_CHECKING:
    from collections.abc import Iterable

SINCE, UNTIL = "{since}", "{until}"
_SELECT = re.compile(r"\s*select\s+(.+)", re.IGNORECASE | re.DOTALL)
_FROM = re.compile(r"from\s+(\w+)", re.IGNORECASE)
_ITEM = re.compile(r"\(|\)|,|'(?:\\.|[^'\\])*'|\w+|\s+|.", re.DOTALL)


def select(sobject: str, names: Iterable[str], key: str | None) -> str:
    """The query of an object's fields, of what changed between two times where `key` tells."""
    text = f"SELECT {','.join(names)} FROM {sobject}"  # noqa: S608  names are checked
    return text + (f" WHERE {key} >= {SINCE} AND {key} < {UNTIL}" if key else "")


@dataclass(frozen=True)
class Query:
    """A query as somebody wrote it.

    Attributes:
        text: the query; with `{since}` and `{until}` in it, only what is new is asked for.
        sobject: the object after FROM.
        plain: fields it selects.
        related: first names of the relationships whose fields it selects (`Account` of `Account.Name`).
        lists: names of the relationships of its inner queries.
    """

    text: str
    sobject: str
    plain: tuple[str, ...]
    related: tuple[str, ...]
    lists: tuple[str, ...]

    @property
    def bounded(self) -> bool:
        """Whether it asks for what is new alone."""
        return SINCE in self.text

    @property
    def names_deleted(self) -> bool:
        """Whether it says which records are deleted."""
        return DELETED in self.plain


def parse(text: str, field: str) -> Query:
    """Take a query of the settings apart.

    Raises:
        ConfigurationError: it is no query whose rows have a key.
    """

    def problem(what: str, remedy: str) -> ConfigurationError:
        return ConfigurationError(what, field=field, remedy=remedy)

    items, sobject = _split(text)
    if not sobject:
        raise problem("is not a query", "Begin with SELECT fields FROM object")
    plain = [item for item in items if NAME.fullmatch(item)]
    lists = [found[1] for item in items if item.startswith("(") and (found := _FROM.search(item))]
    related = [item.partition(".")[0] for item in items if re.fullmatch(r"\w+(\.\w+)+", item)]
    if KEY not in plain:
        raise problem("does not select Id, the key of its rows", "Add Id to what is selected; groups have no key")
    query = Query(text, sobject, *(tuple(dict.fromkeys(names)) for names in (plain, related, lists)))
    if (SINCE in text) != (UNTIL in text):
        raise problem("names only one of {since} and {until}", f"Write WHERE {CHANGED[0]} >= {SINCE} AND ... < {UNTIL}")
    if query.bounded and CHANGED[0] not in plain:
        raise problem(f"does not select {CHANGED[0]}, which tells what is new", f"Add {CHANGED[0]}")
    return query


def _split(text: str) -> tuple[list[str], str]:
    """What stands between SELECT and FROM, item by item, and the object; nothing where there is no FROM."""
    found = _SELECT.match(text)
    items: list[str] = []
    item, depth = "", 0
    for piece in _ITEM.finditer(found[1] if found else ""):
        word = piece[0]
        if depth == 0 and word.lower() == "from" and found:
            named = _FROM.match(found[1], piece.start())
            return [*items, item.strip()], named[1] if named else ""
        depth += (word == "(") - (word == ")")
        if word == "," and depth == 0:
            items.append(item.strip())
            item = ""
        else:
            item += word
    return [], ""
