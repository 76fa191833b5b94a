"""Row 35: one run of a tenant at a time, also on several machines that share a state backend, and job by job."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer
from servers import google_storage
from servers.google_storage import Storage
from stub_project import Project, wait_for
from test_retries import Clock, go

from pipe.errors import CredentialsError, PipeError, RetriableError
from plugins import lease, lock
from plugins.lease_gcs import ENDPOINT_VARIABLE, GCSLease
from plugins.lease_stores import FileLease, S3Lease, open_store
from plugins.project import open_project

KEYS = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def storage(monkeypatch: pytest.MonkeyPatch) -> Iterator[Storage]:
    with google_storage.server() as found:
        monkeypatch.setenv(ENDPOINT_VARIABLE, found.url)
        yield found


@pytest.fixture(params=["file", "s3", "gcs"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], lease.LeaseStore]:
    """Opens the same lease as another machine would."""
    if request.param == "file":
        return lambda: FileLease(tmp_path / "shared" / "acme.lease")
    if request.param == "gcs":
        request.getfixturevalue("storage")
        return lambda: GCSLease("states", "meltano/acme.lease", {})
    url = request.getfixturevalue("s3")
    bucket = f"states-{tmp_path.name.replace('_', '-')[:40].strip('-')}".lower()
    boto3.client("s3", endpoint_url=url, region_name="us-east-1", **KEYS).create_bucket(Bucket=bucket)
    return lambda: S3Lease(bucket, "meltano/acme.lease", {**KEYS, "endpoint_url": url})


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Makes this process a machine of that name."""
    return lambda name: monkeypatch.setattr(lease, "_boot", lambda: name)


def mine(opened: Callable[[], lease.LeaseStore], *jobs: str) -> lease.Lease:
    return lease.Lease(opened(), "acme", jobs or ("files",))


def taken(wanted: lease.Lease, seconds: float = -1.0) -> bool:
    try:
        wanted.take(time.monotonic() + seconds, lambda _: False)
    except RetriableError:
        return False
    return True


def test_row_35_another_machine_is_refused_until_the_lease_is_released(
    opened: Callable[[], lease.LeaseStore], machine: Callable[[str], None]
) -> None:
    machine("first")
    first = mine(opened)
    assert taken(first)
    machine("second")
    with pytest.raises(RetriableError, match=r"a run of tenant 'acme' is under way on .* \(process \d+, since 20"):
        mine(opened).take(time.monotonic() + 60, lambda _: False)  # the same job: at once
    first.release()
    assert taken(mine(opened))


