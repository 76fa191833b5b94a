"""An onboarding that fails, is stopped or is killed leaves nothing behind."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest
from onboarding_place import PASSWORD, Place, till
from onboarding_runs import PATH, Watch, onboard, snapshot

from pipe.errors import PipeError, RetriableError
from plugins import warehouse
from plugins.onboarding import steps
from plugins.onboarding.onboarding import STATUSES
from plugins.onboarding.steps import Step
from plugins.registry import Registry
from plugins.secrets import Vault


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


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        (warehouse, "create"),
        (Registry, "put_customer"),
        (Vault, "write"),
        (Registry, "put_connector"),
        (steps, "keep"),
    ],
    ids=["dataset", "registry", "secret", "connector", "file"],
)
@pytest.mark.parametrize("known", [False, True], ids=["new", "changed"])
def test_row_6_a_step_whose_answer_is_lost_is_taken_back(
    place: Place, monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, known: bool
) -> None:
    """It is made, and then fails: as when a service answers too late."""
    changes: dict[str, Any] = {}
    if known:
        onboard(place)
        shutil.rmtree(place.root / "out")  # its dataset is lost: it is made anew
        second = till(credentials={"user": "another", "password": "${TILL_PASSWORD}"}, sync_schedule="weekly")
        changes = {"customer_name": "New", "data_sources": [second]}
    before, real = snapshot(place), getattr(owner, name)

    def late(*arguments: Any) -> Any:
        monkeypatch.setattr(owner, name, real)  # taking back goes well
        real(*arguments)
        raise RetriableError("no answer")

    monkeypatch.setattr(owner, name, late)
    with pytest.raises(RetriableError, match="no answer"):
        onboard(place, **changes)
    assert snapshot(place) == before
    onboard(place, **changes)


def test_row_6_a_change_that_fails_leaves_the_tenant_as_it_was(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    onboard(place)
    before = snapshot(place)
    monkeypatch.setenv("SECOND", PASSWORD)
    changed = [till(credentials={"password": "${SECOND}"}, sync_schedule="weekly"), till("web")]
    with pytest.raises(OSError, match="canary"):
        onboard(place, Watch(fail_at="file"), customer_name="New", data_sources=changed)
    assert snapshot(place) == before


def test_row_6_a_full_disk_is_the_reason_in_the_registry(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "acme.meltano.yml")

    before = snapshot(place)
    monkeypatch.setattr(steps, "keep", full)
    with pytest.raises(OSError, match="No space left"):
        onboard(place)
    assert snapshot(place) == before
    row = place.registry.customer("acme")
    assert row is not None
    assert "acme.meltano.yml cannot be read or written (No space left on device)" in str(row.error_message)


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


def test_row_8_a_first_sync_without_rows_is_taken_back(place: Place) -> None:
    before = snapshot(place)
    with pytest.raises(PipeError, match="the first sync brought no rows") as caught:
        onboard(place, initial_sync=True, data_sources=[till(connection_params={"rows": 0})])
    assert caught.value.kind == "data"
    assert snapshot(place) == before


def test_two_onboardings_of_a_tenant_at_once(place: Place) -> None:
    from plugins import lock

    path = place.root / ".growthnav" / "onboarding" / "acme.lock"
    with lock.hold(path, "acme", ["x"], 0, lambda _: True), pytest.raises(PipeError, match="under way") as caught:
        onboard(place)
    assert caught.value.kind == "retriable"
    assert os.listdir(place.root / "tenants") == ["stub.meltano.yml"]  # noqa: PTH208


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
