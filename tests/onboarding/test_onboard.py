"""Onboarding, as the rows of the inventory ask for it."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml
from onboarding_place import MELTANO, PASSWORD, Place, definition, till

from pipe.errors import ConfigurationError, CredentialsError, PipeError
from plugins import progress
from plugins.onboarding import reading
from plugins.onboarding.onboarding import STATUSES, Onboarder, Outcome
from plugins.onboarding.steps import Step
from plugins.processes import Stopper

PATH = "growthnav-acme-connector-postgres-till"


class Watch:
    """Notes what it is told, and fails where it is asked to."""

    def __init__(self, fail_at: str = "") -> None:
        self.statuses: list[str] = []
        self.made: list[str] = []
        self.taken_back: list[str] = []
        self.fail_at = fail_at

    def status(self, status: str) -> None:
        self.statuses.append(status)

    def tested(self, source: Any) -> None:
        self._maybe("test")

    def done(self, step: Step) -> None:
        self.made.append(f"{step.what} {step.name}")
        self._maybe(step.what)

    def undone(self, step: Step) -> None:
        self.taken_back.append(f"{step.what} {step.name}")

    def _maybe(self, what: str) -> None:
        if what == self.fail_at:
            raise OSError("canary: a fault of the test")


def onboard(place: Place, watch: Watch | None = None, *, initial_sync: bool = False, **changes: Any) -> Outcome:
    """Onboard within this process."""
    project = place.project
    onboarder = Onboarder(project, reading.read(project, definition(**changes), "test"), watch or Watch())
    with Stopper() as stopper:
        return onboarder.run(onboarder.plan(), progress.PlainLines(), stopper, initial_sync=initial_sync)


def snapshot(place: Place) -> dict[str, Any]:
    """Files, datasets, secrets and registry; without the onboardings and the inactive rows they may leave."""
    registry, vault = place.registry, place.vault
    names = {customer.customer_id for customer in registry.customers()} | {"acme"}
    found: dict[str, Any] = {
        "files": place.files(".growthnav"),
        "more files": [name for name in place.files() if name.startswith(".growthnav/") and "registry." not in name],
        "customers": [customer for customer in registry.customers() if customer.is_active],
        "connectors": registry.connectors(),
        "secrets": {path: vault.read(name, path) for name in names for path in vault.paths(name)},
    }
    return found


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
        "region": "usa",
        "tags": "one",
        "credentials": {"postgres-nobody": {"password": "canary"}},
        "data_sources": [
            till(connector_type="postgress"),
            till("Till"),
            till(sync_schedule="sometimes", sync_mode="fast", mapping={"zone": "Mars/Base"}),
            till("a", preset="nothing", connection_params={"rowz": 1, "password": "canary"}),
            till("b", extractor="tap-stubb", credentials={"password": "${NOT_THERE}"}),
            till("c", field_overrides={"total": "valeu"}, credentials={"passwort": "canary", "user": ""}),
            till("c", sync_schedule="realtime", credentials={}),
            {"connector_type": "otter", "name": "x"},
            "text",
        ],
    }
    with pytest.raises(ConfigurationError) as caught:
        onboard(place, **wrong)
    told = str(caught.value)
    expected = [
        "customer_id: no _ at the end",
        "customer_nam: is not known. Did you mean 'customer_name'?",
        "industry: Did you mean 'restaurant'?",
        "region: must be a country such as US",
        "tags: must be a list",
        "credentials.postgres-nobody: there is no data source of that connector id",
        "data_sources[0].connector_type: Did you mean 'postgres'?",
        "data_sources[1].name: must be lower case",
        "data_sources[2].sync_schedule: must be one of hourly, daily, weekly, manual or a cron expression",
        "data_sources[2].sync_mode: There is: full, incremental",
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
    ]
    assert [text for text in expected if text not in told] == []
    assert "canary" not in told


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


@pytest.mark.parametrize("step", ["test", "dataset", "registry", "secret", "connector", "file"])
def test_row_6_a_fault_at_each_step_takes_everything_back(place: Place, step: str) -> None:
    place.vault.write("other", "growthnav-other-connector-x", {"password": "other's"})
    before, watch = snapshot(place), Watch(fail_at=step)
    with pytest.raises(OSError, match="canary"):
        onboard(place, watch)
    assert snapshot(place) == before
    assert watch.taken_back == watch.made[::-1]
    row = place.registry.customer("acme")
    if step == "test":
        assert row is None
    else:
        assert row is not None
        assert (row.is_active, row.error_message) == (False, "unexpected OSError")
        assert watch.statuses[-1] == place.registry.onboardings("acme")[0].status == "ROLLED_BACK"
    again = Watch()
    onboard(place, again)
    assert again.statuses == list(STATUSES)
    customer = place.registry.customer("acme")
    assert customer is not None
    assert (customer.is_active, customer.error_message) == (True, None)


def test_row_6_a_change_that_fails_leaves_the_tenant_as_it_was(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    onboard(place)
    before = snapshot(place)
    monkeypatch.setenv("SECOND", PASSWORD)
    changed = [till(credentials={"password": "${SECOND}"}, sync_schedule="weekly"), till("web")]
    with pytest.raises(OSError, match="canary"):
        onboard(place, Watch(fail_at="file"), customer_name="New", data_sources=changed)
    assert snapshot(place) == before


def test_row_6_a_first_sync_that_fails(place: Place) -> None:
    before, watch = snapshot(place), Watch()
    with pytest.raises(PipeError, match=r"the first sync failed: .*makes no sense") as caught:
        onboard(place, watch, initial_sync=True, data_sources=[till(connection_params={"broken": "sync"})])
    assert caught.value.kind == "data"
    assert PASSWORD not in str(caught.value)
    assert snapshot(place) == before
    row = place.registry.customer("acme")
    assert row is not None
    assert "makes no sense" in str(row.error_message)
    assert place.files_with(PASSWORD, "bin/") == []


def test_row_7_a_wrong_password_keeps_nothing(place: Place) -> None:
    place.variables["TILL_PASSWORD"] = "wrong-canary-99"
    path, before = place.write(), place.files()
    done = place.call("onboard", path, "--events")
    assert (done.code, done.events[-1]["error_class"]) == (2, "credentials")
    assert "connector 'postgres-till': tap-stub: the server refused the password ***" in done.err
    assert "wrong-canary" not in done.out + done.err
    assert place.files() == before


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


def test_two_onboardings_of_a_tenant_at_once(place: Place) -> None:
    from plugins import lock

    path = place.root / ".growthnav" / "onboarding" / "acme.lock"
    with lock.hold(path, "acme", ["x"], 0, lambda _: True), pytest.raises(PipeError, match="under way") as caught:
        onboard(place)
    assert caught.value.kind == "retriable"
    assert os.listdir(place.root / "tenants") == ["stub.meltano.yml"]  # noqa: PTH208


def test_a_wrong_password_raises_its_class(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TILL_PASSWORD", "no")
    with pytest.raises(CredentialsError):
        onboard(place)


def test_an_onboarding_that_was_killed_is_completed_by_the_next(place: Place) -> None:
    code = (
        "import os, sys; from pathlib import Path; from plugins.project import open_project\n"
        "from plugins import progress; from plugins.processes import Stopper\n"
        "from plugins.onboarding import reading; from plugins.onboarding.onboarding import Onboarder\n"
        "class Dies:\n"
        "    def status(self, status): pass\n"
        "    tested = undone = status\n"
        "    def done(self, step): step.what == 'secret' and os._exit(9)\n"
        "project = open_project(Path(sys.argv[1]))\n"
        "onboarder = Onboarder(project, reading.read_file(project, Path(sys.argv[2])), Dies())\n"
        "with Stopper() as stopper:\n"
        "    onboarder.run(onboarder.plan(), progress.PlainLines(), stopper, initial_sync=False)\n"
    )
    path = place.write()
    died = place.call("-c", code, place.root, path, command=Path(sys.executable))
    assert died.code == 9, died.err
    assert place.vault.paths("acme") == [PATH]
    assert place.registry.connectors("acme") == []
    done = place.call("onboard", path)
    assert done.code == 0, done.err
    assert [row.connector_id for row in place.registry.connectors("acme")] == ["postgres-till"]
    assert place.call("onboard", path).out == "acme is there already, and nothing in it changes.\n"


def test_other_tables_in_the_file_of_a_dataset_stay(place: Place) -> None:
    path = place.root / "out" / "acme.duckdb"
    path.parent.mkdir()
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE TABLE mine AS SELECT 7 AS number")
    with pytest.raises(OSError, match="canary"):
        onboard(place, Watch(fail_at="dataset"))
    with duckdb.connect(str(path), read_only=True) as connection:
        assert connection.execute("SELECT number FROM mine").fetchall() == [(7,)]
        assert connection.execute("SELECT COUNT(*) FROM information_schema.tables").fetchall() == [(1,)]


def test_a_signal_takes_everything_back(place: Place) -> None:
    class Interrupts(Watch):
        def done(self, step: Step) -> None:
            super().done(step)
            if step.what == "secret":
                os.kill(os.getpid(), signal.SIGTERM)

    before, watch = snapshot(place), Interrupts()
    with pytest.raises(PipeError, match="stopped by SIGTERM") as caught:
        onboard(place, watch)
    assert caught.value.kind == "retriable"
    assert snapshot(place) == before
    assert watch.taken_back == watch.made[::-1]


def test_what_cannot_be_taken_back_is_told(place: Place) -> None:
    class Spoils(Watch):
        def done(self, step: Step) -> None:
            super().done(step)
            if step.what == "secret":
                (place.root / ".growthnav" / "secrets" / "acme.json").chmod(0o644)  # refused from now on

    with pytest.raises(PipeError, match=f"could not be taken back: create secret {PATH}") as caught:
        onboard(place, Spoils(fail_at="connector"))
    assert "growthnav offboard acme --purge" in str(caught.value)
    assert place.registry.onboardings("acme")[0].status == "FAILED"
    assert place.registry.connectors("acme") == []


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
