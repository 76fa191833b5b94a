"""Messages of the output plugin pgoutput, protocol version 1.

Source: PostgreSQL documentation, "Logical Replication Message Formats".
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TypeAlias

Values: TypeAlias = "dict[str, str | None]"
"""Text of each column's value; a column is absent if the message does not say it (TOAST that did not change)."""

_EPOCH = 946_684_800_000_000
"""Microseconds from 1970 to 2000, where PostgreSQL's times begin."""


@dataclass(frozen=True)
class Begin:
    """A transaction begins."""

    position: int
    """Of its commit record in the log."""
    at: int
    """When it was committed, in microseconds since 1970."""


@dataclass(frozen=True)
class Commit:
    """A transaction is complete."""

    end: int
    """Position behind its commit record."""


@dataclass(frozen=True)
class Relation:
    """What a table looks like in the changes that follow."""

    oid: int
    schema: str
    name: str
    columns: tuple[str, ...]
    keys: frozenset[str]
    """Columns that say which row is meant (REPLICA IDENTITY)."""


@dataclass(frozen=True)
class Change:
    """A row is added (`new`), changed (`new`, and `old` if its key changed) or deleted (`old`)."""

    oid: int
    old: Values | None
    new: Values | None


@dataclass(frozen=True)
class Truncate:
    """Tables are emptied."""

    oids: tuple[int, ...]


class Reader:
    """Takes the messages of one read, in order."""

    def __init__(self) -> None:
        """Know no table yet."""
        self.relations: dict[int, Relation] = {}

    def message(self, data: bytes) -> Begin | Commit | Relation | Change | Truncate | None:
        """The message; None for kinds that say nothing about rows."""
        kind = data[:1]
        if kind == b"B":
            position, at = struct.unpack_from(">QQ", data, 1)
            return Begin(position, at + _EPOCH)
        if kind == b"C":
            return Commit(struct.unpack_from(">Q", data, 10)[0])
        if kind == b"R":
            relation = _relation(data)
            self.relations[relation.oid] = relation
            return relation
        if kind in b"IUD":
            return self._change(data)
        if kind == b"T":
            (count,) = struct.unpack_from(">I", data, 1)
            return Truncate(struct.unpack_from(f">{count}I", data, 6))
        return None

    def _change(self, data: bytes) -> Change:
        (oid,) = struct.unpack_from(">I", data, 1)
        relation, place = self.relations[oid], 5
        old = new = None
        while place < len(data):
            kind = data[place : place + 1]
            values, place = _tuple(data, place + 1, relation.columns)
            if kind == b"N":
                new = values
            elif kind == b"K":
                old = {name: values[name] for name in relation.keys if name in values}
            else:
                old = values
        if old and new:  # with REPLICA IDENTITY FULL the old row has what the new one leaves out
            new = {**{name: value for name, value in old.items() if name not in new}, **new}
        return Change(oid, old, new)


def _relation(data: bytes) -> Relation:
    (oid,) = struct.unpack_from(">I", data, 1)
    schema, place = _text(data, 5)
    name, place = _text(data, place)
    (count,) = struct.unpack_from(">H", data, place + 1)
    place += 3
    columns, keys = [], set()
    for _ in range(count):
        is_key = data[place] & 1
        column, place = _text(data, place + 1)
        place += 8
        columns.append(column)
        if is_key:
            keys.add(column)
    return Relation(oid, schema or "pg_catalog", name, tuple(columns), frozenset(keys))


def _text(data: bytes, place: int) -> tuple[str, int]:
    end = data.index(0, place)
    return data[place:end].decode(), end + 1


def _tuple(data: bytes, place: int, columns: tuple[str, ...]) -> tuple[Values, int]:
    (count,) = struct.unpack_from(">H", data, place)
    place += 2
    values: Values = {}
    for name in columns[:count]:
        kind = data[place : place + 1]
        place += 1
        if kind == b"n":
            values[name] = None
        elif kind == b"t":
            (length,) = struct.unpack_from(">I", data, place)
            place += 4
            values[name] = data[place : place + length].decode()
            place += length
    return values, place
