"""Memory that is no longer needed, back to the system."""

from __future__ import annotations

import ctypes
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


def give_back() -> None:
    """Return the free pages of the heap.

    The C library keeps them for later, and blocks of records leave so many holes that a step which works on a million
    of them grew by a gigabyte. Costs a millisecond; does nothing where the C library has no such call.
    """
    _trim()(0)


@cache
def _trim() -> Callable[[int], Any]:
    found: Callable[[int], Any] | None = getattr(ctypes.CDLL(None), "malloc_trim", None)
    return found or (lambda _: None)
