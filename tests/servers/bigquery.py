"""A BigQuery emulator for tests: bqemulator in an environment of its own, started by our launcher on free ports."""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pytest
from google.api_core.client_options import ClientOptions
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery
from servers.bigquery_venv import MissingServerError, environment

REQUIREMENTS = ("bqemulator==1.4.0", "duckdb==2.0.0", "numpy<3")
LAUNCHER = Path(__file__).with_name("bigquery_launcher.py")
START_SECONDS = 120
REQUIRE_VARIABLE = "CI_REQUIRE_SERVERS"
PROJECT = "growthnav-test"


@dataclass(frozen=True)
class Emulator:
    """An emulator that answers."""

    url: str
    """Of its REST interface."""
    grpc: str
    """host:port of its Storage interface, without TLS."""
    process: subprocess.Popen[bytes]

    def client(self, project: str = PROJECT) -> bigquery.Client:
        """A client of its REST interface."""
        return bigquery.Client(project, AnonymousCredentials(), client_options=ClientOptions(api_endpoint=self.url))  # type: ignore[no-untyped-call]

    def rows(self, query: str, project: str = PROJECT) -> list[tuple[Any, ...]]:
        """What a query gives."""
        with self.client(project) as client:
            return [tuple(row.values()) for row in client.query(query).result(timeout=60)]

    def execute(self, *statements: str, project: str = PROJECT) -> None:
        """Run statements, one after the other."""
        with self.client(project) as client:
            for statement in statements:
                client.query(statement).result(timeout=60)


@contextmanager
def server() -> Iterator[Emulator]:
    """A new, empty emulator.

    Raises:
        MissingServerError: it cannot be installed or does not start; the text says why.
    """
    python = environment("bigquery", *REQUIREMENTS)
    answer, ours = os.pipe()
    with (
        os.fdopen(answer, "rb") as pipe,
        tempfile.TemporaryFile() as log,
        subprocess.Popen(
            [str(python), "-I", str(LAUNCHER), str(ours)],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            pass_fds=[ours],
        ) as process,
    ):
        os.close(ours)
        try:
            where = json.loads(_answer(pipe, log))
            yield Emulator(where["rest"], where["grpc"], process)
        finally:
            process.kill()


@contextmanager
def server_or_skip() -> Iterator[Emulator]:
    """As `server`; where there can be none, the tests skip by name, or fail if CI_REQUIRE_SERVERS is 1."""
    manager = server()
    try:
        emulator = manager.__enter__()
    except MissingServerError as error:
        text = f"no BigQuery emulator: {error}"
        pytest.fail(text) if os.environ.get(REQUIRE_VARIABLE) == "1" else pytest.skip(text)
    try:
        yield emulator
    finally:
        manager.__exit__(None, None, None)


def _answer(pipe: IO[bytes], log: IO[bytes]) -> bytes:
    with selectors.DefaultSelector() as selector:
        selector.register(pipe, selectors.EVENT_READ)
        line = pipe.read() if selector.select(START_SECONDS) else b""
    if not line:
        log.seek(0)
        raise MissingServerError(f"bqemulator does not start: {log.read().decode().strip()[-400:]}")
    return line
