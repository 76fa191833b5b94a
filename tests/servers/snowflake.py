"""A server that speaks Snowflake's protocol: fakesnow in an environment of its own, started by our launcher."""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO, Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from servers.bigquery_venv import MissingServerError, environment

REQUIREMENTS = ("fakesnow[server]==0.12.1", "snowflake-connector-python==4.8.1")
LAUNCHER = Path(__file__).with_name("snowflake_launcher.py")
START_SECONDS = 60
PASSWORD, TOKEN, SECRET = "right-password", "right-token", "right-secret"


@dataclass(frozen=True)
class Server:
    """A server that answers. Its user `reader` has a password, a programmatic token, a key pair and OAuth."""

    port: int
    process: subprocess.Popen[bytes]

    @property
    def place(self) -> dict[str, Any]:
        """Settings of the tap that lead to it, without credentials."""
        return {"account": "growthnav-test", "host": "127.0.0.1", "port": self.port, "protocol": "http"}

    @property
    def login(self) -> dict[str, Any]:
        """Settings of the tap that lead to it."""
        return {**self.place, "user": "reader", "password": PASSWORD}

    @property
    def oauth_url(self) -> str:
        """Where OAuth tokens are to be had."""
        return f"http://127.0.0.1:{self.port}/oauth/token"

    def execute(self, database: str, *statements: str) -> list[tuple[Any, ...]]:
        """Run statements in one session; what the last of them gives. The server makes the database if need be."""
        import snowflake.connector

        os.environ.setdefault("SNOWFLAKE_DISABLE_PLATFORM_DETECTION", "true")
        rows: list[Any] = []
        explicit = {"enable_server_session_keep_alive_auto_detection": False}
        opened = snowflake.connector.connect(**self.login, database=database, **explicit)
        with closing(opened) as connection, closing(connection.cursor()) as cursor:
            for statement in statements:
                rows = cursor.execute(statement).fetchall()
        return rows

    def control(self, **changes: Any) -> dict[str, Any]:
        """What sessions and statements had, after `changes`: chunks_left, chunk_rows, forbidden."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/control")
        if changes:
            request.data = json.dumps(changes).encode()
        with urllib.request.urlopen(request, timeout=10) as answer:
            return dict(json.load(answer))


@cache
def private_key(passphrase: str | None = None, *, right: bool = True) -> str:
    """The user's private key as PEM, or another one that fits nobody."""
    hidden = serialization.BestAvailableEncryption(passphrase.encode()) if passphrase else serialization.NoEncryption()
    form = serialization.PrivateFormat.PKCS8
    return _key(right=right).private_bytes(serialization.Encoding.PEM, form, hidden).decode()


@contextmanager
def server() -> Iterator[Server]:
    """A new, empty server.

    Raises:
        MissingServerError: it cannot be installed or does not start; the text says why.
    """
    python = environment("snowflake", *REQUIREMENTS)
    public = _key(right=True).public_key()
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    reader = {
        "password": PASSWORD,
        "token": TOKEN,
        "public_key": public.public_bytes(serialization.Encoding.PEM, form).decode(),
        "oauth_client_id": "reader-client",
        "oauth_client_secret": SECRET,
    }
    answer, ours = os.pipe()
    with (
        os.fdopen(answer, "rb") as pipe,
        tempfile.TemporaryFile() as log,
        subprocess.Popen(
            [str(python), "-I", str(LAUNCHER), str(ours), json.dumps({"reader": reader})],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            pass_fds=[ours],
        ) as process,
    ):
        os.close(ours)
        try:
            yield Server(json.loads(_answer(pipe, log))["port"], process)
        finally:
            process.kill()


@cache
def _key(*, right: bool) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def _answer(pipe: IO[bytes], log: IO[bytes]) -> bytes:
    with selectors.DefaultSelector() as selector:
        selector.register(pipe, selectors.EVENT_READ)
        line = pipe.read() if selector.select(START_SECONDS) else b""
    if not line:
        log.seek(0)
        raise MissingServerError(f"fakesnow does not start: {log.read().decode().strip()[-400:]}")
    return line
