"""Characters and lines out of bytes: the encoding declared or detected, line ends kept, memory bounded.

Text is either `str`, or `bytes` known to be UTF-8 for readers that would only encode it again.
"""

from __future__ import annotations

import codecs
import io
from collections import deque
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any, AnyStr, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

DETECT = "detect"
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_SAMPLE = 4096
_CONTINUATION, _LEAD, _LEAD_OF_3, _LEAD_OF_4 = 0x80, 0xC0, 0xE0, 0xF0
"""Smallest bytes of UTF-8 characters of several bytes: one that goes on, and first ones."""


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
    return _decoded(pieces, encoding, lambda name: codecs.getincrementaldecoder(name)(), bytes.decode)


def utf8(pieces: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    """The same text in the same pieces, as UTF-8.

    Raises:
        UndecodableError: bytes that the encoding does not have.
    """
    return _decoded(pieces, encoding, _Utf8Decoder, bytes)


_Text_co = TypeVar("_Text_co", str, bytes, covariant=True)


class _Decoder(Protocol[_Text_co]):
    def decode(self, data: bytes, /, final: bool = False) -> _Text_co: ...


def _decoded(
    pieces: Iterable[bytes], encoding: str, make: Callable[[str], Any], of_ascii: Callable[[bytes], AnyStr]
) -> Iterator[AnyStr]:
    source = iter(pieces)
    first = next(source, b"")
    mark, marked = next(((mark, name) for mark, name in _MARKS if first.startswith(mark)), (b"", ""))
    name = marked or (_utf16_without_mark(first) if encoding == DETECT else encoding)
    decoder: _Decoder[AnyStr] | None = make(name) if name else None
    offset = len(mark)
    piece = b""
    try:
        for piece in chain([first[len(mark) :]], source):
            if decoder is None:
                if piece.isascii():
                    yield of_ascii(piece)
                    offset += len(piece)
                    continue
                name = _guess(piece)
                decoder = make(name)
            yield decoder.decode(piece)
            offset += len(piece)
        if decoder is not None:
            yield decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        raise UndecodableError(name, offset + error.start) from None


class _Utf8Decoder:
    """To UTF-8 from any encoding; what is UTF-8 already is only checked."""

    def __init__(self, encoding: str) -> None:
        self._decoder = codecs.getincrementaldecoder(encoding)()
        self._same = codecs.lookup(encoding).name == "utf-8"
        self._rest = b""

    def decode(self, data: bytes, final: bool = False) -> bytes:
        if not self._same:
            return self._decoder.decode(data, final).encode()
        data = self._rest + data
        size = len(data) if final else _whole_characters(data)
        good, self._rest = data[:size], data[size:]
        if not (_is_utf8(good) and _begins_character(self._rest)):
            codecs.utf_8_decode(data, "strict", final)  # raises the error that says where
        return good


def _whole_characters(data: bytes) -> int:
    """Length without the beginning of a UTF-8 character at the end."""
    for back in range(1, min(3, len(data)) + 1):
        byte = data[-back]
        if byte >= _LEAD:
            wanted = 2 if byte < _LEAD_OF_3 else 3 if byte < _LEAD_OF_4 else 4
            return len(data) - back if wanted > back else len(data)
        if byte < _CONTINUATION:
            break
    return len(data)


def _begins_character(data: bytes) -> bool:
    try:
        codecs.utf_8_decode(data)
    except UnicodeDecodeError:
        return False
    return True


def _is_utf8(data: bytes) -> bool:
    """Whether it is; a tenth of the cost of decoding."""
    import numpy as np
    import pyarrow as pa

    ends = pa.py_buffer(np.array([0, len(data)], np.int64))
    try:
        pa.Array.from_buffers(pa.large_string(), 1, [None, ends, pa.py_buffer(data)]).validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


class NulFilter:
    """Drops NUL characters, and counts them."""

    def __init__(self) -> None:
        """Start at none."""
        self.dropped = 0

    def without(self, texts: Iterable[AnyStr]) -> Iterator[AnyStr]:
        """The texts without NUL."""
        for text in texts:
            nul, nothing = ("\0", "") if isinstance(text, str) else (b"\0", b"")
            if nul in text:
                self.dropped += text.count(nul)
                yield text.replace(nul, nothing)
            else:
                yield text


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

    def __init__(self, texts: Iterable[str]) -> None:
        """Take `texts` of whole lines each."""
        self.row_start = 0
        self._kept: deque[_Block] = deque()
        self._fresh = self._blocks(texts)

    def read_from(self, line: int) -> Iterator[str]:
        """Every line from number `line` on, which must not lie before `row_start`."""
        self.row_start = line
        while not (self._kept and self._kept[-1].first + self._kept[-1].count > line):
            if next(self._fresh, None) is None:
                break
        return chain(chain.from_iterable(self._again(line)), chain.from_iterable(self._fresh))

    def sample(self) -> list[str]:
        """The first lines, without taking them away."""
        if not self._kept:
            next(self._fresh, None)
        return self._kept[0].split() if self._kept else []

    def unread(self) -> list[str]:
        """What was taken from the texts but lies at or after `row_start`; nothing may be read after that."""
        blocks = [block for block in self._kept if block.first + block.count > self.row_start]
        return ["".join(block.split()[max(0, self.row_start - block.first) :]) for block in blocks]

    def _again(self, line: int) -> Iterator[Iterator[str]]:
        for block in [block for block in self._kept if block.first + block.count > line]:
            lines = block.split()
            # No slice: after each of many broken rows it would copy the rest of the block.
            yield map(lines.__getitem__, range(max(0, line - block.first), block.count))
            block.lines = None

    def _blocks(self, texts: Iterable[str]) -> Iterator[list[str]]:
        first = 0
        for text in texts:
            while self._kept and self._kept[0].first + self._kept[0].count <= self.row_start:
                self._kept.popleft()
            block = _Block(first, text)
            self._kept.append(block)
            lines = block.split()
            first += block.count
            yield lines
            block.lines = None


def whole_lines(texts: Iterable[AnyStr], limit: int) -> Iterator[AnyStr]:
    """The same text in pieces of whole lines.

    Raises:
        LongLineError: a line has more than about `limit` characters.
    """
    rest: list[AnyStr] = []
    size = 0
    for text in texts:
        # A CR at the very end may be the first half of a CRLF: it waits for what follows.
        feed, back = ("\n", "\r") if isinstance(text, str) else (b"\n", b"\r")
        cut = max(text.rfind(feed), text.rfind(back, 0, -1)) + 1
        if not cut and not (rest and rest[-1].endswith(back)):
            rest.append(text)
            size += _characters(text)
            if size > limit:
                raise LongLineError
            continue
        rest.append(text[:cut])
        yield text[:0].join(rest)
        rest = [text[cut:]]
        size = _characters(rest[0])
    if any(rest):
        yield rest[0][:0].join(rest)


def _characters(text: str | bytes) -> int:
    return len(text) if isinstance(text, str) or text.isascii() else len(text.decode())


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
