"""Names that BigQuery takes, for streams, properties, labels and datasets that may be called anything.

A property whose name is no column name gets a near one, and the column's description keeps what it stands for: the
next run, and a property that comes later and would share the name, find the right column by it.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

from targets.core.columns import folded

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

LONGEST = 300
"""Characters of a column name; table names may be longer, which nobody needs."""

_RESERVED = re.compile(
    r"_TABLE_|_FILE_|_PARTITION|_ROW_TIMESTAMP|__ROOT__|_COLIDENTIFIER|_CHANGE_(SEQUENCE_NUMBER|TYPE|TIMESTAMP)",
    re.IGNORECASE,
)
_STANDS_FOR = "Singer property: "


def dataset_name(tenant: str) -> str:
    """The dataset of a tenant."""
    return f"growthnav_{re.sub(r'[^A-Za-z0-9_]', '_', tenant)}"


def table_name(stream: str) -> str:
    """The table of a stream."""
    return _cut(re.sub(r"[^\w-]", "_", stream))


def description(name: str, column: str) -> str | None:
    """What the description of `column` must say, if it is not called as the property is."""
    return None if name == column else f"{_STANDS_FOR}{name}"


def column_names(properties: Iterable[str], described: Mapping[str, str | None]) -> dict[str, str]:
    """Property name -> column name.

    Args:
        properties: of a stream.
        described: the columns its table has, with their descriptions.
    """
    names = list(properties)
    owners = {column: _owner(column, text) for column, text in described.items()}
    by_owner = {owner: column for column, owner in owners.items()}
    by_name = {folded(column): column for column, owner in owners.items() if column == owner}
    found: dict[str, str] = {}
    taken = {folded(column) for column in described}
    for name in names:
        column = by_owner.get(name)
        if column is None and (twin := by_name.get(folded(name))) is not None and twin not in names:
            column = twin if twin not in found.values() else None
        if column is not None:
            found[name] = column
    for name in sorted(set(names) - set(found), key=lambda name: (_valid(name) != name, name)):
        base = column = _valid(name)
        number = 1
        while folded(column) in taken:
            number += 1
            column = f"{base}_{number}"
        taken.add(folded(column))
        found[name] = column
    return {name: found[name] for name in names}


def _owner(column: str, text: str | None) -> str:
    return text.removeprefix(_STANDS_FOR) if text and text.startswith(_STANDS_FOR) else column


def _valid(name: str) -> str:
    plain = re.sub(r"[^A-Za-z0-9_]", "_", name) or "_"
    if plain[0].isdigit():
        plain = f"_{plain}"
    return _cut(f"x{plain}" if _RESERVED.match(plain) else plain)


def _cut(name: str) -> str:
    if len(name) <= LONGEST:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:16]
    return f"{name[: LONGEST - len(digest) - 1]}_{digest}"
