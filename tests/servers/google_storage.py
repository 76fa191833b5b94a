"""A stand-in for Google Cloud Storage: objects of a bucket with their generations, kept in memory."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qs, unquote, urlsplit

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
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, method: str, url: str, body: bytes) -> tuple[int, bytes, str]:
        """Status, content and generation."""
        parts = urlsplit(url)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        bucket, _, name = parts.path.partition("/storage/v1/b/")[2].partition("/o")
        name = f"{bucket}/{query['name'] if method == 'POST' else unquote(name.lstrip('/'))}"
        with self._turn:
            present, content = self.objects.get(name, (0, b""))
            if self.fault:
                return self.fault, b"{}", ""
            if method != "POST" and not present:
                return 404, b"{}", ""
            if method != "GET" and query.get("ifGenerationMatch") != str(present):
                return 412, b"{}", ""
            if method == "GET":
                return 200, content, str(present)
            if method == "DELETE":
                del self.objects[name]
                return 204, b"", ""
            self._generation += 1
            self.objects[name] = self._generation, body
            return 200, json.dumps({"generation": str(self._generation)}).encode(), ""


@contextmanager
def server() -> Iterator[Storage]:
    """A new, empty stand-in on a free port of this machine."""
    storage = Storage()

    def answer(method: str, url: str, body: bytes) -> tuple[int, bytes, dict[str, str]]:
        status, content, generation = storage.answer(method, url, body)
        return status, content, {"x-goog-generation": generation} if generation else {}

    with answering(answer) as storage.url:
        yield storage
