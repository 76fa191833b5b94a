"""A real PostgreSQL server for tests: the one TEST_POSTGRES_URL names, or one of our own on a free port."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

URL_VARIABLE = "TEST_POSTGRES_URL"
LOCKED_USER = "locked"
"""A role that must give a password; the test that needs it makes it. All others are trusted."""


class MissingServerError(Exception):
    """No server can be had here; the text says what is missing."""


@contextmanager
def server() -> Iterator[str]:
    """URL of a server whose user may do everything.

    Raises:
        MissingServerError: none is given and none can be started.
    """
    if given := os.environ.get(URL_VARIABLE):
        yield given
        return
    binaries = _binaries()
    account = _account()
    with tempfile.TemporaryDirectory(prefix="pg-") as name:
        home = Path(name)
        if account:
            shutil.chown(home, account)
        home.chmod(0o700)
        data, port = home / "data", free_port()
        _call(binaries / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "--no-sync", "-E", "UTF8", user=account)
        access = data / "pg_hba.conf"
        access.write_text(f"host all {LOCKED_USER} 127.0.0.1/32 scram-sha-256\n{access.read_text()}")
        options = f"-p {port} -k {home} -h 127.0.0.1 -c wal_level=logical -c fsync=off -c max_wal_size=2GB"
        _call(binaries / "pg_ctl", "-D", data, "-l", home / "log", "-o", options, "-w", "start", user=account)
        try:
            yield f"postgresql://postgres@127.0.0.1:{port}/postgres"
        finally:
            _call(binaries / "pg_ctl", "-D", data, "-m", "immediate", "stop", user=account)


def execute(url: str, *statements: str) -> None:
    """Run statements, each in a transaction of its own."""
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def _binaries() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    path = Path(found[-1]).parent if found else Path(shutil.which("initdb") or "").parent
    if not (path / "initdb").exists() or not (path / "postgres").exists():
        raise MissingServerError(f"PostgreSQL's server is not installed (or set {URL_VARIABLE})")
    return path


def _account() -> str | None:
    """Who runs the server: it refuses to be run by root."""
    if os.getuid():
        return None
    import pwd

    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _call(*command: object, user: str | None) -> None:
    done = subprocess.run(list(map(str, command)), user=user, cwd="/", capture_output=True, text=True, check=False)
    if done.returncode:
        raise MissingServerError(f"PostgreSQL's server does not start: {(done.stderr or done.stdout).strip()[-300:]}")
