"""The result of a bulk operation, put together: objects and those that belong to them are lines of their own in a file.

A child says which line is its parent, and may stand anywhere behind it. A file of any size is first dealt out to small
ones, each with whole families, so that memory has to hold one of these only.
"""

from __future__ import annotations

import tempfile
import zlib
from contextlib import ExitStack
from typing import IO, TYPE_CHECKING

import msgspec

from taps.base.rest.bulk import LostJobError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from taps.base.rest.resource import Row

PARENT = "__parentId"
PART_BYTES = 4 << 20
_MOST_PARTS = 256
_ROWS = 1000
_decode = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
"""Values stay as they came: nobody looks into most of them, and no digit is lost."""
_text = msgspec.json.Decoder(str).decode


class _Line(msgspec.Struct):
    """What tells whose family a line belongs to."""

    id: str
    parent: str | None = msgspec.field(default=None, name=PARENT)


_whose = msgspec.json.Decoder(_Line).decode


def families(
    file: IO[bytes], inner: str, texts: tuple[str, ...] = ("id",), part_bytes: int = PART_BYTES
) -> Iterator[list[Row]]:
    """The objects of a file that is at its start, each with its children in the field `inner`; some at a time.

    Values are JSON that is not decoded, but those of `texts`, which must be texts.

    Raises:
        LostJobError: the file is damaged or not whole.
    """
    try:
        for part in _dealt(file, part_bytes):
            rows = _joined(part, inner, texts)
            for start in range(0, len(rows), _ROWS):
                yield rows[start : start + _ROWS]
    except (msgspec.DecodeError, UnicodeDecodeError, KeyError, TypeError):
        raise LostJobError from None


def _dealt(file: IO[bytes], part_bytes: int) -> Iterator[Iterable[bytes]]:
    """The lines in parts of about that size; a family is never in two."""
    size = file.seek(0, 2)
    file.seek(0)
    count = min(-(-size // part_bytes), _MOST_PARTS)
    if count <= 1:
        yield file
        return
    with ExitStack() as opened:
        parts = [opened.enter_context(tempfile.TemporaryFile()) for _ in range(count)]
        for line in file:
            whose = _whose(line)
            parts[zlib.crc32((whose.parent or whose.id).encode()) % count].write(line)
        for part in parts:
            part.seek(0)
            yield part


def _joined(lines: Iterable[bytes], inner: str, texts: tuple[str, ...]) -> list[Row]:
    heads: dict[str, Row] = {}
    children: list[tuple[str, Row]] = []
    for line in lines:
        row: Row = _decode(line)
        parent = row.pop(PARENT, None)
        if parent is not None:
            children.append((_text(parent), row))
            continue
        row |= {name: _text(row[name]) for name in texts}
        heads[row["id"]] = row
        if inner:
            row[inner] = []
    for parent, child in children:
        heads[parent][inner].append(child)
    return list(heads.values())
