"""The store: whose it is, what it refuses, and that a refusal changes nothing. Real processes, real files."""

import hashlib
import json
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from identity_pipe import (
    EXECUTABLE,
    aliases,
    config,
    conversion,
    conversions,
    living,
    messages,
    process,
    record,
    records,
    run,
    schema,
    state,
)

from identity.engine import stored
from identity.hashing import Hasher
from identity.store import Merge, Store
from identity.store_file import VERSION
from pipe.errors import ConfigurationError, DataError, PipeError, RetriableError

MERGE = "INSERT INTO merge (retired, survivor, moment, reason, record_id, run_id) VALUES"
LINES = conversions(*(conversion(n, ("loyalty_id", f"L-{n}"), ("customer_id", f"shop/{n}")) for n in range(300)))


def fingerprint(directory: Path) -> dict[str, str]:
    names = ("identity.duckdb", "identity.key")
    return {
        name: hashlib.sha256((directory / name).read_bytes()).hexdigest()
        for name in names
        if (directory / name).exists()
    }


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, bytes]:
    """A store with 300 people, and its key."""
    directory = tmp_path_factory.mktemp("good")
    run(LINES, config(directory))
    return (directory / "identity.duckdb").read_bytes(), (directory / "identity.key").read_bytes()


def foreign(path: Path) -> None:
    with duckdb.connect(str(path)) as db:
        db.execute("CREATE TABLE ident AS SELECT 1 AS hash")


def edit(statement: str) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        with duckdb.connect(str(path)) as db:
            db.execute(statement)

    return change


def overwrite(start: int, length: int) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        content = bytearray(path.read_bytes())
        content[start : start + length] = b"\x5a" * length
        path.write_bytes(content)

    return change


