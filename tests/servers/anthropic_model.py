"""A model behind the Messages API, on this machine: counts tokens, answers as a test says, and keeps what it was sent."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = Callable[[list[dict[str, Any]]], list[dict[str, str]]]
"""Columns as they were sent -> what the model says of them."""


@dataclass
class Model:
    """What the server does, and what it has seen."""

    answer: Answer = lambda columns: []
    status: int = 200
    stop_reason: str = "end_turn"
    text: str | None = None
    """Instead of the answer."""
    delay: float = 0
    tokens: int = 1000
    seen: list[dict[str, Any]] = field(default_factory=list)
    """Bodies of requests for a reply."""
    everything: list[bytes] = field(default_factory=list)
    """All that came: paths, headers and bodies."""
    url: str = ""

    def columns(self) -> list[dict[str, Any]]:
        """The columns of all requests."""
        return [column for body in self.seen for column in json.loads(body["messages"][0]["content"])["columns"]]


@contextmanager
def serving(model: Model) -> Iterator[Model]:
    """Serve on a free port."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            model.everything.append(f"{self.path} {self.headers}".encode() + body)
            request = json.loads(body)
            if self.path.endswith("/count_tokens"):
                self._reply(200, {"input_tokens": model.tokens})
                return
            model.seen.append(request)
            time.sleep(model.delay)
            if model.status != 200:
                self._reply(model.status, {"type": "error", "error": {"type": "api_error", "message": "no"}})
                return
            columns = json.loads(request["messages"][0]["content"])["columns"]
            text = model.text if model.text is not None else json.dumps({"columns": model.answer(columns)})
            self._reply(
                200,
                {
                    "id": "msg_1",
                    "type": "message",
                    "role": "assistant",
                    "model": request["model"],
                    "content": [{"type": "text", "text": text}],
                    "stop_reason": model.stop_reason,
                    "stop_sequence": None,
                    "usage": {"input_tokens": 1, "output_tokens": 1},
                },
            )

        def _reply(self, status: int, content: dict[str, Any]) -> None:
            data = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(data)))
            self.send_header("retry-after-ms", "1")
            self.end_headers()
            try:
                self.wfile.write(data)
            except BrokenPipeError:
                return

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    model.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield model
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
