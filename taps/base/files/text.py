"""Characters and lines out of bytes: the encoding declared or detected, line ends kept, memory bounded."""

from __future__ import annotations

import codecs
import io
from collections import deque
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

DETECT = "detect"
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_SAMPLE = 4096


class UndecodableError(Exception):
    """The bytes from `offset` on are not text of `encoding`."""

    def __init__(self, encoding: str, offset: int) -> None:
        """Say where; the bytes themselves are not shown."""
        super().__init__(encoding, offset)
        self.encoding = encoding
        self.offset = offset


class LongLineError(Exception):
    """A line is longer than the limit."""


def decoded(pieces: Iterable[bytes], encoding: str) -> Iterator[str]:
    """The text of the bytes, piece by piece.

    A byte order mark is believed before `encoding`. With `detect`: UTF-16 shows by its zero bytes; else the first
    piece that is not ASCII decides: UTF-8 where that fits, cp1252 or latin-1 where it does not.

    Raises:
        UndecodableError: bytes that the encoding does not have.
    """
    source = iter(pieces)
    first = next(source, b"")
    mark, marked = next(((mark, name) for mark, name in _MARKS if first.startswith(mark)), (b"", ""))
    name = marked or (_utf16_without_mark(first) if encoding == DETECT else encoding)
    decoder = codecs.getincrementaldecoder(name)() if name else None
    offset = len(mark)
    piece = b""
    try:
        for piece in chain([first[len(mark) :]], source):
            if decoder is None:
                if piece.isascii():
                    yield piece.decode("ascii")
                    offset += len(piece)
                    continue
                name = _guess(piece)
                decoder = codecs.getincrementaldecoder(name)()
            yield decoder.decode(piece)
            offset += len(piece)
        if decoder is not None:
            yield decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        raise UndecodableError(name, offset + error.start) from None


@dataclass(eq=False)
class _Block:
    """A piece of text in whole lines. Its lines as a list take up to fifteen times the memory: they go after use."""

    first: int
    text: str
    count: int = 0
    lines: list[str] | None = None

    def split(self) -> list[str]:
        if self.lines is None:
            self.lines = io.StringIO(self.text, newline="").readlines()
            self.count = len(self.lines)
        return self.lines


class Lines:
    """The lines of a text, each with its end (LF, CRLF or CR), for a reader that may have to go back a few lines.

    `row_start` is the number (from 0) of the line where the row being read begins; its owner moves it on, and only
    what comes after it is kept.
    """

    def __init__(self, texts: Iterable[str], limit: int) -> None:
        """Split `texts` into lines of at most about `limit` characters."""
        self.row_start = 0
        self.nuls = 0
        self._kept: deque[_Block] = deque()
        self._fresh = self._blocks(texts, limit)

    def read_from(self, line: int) -> Iterator[str]:
        """Every line from number `line` on, which must not lie before `row_start`.

        Raises:
            LongLineError: a line is longer than the limit.
        """
        self.row_start = line
        return chain(chain.from_iterable(self._again(line)), chain.from_iterable(self._fresh))

    def sample(self) -> list[str]:
        """The first lines, without taking them away."""
        if not self._kept:
            next(self._fresh, None)
        return self._kept[0].split() if self._kept else []

    def _again(self, line: int) -> Iterator[Iterator[str]]:
        for block in [block for block in self._kept if block.first + block.count > line]:
            lines = block.split()
            # No slice: after each of many broken rows it would copy the rest of the block.
            yield map(lines.__getitem__, range(max(0, line - block.first), block.count))
            block.lines = None

    def _blocks(self, texts: Iterable[str], limit: int) -> Iterator[list[str]]:
        first = 0
        for text in _whole_lines(self._without_nul(texts), limit):
            while self._kept and self._kept[0].first + self._kept[0].count <= self.row_start:
                self._kept.popleft()
            block = _Block(first, text)
            self._kept.append(block)
            lines = block.split()
            first += block.count
            yield lines
            block.lines = None

    def _without_nul(self, texts: Iterable[str]) -> Iterator[str]:
        for text in texts:
            if "\0" in text:
                self.nuls += text.count("\0")
                yield text.replace("\0", "")
            else:
                yield text


def _whole_lines(texts: Iterable[str], limit: int) -> Iterator[str]:
    rest: list[str] = []
    size = 0
    for text in texts:
        # A CR at the very end may be the first half of a CRLF: it waits for what follows.
        cut = max(text.rfind("\n"), text.rfind("\r", 0, -1)) + 1
        if not cut and not (rest and rest[-1].endswith("\r")):
            rest.append(text)
            size += len(text)
            if size > limit:
                raise LongLineError
            continue
        yield "".join((*rest, text[:cut]))
        rest = [text[cut:]]
        size = len(rest[0])
    if size:
        yield "".join(rest)


def _utf16_without_mark(sample: bytes) -> str:
    """`utf-16-le`, `utf-16-be`, or nothing: most text has a zero byte in every second place."""
    pairs = min(len(sample), _SAMPLE) // 2
    high_first = sample[0 : pairs * 2 : 2].count(0)
    high_last = sample[1 : pairs * 2 : 2].count(0)
    if pairs and max(high_first, high_last) * 2 > pairs and min(high_first, high_last) * 20 <= pairs:
        return "utf-16-be" if high_first > high_last else "utf-16-le"
    return ""


def _guess(piece: bytes) -> str:
    """Encoding of a piece that is not ASCII. A few broken characters in much good UTF-8 leave it UTF-8."""
    text = codecs.getincrementaldecoder("utf-8")("replace").decode(piece)
    broken = text.count("\ufffd")
    good = sum(1 for letter in text if letter > "\x7f") - broken if broken else 1
    if good > broken:
        return "utf-8"
    try:
        piece.decode("cp1252")
    except UnicodeDecodeError:
        return "latin-1"
    return "cp1252"
