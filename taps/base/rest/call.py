"""One HTTP exchange, before it is made."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Call:
    """What is sent.

    Attributes:
        method: of HTTP.
        url: in full.
        params: of the address, beside those it has; a list stands for one of each value.
        data: bytes, or the fields of a form.
        headers: those of this call alone.
    """

    method: str
    url: str
    params: Mapping[str, Any] | None = None
    data: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
