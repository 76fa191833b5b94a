"""Where the credentials of a data source may come from."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from onboarding_place import PASSWORD, Place, till
from onboarding_runs import PATH, onboard, snapshot

from pipe.errors import ConfigurationError


def test_credentials_from_files_and_nested(place: Place, tmp_path: Path) -> None:
    key = tmp_path / "password"
    key.write_text(PASSWORD + "\n")
    credentials = {"password": {"file": str(key)}, "tunnel": {"host": "h", "key": "${TILL_PASSWORD}"}}
    onboard(place, data_sources=[till(credentials=credentials)])
    assert place.vault.read("acme", PATH) == {"password": PASSWORD, "tunnel": {"host": "h", "key": PASSWORD}}
    values = place.vault.resolve(place.project.tenant("acme"))
    assert values["ACME__POSTGRES_TILL_PASSWORD"] == PASSWORD
    assert json.loads(values["ACME__POSTGRES_TILL_TUNNEL"]) == {"host": "h", "key": PASSWORD}


def test_a_secret_in_clear_is_taken_with_a_note(place: Place) -> None:
    path = place.write(data_sources=[till(credentials={"password": PASSWORD})])
    done = place.call("onboard", path, "--plan")
    assert "data_sources[0].credentials.password stands in clear in acme.yml" in done.err
    assert PASSWORD not in done.out + done.err


def test_secrets_from_the_environment(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    with (place.root / "meltano.yml").open("a") as wiring:
        wiring.write("\nannotations:\n  growthnav:\n    secrets: {kind: environment}\n")
    name = "GROWTHNAV_ACME_CONNECTOR_POSTGRES_TILL"
    before = snapshot(place)
    with pytest.raises(ConfigurationError, match=f"{name} does not hold the one for {PATH}.*password, user"):
        onboard(place)
    assert snapshot(place) == before
    monkeypatch.setenv(name, json.dumps({"user": "reader", "password": PASSWORD}))
    onboard(place)
    values = place.vault.resolve(place.project.tenant("acme"))
    assert values["ACME__POSTGRES_TILL_PASSWORD"] == PASSWORD
