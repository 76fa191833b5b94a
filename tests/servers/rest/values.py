"""What a service and its handlers speak of: rows, requests, answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from servers.rest.service import Service


Row = dict[str, Any]


Params = dict[str, Any]


encode = msgspec.json.Encoder(decimal_format="number").encode


@dataclass
class Request:
    """One request as the service sees it. `params` has the address's parameters and the body's, nested ones dotted."""

    method: str
    path: str
    params: Params
    headers: dict[str, str]
    body: Any = None
    raw: bytes = b""
    ids: dict[str, str] = field(default_factory=dict)


@dataclass
class Answer:
    """One answer: `body` is encoded as JSON unless it is bytes."""

    body: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


def index_of(rows: list[Row], key: str, _made: dict[int, tuple[int, Any, dict[Any, int]]] = {}) -> dict[Any, int]:  # noqa: B006
    """Key -> place, made once a list."""
    kept = _made.get(id(rows))
    if kept is None or kept[0] != len(rows) or kept[1] is not rows:
        if len(_made) > 50:
            _made.clear()
        kept = _made[id(rows)] = (len(rows), rows, {str(dig(row, key)): place for place, row in enumerate(rows)})
    return kept[2]


def dig(row: Any, path: str) -> Any:
    for name in path.split("."):
        row = row.get(name) if isinstance(row, dict) else None
    return row


def nested(path: str, value: Any) -> Row:
    """{"a": {"b": value}} for "a.b"."""
    for name in reversed(path.split(".")):
        value = {name: value}
    return value


def merged(first: Row, second: Row) -> Row:
    """Two bodies as one, objects inside them merged, too."""
    result = dict(first)
    for name, value in second.items():
        inner = result.get(name)
        result[name] = merged(inner, value) if isinstance(inner, dict) and isinstance(value, dict) else value
    return result


@dataclass
class Packed:
    """A page whose rows are encoded already."""

    rows: list[Row]
    more: Row
    records: str
    service: Service

    def body(self) -> Any:
        """As a value, for faults to spoil."""
        if not self.records:
            return list(self.rows)
        return merged(nested(self.records, list(self.rows)), self.more)

    def encode(self) -> bytes:
        """As JSON."""
        rows = b"[" + b",".join(map(self.service.encoded, self.rows)) + b"]"
        if not self.records:
            return rows
        return encode(merged(nested(self.records, msgspec.Raw(rows)), self.more))
