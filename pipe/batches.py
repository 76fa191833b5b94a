"""BATCH messages: reading the files they name, writing new ones.

A batch file is JSON lines (plain or gzip) or Parquet. Files we write ourselves carry `PREFIX` in their name; whoever
reads such a file to its end removes it. Files of other makers are left alone.
"""

from __future__ import annotations

import contextlib
import gzip
import os
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import msgspec

from pipe import messages
from pipe.errors import DataError, RetriableError

if TYPE_CHECKING:
    from collections.abc import Iterator

PREFIX = "growthnav-batch-"
_READ_ROWS = 10_000
_LEFTOVER_SECONDS = 24 * 60 * 60


class BatchMessage(msgspec.Struct):
    """A BATCH message: records of `stream` are in the files of `manifest`."""

    stream: str
    encoding: dict[str, Any]
    manifest: list[str]
    type: str = "BATCH"

    @property
    def format(self) -> str:
        """`jsonl` or `parquet`."""
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
    if message.format not in {"jsonl", "parquet"}:
        raise DataError(
            f"batch files of format '{message.format}' cannot be read",
            stream=message.stream,
            remedy="Set the tap's batch_config.encoding.format to jsonl or parquet",
        )
    return message


def local_path(uri: str, stream: str) -> Path:
    """Path of a manifest entry.

    Raises:
        DataError: it is not on this machine's disk.
    """
    parts = urlsplit(uri)
    if parts.scheme not in {"", "file"}:
        raise DataError(
            f"batch files under {parts.scheme}:// cannot be read",
            stream=stream,
            remedy="Set the tap's batch_config.storage.root to a file:// directory",
        )
    return Path(unquote(parts.path) if parts.scheme else uri)


def records(message: BatchMessage) -> Iterator[bytes]:
    """Every record of the batch as encoded JSON, in order.

    Raises:
        RetriableError: a file is missing or cut short.
    """
    for uri in message.manifest:
        path = local_path(uri, message.stream)
        reader = _parquet_records if message.format == "parquet" else _json_records
        try:
            yield from reader(path)
        except (OSError, EOFError) as error:
            raise RetriableError(
                f"batch file {path.name} cannot be read ({type(error).__name__})",
                stream=message.stream,
                remedy="Run again: the tap writes its batch files anew",
            ) from None


def discard(message: BatchMessage) -> None:
    """Remove the files of a batch that were written by this project."""
    for uri in message.manifest:
        path = local_path(uri, message.stream)
        if path.name.startswith(PREFIX):
            path.unlink(missing_ok=True)


def directory(configured: str | None) -> Path:
    """Where batch files are written: made if need be, and cleared of what runs killed a day ago left behind."""
    path = Path(configured or tempfile.gettempdir())
    path.mkdir(parents=True, exist_ok=True)
    oldest = time.time() - _LEFTOVER_SECONDS
    for leftover in path.glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):  # another user's, or gone meanwhile
            if leftover.stat().st_mtime < oldest:
                leftover.unlink()
    return path


def write(stream: str, rows: list[bytes], where: Path) -> bytes:
    """Write encoded records to a new JSON lines file; returns the BATCH message that names it."""
    handle, name = tempfile.mkstemp(prefix=PREFIX, suffix=".jsonl", dir=where)
    with os.fdopen(handle, "wb") as file:
        file.write(b"\n".join(rows))
        file.write(b"\n")
    return messages.encode(
        BatchMessage(stream, {"format": "jsonl", "compression": "none"}, [Path(name).resolve().as_uri()])
    )


def _json_records(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        zipped = file.read(2) == b"\x1f\x8b"  # whatever the message says: the SDK's own are always gzip
    with gzip.open(path, "rb") if zipped else path.open("rb") as lines:
        for line in lines:
            if stripped := line.strip():
                yield stripped


def _parquet_records(path: Path) -> Iterator[bytes]:
    import duckdb

    with duckdb.connect() as connection:
        cursor = connection.execute("SELECT to_json(r)::VARCHAR FROM read_parquet(?) AS r", [str(path)])
        while rows := cursor.fetchmany(_READ_ROWS):
            for (text,) in rows:
                yield text.encode()
