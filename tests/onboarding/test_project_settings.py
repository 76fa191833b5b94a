"""Where registry and secrets are: `annotations.growthnav` of meltano.yml, with every way to get it wrong."""

from __future__ import annotations

import pytest
from onboarding_place import Place

from pipe.errors import ConfigurationError
from plugins.registry import open_registry
from plugins.secrets import open_vault


@pytest.mark.parametrize(
    ("ours", "text"),
    [
        ("registry: {kind: postgres}", "there is no kind of registry 'postgres'. There is: duckdb, bigquery"),
        ("registry: {kind: duckdb, file: x}", "'file' is no setting of registry duckdb. There is: path"),
        ("registry: {kind: bigquery}", "the registry in BigQuery needs a project"),
        ("registry: duckdb", "'registry' must be a mapping with 'kind'"),
        ("secrets: {kind: vault}", "There is: file, environment, google"),
        ("secrets: {kind: google}", "Google Secret Manager needs a project"),
        ("secrets: {kind: environment, project: x}", "'project' is no setting of secrets environment. There is: none"),
    ],
)
def test_mistakes(place: Place, ours: str, text: str) -> None:
    with (place.root / "meltano.yml").open("a") as wiring:
        wiring.write(f"\nannotations:\n  growthnav:\n    {ours}\n")
    with pytest.raises(ConfigurationError) as caught:
        (open_registry if ours.startswith("registry") else open_vault)(place.project)
    assert text in str(caught.value)


def test_paths_may_refer_to_variables(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRETS_PLACE", "elsewhere")
    with (place.root / "meltano.yml").open("a") as wiring:
        wiring.write("\nannotations:\n  growthnav:\n    secrets: {kind: file, directory: '${SECRETS_PLACE}/deep'}\n")
    open_vault(place.project).write("acme", "growthnav-acme-connector-x", {"password": "p"})
    assert (place.root / "elsewhere" / "deep" / "acme.json").exists()
