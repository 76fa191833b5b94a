"""After onboarding: credentials renewed, health looked at, registry moved, the tenant gone."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import pytest
from onboarding_place import PASSWORD, Place, make, till
from onboarding_runs import PATH, onboard

from plugins import doctor
from plugins.registry.tables import CONNECTORS


def checks(place: Place, tenant: str = "acme", **options: bool) -> dict[str, doctor.Check]:
    project = place.project
    return {check.name: check for check in doctor.examine(project, project.tenant(tenant), **options)}


def test_row_10_offboard_with_purge(place: Place) -> None:
    onboard(place)
    onboard(place, customer_id="beta", customer_name="Beta")
    (place.root / ".growthnav" / "acme").mkdir()
    state = place.root / ".state" / "acme:acme--postgres-till-to-target-duckdb:acme"
    state.mkdir(parents=True)
    before = {name: content for name, content in place.files().items() if "beta" in name}
    rows = [row for row in place.registry.connectors() if row.customer_id == "beta"]
    done = place.call("offboard", "acme", "--purge")
    assert done.code == 0, done.err
    assert "dropped dataset acme.duckdb, schema growthnav_acme" in done.out
    assert [name for name in place.files() if "acme" in name] == []
    assert not state.exists()
    assert place.vault.paths("acme") == []
    assert [row.customer_id for row in place.registry.connectors()] == ["beta"]
    assert [row.customer_id for row in place.registry.customers() if row.is_active] == ["beta"]
    assert {name: content for name, content in place.files().items() if "beta" in name} == before
    assert place.registry.connectors() == rows
    onboard(place)
    assert [row.customer_id for row in place.registry.customers() if row.is_active] == ["acme", "beta"]


def test_offboard_keeps_the_data_and_onboarding_again_goes_on(place: Place) -> None:
    onboard(place)
    state = place.root / ".state" / "acme:acme--postgres-till-to-target-duckdb:acme"
    state.mkdir(parents=True)
    assert place.call("offboard", "acme").code == 0
    assert not (place.root / "tenants" / "acme.meltano.yml").exists()
    assert (place.root / "out" / "acme.duckdb").exists()
    assert state.exists()
    assert place.vault.paths("acme") == []
    assert [row.is_active for row in place.registry.connectors("acme")] == [False]
    onboard(place)
    assert [row.is_active for row in place.registry.connectors("acme")] == [True]
    assert place.vault.paths("acme") == [PATH]


@pytest.mark.parametrize(
    ("name", "text"), [("acne", "Did you mean 'acme'?"), ("hand", "which was written by hand"), ("stub", "no tenant")]
)
def test_who_cannot_be_offboarded(place: Place, name: str, text: str) -> None:
    onboard(place)
    (place.root / "tenants" / "x.meltano.yml").write_text("environments:\n- name: hand\n")
    before = place.files()
    done = place.call("offboard", name, "--purge")
    assert (done.code, place.files()) == (2, before)
    assert text in done.err


def test_row_11_reauth_changes_only_the_secret(place: Place) -> None:
    onboard(place)
    before = place.files(".growthnav")
    rows = place.registry.connectors()
    done = place.call("reauth", "acme", "postgres-till", stdin=f"other-user\n{PASSWORD}\n")
    assert done.code == 0, done.err
    assert PASSWORD not in done.out + done.err
    assert place.vault.read("acme", PATH) == {"user": "other-user", "password": PASSWORD}
    assert (place.files(".growthnav"), place.registry.connectors()) == (before, rows)


def test_reauth_from_a_file_with_mistakes(place: Place, tmp_path: Path) -> None:
    onboard(place)
    kept = place.vault.read("acme", PATH)
    file = tmp_path / "new.yml"
    expected = {
        "user: u\npasswort: canary": ["password: is missing", "passwort: is not known"],
        "user: u\npassword: canary-wrong": ["credentials error", "refused the password ***"],
        "user: u\npassword: ${NOT_SET}": ["environment variable NOT_SET is not set"],
        "- a": ["password: is missing", "user: is missing"],
        "a: b: c": ["new.yml is not YAML"],
    }
    for content, texts in expected.items():
        file.write_text(content)
        done = place.call("reauth", "acme", "postgres-till", "--from", file)
        assert done.code == 2
        assert [text for text in texts if text not in done.err] == []
        assert "canary" not in done.out + done.err
        assert place.vault.read("acme", PATH) == kept
    assert "There is: postgres-till" in place.call("reauth", "acme", "postgres-tilt").err


def test_row_17_doctor(place: Place) -> None:
    onboard(place, data_sources=[till(sync_schedule="manual")])
    done = place.call("doctor", "acme", "--json", "--connect")
    assert done.code == 0, done.out
    found = json.loads(done.out)
    assert [check["name"] for check in found["checks"]] == [
        "plugins",
        "secret of postgres-till",
        "variables",
        "warehouse",
        "clock",
        "state of postgres-till",
        "last run",
        "connection of postgres-till",
    ]
    assert found["ok"]
    assert PASSWORD not in done.out


def test_row_17_doctor_finds_what_is_wrong(place: Place) -> None:
    onboard(place)
    assert not checks(place)["state of postgres-till"].ok  # daily, and never read
    place.vault.write("acme", PATH, {"user": "u", "password": "canary-wrong"})
    told = checks(place, connect=True)["connection of postgres-till"]
    assert (told.ok, "canary" in told.detail) == (False, False)
    place.vault.write("acme", PATH, {"user": "u"})
    assert (
        "it lacks password. Run: growthnav reauth acme postgres-till" in checks(place)["secret of postgres-till"].detail
    )
    place.vault.delete("acme", PATH)
    found = checks(place)
    assert not found["variables"].ok
    assert f"{PATH} is missing" in found["secret of postgres-till"].detail
    (place.root / "out" / "acme.duckdb").unlink()
    assert not checks(place)["warehouse"].ok
    (place.root / "bin" / "tap-stub").chmod(0o644)
    assert "not installed: acme--postgres-till" in checks(place)["plugins"].detail
    future = {"run_id": "1", "customer_id": "acme", "started_at": "2099-01-01T00:00:00Z", "exit_code": 2}
    place.registry.record_run(future | {"completed_at": "2099-01-01T00:00:00Z", "status": "failed", "error": "why"})
    found = checks(place)
    assert "in the future" in found["clock"].detail
    assert (found["last run"].ok, found["last run"].detail) == (False, "failed at 2099-01-01T00:00:00Z: why")
    assert place.call("doctor", "acme").code == 2


@pytest.mark.parametrize(
    ("schedule", "now", "late"),
    [
        ("0 9 * * 1-5", "2026-11-23T08:59:00Z", False),  # Monday: since Friday there was no turn
        ("0 9 * * 1-5", "2026-11-23T09:01:00Z", False),
        ("0 9 * * 1-5", "2026-11-24T09:01:00Z", True),
        ("daily", "2026-11-21T23:00:00Z", False),
        ("daily", "2026-11-22T01:00:00Z", True),
        ("manual", "2027-11-22T01:00:00Z", False),
    ],
)
def test_row_17_a_weekend_makes_nobody_late(schedule: str, now: str, late: bool) -> None:
    friday = datetime.fromisoformat("2026-11-20T09:05:00Z")
    assert doctor.is_late(schedule, friday, datetime.fromisoformat(now)) is late


def test_row_17_a_registry_that_is_away_is_one_check_that_fails(place: Place) -> None:
    onboard(place)
    (place.root / ".growthnav" / "registry.duckdb").write_bytes(b"no database")
    done = place.call("doctor", "acme", "--json")
    found = {check["name"]: check for check in done.result["checks"]}
    assert (done.code, found["state"]["ok"], found["variables"]["ok"]) == (2, False, True)
    assert "cannot be opened" in found["last run"]["detail"]
    assert "open elsewhere" not in found["last run"]["detail"]


def test_row_16_registry_export_and_import(place: Place, tmp_path: Path) -> None:
    onboard(place)
    exported = place.call("registry", "export")
    content = json.loads(exported.out)
    assert list(content["connectors"][0]) == [column.name for column in CONNECTORS.columns]
    assert content["connectors"][0]["credentials_secret_path"] == PATH
    assert PASSWORD not in exported.out
    other = make(tmp_path / "other")
    file = tmp_path / "export.json"
    file.write_text(exported.out)
    for _ in range(2):
        assert other.call("registry", "import", file).code == 0
        assert other.call("registry", "export").out == exported.out
    shown = json.loads(other.call("registry", "show", "acme").out)
    assert shown["customer"]["customer_name"] == "Acme Bakery"
    assert "postgres-till" in other.call("registry", "list").out
    assert "Did you mean 'acme'?" in other.call("registry", "show", "acne").err


@pytest.mark.parametrize(
    ("content", "texts"),
    [
        ("{", ["is not JSON"]),
        ("[]", ["is no export"]),
        ('{"tenants": []}', ["there is no table 'tenants'"]),
        (
            '{"connectors": [{"connector_id": "a", "password": "canary"}]}',
            ["connectors[0].name is missing", "connectors[0].password is no column"],
        ),
    ],
)
def test_what_cannot_be_imported(place: Place, content: str, texts: list[str]) -> None:
    before = place.files()
    done = place.call("registry", "import", "-", stdin=content)
    assert (done.code, place.files()) == (2, before)
    assert [text for text in texts if text not in done.err] == []
    assert "canary" not in done.err


def test_connectors(place: Place) -> None:
    found = json.loads(place.call("connectors", "--json").out)
    by_type = {entry["connector_type"]: entry for entry in found}
    f018 = "snowflake bigquery toast square clover lightspeed salesforce hubspot zoho olo otter chowly fishbowl punchh"
    assert set(f018.split()) <= set(by_type)
    assert {entry["category"] for entry in found} == {"data_lake", "pos", "crm", "olo", "loyalty", "other"}
    assert by_type["snowflake"]["available"]
    assert not by_type["otter"]["available"]
    some = json.loads(place.call("connectors", "--json", "--category", "crm").out)
    assert [entry["connector_type"] for entry in some] == ["hubspot", "salesforce", "zoho"]
    assert "Snowflake" in place.call("connectors").out


def test_what_the_catalogue_asks_for_are_settings_of_its_taps(place: Place) -> None:
    from plugins.onboarding.catalogue import types

    project = place.project
    ready = [kind for kind in types().values() if kind.is_available(project)]
    assert len(ready) >= 5
    for kind in ready:
        known = {str(item["name"]) for item in project.plugins[kind.extractor].settings}
        assert {*kind.credentials, *kind.ask} <= known, kind.name


def test_row_9_answers_make_the_same_tenant_as_a_file(place: Place, tmp_path: Path) -> None:
    source = {
        "connector_type": "csv",
        "name": "till",
        "connection_params": {"streams": [{"stream": "till_orders", "path": str(tmp_path / "o.csv")}]},
        "preset": "pos",
        "mapping": {"zone": "America/Chicago"},
        "sync_schedule": "hourly",
    }
    (tmp_path / "o.csv").write_text("order_id,total,closed_at\n1,2.50,2026-01-01T00:00:00\n")
    request = place.write(
        region="US", google_ads_customer_ids=None, meta_ad_account_ids=None, tags=None, data_sources=[source]
    )
    assert place.call("onboard", request).code == 0
    path = place.root / "tenants" / "acme.meltano.yml"
    by_file = path.read_bytes()
    assert place.call("offboard", "acme", "--purge").code == 0
    streams = json.dumps(source["connection_params"]["streams"])  # type: ignore[index]
    answers = ["acme", "Acme Bakery", "restaurant", "", "US", "other", "csv", "till", streams, "pos"]
    answers += ["America/Chicago", "hourly", "none", "none", "none", "none"]
    done = place.call("onboard", "--interactive", stdin="\n".join(answers) + "\n")
    assert done.code == 0, done.err
    assert path.read_bytes() == by_file


@pytest.mark.parametrize("answers", ["", "acme\n", "acme\nAcme Bakery\nrestaurant\n\nUS\nother\n"])
def test_answers_that_end_too_early_are_told(place: Place, answers: str) -> None:
    before = place.files()
    done = place.call("onboard", "--interactive", stdin=answers)
    assert done.code == 2
    assert done.err.endswith("configuration error: the answers end before the last question. One line each\n")
    assert place.files() == before


def test_an_answer_that_is_no_yaml_is_told_by_its_field(place: Place) -> None:
    answers = ["acme", "Acme Bakery", "restaurant", "", "US", "other", "csv", "till", "[{stream: a, path: *.csv}"]
    answers += ["pos", "UTC", "hourly", "none", "none", "none", "none"]
    done = place.call("onboard", "--interactive", stdin="\n".join(answers) + "\n")
    assert done.code == 2
    assert "data_sources[0].connection_params.streams: must be of the kind array" in done.err


def test_offboarding_again_keeps_the_reason(place: Place) -> None:
    onboard(place)
    assert "purged at" in place.call("offboard", "acme", "--purge", "--yes").out
    again = place.call("offboard", "acme")
    assert (again.code, again.out.count("\n")) == (0, 1)
    assert "acme is inactive in the registry already: purged at" in again.out
