"""A real MariaDB (or MySQL) server for tests: the one TEST_MYSQL_URL names, or one of our own on a free port."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pymysql
from servers.postgres import MissingServerError, free_port

URL_VARIABLE = "TEST_MYSQL_URL"
_START_SECONDS = 60


@contextmanager
def server() -> Iterator[str]:
    """URL of a server whose user may do everything: mysql://user:password@host:port/database.

    Raises:
        MissingServerError: none is given and none can be started.
    """
    if given := os.environ.get(URL_VARIABLE):
        yield given
        return
    daemon, install = _program("mariadbd"), _program("mariadb-install-db")
    account = _account()
    with tempfile.TemporaryDirectory(prefix="my-") as name:
        home = Path(name)
        data = home / "data"
        data.mkdir()
        for path in (home, data):
            if account:
                shutil.chown(path, account)
            path.chmod(0o700)
        who = account or _own_name()
        made = [install, "--no-defaults", f"--datadir={data}", "--auth-root-authentication-method=normal"]
        _call(*made, "--skip-test-db", f"--user={who}")
        port = free_port()
        options = ["--bind-address=127.0.0.1", f"--socket={home}/s", f"--pid-file={home}/pid", "--log-bin=bin"]
        options += ["--binlog-format=ROW", "--server-id=1", "--innodb-flush-log-at-trx-commit=0", f"--user={who}"]
        with (home / "log").open("wb") as log:
            process = subprocess.Popen(
                [daemon, "--no-defaults", f"--datadir={data}", f"--port={port}", *options],
                stdout=subprocess.DEVNULL,
                stderr=log,
                cwd="/",
            )
        try:
            url = f"mysql://root@127.0.0.1:{port}/shop"
            _wait(port, process, home / "log")
            execute(f"mysql://root@127.0.0.1:{port}/", "CREATE DATABASE shop CHARACTER SET utf8mb4")
            yield url
        finally:
            process.kill()
            process.wait(30)


def execute(url: str, *statements: str) -> None:
    """Run statements, each in a transaction of its own."""
    with connected(url) as connection, connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


@contextmanager
def connected(url: str) -> Iterator[Any]:
    """A connection to the server."""
    parts = urlsplit(url)
    connection = pymysql.connect(
        host=parts.hostname,
        port=parts.port or 3306,
        user=unquote(parts.username or "root"),
        password=unquote(parts.password or ""),
        database=parts.path.strip("/") or None,
        charset="utf8mb4",
        autocommit=True,
    )
    try:
        yield connection
    finally:
        connection.close()


def _wait(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        try:
            execute(f"mysql://root@127.0.0.1:{port}/", "SELECT 1")
        except pymysql.err.OperationalError:
            time.sleep(0.1)
        else:
            return
    raise MissingServerError(f"MariaDB's server does not start: {log.read_text(errors='replace').strip()[-300:]}")


def _program(name: str) -> str:
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if not found:
        raise MissingServerError(f"MariaDB's server is not installed: no {name} (or set {URL_VARIABLE})")
    return found


def _own_name() -> str:
    import pwd

    return pwd.getpwuid(os.getuid()).pw_name


def _account() -> str | None:
    """Who runs the server: it refuses to be run by root."""
    if os.getuid():
        return None
    import pwd

    names = {entry.pw_name for entry in pwd.getpwall()}
    return "mysql" if "mysql" in names else "nobody"


def _call(*command: str) -> None:
    done = subprocess.run(command, cwd="/", capture_output=True, text=True, check=False)
    if done.returncode:
        raise MissingServerError(f"MariaDB's server cannot be set up: {(done.stderr or done.stdout).strip()[-300:]}")
