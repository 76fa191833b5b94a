"""The service as an HTTP server."""

from __future__ import annotations

import json
import socket
import struct
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from servers.rest.faults import BEFORE, SPOIL
from servers.rest.values import Answer, Packed, Params, Request, Row, encode

if TYPE_CHECKING:
    from servers.rest.service import Service


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is none of our business."""


class Talk(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    service: Service

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Say nothing."""

    def setup(self) -> None:
        super().setup()
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def _do(self) -> None:
        request = self._request()
        service = self.service
        service.calls.append(request)
        fault = service.due(request.path)
        if fault and fault.kind in BEFORE and (answer := BEFORE[fault.kind](service, fault)):
            self._send(answer)
            return
        answer = service.answer(request)
        data = answer.body if isinstance(answer.body, bytes) else None
        if data is None and fault and fault.kind in SPOIL and answer.status == 200:
            value = answer.body.body() if isinstance(answer.body, Packed) else answer.body
            data = SPOIL[fault.kind](service, request, value, fault)
        if data is None:
            data = answer.body.encode() if isinstance(answer.body, Packed) else encode(answer.body)
        if service.answers is not None:
            service.answers.append((request, answer.status, data))
        if not fault and answer.status == 200 and isinstance(answer.body, Packed) and answer.body.rows:
            service.last[request.path] = data
            service.first.setdefault(request.path, data)
        if fault and fault.kind == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True
            self.connection.close()
            return
        if fault and fault.kind == "slow":
            time.sleep(fault.value)
        self._send(Answer(data, answer.status, answer.headers), short=bool(fault and fault.kind == "short"))

    do_GET = do_POST = do_PATCH = do_DELETE = do_PUT = _do  # noqa: N815

    def _request(self) -> Request:
        parts = urlsplit(self.path)
        params: Params = {
            name: values[0] if len(values) == 1 and not name.endswith("[]") else values
            for name, values in parse_qs(parts.query, keep_blank_values=True).items()
        }
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = None
        kind = self.headers.get("Content-Type", "")
        if raw and "json" in kind:
            body = json.loads(raw)
            params |= dict(_flat(body)) if isinstance(body, dict) else {}
        elif raw and "form" in kind:
            params |= {name: values[0] for name, values in parse_qs(raw.decode()).items()}
        headers = {name.lower(): value for name, value in self.headers.items()}
        return Request(self.command, parts.path, params, headers, body, raw)

    def _send(self, answer: Answer, *, short: bool = False) -> None:
        data = answer.body if isinstance(answer.body, bytes) else encode(answer.body)
        if answer.status in {204, 304}:
            data = b""
        headers = {"Content-Type": "application/json", **answer.headers}
        lines = [f"HTTP/1.1 {answer.status} Answer", *(f"{name}: {value}" for name, value in headers.items())]
        head = "\r\n".join([*lines, f"Content-Length: {len(data)}", "", ""]).encode()
        self.wfile.write(head + (data[: len(data) // 2] if short else data))
        self.close_connection = short or self.headers.get("Connection") == "close"


def _flat(body: Row, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in body.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value
