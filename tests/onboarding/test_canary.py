"""The life of two tenants, with passwords that nobody else may ever see."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client, StdioServerParameters
from onboarding_place import PASSWORD, Place, till
from operating import GROWTHNAV, MELTANO

STORE = ".growthnav/secrets/"


class Eavesdropper:
    """Reads the arguments of every process of this machine, and the environment of those of one project."""

    def __init__(self, canary: str, root: Path) -> None:
        self._canary, self._root = canary.encode(), str(root).encode()
        self.in_arguments: set[bytes] = set()
        self.in_environments: dict[bytes, set[bytes]] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._listen)

    def __enter__(self) -> Eavesdropper:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _listen(self) -> None:
        while not self._stop.is_set():
            for path in Path("/proc").glob("[0-9]*"):
                try:
                    arguments, environment = (path / "cmdline").read_bytes(), (path / "environ").read_bytes()
                except OSError:
                    continue
                if self._canary in arguments:
                    self.in_arguments.add(arguments)
                self._look(environment)
            time.sleep(0.05)

    def _look(self, environment: bytes) -> None:
        variables = dict(item.split(b"=", 1) for item in environment.split(b"\0") if b"=" in item)
        if variables.get(b"MELTANO_PROJECT_ROOT") == self._root and (name := variables.get(b"MELTANO_ENVIRONMENT")):
            held = {key for key, value in variables.items() if self._canary in value}
            self.in_environments.setdefault(name, set()).update(held)


DAY: list[tuple[list[str], int]] = [
    (["run", "acme", "--json"], 0),
    (["run", "--all", "--json"], 0),
    (["run", "acme", "acme-postgres-till", "--full-refresh"], 0),
    (["run", "acme", "nightly"], 2),
    (["replay", "acme"], 0),
    (["runs", "acme", "--json"], 0),
    (["doctor", "acme", "--connect", "--json"], 0),
    (["map", "preview", "acme", "acme--postgres-till"], 0),
    (["map", "changes", "acme"], 0),
    (["state", "export", "acme", "--file", "state.json"], 0),
    (["state", "import", "acme", "state.json"], 0),
    (["schedules", "list"], 0),
    (["schedules", "export", "--format", "cron"], 0),
    (["schedules", "export", "--format", "systemd", "--directory", "units"], 0),
    (["schedules", "export", "--format", "dagster"], 0),
    (["registry", "list"], 0),
    (["registry", "export"], 0),
    (["registry", "show", "beta"], 0),
    (["connectors"], 0),
    (["tenants", "--json"], 0),
]
"""What an operator does, and how it ends."""


class Day:
    """Whatever is said in the course of it."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.said: list[str] = []

    def call(self, *arguments: object, code: int = 0, command: Path = GROWTHNAV, stdin: str = "") -> str:
        done = self.place.call(*arguments, command=command, stdin=stdin)
        assert done.code == code, f"{arguments} {done.out} {done.err}"
        self.said += [done.out, done.err]
        return done.out + done.err

    def ask(self) -> None:
        """Every tool and resource of `growthnav mcp`, as a process; some asked what they must refuse."""
        arguments = ["--project", str(self.place.root), "mcp", "--scope", "admin"]
        server = StdioServerParameters(command=str(GROWTHNAV), args=arguments, env=self.place.environment())
        acme = {"customer_id": "acme"}
        new = {"connector_type": "postgres", "name": "web", "preset": "pos", "extractor": "tap-stub"}
        calls: list[tuple[str, dict[str, Any]]] = [
            ("list_connectors", {}),
            ("discover_schema", {**acme, "sample_size": 5}),
            ("query_warehouse", {**acme, "sql": "SELECT * FROM conversions"}),
            ("explain_identity", {**acme, "global_customer_id": "p_1"}),
            ("sync_data_source", acme),
            ("run_history", acme),
            ("doctor", acme),
            ("configure_data_source", {**acme, **new, "credential_variables": {"password": "ACME_WEB_PASSWORD"}}),
            ("configure_data_source", {**acme, **new, "credentials": {"password": PASSWORD}}),
            ("configure_data_source", {**acme, **new, "connection_params": {"password": PASSWORD}}),
            ("query_warehouse", {**acme, "sql": f"SELECT '{PASSWORD}' FROM"}),
            (PASSWORD, acme),
        ]

        async def main() -> None:
            async with Client(server) as client:
                assert {tool.name for tool in (await client.list_tools()).tools} <= {name for name, _ in calls}
                for tool, given in calls:
                    reply = await client.call_tool(tool, given)
                    self.said.append(reply.model_dump_json())
                for uri in ("customer://acme", "industries://list"):
                    self.said.append((await client.read_resource(uri)).model_dump_json())

        anyio.run(main)


@pytest.mark.quality
def test_row_13_and_20_a_canary_is_found_nowhere_else(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """A day of two tenants, from onboarding to the end of one: the passwords are in the secret store and nowhere else."""
    monkeypatch.delenv("TILL_PASSWORD")  # only onboarding is told it
    day = Day(place)
    with Eavesdropper(PASSWORD, place.root) as heard:
        for name in ("acme", "beta"):
            request = place.write(f"{name}.yml", customer_id=name, customer_name=name.title(), data_sources=[till()])
            day.call("onboard", request, "--events", "--initial-sync")
        broken = place.write("bad.yml", customer_id="bad", data_sources=[till(connection_params={"broken": "test"})])
        day.call("onboard", broken, code=2)
        place.variables.clear()
        for arguments, code in DAY:
            day.call(*arguments, code=code)
        day.ask()
        day.call("reauth", "acme", "postgres-till", stdin=f"reader\n{PASSWORD}\n")
        day.call("reauth", "acme", "postgres-till", stdin=f"reader\n{PASSWORD}-wrong\n", code=2)
        day.call("run", "acme")
        # Beta's secret is lost: acme's must not be taken in its stead.
        place.vault.delete("beta", "growthnav-beta-connector-postgres-till")
        told = day.call("run", "beta", "--json", code=2)
        assert '"error_class": "credentials"' in told
        assert "growthnav-beta-connector-postgres-till of connector 'postgres-till' is missing" in told
        told = day.call("--environment=beta", "run", "beta-daily", command=MELTANO, code=1)
        assert "BETA__POSTGRES_TILL_USER' referenced but not set" in told
        day.call("offboard", "beta", "--purge", "--yes")
    assert [text for text in day.said if PASSWORD in text] == []
    assert place.files_with(PASSWORD, STORE, "bin/") == []
    assert place.files_with(PASSWORD, "bin/") == [f"{STORE}acme.json"]
    assert heard.in_arguments == set()
    for name in ("acme", "beta"):
        own = f"{name.upper()}__POSTGRES_TILL_PASSWORD".encode()  # and not the operator's own TILL_PASSWORD
        assert heard.in_environments[name.encode()] == {own} | _passed_on(heard, name)


def _passed_on(heard: Eavesdropper, tenant: str) -> set[bytes]:
    """Meltano hands the tap's settings on to the plugins after it, under names of its own."""
    return {
        name
        for name in heard.in_environments[tenant.encode()]
        if b"TAP_STUB" in name or b"EXTRACT" in name or name.startswith(f"{tenant.upper()}__POSTGRES".encode())
    }
