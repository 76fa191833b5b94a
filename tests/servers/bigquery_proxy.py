"""A proxy before the emulator that loses, refuses or holds what a test says."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

UPLOAD, QUERY = "upload", "query"
"""The requests that start a job: the last of a load, and the insertion of a statement."""

_OWN_HEADERS = {"connection", "transfer-encoding", "content-length", "location"}


@dataclass(frozen=True)
class Refusal:
    """An answer in the service's stead."""

    status: int
    reason: str

    def body(self) -> bytes:
        """As the service words it."""
        error = {"message": "told by a test", "reason": self.reason}
        return json.dumps({"error": {"code": self.status, "message": "told by a test", "errors": [error]}}).encode()


@dataclass
class Proxy:
    """Forwards; what happens to a request that starts a job is up to the test."""

    url: str
    before: Callable[[str], Refusal | bool | None] = lambda kind: None
    """Called with UPLOAD or QUERY before it is forwarded: True loses it, a refusal answers it."""
    after: Callable[[str], bool | None] = lambda kind: None
    """Called once the emulator has answered: True loses the answer."""
    seen: list[str] = field(default_factory=list)
    """The kinds of the requests that came, in order."""
    inserted: list[dict[str, Any]] = field(default_factory=list)
    """The jobs that were inserted with a statement, as they were sent."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def forward(self) -> None:
        """Take one request."""
        proxy = self.server.proxy
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        kind = _kind(self.command, self.path)
        if kind == QUERY:
            proxy.inserted.append(json.loads(body))
        told = proxy.before(kind) if kind else None
        if kind:
            proxy.seen.append(kind)
        if isinstance(told, Refusal):
            self._answer(told.status, {"Content-Type": "application/json"}, told.body())
            return
        if told:
            self._hang_up()
            return
        with closing(http.client.HTTPConnection(self.server.target)) as connection:
            connection.request(self.command, self.path, body, dict(self.headers.items()))
            response = connection.getresponse()
            content = response.read()
        if kind and proxy.after(kind):
            self._hang_up()
            return
        headers = {name: text for name, text in response.headers.items() if name.lower() not in _OWN_HEADERS}
        if location := response.headers["location"]:
            headers["Location"] = urlsplit(location)._replace(netloc=urlsplit(proxy.url).netloc).geturl()
        self._answer(response.status, headers, content)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = forward  # noqa: N815  names of the base class

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def _answer(self, status: int, headers: dict[str, str], content: bytes) -> None:
        self.send_response(status)
        for name, text in headers.items():
            self.send_header(name, text)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _hang_up(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, target: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.target = urlsplit(target).netloc
        self.proxy = Proxy(f"http://127.0.0.1:{self.server_address[1]}")

    def handle_error(self, *_: Any) -> None:
        """A client that was killed is no error of ours."""


@contextmanager
def proxy(target: str) -> Iterator[Proxy]:
    """A proxy of the emulator at the URL `target`."""
    with _Server(target) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield server.proxy
        finally:
            server.shutdown()
            thread.join()


def _kind(method: str, path: str) -> str:
    way = urlsplit(path)
    if way.path.startswith("/upload/"):
        return UPLOAD if "upload_id" in way.query or "multipart" in way.query else ""
    return QUERY if method == "POST" and way.path.endswith("/jobs") else ""
