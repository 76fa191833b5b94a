"""Where a process writes its batch files: a private folder, cleared of what dead runs left, or a bucket by URL (whose
objects have notes in such a folder).

Every process with files in a folder holds a shared lock on it to its end. A tap that starts a run and gets the
exclusive one is alone with whatever lies there. What is young may still be on its way from a step that has ended to one
that is starting; the rest is of a run that died. A step takes its lock with its first input, not before: else the steps
of a run would keep its own tap from clearing.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from msgspec import UNSET

from pipe import bucket_notes, columnar, remote
from pipe.batches import PREFIX, BatchMessage, local_path
from pipe.errors import ConfigurationError, RetriableError
from pipe.messages import encode

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pyarrow as pa

LOCK = ".growthnav-batches.lock"
_SUFFIXES = {"parquet": ".parquet", "arrow": ".arrow", "jsonl": ".jsonl"}
_YOUNG_S = 60.0
_held: dict[Path, int] = {}
"""Folder -> descriptor of its lock, open to the end of the process."""


class Outbox:
    """Gives out new files and the BATCH messages that name them."""

    def __init__(self, root: str | None = None, *, prefix: str = "") -> None:
        """Write below `root`: a directory, a file:// URL, or s3:// and gs:// for a bucket.

        Args:
            root: default: a folder of this user's in the system's directory for temporary files.
            prefix: what the names of the files begin with, beside our own mark.

        Raises:
            ConfigurationError: the directory cannot be used, or the URL's scheme is unknown.
        """
        self._bucket = root if root and remote.is_remote(root) else None
        self.directory = _directory(str(bucket_notes.folder(self._bucket)) if self._bucket else root)
        self._prefix = f"{PREFIX}{prefix}"

    def hold(self, *, clear: bool = False) -> None:
        """Keep other runs from clearing the folder; with `clear`, as the start of a run, remove what dead ones left.

        Raises:
            ConfigurationError: the directory cannot be used.
        """
        try:
            hold(self.directory, clear=clear)
        except OSError as error:
            raise ConfigurationError(
                f"the batch directory {self.directory} cannot be used ({error.strerror})",
                field="batch_directory",
                remedy="Name a directory this user may write",
            ) from None

    def new_file(self, form: str = "parquet") -> Path:
        """A new, empty file that only this user may read, to be written into."""
        self.hold()
        handle, name = tempfile.mkstemp(prefix=self._prefix, suffix=_SUFFIXES[form], dir=self.directory)
        os.close(handle)
        return Path(name)

    def message(self, stream: str, files: Sequence[Path], form: str = "parquet", version: int = 0) -> bytes:
        """The BATCH message for finished files, encoded; to a bucket they are moved first.

        Raises:
            RetriableError: the bucket cannot be written.
        """
        uris = [self._uri(file) for file in files]
        encoding = {"format": form, "compression": "none"}
        return encode(BatchMessage(stream, encoding, uris, "BATCH", version or UNSET))

    def write(self, stream: str, rows: list[bytes]) -> bytes:
        """The BATCH message for encoded records, written as JSON lines.

        Raises:
            RetriableError: the disk is full.
        """
        path = self.new_file("jsonl")
        with storage_errors(path), path.open("wb") as file:
            file.write(b"\n".join(rows))
            file.write(b"\n")
        return self.message(stream, [path], "jsonl")

    def write_table(self, stream: str, table: pa.Table) -> bytes:
        """The BATCH message for rows, written as an Arrow file: between two of our steps nothing is faster.

        Raises:
            RetriableError: the disk is full.
        """
        path = self.new_file("arrow")
        with storage_errors(path):
            columnar.write(table, path, "arrow")
        return self.message(stream, [path], "arrow")

    def _uri(self, file: Path) -> str:
        if self._bucket is None:
            return file.as_uri()
        uri = remote.join(self._bucket, file.name)
        bucket_notes.write(uri)
        remote.upload(file, uri)
        file.unlink()
        return uri


@contextlib.contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Say what a full disk is, and leave no half-written file."""
    try:
        yield
    except OSError as error:
        path.unlink(missing_ok=True)
        raise RetriableError(
            f"a batch file cannot be written ({error.strerror or type(error).__name__})",
            remedy="Free space in the batch directory and run again",
        ) from None


def hold(directory: Path, *, clear: bool = False) -> None:
    """Hold the folder to the end of this process; with `clear`, remove what is old if nobody else holds it."""
    directory = directory.resolve()
    # A process that works for many folders, as tests do, would run out of descriptors.
    for gone in [each for each in _held if not each.exists()]:
        os.close(_held.pop(gone))
    if directory in _held:
        return
    file = os.open(directory / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    if clear:
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            young = time.time() - _YOUNG_S
            for leftover in directory.glob(f"{PREFIX}*"):
                with contextlib.suppress(OSError):  # gone meanwhile
                    if leftover.stat().st_mtime < young:
                        bucket_notes.clear(leftover)
                        leftover.unlink()
    fcntl.flock(file, fcntl.LOCK_SH)
    _held[directory] = file


def hold_folder_of(message: BatchMessage) -> None:
    """Hold the folders of batch files that one of our taps or mappers wrote."""
    for uri in message.manifest:
        if not urlsplit(uri).path.rpartition("/")[2].startswith(PREFIX):
            continue
        folder = bucket_notes.folder_of(uri) if remote.is_remote(uri) else local_path(uri, message.stream).parent
        if (folder / LOCK).exists():
            with contextlib.suppress(OSError):  # another user's: then it is not ours to clear either
                hold(folder)


def _directory(root: str | None) -> Path:
    path = bucket_notes.private_folder() if root is None else _local(root)
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(
            f"the batch directory {path} cannot be made ({error.strerror})",
            field="batch_directory",
            remedy="Name a directory this user may write",
        ) from None
    return path.resolve()


def _local(root: str) -> Path:
    parts = urlsplit(root)
    if parts.scheme not in {"", "file"}:
        raise ConfigurationError(
            f"batch files cannot be kept under {parts.scheme}://",
            field="batch_directory",
            remedy="Name a directory, or a URL that starts with file://, s3:// or gs://",
        )
    return Path(unquote(parts.path) if parts.scheme else root).expanduser()
