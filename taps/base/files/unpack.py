"""Bytes of a file, plain, gzip or zstd, read in bounded pieces; and one clear error for whatever cannot be read."""

from __future__ import annotations

import gzip
import tempfile
import zlib
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

import zstandard

from pipe.errors import CredentialsError, DataError, RetriableError
from taps.base.files.text import UndecodableError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from taps.base.files.find import SourceFile

BLOCK_BYTES = 1 << 20
_GZIP_MAGIC, _ZSTD_MAGIC = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
_ZSTD_SUFFIXES = (".zst", ".zstd")
PACKED_SUFFIXES = (".gz", ".gzip", *_ZSTD_SUFFIXES)
_ZSTD_FEED = 1024
"""Bytes given to the decoder at once: a thousand can at worst become 32 MiB."""


@contextmanager
def readable(file: SourceFile, stream: str) -> Iterator[None]:
    """Turn what goes wrong while reading `file` into an error that names it.

    Raises:
        CredentialsError: no right to read it.
        RetriableError: it has gone since it was listed.
        DataError: it is cut short or damaged.
    """
    try:
        yield
    except BrokenPipeError:
        raise  # of our output, not of the file
    except DataError as error:
        if error.stream is not None:
            raise
        raise DataError(
            f"the file '{file.name}' cannot be read: {error.problem}",
            stream=stream,
            field=error.field,
            remedy=error.remedy,
        ) from None
    except PermissionError:
        raise CredentialsError(
            f"no right to read the file '{file.name}'",
            stream=stream,
            remedy="Give the user of this process read access",
        ) from None
    except FileNotFoundError:
        raise RetriableError(f"the file '{file.name}' has gone since it was listed", stream=stream) from None
    except UndecodableError as error:
        raise DataError(
            f"the file '{file.name}' is not {error.encoding} text: see the bytes from offset {error.offset} (unpacked)",
            stream=stream,
            remedy="Set the stream's encoding to what the file was written in, for example cp1252 or utf-16",
        ) from None
    except (OSError, EOFError, zlib.error, zstandard.ZstdError) as error:
        raise DataError(
            f"the file '{file.name}' is cut short or damaged ({type(error).__name__})",
            stream=stream,
            remedy="Have it delivered again; the rows before the damage have been passed on",
        ) from None


def pieces(path: Path) -> Iterator[bytes]:
    """The unpacked content in pieces of about `BLOCK_BYTES`.

    The first bytes decide how it is packed, whatever the name says; `.zst` also marks frames zstd itself skips.

    Raises:
        OSError, EOFError, zlib.error, zstandard.ZstdError: see `readable`.
    """
    with path.open("rb") as raw:
        magic = raw.read(len(_ZSTD_MAGIC))
        raw.seek(0)
        if magic.startswith(_GZIP_MAGIC):
            with gzip.GzipFile(fileobj=raw) as unpacked:
                yield from _blocks(cast("IO[bytes]", unpacked))
        elif magic == _ZSTD_MAGIC or (magic and path.suffix.lower() in _ZSTD_SUFFIXES):
            yield from _gathered(_zstd(raw))
        else:
            yield from _blocks(raw)


@contextmanager
def unpacked_file(path: Path) -> Iterator[Path]:
    """A plain file of the same content, for readers that must jump about in it."""
    with path.open("rb") as raw:
        magic = raw.read(len(_ZSTD_MAGIC))
    if not magic.startswith(_GZIP_MAGIC) and magic != _ZSTD_MAGIC:
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="growthnav-unpacked-") as folder:
        plain = Path(folder, "plain")
        with plain.open("wb") as target:
            target.writelines(pieces(path))
        yield plain


def _blocks(source: IO[bytes]) -> Iterator[bytes]:
    while block := source.read(BLOCK_BYTES):
        yield block


def _gathered(parts: Iterator[bytes]) -> Iterator[bytes]:
    """Small parts joined to blocks."""
    held: list[bytes] = []
    size = 0
    for part in parts:
        held.append(part)
        size += len(part)
        if size >= BLOCK_BYTES:
            yield b"".join(held)
            held.clear()
            size = 0
    if held:
        yield b"".join(held)


def _zstd(raw: IO[bytes]) -> Iterator[bytes]:
    """Frame after frame; the library's own reader takes a file that ends inside a frame for complete."""
    decoder = zstandard.ZstdDecompressor()
    frame = None
    for block in _blocks(raw):
        for start in range(0, len(block), _ZSTD_FEED):
            rest = block[start : start + _ZSTD_FEED]
            while rest:
                frame = frame or decoder.decompressobj()
                if data := frame.decompress(rest):
                    yield data
                rest = frame.unused_data
                if not frame.eof:
                    break
                frame = None
    if frame is not None:
        raise EOFError
