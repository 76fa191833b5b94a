"""What may be shown of a value: its shape."""

from __future__ import annotations

_WIDTH = 24
_PLAIN = frozenset(" .,:;/-_+@#%()*'&=$€£")


def mask(value: str) -> str:
    """The shape of a value: letters as a or A, digits as 9, common marks as they are, anything else as ?."""
    cut = value[:_WIDTH] + ("…" if len(value) > _WIDTH else "")
    return "".join(map(_mark, cut))


def _mark(mark: str) -> str:
    if mark.isalpha():
        return "A" if mark.isupper() else "a"
    if mark.isnumeric():
        return "9"
    return mark if mark in _PLAIN or mark == "…" else "?"
