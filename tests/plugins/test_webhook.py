"""Row 37: a signed message for every finished run, taken by a real receiver."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from stub_project import CANARY, Project
from test_retries import policy

from pipe.errors import ConfigurationError
from plugins import webhook
from plugins.policy import Webhook
from plugins.result import RunResult

SECRET = "hook-secret-Zx91"


class Sink(ThreadingHTTPServer):
    """Takes messages; answers with `codes` in turn, then with 204."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.taken: list[tuple[dict[str, str], bytes]] = []
        self.codes: list[int] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/runs"


class Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        assert isinstance(self.server, Sink)
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.taken.append((headers, self.rfile.read(int(headers["content-length"]))))
        self.send_response(self.server.codes.pop(0) if self.server.codes else 204)
        self.send_header("Location", "http://127.0.0.1:9/elsewhere")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def sink() -> Iterator[Sink]:
    server = Sink()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def verified(headers: dict[str, str], body: bytes, key: bytes) -> bool:
    """As a receiver does it, by the documented form."""
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    digest = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return hmac.compare_digest(headers["webhook-signature"], f"v1,{digest}")


def test_row_37_a_finished_run_is_told_once_and_signed(project: Project, sink: Sink) -> None:
    project.add("acme", tap={"api_key": "${ACME_KEY}"}, mapper={"rejected": 1})
    policy(project, "acme", webhook={"url": sink.url, "secret": "${ACME_WEBHOOK_SECRET}"})
    ended = project.call("run", "acme", "--json", ACME_KEY=CANARY, ACME_WEBHOOK_SECRET=SECRET)
    assert ended.code == 1
    [(headers, body)] = sink.taken
    assert verified(headers, body, SECRET.encode())
    assert not verified(headers, body.replace(b"partial", b"success"), SECRET.encode())
    event = json.loads(body)
    assert event["type"] == "run.finished"
    told = event["data"]
    assert told == {name: value for name, value in ended.result.items() if name in told}
    assert (told["status"], told["customer_id"], told["rejects"]) == ("partial", "acme", {"bad_time": 1})
    assert "cursor" not in told
    assert headers["webhook-id"] == ended.result["run_id"]
    assert SECRET not in ended.out + ended.err + body.decode()
    assert project.files_with(SECRET) == []


def result() -> RunResult:
    return RunResult("run-1", "tap-stub", "acme", "rows", "incremental", "2026-01-02T03:04:05Z", "2026-01-02T03:05:05Z")


def send(sink: Sink, secret: str = SECRET) -> tuple[str | None, list[float]]:
    waits: list[float] = []
    problem = webhook.send(Webhook(sink.url, "${HOOK}"), {"HOOK": secret}, result(), waits.append)
    return problem, waits


def test_a_receiver_that_is_busy_is_tried_again_with_the_same_id(sink: Sink) -> None:
    sink.codes = [503, 429]
    assert send(sink) == (None, [1, 4])
    assert len({(headers["webhook-id"], body) for headers, body in sink.taken}) == 1
    assert len(sink.taken) == 3


@pytest.mark.parametrize("code", [400, 302])
def test_a_receiver_that_refuses_or_has_moved_is_not_tried_again(sink: Sink, code: int) -> None:
    sink.codes = [code]
    assert send(sink) == (f"the webhook was not taken: the receiver answered {code}", [])


def test_a_receiver_that_is_gone_is_told_of_without_its_address(sink: Sink) -> None:
    hook = Webhook("http://127.0.0.1:9/private-path", "${HOOK}")
    problem = webhook.send(hook, {"HOOK": SECRET}, result(), lambda _: None)
    assert problem == "the webhook was not taken: the receiver could not be reached (URLError)"
    assert webhook.send(hook, {}, result()) == "the webhook was not sent: ${HOOK} is not set"


def test_a_base64_secret_signs_with_its_bytes(sink: Sink) -> None:
    key = b"\x00\x01binary key of 24 bytes"
    assert send(sink, "whsec_" + base64.b64encode(key).decode())[0] is None
    assert verified(*sink.taken[0], key)
    with pytest.raises(ConfigurationError, match="not base64"):
        webhook.sign("whsec_%%%", "id", 1, b"")


def test_the_signature_of_standard_webhooks_own_example() -> None:
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    signed = webhook.sign(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
