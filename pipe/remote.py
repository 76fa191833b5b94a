"""Batch files in a bucket: s3:// and gs:// by the Arrow library's own clients.

Credentials come from where each provider's tools look for them (environment, profile, instance); another endpoint is
part of the URL (`s3://bucket/path?endpoint_override=localhost:9000&scheme=http`, `gs://anonymous@bucket/path?...`), or
of AWS_ENDPOINT_URL.
"""

from __future__ import annotations

import shutil
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from pipe.errors import RetriableError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SCHEMES = frozenset({"s3", "gs", "gcs"})
_RETRY_SECONDS = "60"
"""How long Google's client tries; by itself it goes on for a quarter of an hour."""


def is_remote(uri: str) -> bool:
    """Whether a URL names an object in a bucket."""
    return urlsplit(uri).scheme in SCHEMES


def join(root: str, name: str) -> str:
    """The URL of an object below `root`; options of the URL stay where they belong."""
    parts = urlsplit(root)
    return urlunsplit(parts._replace(path=f"{parts.path.rstrip('/')}/{name}"))


def upload(file: Path, uri: str) -> None:
    """Copy a file to a bucket.

    Raises:
        RetriableError: it cannot be written.
    """
    with _opened(uri) as (store, place), file.open("rb") as source, store.open_output_stream(place) as sink:
        shutil.copyfileobj(source, sink, 1 << 20)


def download(uri: str, file: Path) -> None:
    """Copy an object to a file.

    Raises:
        RetriableError: it cannot be read.
    """
    with _opened(uri) as (store, place), store.open_input_stream(place) as source, file.open("wb") as sink:
        shutil.copyfileobj(source, sink, 1 << 20)


def remove(uri: str) -> None:
    """Remove an object, if it is there.

    Raises:
        RetriableError: the bucket refuses.
    """
    with _opened(uri) as (store, place), suppress(FileNotFoundError):
        store.delete_file(place)


@contextmanager
def _opened(uri: str) -> Iterator[tuple[Any, str]]:
    from pyarrow import fs

    try:
        store, place = fs.FileSystem.from_uri(_spelled(uri))
        yield store, place
    except (OSError, ValueError) as error:
        bucket = urlsplit(uri).hostname  # before it there may be a secret
        raise RetriableError(
            f"batch files in the bucket '{bucket}' cannot be reached ({type(error).__name__})",
            remedy="See that the bucket exists, its credentials are in the environment, and run again",
        ) from None


def _spelled(uri: str) -> str:
    """As the library takes it, which knows one of the two spellings of Google's scheme."""
    parts = urlsplit(uri)
    if parts.scheme == "s3":
        return uri
    options = {"retry_limit_seconds": _RETRY_SECONDS, **dict(parse_qsl(parts.query))}
    return urlunsplit(parts._replace(scheme="gs", query=urlencode(options)))