def test_a_lease_that_is_not_renewed_is_taken_over_and_its_holder_learns_of_it(
    opened: Callable[[], lease.LeaseStore], machine: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    machine("first")
    first = mine(opened)
    assert taken(first)
    assert first.renew()
    machine("second")
    now = time.time()
    monkeypatch.setattr(lease.time, "time", lambda: now + lease.SECONDS - 1)
    assert not taken(mine(opened))
    monkeypatch.setattr(lease.time, "time", lambda: now + lease.SECONDS + 5)
    second = mine(opened)
    assert taken(second)
    assert not first.renew()
    first.release()  # is not its own any more
    assert second.renew()


def test_a_killed_run_of_this_machine_leaves_nothing_to_wait_for(opened: Callable[[], lease.LeaseStore]) -> None:
    assert taken(mine(opened))
    assert taken(mine(opened))


def test_of_many_that_want_it_at_once_one_gets_it(
    opened: Callable[[], lease.LeaseStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "_boot", lambda: threading.current_thread().name)
    won: list[bool] = []
    threads = [threading.Thread(target=lambda: won.append(taken(mine(opened)))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(won) == [False] * 5 + [True]


def test_another_job_waits_its_turn(opened: Callable[[], lease.LeaseStore], machine: Callable[[str], None]) -> None:
    machine("first")
    first = mine(opened, "files")
    assert taken(first)
    machine("second")
    waits: list[float] = []

    def wait(seconds: float) -> bool:
        waits.append(seconds)
        if len(waits) == 2:
            first.release()
        return False

    mine(opened, "crm").take(time.monotonic() + 60, wait)
    assert waits == [5, 5]


def overwritten(store: lease.LeaseStore, content: bytes = b'{"holder": "another"}') -> str | None:
    _, version = store.read() or (b"", "")
    return store.write(content, version)


def test_a_renewal_whose_answer_was_lost_is_none_that_failed(opened: Callable[[], lease.LeaseStore]) -> None:
    mine_now = mine(opened)
    assert taken(mine_now)
    content, _ = opened().read() or (b"", "")
    assert overwritten(opened(), content + b" ")  # the service has it, and we do not know the version
    assert mine_now.renew()
    assert overwritten(opened())
    assert not mine_now.renew()


@pytest.mark.parametrize(("status", "kind"), [(403, CredentialsError), (503, RetriableError), (400, RetriableError)])
def test_what_google_refuses_is_told_and_ends_a_run_only_after_a_while(
    storage: Storage, status: int, kind: type[PipeError], monkeypatch: pytest.MonkeyPatch
) -> None:
    held = lease.Lease(GCSLease("states", "acme.lease", {}), "acme", ["files"])
    lost = threading.Event()
    monkeypatch.setattr(lease, "SECONDS", 1)
    with lease.hold(held, time.monotonic(), lambda _: False, lost.set, every=0.05):
        storage.fault = status
        with pytest.raises(kind, match=f"{status}"):
            held.renew()
        assert not lost.wait(0.3)
        assert lost.wait(5)
        storage.fault = 0


@pytest.mark.parametrize(
    ("uri", "kind"), [("gs://states/some/where", GCSLease), ("s3://states/some", S3Lease), ("azure://states", None)]
)
def test_the_lease_is_beside_the_states(project: Project, uri: str, kind: type | None) -> None:
    path = project.root / "meltano.yml"
    path.write_text(path.read_text().replace("file:///${MELTANO_PROJECT_ROOT}/.state", uri))
    found = open_store(open_project(project.root), "acme")
    assert (found and type(found)) == kind


def test_a_lost_lease_ends_what_holds_it(opened: Callable[[], lease.LeaseStore]) -> None:
    lost = threading.Event()
    with lease.hold(mine(opened), time.monotonic(), lambda _: False, lost.set, every=0.02):
        assert not lost.wait(0.2)
        store = opened()
        assert wait_for(lambda: overwritten(store), 5)  # it is being renewed all the time
        assert lost.wait(5)


def test_a_run_is_refused_while_another_machine_has_the_lease(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project.root)
    project.add("acme")
    monkeypatch.setattr(lease, "_boot", lambda: "elsewhere")
    elsewhere = lease.Lease(FileLease(project.root / ".state" / "acme.lease"), "acme", ["rows"])
    assert taken(elsewhere)
    monkeypatch.undo()
    monkeypatch.chdir(project.root)
    result = go(project, Clock())
    assert (result.exit_code, result.error_class, result.attempts) == (2, "retriable", 0)
    assert "is under way on" in str(result.error)
    elsewhere.release()
    assert go(project, Clock()).exit_code == 0
    assert project.call("runs", "acme").out.count("success") == 1
    runs: list[dict[str, Any]] = json.loads(project.call("runs", "acme", "--json").out)
    assert [(run["status"], run["records_loaded"]) for run in runs] == [("success", 5)]


def test_jobs_of_a_tenant_take_turns_on_one_machine_and_the_same_job_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "run.lock"
    done: list[str] = []

    def other(job: str) -> None:
        try:
            with lock.hold(path, "acme", [job], time.monotonic() + 20, lambda seconds: time.sleep(seconds / 20)):  # type: ignore[arg-type,return-value,func-returns-value]
                done.append(job)
        except RetriableError:
            done.append(f"{job} refused")

    with lock.hold(path, "acme", ["files"], 0, lambda _: False):
        same, another = (threading.Thread(target=other, args=(job,)) for job in ("files", "crm"))
        same.start()
        same.join(5)
        another.start()
        time.sleep(0.2)
        assert done == ["files refused"]
    wait_for(lambda: done == ["files refused", "crm"])
    another.join()
