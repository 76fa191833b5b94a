"""Long decimal numbers, kept exact past JSON readers that take every fraction for a double."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import msgspec

from pipe import messages

_LONG = re.compile(rb"[:\s]-?[0-9.eE+-]{17}")
_decode = msgspec.json.Decoder(dict[str, Any], float_hook=Decimal).decode


def quote_fractions(record: bytes) -> bytes:
    """`record` with its own fractions as text, if there may be one that a double cannot hold; nested ones stay."""
    if not _LONG.search(record):
        return record
    fields = _decode(record)
    return messages.encode({name: str(item) if isinstance(item, Decimal) else item for name, item in fields.items()})