REFUSED: dict[str, tuple[Callable[[Path], Any], type[PipeError], str]] = {
    "a text file": (lambda path: path.write_text("dear diary\n" * 500), ConfigurationError, "is not an identity store"),
    "an empty file": (lambda path: path.write_bytes(b""), ConfigurationError, "is not an identity store"),
    "a foreign database": (lambda path: (path.unlink(), foreign(path)), ConfigurationError, "is not an identity store"),
    "a directory": (lambda path: (path.unlink(), path.mkdir()), ConfigurationError, "cannot be opened"),
    "cut in half": (
        lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
        DataError,
        "is damaged",
    ),
    "rubbish in it": (overwrite(3 * 4096, 64 * 4096), DataError, "is damaged"),
    "no header": (overwrite(0, 100), ConfigurationError, "is not an identity store"),
    "a newer version": (
        edit(f"UPDATE meta SET value = '{VERSION + 1}' WHERE name = 'version'"),
        ConfigurationError,
        f"version {VERSION + 1}",
    ),
    "another tenant's": (
        edit("UPDATE meta SET value = 'globex' WHERE name = 'tenant'"),
        ConfigurationError,
        "another tenant",
    ),
    "another key's": (edit("UPDATE meta SET value = 'x' WHERE name = 'key_id'"), ConfigurationError, "another key"),
    "a person too few": (edit("DELETE FROM person WHERE id = 7"), DataError, "is damaged"),
    "nobody's identifier": (edit("UPDATE ident SET person = 9999 WHERE rowid = 1"), DataError, "is damaged"),
    "a circle of one": (edit(f"{MERGE} (3, 3, 1, '', '', '')"), DataError, "is damaged"),
    "a circle of three": (
        edit(f"{MERGE} (3, 7, 1, '', '', ''), (7, 5, 2, '', '', ''), (5, 3, 3, '', '', '')"),
        DataError,
        "is damaged",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_store_that_is_not_ours_or_not_sound_is_refused_and_left_alone(
    tmp_path: Path, good: tuple[bytes, bytes], case: str
) -> None:
    spoil, error, words = REFUSED[case]
    path, key = tmp_path / "identity.duckdb", tmp_path / "identity.key"
    path.write_bytes(good[0])
    key.write_bytes(good[1])
    key.chmod(0o600)
    spoil(path)
    before = path.read_bytes() if path.is_file() else b""
    for _ in range(2):
        with pytest.raises(error, match=words) as caught:
            run(LINES, config(tmp_path))
        assert caught.value.remedy
        assert (path.read_bytes() if path.is_file() else b"") == before
        assert key.read_bytes() == good[1]


def test_an_identifier_that_is_there_twice_is_noticed(tmp_path: Path, good: tuple[bytes, bytes]) -> None:
    (tmp_path / "identity.duckdb").write_bytes(good[0])
    (tmp_path / "identity.key").write_bytes(good[1])
    edit("INSERT INTO ident SELECT * FROM ident LIMIT 1")(tmp_path / "identity.duckdb")
    with pytest.raises(DataError, match="is damaged"):
        run(LINES, config(tmp_path))


def test_a_store_without_its_key_is_refused_and_no_new_key_is_made(tmp_path: Path) -> None:
    run(LINES, config(tmp_path))
    key = tmp_path / "identity.key"
    kept = key.read_text()
    key.unlink()
    with pytest.raises(ConfigurationError, match="key file"):
        run(LINES, config(tmp_path))
    assert not key.exists()
    for wrong, words in (("rubbish", "does not hold 64 hexadecimal digits"), ("ab" * 32, "another key")):
        key.write_text(wrong)
        key.chmod(0o600)
        with pytest.raises(ConfigurationError, match=words) as caught:
            run(LINES, config(tmp_path))
        assert wrong not in str(caught.value)
    assert run(LINES, {**config(tmp_path), "key": kept.strip()})[-1]["type"] == "STATE"


def test_the_key_is_for_this_user_alone_and_stays(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    run(LINES, config(tmp_path))
    key = tmp_path / "identity.key"
    assert (key.stat().st_mode & 0o777, len(bytes.fromhex(key.read_text()))) == (0o600, 32)
    assert (tmp_path / "identity.duckdb").stat().st_mode & 0o777 == 0o600
    before = key.read_bytes()
    key.chmod(0o644)
    run(LINES, config(tmp_path))
    assert key.read_bytes() == before
    assert "chmod 600" in caplog.text
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "identity.duckdb",
        "identity.duckdb.lock",
        "identity.key",
    ]


def test_a_key_file_elsewhere_is_made_there_and_found_again(tmp_path: Path) -> None:
    settings = config(tmp_path, key_file=str(tmp_path / "secrets" / "acme.key"))
    first, second = (records(run(LINES, settings), "conversions") for _ in range(2))
    assert first == second
    assert not (tmp_path / "identity.key").exists()


def test_a_store_in_use_is_refused_at_once_and_the_first_run_goes_on(tmp_path: Path) -> None:
    """Invariant 8."""
    path = tmp_path / "config.json"
    path.write_text(json.dumps(config(tmp_path)))
    with subprocess.Popen(
        [EXECUTABLE, "--config", path],
        bufsize=0,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as first:
        assert first.stdin
        assert first.stdout
        first.stdin.write(b"\n".join(LINES[:50]) + b"\n")
        assert first.stdout.readline().startswith(b'{"type":"SCHEMA"')
        started = time.monotonic()
        second = process(LINES, config(tmp_path))
        assert (second.returncode, second.stdout) == (75, b"")
        assert b"in use by another run" in second.stderr
        assert b"Traceback" not in second.stderr
        assert time.monotonic() - started < 10
        output, _ = first.communicate(b"\n".join(LINES[50:]) + b"\n")
        assert first.returncode == 0
        assert len(records(messages(output), "conversions")) == 300


def test_a_killed_run_leaves_no_lock(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(config(tmp_path)))
    with subprocess.Popen(
        [EXECUTABLE, "--config", path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as first:
        assert first.stdin
        assert first.stdout
        first.stdin.write(LINES[0] + b"\n")
        first.stdin.flush()
        first.stdout.readline()
        first.send_signal(signal.SIGKILL)
    assert run(LINES, config(tmp_path))[-1]["type"] == "STATE"


def test_a_writer_that_ignores_the_lock_is_noticed(tmp_path: Path) -> None:
    run(LINES, config(tmp_path))
    path = tmp_path / "identity.duckdb"
    code = f"import duckdb, sys; db = duckdb.connect({str(path)!r}); print('open', flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdin
        assert other.stdout
        other.stdout.readline()
        with pytest.raises(RetriableError, match="locked by another program"):
            run(conversions(conversion("new", ("loyalty_id", "L-new"))), config(tmp_path))
        other.stdin.close()


@pytest.mark.parametrize("place", ["/proc/nowhere/identity.duckdb", "file/identity.duckdb"])
def test_a_place_that_cannot_be_written_is_a_configuration_error(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("not a directory")
    with pytest.raises(ConfigurationError, match="cannot be made or locked"):
        run(LINES, {**config(tmp_path), "store": str(tmp_path / place)})


def test_a_key_that_cannot_be_written_is_a_configuration_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="key file"):
        run(LINES, config(tmp_path, key_file="/proc/nowhere/identity.key"))
    assert not (tmp_path / "identity.duckdb").exists()


def test_a_full_disk_stops_the_run_before_any_state_that_is_not_covered(tmp_path: Path) -> None:
    """Scenario 36. The limit on file sizes makes the kernel refuse growth, as a full disk does."""
    run(LINES, config(tmp_path))
    lines = [schema("conversions")]
    for number in range(8000):
        pairs = [("loyalty_id", f"X-{number}"), ("loyalty_id", f"X-{number // 2}")]  # every tenth record merges
        lines.append(record("conversions", conversion(f"x{number}", *pairs[: 1 + (number % 10 == 0)])))
        if number % 500 == 499:
            lines.append(state(number))
    full = process(
        lines,
        config(tmp_path),
        flush_bytes=20_000,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000)),
    )
    assert full.returncode == 75
    assert b"identity store" in full.stderr
    assert b"Traceback" not in full.stderr
    found = messages(full.stdout)
    states = [message["value"]["n"] for message in found if message["type"] == "STATE"]
    rows = {row["conversion_id"]: row["global_customer_id"] for row in records(found, "conversions")}
    assert 0 < len(states) < 16, full.stderr
    assert all(conversion(f"x{number}")["conversion_id"] in rows for number in range(states[-1] + 1))
    again = run([lines[0], *reversed(lines[1:])], config(tmp_path))
    became = aliases(found + again)
    now = {row["conversion_id"]: living(row["global_customer_id"], became) for row in records(again, "conversions")}
    assert {key: living(uid, became) for key, uid in rows.items()}.items() <= now.items()


def test_the_clock_of_the_store_never_runs_backwards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = run(conversions(conversion(1, ("customer_id", "shop/1"))), config(tmp_path))
    monkeypatch.setattr("identity.people.time.time_ns", lambda: 1_000)
    second = run(conversions(conversion(2, ("customer_id", "shop/2"))), config(tmp_path))
    (one,), (two,) = (records(found, "identity_map") for found in (first, second))
    assert two["valid_from"] > one["valid_from"]


def opened(path: Path, **options: Any) -> Store:
    return Store(path / "identity.duckdb", "acme", Hasher(b"k" * 32), **options)


def test_what_is_not_committed_is_not_there(tmp_path: Path) -> None:
    store = opened(tmp_path)
    hashes = pa.array(["01" * 15, "02" * 15])
    founded = store.add_persons(1, hashes, 5)
    store.add_identifiers(stored(hashes), np.array([1, 2]), np.array([7, 7]), pa.array(["shop", "shop"]), 5)
    store.commit()
    store.add_merges([Merge(2, 1, 9, "email", "r", "run")])
    assert [(customer.digest, customer.since) for customer in store.customers([2])] == [("02" * 15, 5)]
    store.close()
    store = opened(tmp_path, durable=True)
    assert store.history([2]) == []
    places, persons, since = store.find(stored(pa.array(["03" * 15, "02" * 15])))
    assert (places.tolist(), persons.tolist(), since.tolist()) == ([1], [2], [5])
    assert store.uids(np.array([2, 1])).to_pylist() == founded.to_pylist()[::-1]
    assert store.latest() == 5
    store.close()


def test_after_a_failure_nothing_more_is_committed(tmp_path: Path) -> None:
    """The engine may have rolled back the whole transaction: what was added before the failure is not there either."""
    store = opened(tmp_path)
    store.add_persons(1, pa.array(["01" * 15]), 5)
    with pytest.raises(DataError, match="is damaged"):
        store.add_identifiers(pa.array(["no hash"]), np.array([1]), np.array([1]), pa.array([None], pa.string()), 5)
    with pytest.raises(DataError, match="is damaged"):
        store.commit()
    store.close()
    store = opened(tmp_path)
    assert store.persons() == 0
    store.close()
