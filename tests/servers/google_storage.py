"""A stand-in for Google Cloud Storage: objects of a bucket with their generations, kept in memory."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

from servers.answering import answering


@dataclass
class Storage:
    """A running stand-in; one call at a time, as the service guarantees for one object."""

    url: str = ""
    objects: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    """bucket/name -> generation and content."""
    fault: int = 0
    """A status to answer everything with."""
    _generation: int = 0
    _pieces: dict[str, bytes] = field(default_factory=dict)
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, method: str, url: str, body: bytes, *, last: bool) -> tuple[int, bytes, dict[str, str]]:
        """Status, content and headers; `last`: whether the body is the last piece of an upload."""
        parts = urlsplit(url)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        bucket, _, name = parts.path.partition("/storage/v1/b/")[2].partition("/o")
        name = f"{bucket}/{query['name'] if method in {'POST', 'PUT'} else unquote(name.lstrip('/'))}"
        with self._turn:
            present, content = self.objects.get(name, (0, b""))
            if self.fault:
                return self.fault, b"{}", {}
            if method in {"GET", "DELETE"} and not present:
                return 404, b"{}", {}
            if query.get("ifGenerationMatch", str(present)) != str(present):
                return 412, b"{}", {}
            if method == "GET":
                return 200, content if "alt" in query else _metadata(present), {"x-goog-generation": str(present)}
            if method == "DELETE":
                del self.objects[name]
                return 204, b"", {}
            resumable = query.get("uploadType") == "resumable"
            return self._session(parts.path, query["name"]) if resumable else self._upload(name, body, last=last)

    def _session(self, path: str, name: str) -> tuple[int, bytes, dict[str, str]]:
        return 200, b"", {"location": f"{self.url}{path}?{urlencode({'name': name})}"}

    def _upload(self, name: str, body: bytes, *, last: bool) -> tuple[int, bytes, dict[str, str]]:
        self._pieces[name] = self._pieces.get(name, b"") + body
        if not last:
            return 308, b"", {"range": f"bytes=0-{len(self._pieces[name]) - 1}"}
        self._generation += 1
        self.objects[name] = self._generation, self._pieces.pop(name)
        return 200, _metadata(self._generation), {"x-goog-generation": str(self._generation)}


def _metadata(generation: int) -> bytes:
    return json.dumps({"generation": str(generation)}).encode()


@contextmanager
def server() -> Iterator[Storage]:
    """A new, empty stand-in on a free port of this machine."""
    storage = Storage()

    def answer(method: str, url: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, bytes, dict[str, str]]:
        return storage.answer(method, url, body, last=not headers.get("content-range", "").endswith("/*"))

    with answering(answer) as storage.url:
        yield storage
