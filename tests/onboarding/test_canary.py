"""The life of two tenants, with passwords that nobody else may ever see."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

import pytest
from onboarding_place import MELTANO, PASSWORD, Place, till

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


def test_row_13_and_20_a_canary_is_found_nowhere_else(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Onboard, fail, run, look, renew, run again: the passwords are in the secret store and in no other place."""
    acme = place.write("acme.yml", data_sources=[till()])
    beta = place.write("beta.yml", customer_id="beta", customer_name="Beta", data_sources=[till()])
    broken = place.write("bad.yml", customer_id="bad", data_sources=[till(connection_params={"broken": "test"})])
    said: list[str] = []
    monkeypatch.delenv("TILL_PASSWORD")  # only onboarding is told it
    with Eavesdropper(PASSWORD, place.root) as heard:
        for arguments, code in (
            (["onboard", acme, "--events"], 0),
            (["onboard", beta, "--events"], 0),
            (["onboard", broken], 2),
        ):
            done = place.call(*arguments)
            assert done.code == code, done.err
            said += [done.out, done.err]
        place.variables.clear()
        for arguments, code in (
            (["run", "acme", "--json"], 0),
            (["doctor", "acme", "--connect", "--json"], 0),
            (["registry", "export"], 0),
            (["registry", "show", "beta"], 0),
            (["tenants", "--json"], 0),
        ):
            done = place.call(*arguments)
            assert done.code == code, f"{arguments} {done.out} {done.err}"
            said += [done.out, done.err]
        # Beta's secret is lost: acme's must not be taken in its stead.
        place.vault.delete("beta", "growthnav-beta-connector-postgres-till")
        done = place.call("run", "beta", "--json")
        assert (done.code, json.loads(done.out)["error_class"]) == (2, "credentials")
        assert "growthnav-beta-connector-postgres-till of connector 'postgres-till' is missing" in done.out
        said += [done.out, done.err]
        plain = place.call("--environment=beta", "run", "beta-daily", command=MELTANO)
        assert plain.code == 1
        assert "BETA__POSTGRES_TILL_USER' referenced but not set" in plain.out + plain.err
        said += [plain.out, plain.err]
    assert [text for text in said if PASSWORD in text] == []
    assert place.files_with(PASSWORD, STORE, "bin/") == []
    assert place.files_with(PASSWORD, "bin/") == [f"{STORE}acme.json"]
    assert heard.in_arguments == set()
    assert heard.in_environments[b"acme"] == {b"ACME__POSTGRES_TILL_PASSWORD", *_passed_on(heard)}
    assert heard.in_environments.get(b"beta", set()) == set()


def _passed_on(heard: Eavesdropper) -> set[bytes]:
    """Meltano hands the tap's settings on to the plugins after it, under names of its own."""
    return {name for name in heard.in_environments[b"acme"] if b"TAP_STUB" in name or b"EXTRACT" in name}
