"""BATCH messages: what they say, and reading the files they name.

A batch file is JSON lines (plain or gzip), Parquet, or Arrow IPC. Files we write ourselves carry `PREFIX` in their
name; whoever has done with such a file removes it. Files of other makers are left alone.
"""

from __future__ import annotations

import gzip
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import msgspec

from pipe import bucket_notes, remote
from pipe.errors import DataError, RetriableError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pyarrow as pa

PREFIX = "growthnav-batch-"
FORMATS = ("jsonl", "parquet", "arrow")
_READ_ROWS = 10_000


class BatchMessage(msgspec.Struct):
    """A BATCH message: records of `stream` are in the files of `manifest`."""

    stream: str
    encoding: dict[str, Any]
    manifest: list[str]
    type: str = "BATCH"
    version: int | msgspec.UnsetType | None = msgspec.UNSET
    """Table version of all its records, as a RECORD message has it; not in the SDK's own messages."""

    @property
    def format(self) -> str:
        """One of `FORMATS`."""
        return str(self.encoding.get("format", "jsonl")).lower()


_decode = msgspec.json.Decoder(BatchMessage).decode


def decode(line: bytes, position: int) -> BatchMessage:
    """The BATCH message in `line`.

    Raises:
        DataError: it is malformed, or of a format we cannot read.
    """
    try:
        message = _decode(line)
    except msgspec.ValidationError as error:
        raise DataError(f"the BATCH message in line {position} is malformed: {error}") from None
    if message.format not in FORMATS:
        raise DataError(
            f"batch files of format '{message.format}' cannot be read",
            stream=message.stream,
            remedy=f"Set the tap's batch_config.encoding.format to {' or '.join(FORMATS)}",
        )
    return message


@contextmanager
def local_files(message: BatchMessage) -> Iterator[list[Path]]:
    """The batch's files on this machine's disk; those in a bucket are copied, for as long as the context lasts.

    Raises:
        RetriableError: one of them is not there.
        DataError: a URL is of a kind we cannot read.
    """
    with ExitStack() as copies:
        yield [
            copies.enter_context(bucket_notes.copied(uri, PREFIX))
            if remote.is_remote(uri)
            else present(local_path(uri, message.stream), message.stream)
            for uri in message.manifest
        ]


def local_path(uri: str, stream: str) -> Path:
    """Path of a manifest entry on this machine's disk.

    Raises:
        DataError: it is elsewhere.
    """
    parts = urlsplit(uri)
    if parts.scheme not in {"", "file"}:
        raise DataError(
            f"batch files under {parts.scheme}:// cannot be read",
            stream=stream,
            remedy="Set the tap's batch_config.storage.root to a file://, s3:// or gs:// URL",
        )
    return Path(unquote(parts.path) if parts.scheme else uri)


def present(path: Path, stream: str) -> Path:
    """The path, if there is a file.

    Raises:
        RetriableError: there is none.
    """
    if not path.is_file():
        raise RetriableError(
            f"batch file {path.name} is not there",
            stream=stream,
            remedy="Run again: the tap writes its batch files anew",
        )
    return path


def unreadable(path: Path, stream: str, why: str) -> RetriableError:
    """The error for a batch file that is cut short or no such file at all."""
    return RetriableError(
        f"batch file {path.name} cannot be read ({why})",
        stream=stream,
        remedy="Run again: the tap writes its batch files anew",
    )


def records(message: BatchMessage, properties: Mapping[str, Any] | None = None) -> Iterator[bytes]:
    """Every record of the batch as encoded JSON, in order.

    Args:
        message: the batch.
        properties: of the stream's SCHEMA; a text in a column that it calls an object or array is JSON.

    Raises:
        RetriableError: a file is missing or cut short.
    """
    from pipe import columnar  # an engine that JSON lines do without

    with local_files(message) as paths:
        for path in paths:
            try:
                if message.format == "jsonl":
                    yield from _json_records(path)
                else:
                    yield from columnar.records(path, message.format, properties or {})
            except (OSError, EOFError) as error:
                raise unreadable(path, message.stream, type(error).__name__) from None
            except columnar.ENGINE_ERRORS as error:
                raise unreadable(path, message.stream, type(error).__name__) from None


def read_table(path: Path, form: str, stream: str) -> pa.Table:
    """The rows of one typed batch file.

    Raises:
        RetriableError: it is cut short, or no such file.
    """
    from pipe import columnar

    try:
        return columnar.read(path, form)
    except OSError as error:
        raise unreadable(path, stream, type(error).__name__) from None
    except columnar.ENGINE_ERRORS as error:
        raise unreadable(path, stream, type(error).__name__) from None


def read_schema(path: Path, form: str, stream: str) -> pa.Schema:
    """The columns of one typed batch file.

    Raises:
        RetriableError: it is cut short, or no such file.
    """
    from pipe import columnar

    try:
        return columnar.schema(path, form)
    except OSError as error:
        raise unreadable(path, stream, type(error).__name__) from None
    except columnar.ENGINE_ERRORS as error:
        raise unreadable(path, stream, type(error).__name__) from None


def discard(message: BatchMessage) -> None:
    """Remove the files of a batch that were written by this project."""
    for uri in message.manifest:
        if remote.is_remote(uri):
            if urlsplit(uri).path.rpartition("/")[2].startswith(PREFIX):
                bucket_notes.remove(uri)
            continue
        path = local_path(uri, message.stream)
        if path.name.startswith(PREFIX):
            path.unlink(missing_ok=True)


def _json_records(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        zipped = file.read(2) == b"\x1f\x8b"  # whatever the message says: the SDK's own are always gzip
    with gzip.open(path, "rb") if zipped else path.open("rb") as lines:
        for line in lines:
            if stripped := line.strip():
                yield stripped
