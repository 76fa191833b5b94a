"""Mistakes in what is asked for: each is told, and nothing is written."""

from __future__ import annotations

from typing import Any

import pytest
from onboarding_place import Place, till
from onboarding_runs import onboard

from pipe.errors import ConfigurationError, CredentialsError, PipeError
from plugins.onboarding import reading


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"google_ads_customer_ids": ["1234567890"]}, "google_ads_customer_ids[0]"),
        ({"meta_ad_account_ids": ["12345"]}, "meta_ad_account_ids[0]"),
        ({"customer_id": "Ac me"}, "customer_id"),
        ({"customer_id": "a__b"}, "customer_id"),
    ],
)
def test_row_3_bad_ids_are_refused_and_nothing_is_written(place: Place, changes: dict[str, Any], field: str) -> None:
    before = place.files()
    with pytest.raises(ConfigurationError) as caught:
        onboard(place, **changes)
    assert f" {field}: " in str(caught.value)
    assert place.files() == before


def test_row_3_on_the_command_line(place: Place) -> None:
    path, before = place.write(customer_id="Ac me"), place.files()
    done = place.call("onboard", path)
    assert (done.code, place.files()) == (2, before)
    assert "configuration error: acme.yml: customer_id: use lower case" in done.err


def test_every_mistake_is_told_at_once_by_its_field(place: Place) -> None:
    wrong = {
        "customer_id": "acme_",
        "customer_nam": "x",
        "industry": "restaurants",
        "location": "EU",
        "region": "usa",
        "tags": "one",
        "run": {"max_api_calls": -1, "webhook": {"url": "ftp://canary"}, "retries": 3},
        "credentials": {"postgres-nobody": {"password": "canary"}},
        "data_sources": [
            till(connector_type="postgress", sync_mode="half", credentials={"password": "${NOR_THAT}"}),
            till("Till", sync_schedule="at times", preset="no such"),
            till(sync_schedule="sometimes", sync_mode="fast", mapping={"zone": "Mars/Base"}),
            till("a", preset="nothing", connection_params={"rowz": 1, "password": "canary"}),
            till("b", extractor="tap-stubb", credentials={"password": "${NOT_THERE}"}),
            till("c", field_overrides={"total": "valeu"}, credentials={"passwort": "canary", "user": ""}),
            till("c", sync_schedule="realtime", credentials={}),
            {"connector_type": "otter", "name": "x"},
            "text",
            till(
                "d",
                connection_params={"rows": "canary", "tunnel": ["canary"], "broken": "${NO_SUCH}"},
                sync_schedule="* * * * * *",
            ),
        ],
    }
    with pytest.raises(ConfigurationError) as caught:
        onboard(place, **wrong)
    told = str(caught.value)
    expected = [
        "customer_id: no _ at the end",
        "customer_nam: is not known. Did you mean 'customer_name'?",
        "industry: must be one of automotive, ",
        "region: must be a country, in two capital letters such as US",
        "tags: must be a list",
        "credentials.postgres-nobody: there is no data source of that connector id",
        "data_sources[0].connector_type: must be one of bigcommerce, ",
        "run: max_api_calls must be a whole number, at least 1",
        "run: retries is not a setting",
        "run: url must be an https:// URL",
        "data_sources[0].sync_mode: must be one of full, incremental",
        "data_sources[0].credentials.password: environment variable NOR_THAT is not set",
        "data_sources[1].name: must be lower case",
        "data_sources[1].sync_schedule: must be one of",
        "data_sources[1]: there is no preset 'no such'",
        "data_sources[2].sync_schedule: must be one of hourly, daily, weekly, manual or a cron expression",
        "data_sources[2].sync_mode: must be one of full, incremental",
        "data_sources[2]: 'Mars/Base' is not a time zone",
        "data_sources[3].connection_params.password: is secret: put it under credentials",
        "data_sources[3].connection_params.rowz: is no setting of tap-stub. Did you mean 'rows'?",
        "data_sources[3]: there is no preset 'nothing'",
        "data_sources[4].extractor: 'tap-stubb' is not in meltano.yml. Did you mean 'tap-stub'?",
        "data_sources[4].credentials.password: environment variable NOT_THERE is not set",
        "data_sources[5]: field_overrides.total: there is no canonical field 'valeu'",
        "data_sources[5].credentials.passwort: is no setting of tap-stub. Did you mean 'password'?",
        "data_sources[5].credentials.user: is empty",
        "data_sources[6].sync_schedule: there is no realtime",
        "data_sources: 'postgres-c' is there twice",
        "data_sources[7].connector_type: Otter cannot be read yet: there is no tap-otter",
        "data_sources[8]: must be a mapping",
        "location: is for a dataset in BigQuery: it needs gcp_project_id",
        "Did you mean 'restaurant'?",
        "data_sources[9].connection_params.rows: must be of the kind integer",
        "data_sources[9].connection_params.tunnel: must be of the kind object",
        "data_sources[9].connection_params.broken: environment variable NO_SUCH is not set",
        "data_sources[9].sync_schedule: must be one of hourly, daily, weekly, manual or a cron expression of five",
    ]
    assert [text for text in expected if text not in told] == []
    assert "canary" not in told


def test_row_7_a_wrong_password_keeps_nothing(place: Place) -> None:
    place.variables["TILL_PASSWORD"] = "wrong-canary-99"
    path, before = place.write(), place.files()
    done = place.call("onboard", path, "--events")
    assert (done.code, done.events[-1]["error_class"]) == (2, "credentials")
    assert "connector 'postgres-till': tap-stub: the server refused the password ***" in done.err
    assert "wrong-canary" not in done.out + done.err
    assert place.files() == before


def test_a_source_that_is_away_is_told_as_such(place: Place) -> None:
    with pytest.raises(PipeError) as caught:
        onboard(place, data_sources=[till(connection_params={"broken": "test"})])
    assert caught.value.kind == "retriable"


def test_a_hand_written_tenant_is_left_alone(place: Place) -> None:
    (place.root / "tenants" / "hand.meltano.yml").write_text("environments:\n- name: acme\n")
    before = place.files()
    with pytest.raises(ConfigurationError, match=r"tenants/hand\.meltano\.yml, which was written by hand"):
        onboard(place)
    assert place.files() == before


def test_a_wrong_password_raises_its_class(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TILL_PASSWORD", "no")
    with pytest.raises(CredentialsError):
        onboard(place)


def test_a_key_that_stands_twice_is_told_with_its_line(place: Place) -> None:
    path = place.write()
    path.write_text(path.read_text() + "data_sources: []\n")
    with pytest.raises(ConfigurationError, match=r"acme.yml:\d+: 'data_sources' is there twice"):
        reading.read_file(place.project, path)


def test_a_password_that_yaml_takes_for_a_number_is_not_changed_without_a_word(place: Place) -> None:
    path = place.write()
    path.write_text(path.read_text().replace("${TILL_PASSWORD}", "0123"))
    with pytest.raises(ConfigurationError, match=r"credentials.password: is no text to YAML"):
        reading.read_file(place.project, path)


def test_the_extractor_of_another_tenant_is_none(place: Place) -> None:
    onboard(place)
    with pytest.raises(ConfigurationError, match=r"extractor: 'acme--postgres-till' is not in meltano.yml"):
        onboard(place, customer_id="beta", data_sources=[till(extractor="acme--postgres-till")])
