"""Onboarding where warehouse and registry are in BigQuery and secrets in Google Secret Manager: local stand-ins."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import pytest
from onboarding_place import PASSWORD, Place, definition, till
from servers import secret_manager
from servers.bigquery import PROJECT, Emulator, server_or_skip
from servers.secret_manager import SecretManager

from plugins import warehouse
from plugins.onboarding import reading
from plugins.onboarding.onboarding import Onboarder
from plugins.processes import Stopper
from plugins.progress import PlainLines

PATH = "growthnav-acme-connector-postgres-till"
OURS = """
annotations:
  growthnav:
    registry: {{kind: bigquery, project: {project}}}
    secrets: {{kind: google, project: ops, api_endpoint: '{url}'}}
"""


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    with server_or_skip() as found:
        yield found


@pytest.fixture
def manager() -> Iterator[SecretManager]:
    with secret_manager.server() as found:
        yield found


class FailsAt:
    """Fails once a change of that kind is made."""

    def __init__(self, what: str) -> None:
        self.what = what

    def status(self, status: str) -> None: ...
    def tested(self, source: Any) -> None: ...
    def undone(self, step: Any) -> None: ...

    def done(self, step: Any) -> None:
        if step.what == self.what:
            raise OSError("canary")


def test_row_6_in_the_cloud_too(
    place: Place, emulator: Emulator, manager: SecretManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", emulator.url)
    with (place.root / "meltano.yml").open("a") as wiring:
        wiring.write(OURS.format(project=PROJECT, url=manager.url))

    def onboard(what: str) -> None:
        project = place.project
        wanted = reading.read(project, definition(gcp_project_id=PROJECT, data_sources=[till()]), "test")
        onboarder = Onboarder(project, wanted, FailsAt(what))
        with Stopper() as stopper:
            onboarder.run(onboarder.plan(), PlainLines(), stopper, initial_sync=False)

    def datasets() -> set[str]:
        with emulator.client() as client:
            return {dataset.dataset_id for dataset in client.list_datasets()} - {"growthnav_registry"}

    assert place.registry.customers() == []
    before = place.files(), datasets()
    with pytest.raises(OSError, match="canary"):
        onboard("file")
    assert (place.files(), datasets(), manager.secrets, place.registry.connectors()) == (*before, {}, [])
    (row,) = place.registry.customers()
    assert (row.is_active, row.error_message) == (False, "unexpected OSError")
    onboard("nothing")
    assert datasets() - before[1] == {"growthnav_acme"}
    assert place.vault.read("acme", PATH) == {"user": "reader", "password": PASSWORD}
    (connector,) = place.registry.connectors("acme")
    assert connector.credentials_secret_path == PATH
    project = place.project
    found = warehouse.of_tenant(project, project.tenant("acme"))
    assert {"conversions", "customer_profiles", "rejects"} <= found.tables()
    assert found.query(f"SELECT COUNT(*) FROM {found.place}.conversions") == [(0,)]
    place.registry.put_connector(dataclasses.replace(connector, is_active=False))
    done = place.call("offboard", "acme", "--purge")
    assert done.code == 0, done.err
    assert (datasets(), manager.secrets, place.registry.connectors()) == (before[1], {}, [])
