"""JSON lines: one object a line, numbers exact, nested values as they are."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec

from pipe import lenient
from pipe.errors import SkippableError

if TYPE_CHECKING:
    from taps.base.files.table import Objects
    from taps.base.files.text import Lines

_decode = msgspec.json.Decoder(dict[str, Any], float_hook=Decimal).decode
_ESCAPED_NUL = lenient.NUL.decode()


def objects(lines: Lines) -> Objects:
    """Every object; blank lines are none. What JSON allows only with good will is mended (see `pipe.lenient`)."""
    for number, line in enumerate(lines.read_from(0)):
        lines.row_start = number
        try:
            yield _decode(line) if _ESCAPED_NUL not in line else _mended(line)
        except (msgspec.DecodeError, RecursionError):
            if not line.isspace():
                yield _second_chance(line)


def _second_chance(line: str) -> dict[str, Any] | SkippableError:
    try:
        return _mended(line)
    except (ValueError, msgspec.DecodeError, RecursionError):
        return SkippableError("is not a JSON object", rule="malformed")


def _mended(line: str) -> dict[str, Any]:
    record: dict[str, Any] = _decode(lenient.mend(line.encode())[0])
    return record
