"""Notes on this machine's disk of what was put into a bucket, so that the next start can remove what a killed run left.

A bucket knows no locks and not who still reads an object. So each object has a note in a folder of its root's own, made
before the upload and removed with the object, and what holds for batch files on a disk holds for notes.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pipe import remote

if TYPE_CHECKING:
    from collections.abc import Iterator

_SUFFIX = ".uri"


def private_folder(end: str = "") -> Path:
    """A folder of this user's in the system's directory for temporary files; nothing is made."""
    return Path(tempfile.gettempdir()) / f"growthnav-batches-{os.getuid()}{end}"


def folder(root: str) -> Path:
    """Where the notes of objects below the URL `root` are."""
    parts = urlsplit(root)
    place = f"{parts.hostname}{parts.path.rstrip('/')}"  # neither options nor user: both may hold secrets
    return private_folder(f"-{hashlib.sha256(place.encode()).hexdigest()[:20]}")


def folder_of(uri: str) -> Path:
    """Where the note of an object is."""
    return folder(urlsplit(uri)._replace(path=urlsplit(uri).path.rpartition("/")[0]).geturl())


def write(uri: str) -> None:
    """Note an object that is about to be made; only this user may read it, as a URL can hold credentials."""
    path = _note(uri)
    path.touch(mode=0o600)
    path.write_text(uri)


@contextmanager
def copied(uri: str, prefix: str) -> Iterator[Path]:
    """The content of an object as a file beside its note, whose name begins with `prefix`.

    Raises:
        RetriableError: it cannot be read.
    """
    place = folder_of(uri)
    place.mkdir(mode=0o700, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=prefix, dir=place)
    os.close(handle)
    path = Path(name)
    try:
        remote.download(uri, path)
        yield path
    finally:
        path.unlink(missing_ok=True)


def remove(uri: str) -> None:
    """Remove an object and its note.

    Raises:
        RetriableError: the bucket refuses.
    """
    remote.remove(uri)
    _note(uri).unlink(missing_ok=True)


def clear(path: Path) -> None:
    """Remove the object of a file that is a note.

    Raises:
        RetriableError: the bucket refuses.
    """
    if path.suffix == _SUFFIX and (uri := path.read_text()):  # an empty one was cut short before the upload
        remote.remove(uri)


def _note(uri: str) -> Path:
    return folder_of(uri) / f"{urlsplit(uri).path.rpartition('/')[2]}{_SUFFIX}"
