"""Onboarding from one file: what it makes, plans, shows and reads."""

from __future__ import annotations

import json

import duckdb
import yaml
from onboarding_place import PASSWORD, Place, till
from onboarding_runs import PATH, onboard, snapshot
from operating import MELTANO

from plugins.onboarding.onboarding import STATUSES


def test_row_1_onboard_from_one_file(place: Place) -> None:
    done = place.call("onboard", place.write())
    assert done.code == 0, done.err
    content = yaml.safe_load((place.root / "tenants" / "acme.meltano.yml").read_text())
    assert [entry["name"] for entry in content["environments"]] == ["acme"]
    assert [(entry["name"], entry["interval"]) for entry in content["schedules"]] == [("acme-daily", "@daily")]
    printed = place.call("--environment=acme", "config", "print", "target-duckdb", command=MELTANO)
    assert json.loads(printed.out)["schema"] == "growthnav_acme"
    with duckdb.connect(str(place.root / "out" / "acme.duckdb"), read_only=True) as connection:
        tables = connection.execute("SELECT table_schema, table_name FROM information_schema.tables").fetchall()
    assert {("growthnav_acme", name) for name in ("conversions", "customer_profiles", "rejects")} <= set(tables)
    assert place.vault.read("acme", PATH) == {"user": "reader", "password": PASSWORD}
    (connector,) = place.registry.connectors("acme")
    assert (connector.connector_id, connector.credentials_secret_path) == ("postgres-till", PATH)


def test_row_2_statuses_in_order(place: Place) -> None:
    done = place.call("onboard", place.write(), "--events")
    events = [event for event in done.events if event["event"] == "status"]
    assert [event["status"] for event in events] == list(STATUSES)
    assert STATUSES == (
        "PENDING",
        "VALIDATING",
        "PROVISIONING",
        "REGISTERING",
        "CONFIGURING_DATA_SOURCES",
        "COMPLETED",
    )
    times = [event["at"] for event in events]
    assert times == sorted(times)
    assert done.events[-1]["exit_code"] == 0
    (row,) = place.registry.onboardings("acme")
    assert (row.status, row.error) == ("COMPLETED", None)


def test_row_4_the_same_again_changes_nothing(place: Place) -> None:
    onboard(place)
    before = snapshot(place), place.registry.onboardings()
    done = place.call("onboard", place.write())
    assert (done.code, done.out) == (0, "acme is there already, and nothing in it changes.\n")
    assert (snapshot(place), place.registry.onboardings()) == before


def test_row_4_a_change_shows_the_difference_and_is_made_when_asked(place: Place) -> None:
    onboard(place)
    before = snapshot(place)
    path = place.write(industry="retail", data_sources=[till(sync_schedule="hourly"), till("web")])
    shown = place.call("onboard", path)
    assert shown.code == 2
    assert "tenant 'acme' is there already. Add --update to change it" in shown.err
    assert "industry: 'restaurant' -> 'retail'" in shown.out
    assert "+  interval: '@hourly'" in shown.out
    assert "create secret growthnav-acme-connector-postgres-web" in shown.out
    assert PASSWORD not in shown.out + shown.err
    assert snapshot(place) == before
    assert place.call("onboard", path, "--update").code == 0
    assert [connector.sync_schedule for connector in place.registry.connectors("acme")] == ["hourly", "daily"]
    assert place.call("onboard", place.write(), "--update").code == 0
    after = snapshot(place)
    assert after["files"].keys() == before["files"].keys()
    assert after["secrets"] == before["secrets"]
    assert [connector.is_active for connector in after["connectors"]] == [True, False]


def test_row_5_the_plan_makes_nothing(place: Place) -> None:
    path, before = place.write(), place.files()
    done = place.call("onboard", path, "--plan")
    assert (done.code, place.files()) == (0, before)
    assert done.out.splitlines() == [
        "Onboarding acme would make:",
        "  create dataset acme.duckdb, schema growthnav_acme",
        "  create registry tenant acme",
        f"  create secret {PATH}",
        "  create connector postgres-till",
        "  create file tenants/acme.meltano.yml",
    ]


def test_row_8_first_sync_data_check_and_schedule(place: Place) -> None:
    done = place.call("onboard", place.write(), "--initial-sync", "--events")
    assert done.code == 0, done.err
    result = done.events[-1]
    assert (result["run"]["sync_mode"], result["run"]["records_loaded"]) == ("full", 3)
    found = result["quality"]
    assert found["rows"] == {"conversions of postgres-till": 3}
    assert (found["first"][:10], found["last"][:10], found["people"]) == ("2026-01-01", "2026-01-03", 3)
    assert found["filled"]["conversions"]["value"] == 1.0
    assert (found["not_positive"], found["rejects"]) == (0, {})
    with duckdb.connect(str(place.root / "out" / "acme.duckdb"), read_only=True) as connection:
        rows = connection.execute("SELECT connector, value FROM growthnav_acme.conversions").fetchall()
    assert [(name, float(value)) for name, value in rows] == [("postgres-till", 12.5)] * 3
    (connector,) = place.registry.connectors("acme")
    assert connector.last_sync is not None
    assert place.project.tenant("acme").schedules == [("@daily", "acme-daily")]
    assert len(place.registry.runs("acme")) == 1


def test_row_8_a_first_sync_may_come_later_and_comes_once(place: Place) -> None:
    onboard(place)  # or killed in its first sync
    path = place.write()
    assert "nothing in it changes" in place.call("onboard", path, "--initial-sync", "--plan").out
    done = place.call("onboard", path, "--initial-sync")
    assert done.code == 0, done.err
    assert "conversions of postgres-till" in done.out
    assert "nothing in it changes" in place.call("onboard", path, "--initial-sync").out
    assert len(place.registry.runs("acme")) == 1


def test_a_first_sync_that_comes_later_and_fails_takes_the_tenant_not_away(place: Place) -> None:
    broken = [till(connection_params={"broken": "sync"})]
    onboard(place, data_sources=broken)
    before = snapshot(place)
    done = place.call("onboard", place.write(data_sources=broken), "--initial-sync")
    assert (done.code, "makes no sense" in done.err) == (2, True)
    after = snapshot(place)
    assert {name: after[name] for name in after if name != "connectors"} == {
        name: before[name] for name in before if name != "connectors"
    }
    assert [row.is_active for row in after["connectors"]] == [True]
