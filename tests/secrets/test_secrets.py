"""Where secrets are kept: one suite for the file, the environment and Google Secret Manager."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from servers.secret_manager import SecretManager, server

from pipe.errors import ConfigurationError, CredentialsError, RetriableError
from plugins.project import Tenant
from plugins.secrets import Vault, path
from plugins.secrets.environment import EnvironmentResolver, name
from plugins.secrets.file import FileResolver
from plugins.secrets.google import GoogleResolver
from plugins.wiring import Document

SEED = "growthnav-nothingbundtcakes-connector-snowflake-thanx"
THANX, TILL = path("acme", "snowflake-thanx"), path("acme", "postgres-till")
CONTENT = {"user": "reader", "password": "ä'\"$x{", "ssh_tunnel": {"host": "h", "private_key": "k\nk"}}

Put = Callable[[str, str, dict[str, Any]], None]


@pytest.fixture
def manager() -> Iterator[SecretManager]:
    with server() as found:
        yield found


@pytest.fixture(params=["file", "environment", "google"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Vault, Put]:
    """A place for secrets, and how an operator puts one there."""
    if request.param == "environment":
        environment: dict[str, str] = {}
        vault = Vault(EnvironmentResolver(environment))
        return vault, lambda _, where, content: environment.update({name(where): json.dumps(content)})
    if request.param == "file":
        vault = Vault(FileResolver(tmp_path / "secrets"))
    else:
        vault = Vault(google(request.getfixturevalue("manager")))
    return vault, vault.write


def google(manager: SecretManager) -> GoogleResolver:
    return GoogleResolver({"project": "p", "credentials_file": None, "api_endpoint": manager.url})


def tenant(name: str, *connector_ids: str) -> Tenant:
    entries = [{"id": each, "secret": path(name, each)} for each in connector_ids]
    environment = {"name": name, "annotations": {"growthnav": {"connectors": [*entries, {"id": "csv-none"}]}}}
    return Tenant(name, Document(Path("x.yml"), {}, None), (), environment)


def test_row_18_the_path() -> None:
    assert path("nothingbundtcakes", "snowflake-thanx") == SEED


def test_row_18_google_is_asked_for_exactly_that_path(manager: SecretManager) -> None:
    vault = Vault(google(manager))
    vault.write("nothingbundtcakes", SEED, CONTENT)
    vault.resolve(tenant("nothingbundtcakes", "snowflake-thanx"))
    assert manager.calls == [
        ("POST", "/v1/projects/p/secrets"),
        ("POST", f"/v1/projects/p/secrets/{SEED}:addVersion"),
        ("GET", f"/v1/projects/p/secrets/{SEED}/versions/latest:access"),
    ]
    assert list(manager.secrets) == [SEED]
    assert manager.secrets[SEED]["labels"] == {"tenant": "nothingbundtcakes"}
    assert [json.loads(version) for version in manager.secrets[SEED]["versions"]] == [CONTENT]


def test_row_19_values_for_the_environment(place: tuple[Vault, Put]) -> None:
    vault, put = place
    put("acme", THANX, CONTENT)
    put("acme", TILL, {"password": "till"})
    assert vault.resolve(tenant("acme", "snowflake-thanx", "postgres-till")) == {
        "ACME__SNOWFLAKE_THANX_USER": "reader",
        "ACME__SNOWFLAKE_THANX_PASSWORD": "ä'\"$x{",
        "ACME__SNOWFLAKE_THANX_SSH_TUNNEL": json.dumps(CONTENT["ssh_tunnel"]),
        "ACME__POSTGRES_TILL_PASSWORD": "till",
    }
    assert vault.paths("acme") == [TILL, THANX]


def test_row_19_the_newest_counts(place: tuple[Vault, Put]) -> None:
    vault, put = place
    put("acme", THANX, CONTENT)
    put("acme", THANX, {"password": "new"})
    assert vault.read("acme", THANX) == {"password": "new"}


def test_row_13_a_missing_secret_stops_and_another_tenants_is_not_taken(place: tuple[Vault, Put]) -> None:
    vault, put = place
    put("acme", THANX, CONTENT)
    with pytest.raises(CredentialsError, match=r"growthnav-beta-connector-snowflake-thanx .*is missing") as caught:
        vault.resolve(tenant("beta", "snowflake-thanx"))
    assert "growthnav reauth beta snowflake-thanx" in str(caught.value)
    assert vault.paths("beta") == []
    assert vault.resolve(tenant("beta")) == {}


def test_what_is_no_object_is_refused_without_showing_it(tmp_path: Path, manager: SecretManager) -> None:
    (tmp_path / "acme.json").write_text('["canary-text"]')
    (tmp_path / "acme.json").chmod(0o600)
    manager.secrets[THANX] = {"versions": [b"canary-text"]}
    for resolver in (FileResolver(tmp_path), EnvironmentResolver({name(THANX): "canary"}), google(manager)):
        with pytest.raises(CredentialsError, match="JSON object") as caught:
            Vault(resolver).read("acme", THANX)
        assert "canary" not in str(caught.value)


@pytest.mark.parametrize("kind", ["file", "google"])
def test_a_deleted_secret_is_gone(kind: str, tmp_path: Path, manager: SecretManager) -> None:
    vault = Vault(FileResolver(tmp_path) if kind == "file" else google(manager))
    vault.write("acme", THANX, CONTENT)
    vault.write("acme", TILL, CONTENT)
    vault.delete("acme", THANX)
    vault.delete("acme", THANX)
    assert (vault.read("acme", THANX), vault.paths("acme")) == (None, [TILL])
    vault.delete("acme", TILL)
    assert (vault.paths("acme"), manager.secrets, list(tmp_path.iterdir())) == ([], {}, [])


def test_the_environment_is_not_written(monkeypatch: pytest.MonkeyPatch) -> None:
    environment = {name(THANX): json.dumps(CONTENT)}
    vault = Vault(EnvironmentResolver(environment))
    vault.write("acme", THANX, CONTENT)
    with pytest.raises(ConfigurationError, match=r"GROWTHNAV_ACME_CONNECTOR_POSTGRES_TILL .*password, user") as caught:
        vault.write("acme", TILL, {"user": "u", "password": "canary"})
    assert "canary" not in str(caught.value)
    vault.delete("acme", THANX)
    assert list(environment) == [name(THANX)]


def test_the_file_is_its_owners_alone(tmp_path: Path) -> None:
    vault = Vault(FileResolver(tmp_path / "secrets"))
    vault.write("acme", THANX, CONTENT)
    file = tmp_path / "secrets" / "acme.json"
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    file.chmod(0o640)
    with pytest.raises(CredentialsError, match=r"acme\.json of the secrets is open to others.*chmod 600"):
        vault.read("acme", THANX)


@pytest.mark.parametrize(
    ("status", "expected"),
    [(403, CredentialsError), (401, CredentialsError), (503, RetriableError), (400, ConfigurationError)],
)
def test_what_google_refuses(status: int, expected: type[Exception], manager: SecretManager) -> None:
    manager.fault = status
    resolver = google(manager)
    with pytest.raises(expected, match="Google Secret Manager cannot be used") as caught:
        resolver.write("acme", THANX, {"password": "canary"})
    assert "canary" not in str(caught.value)
