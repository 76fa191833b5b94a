"""What goes wrong on the way to the service: nothing is loaded twice, and no STATE says more than is stored."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from bigquery_place import Place
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from google.api_core.exceptions import NotFound
from google.auth.impersonated_credentials import Credentials as Impersonated
from servers.bigquery import PROJECT
from servers.bigquery_proxy import QUERY, UPLOAD, Proxy, Refusal, proxy
from support import BIN, join, record, schema, state

from pipe.bigquery import KINDS, connect
from pipe.mapper import RUN_ID_VARIABLE
from targets.bigquery import jobs as target_jobs

QUIET_SECONDS = 0.5
"""How long no STATE must come while the merge is under way."""

LINES = [schema("log", ["id"]), *(record("log", id=str(number)) for number in range(50)), state(n=1)]
"""Without a key: what is loaded twice is there twice."""


@pytest.fixture
def way(place: Place, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    """A proxy, and no long pauses between tries."""
    monkeypatch.setattr(target_jobs, "PAUSE_SECONDS", 0.01)
    monkeypatch.setattr("google.resumable_media._helpers.calculate_retry_wait", lambda *_: (0.01, 0.01))
    with proxy(place.emulator.url) as found:
        yield found


def count(place: Place) -> int:
    try:
        return place.rows("SELECT count(*) FROM {}.log")[0][0]
    except NotFound:
        return 0


def jobs(place: Place) -> Counter[str]:
    """The target's own jobs, by type: those of the tests' queries have no such id."""
    with place.emulator.client() as client:
        return Counter(job.job_type for job in client.list_jobs() if job.job_id.startswith("growthnav_"))


@pytest.mark.parametrize("kind", [UPLOAD, QUERY])
def test_a_lost_answer_does_not_load_twice(kind: str, place: Place, way: Proxy) -> None:
    """The service has taken the job and nobody heard of it."""
    lost: list[str] = []
    way.after = lambda found: found == kind and not lost and (lost.append(found) or True)
    before = jobs(place)
    done = place.load(*LINES, api_endpoint=way.url)
    assert (done.code, done.lines) == (0, [b'{"n": 1}']), done.log
    assert lost == [kind]
    assert count(place) == 50
    assert jobs(place) - before == {"load": 1, "query": 1}


@pytest.mark.parametrize("kind", [UPLOAD, QUERY])
@pytest.mark.parametrize("told", [True, Refusal(503, "backendError"), Refusal(403, "rateLimitExceeded")])
def test_what_passes_is_tried_again(told: Refusal | bool, kind: str, place: Place, way: Proxy) -> None:
    lost: list[str] = []
    way.before = lambda found: told if found == kind and len(lost) < 2 and not lost.append(found) else None
    done = place.load(*LINES, api_endpoint=way.url)
    assert (done.code, done.lines) == (0, [b'{"n": 1}']), done.log
    assert lost == [kind, kind]
    assert count(place) == 50


@pytest.mark.parametrize(
    ("told", "code", "said"),
    [
        (True, 75, "the service is busy or cannot be reached"),
        (Refusal(403, "quotaExceeded"), 75, "a limit of the project is reached (quotaExceeded)"),
        (Refusal(403, "accessDenied"), 77, "a right is missing (accessDenied). Grant roles/bigquery.dataEditor"),
        (Refusal(401, "authError"), 77, "the credentials are refused. Renew the key"),
        (Refusal(400, "invalidQuery"), 65, "the service refuses it (invalidQuery)"),
    ],
)
def test_a_merge_that_is_refused_leaves_no_row_and_no_state(
    told: Refusal | bool, code: int, said: str, place: Place, way: Proxy
) -> None:
    way.before = lambda kind: told if kind == QUERY else None
    done = place.load(*LINES, api_endpoint=way.url)
    assert (done.code, done.lines) == (code, [])
    assert f"stream 'log': loading failed: {said}" in done.log
    assert "told by a test" not in done.log, "texts of the service may quote values"
    assert count(place) == 0
    way.before = lambda kind: None
    assert place.load(*LINES, api_endpoint=way.url).code == 0
    assert count(place) == 50


def start(place: Place, way: Proxy, *lines: Any) -> subprocess.Popen[bytes]:
    """The executable, with the lines on its way to it."""
    config = place.folder / "target.json"
    config.write_text(json.dumps({**place.config, "api_endpoint": way.url}))
    source = place.folder / "lines.singer"
    source.write_bytes(join(lines))
    with source.open("rb") as file:
        return subprocess.Popen(
            [BIN / "target-bigquery", "--config", config], stdin=file, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )


def test_state_comes_after_the_merge_and_not_before(place: Place, way: Proxy) -> None:
    merging, go_on = Event(), Event()

    def hold(kind: str) -> None:
        if kind == QUERY:
            merging.set()
            go_on.wait(60)

    way.after = hold
    with start(place, way, *LINES) as process:
        assert merging.wait(60)
        assert select.select([process.stdout], [], [], QUIET_SECONDS)[0] == []
        go_on.set()
        output, log = process.communicate(timeout=60)
    assert (process.returncode, output) == (0, b'{"n": 1}\n'), log.decode()
    assert way.seen == [UPLOAD, QUERY]


@pytest.mark.chaos
@pytest.mark.parametrize("kind", [UPLOAD, QUERY])
@pytest.mark.parametrize("moment", ["before", "after"])
def test_killed_in_mid_run_and_run_again(kind: str, moment: str, place: Place, way: Proxy) -> None:
    """With a key: equal tables, whatever of it was done."""
    values = [schema("log", ["id", "v"], ["id"]), *(record("log", id=str(n % 40), v=str(n)) for n in range(50))]
    lines = [*values, state(n=1)]
    whole = replace(place, dataset=f"{place.dataset}_whole")
    assert whole.load(*lines).code == 0

    def kill(found: str) -> bool | None:
        if found == kind:
            process.kill()
            process.wait()
        return None

    setattr(way, moment, kill)
    with start(place, way, *lines) as process:
        output, _ = process.communicate(timeout=60)
    assert (process.returncode, output) == (-signal.SIGKILL, b"")
    setattr(way, moment, lambda kind: None)
    done = place.load(*lines)
    assert (done.code, done.lines) == (0, [b'{"n": 1}']), done.log
    query = "SELECT id, v FROM {}.log ORDER BY id"
    assert place.rows(query) == whole.rows(query)
    assert len(whole.rows(query)) == 40


def test_jobs_say_whose_they_are_and_run_where_the_dataset_is(
    place: Place, way: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(RUN_ID_VARIABLE, "Run-1")
    settings = {"tenant": "Acme", "labels": {"team": "Data"}, "location": "EU", "api_endpoint": way.url}
    assert place.load(*LINES, **settings).code == 0
    wanted = {"tool": "growthnav", "tenant": "acme", "team": "data", "stream": "log", "run": "run-1"}
    (merge,) = way.inserted
    assert (merge["configuration"]["labels"], merge["jobReference"]["location"]) == (wanted, "EU")
    with place.emulator.client() as client:
        loads = [job for job in client.list_jobs() if job.job_type == "load" and job.labels == wanted]
    assert [job.destination.dataset_id for job in loads] == [place.dataset]


def test_a_run_of_the_same_id_loads_nothing_twice(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """As when an orchestrator starts a run again that had come to its end unheard."""
    monkeypatch.setenv(RUN_ID_VARIABLE, "run-2")
    for _ in range(2):
        done = place.load(*LINES)
        assert (done.code, done.lines) == (0, [b'{"n": 1}']), done.log
    assert count(place) == 50
    monkeypatch.setenv(RUN_ID_VARIABLE, "run-3")
    assert place.load(*LINES).code == 0
    assert count(place) == 100


def test_a_dataset_that_must_not_be_made(place: Place) -> None:
    done = place.load(*LINES, create_dataset=False)
    assert (done.code, done.lines) == (78, [])
    assert f"field 'dataset': there is no dataset {place.dataset} in project {PROJECT}. Make it, or" in done.log
    with place.emulator.client() as client, pytest.raises(NotFound):
        client.get_dataset(place.dataset)


def test_a_dataset_is_made_where_it_shall_be_and_stays_there(place: Place) -> None:
    assert place.load(*LINES, location="EU").code == 0
    with place.emulator.client() as client:
        assert client.get_dataset(place.dataset).location == "EU"
    done = place.load(*LINES, location="us-central1")
    assert (done.code, done.lines) == (78, [])
    assert f"field 'location': dataset {place.dataset} is in EU, and location says us-central1" in done.log
    assert place.load(*LINES, location="eu").code == 0
    assert place.load(*LINES).code == 0


@pytest.mark.parametrize(
    "content", [None, "", "secret", '["secret"]', '{"type": "secret"}', '{"type": "service_account"}', "\x00"]
)
def test_credentials_that_are_none(content: str | None, place: Place, tmp_path: Path) -> None:
    file = tmp_path / "key.json"
    if content is not None:
        file.write_text(content)
    done = place.load(*LINES, credentials_file=str(file))
    assert (done.code, done.lines) == (77, []), done.log
    assert "field 'credentials_file': credentials_file cannot be used: it is missing, unreadable or no key" in done.log
    assert "secret" not in done.log


def test_credentials_of_each_kind(tmp_path: Path) -> None:
    pem = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
    mail, token = "a@b.iam.gserviceaccount.com", "https://oauth2.googleapis.com/token"
    kinds: dict[str, dict[str, Any]] = {
        "service_account": {"client_email": mail, "token_uri": token, "private_key": pem.decode()},
        "authorized_user": {"client_id": "c", "client_secret": "s", "refresh_token": "r"},
        "external_account": {
            "audience": "//iam.googleapis.com/x",
            "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
            "token_url": "https://sts.googleapis.com/v1/token",
            "credential_source": {"file": str(tmp_path / "token")},
        },
    }
    for kind, content in kinds.items():
        file = tmp_path / f"{kind}.json"
        file.write_text(json.dumps({"type": kind, **content}))
        for account, found in ((None, KINDS[kind].__self__), (mail, Impersonated)):
            config = {"project": PROJECT, "credentials_file": str(file), "impersonate_service_account": account}
            with connect(config) as client:
                assert isinstance(client._credentials, found)


def test_the_executable_says_so_in_a_sentence(place: Place) -> None:
    done = place.run(*LINES, credentials_file=str(place.folder / "none.json"))
    assert (done.code, done.lines) == (77, [])
    assert "credentials_file cannot be used" in done.log
    assert "Traceback" not in done.log


def test_no_credentials_at_all(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "none.json"))
    done = place.load(*LINES, api_endpoint="https://bigquery.invalid")
    assert (done.code, done.lines) == (77, [])
    assert "no credentials are found (DefaultCredentialsError)" in done.log
    assert os.environ["GOOGLE_APPLICATION_CREDENTIALS"] not in done.log
