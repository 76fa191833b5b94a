"""A database behind an SSH server: the way there, and each way it can be closed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from servers import mysql, postgres, ssh
from sql_runs import unpacked
from support import run

from pipe.errors import ConfigurationError, CredentialsError, RetriableError
from taps.base.sql.tunnel import Tunnel


@pytest.fixture(scope="module")
def ssh_server() -> Iterator[ssh.Server]:
    try:
        with ssh.server() as found:
            yield found
    except postgres.MissingServerError as error:
        if os.environ.get("CI_REQUIRE_SERVERS"):
            pytest.fail(str(error))
        pytest.skip(str(error))


def _closed_port_as_host(url: str) -> str:
    """The same URL with a host name that only the SSH server's side resolves to the database."""
    return url.replace("127.0.0.1", "localhost")


def test_postgres_through_a_tunnel(postgres_url: str, ssh_server: ssh.Server, tmp_path: Path) -> None:
    postgres.execute(
        postgres_url,
        "DROP SCHEMA IF EXISTS behind CASCADE",
        "CREATE SCHEMA behind",
        "CREATE TABLE behind.orders AS SELECT n AS id, repeat('x', 100) AS text FROM generate_series(1, 30000) n",
    )
    settings = {"url": _closed_port_as_host(postgres_url), "schemas": ["behind"]}
    done = run("tap-postgres", {**settings, "ssh_tunnel": ssh_server.settings()}, [], tmp_path)
    assert done.code == 0, done.log
    assert {row["id"] for row in unpacked(done, "behind-orders")} == set(range(1, 30_001))
    assert "ssh" not in done.log.lower()


def test_mysql_through_a_tunnel(mysql_url: str, ssh_server: ssh.Server, tmp_path: Path) -> None:
    mysql.execute(
        mysql_url, "CREATE OR REPLACE TABLE behind (id int primary key)", "INSERT INTO behind VALUES (1), (2)"
    )
    settings = {"url": mysql_url, "tables": ["behind"], "ssh_tunnel": ssh_server.settings()}
    done = run("tap-mysql", settings, [], tmp_path)
    assert done.code == 0, done.log
    assert [row["id"] for row in unpacked(done, "shop-behind")] == [1, 2]


def test_nothing_gets_to_the_database_past_the_tunnel(
    postgres_url: str, ssh_server: ssh.Server, tmp_path: Path
) -> None:
    """Where the SSH server does not get to the database, the tap does not either, though it could do so directly."""
    nowhere = {**ssh_server.settings(), "port": postgres.free_port()}
    done = run("tap-postgres", {"url": postgres_url, "ssh_tunnel": nowhere}, [], tmp_path)
    assert done.code == RetriableError.exit_code
    assert "the SSH server cannot be reached" in done.log.splitlines()[-1]


def test_a_database_the_ssh_server_cannot_reach(ssh_server: ssh.Server, tmp_path: Path) -> None:
    url = f"postgresql://postgres@127.0.0.1:{postgres.free_port()}/postgres"
    done = run("tap-postgres", {"url": url, "ssh_tunnel": ssh_server.settings()}, [], tmp_path)
    assert done.code == RetriableError.exit_code
    assert "The SSH server does not lead to the database" in done.log


@pytest.mark.parametrize(
    ("changes", "error", "problem"),
    [
        ({"private_key_passphrase": "wrong"}, CredentialsError, "another passphrase"),
        ({"private_key_passphrase": None}, CredentialsError, "another passphrase"),
        ({"private_key_path": "/no/such/file"}, ConfigurationError, "cannot be read"),
        ({"private_key": "no key"}, CredentialsError, "not known"),
        ({"private_key_path": None, "password": "secret-text"}, CredentialsError, "refused the user"),
        ({"user": "nobody-of-that-name"}, CredentialsError, "refused the user"),
        ({"host_key": None, "known_hosts": "/no/such/file"}, ConfigurationError, "is not known"),
        ({"host_key": "ssh-ed25519 nonsense"}, ConfigurationError, "is not known"),
    ],
)
def test_each_mistake_has_its_sentence(
    ssh_server: ssh.Server, changes: dict[str, Any], error: type[Exception], problem: str
) -> None:
    tunnel = Tunnel(ssh_server.settings(**changes), ("127.0.0.1", 1))
    with pytest.raises(error, match=problem) as caught:
        tunnel.address()
    assert "secret-text" not in str(caught.value)


def test_another_server_gets_no_password(ssh_server: ssh.Server) -> None:
    other = Path(f"{ssh_server.key('other')}.pub").read_text().strip()
    with pytest.raises(ConfigurationError, match="another key"):
        Tunnel(ssh_server.settings(host_key=other), ("127.0.0.1", 1)).address()


def test_known_hosts(ssh_server: ssh.Server, tmp_path: Path) -> None:
    key = (ssh_server.home / "host.pub").read_text()
    (tmp_path / "known").write_text(f"[127.0.0.1]:{ssh_server.port} {key}")
    tunnel = Tunnel(ssh_server.settings(host_key=None, known_hosts=str(tmp_path / "known")), ("127.0.0.1", 1))
    assert tunnel.address()[0] == "127.0.0.1"
    tunnel.close()


def test_unknown_settings_are_refused_by_name(tmp_path: Path) -> None:
    tunnel = {"host": "h", "user": "u", "tunnel_port": 1}
    done = run("tap-postgres", {"url": "postgresql://h/d", "ssh_tunnel": tunnel}, [], tmp_path)
    assert done.code == ConfigurationError.exit_code
    assert "tunnel_port" in done.log.splitlines()[-1]
