"""Delimited text read by Arrow where it is plain, and by rows around whatever is odd.

Both readers stop where a row ends, and what lies behind it goes to the other: so each begins where a row begins.
"""

from __future__ import annotations

from collections import deque
from itertools import chain
from typing import TYPE_CHECKING

from taps.base.files.plain import PlainText
from taps.base.files.text import Lines

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pipe.errors import SkippableError
    from taps.base.files.delimited import Delimited
    from taps.base.files.table import Part, Row

ODD_BYTES = 64 * 1024
"""Text read by rows around something odd."""

_PATIENCE = 16
"""So many odd parts in a row, and the whole file is read by rows."""


class Blocks:
    """UTF-8 text in pieces of whole lines; what is given back comes next."""

    def __init__(self, texts: Iterable[bytes]) -> None:
        """Take the text."""
        self._texts = iter(texts)
        self._returned: deque[bytes] = deque()

    def __iter__(self) -> Iterator[bytes]:
        """The pieces."""
        while (block := self._returned.popleft() if self._returned else next(self._texts, None)) is not None:
            yield block

    def decoded(self) -> Iterator[str]:
        """The pieces as text."""
        return map(bytes.decode, self)

    def give_back(self, texts: Sequence[bytes]) -> None:
        """Put the texts before what has not been read."""
        self._returned.extendleft(text for text in reversed(texts) if text)


def items(table: Delimited, lines: Lines, blocks: Blocks, limit: int, picks: Sequence[int]) -> Iterator[Part]:
    """The rows of `table`, whose header was read from `lines`, and these from `blocks`.

    Args:
        table: knows dialect and columns.
        lines: where it stands.
        blocks: what follows.
        limit: characters in a cell.
        picks: places of the wanted columns.
    """
    if held := list(table.held()):
        yield held
    _return(lines, blocks)
    plain = PlainText(table, picks, limit)
    odd = 0 if plain.is_possible else _PATIENCE
    for block in blocks:
        if odd >= _PATIENCE:
            yield _by_rows(table, block, blocks)
            continue
        rows, rest = plain.begin(block)
        if rows is not None:
            odd = 0
            if rows.num_rows:
                yield rows
            if rest:
                first, *others = _parts(rest)
                blocks.give_back(others)
                yield _by_rows(table, first, blocks)
            continue
        first, *others = _parts(block)
        if others:  # perhaps most of it is plain
            blocks.give_back([first, *others])
            continue
        odd += 1
        yield _by_rows(table, block, blocks)


def _by_rows(table: Delimited, text: bytes, blocks: Blocks) -> list[Row | SkippableError]:
    """The rows that begin in the text, the last of which may end in a later block."""
    lines = Lines(chain([text.decode()], blocks.decoded()))
    rows = list(table.rows_of(lines, len(lines.sample())))
    _return(lines, blocks)
    return rows


def _return(lines: Lines, blocks: Blocks) -> None:
    blocks.give_back([text.encode() for text in lines.unread()])


def _parts(text: bytes) -> list[bytes]:
    """The text in pieces of whole lines, each of about `ODD_BYTES`."""
    parts, start = [], 0
    while start < len(text):
        end = text.rfind(b"\n", start, start + ODD_BYTES) + 1 if len(text) - start > ODD_BYTES else len(text)
        if not end:
            end = text.find(b"\n", start + ODD_BYTES) + 1 or len(text)
        parts.append(text[start:end])
        start = end
    return parts
