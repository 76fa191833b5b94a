"""The store as a DuckDB file: what it refuses and leaves alone, and what a full disk, a lock and a kill leave."""

import resource
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest
from identity_pipe import (
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

from identity.hashing import Hasher
from pipe.errors import ConfigurationError, DataError, PipeError, RetriableError

STORE = "identity.duckdb"
MERGE = "INSERT INTO merge (retired, survivor, moment, reason, record_id, run_id) VALUES"
LINES = conversions(*(conversion(n, ("loyalty_id", f"L-{n}"), ("customer_id", f"shop/{n}")) for n in range(3000)))


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, bytes]:
    directory = tmp_path_factory.mktemp("good")
    run(LINES, config(directory))
    return (directory / STORE).read_bytes(), (directory / "identity.key").read_bytes()


def edit(*statements: str) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        with duckdb.connect(str(path)) as db:
            for statement in statements:
                db.execute(statement)

    return change


def overwrite(start: int, length: int) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        content = bytearray(path.read_bytes())
        content[start : start + length] = b"\x5a" * length
        path.write_bytes(content)

    return change


def other_database(path: Path) -> None:
    path.unlink()
    edit("CREATE TABLE meta (name VARCHAR, value VARCHAR)", "CREATE TABLE ident (hash INTEGER)")(path)


def an_sqlite_store(path: Path) -> None:
    path.unlink()
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE ident (hash BLOB)")
    db.close()


NOT_OURS, BROKEN = "is not an identity store", "is damaged"
REFUSED: dict[str, tuple[Callable[[Path], Any], type[PipeError], str]] = {
    "a text file": (lambda path: path.write_text("dear diary\n" * 500), ConfigurationError, NOT_OURS),
    "an empty file": (lambda path: path.write_bytes(b""), ConfigurationError, NOT_OURS),
    "an older store": (an_sqlite_store, ConfigurationError, "identity store"),
    "a foreign database": (other_database, ConfigurationError, NOT_OURS),
    "a directory": (lambda path: (path.unlink(), path.mkdir()), ConfigurationError, "cannot be opened"),
    "cut in half": (lambda path: path.write_bytes(path.read_bytes()[: len(path.read_bytes()) // 2]), DataError, BROKEN),
    "cut to its header": (lambda path: path.write_bytes(path.read_bytes()[:4096]), DataError, BROKEN),
    **{f"a broken block {n}": (overwrite(12_288 + n * 262_144, 262_144), DataError, BROKEN) for n in range(4)},
    "no header": (overwrite(0, 100), ConfigurationError, NOT_OURS),
    "a header of rubbish": (overwrite(4096, 8192), DataError, BROKEN),
    "a newer version": (edit("UPDATE meta SET value = '99' WHERE name = 'version'"), ConfigurationError, "version 99"),
    "another tenant's": (
        edit("UPDATE meta SET value = 'x' WHERE name = 'tenant'"),
        ConfigurationError,
        "another tenant",
    ),
    "another key's": (edit("UPDATE meta SET value = 'x' WHERE name = 'key_id'"), ConfigurationError, "another key"),
    "a person too few": (edit("DELETE FROM person WHERE id = 7"), DataError, BROKEN),
    "nobody's identifier": (edit("UPDATE ident SET person = 99999 WHERE rowid = 1"), DataError, BROKEN),
    "an identifier twice": (edit("INSERT INTO ident SELECT * FROM ident LIMIT 1"), DataError, BROKEN),
    "a circle of merges": (edit(f"{MERGE} (3, 3, 1, '', '', '')"), DataError, BROKEN),
    "merged twice": (
        edit(f"{MERGE} (3, 2, 1, '', '', '')", f"{MERGE} (3, 1, 1, '', '', '')"),
        DataError,
        BROKEN,
    ),
    "a table too few": (edit("DROP TABLE merge"), DataError, BROKEN),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_and_left_alone(tmp_path: Path, good: tuple[bytes, bytes], case: str) -> None:
    spoil, error, words = REFUSED[case]
    path, key = tmp_path / STORE, tmp_path / "identity.key"
    path.write_bytes(good[0])
    key.write_bytes(good[1])
    key.chmod(0o600)
    spoil(path)
    files = {p.name: p.read_bytes() for p in tmp_path.iterdir() if p.is_file()}
    for _ in range(2):
        done = process(LINES, config(tmp_path))
        last = done.stderr.decode().strip().splitlines()
        assert done.returncode == error.exit_code, last[-3:]
        assert words in done.stderr.decode(), last[-3:]
        assert b"Traceback" not in done.stderr
        assert not records(messages(done.stdout), "conversions")
        after = {p.name: p.read_bytes() for p in tmp_path.iterdir() if p.is_file()}
        assert {name: after.get(name) for name in files} == files


def test_files_are_for_this_user_alone(tmp_path: Path) -> None:
    run(LINES, config(tmp_path))
    found = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir() if not path.name.endswith(".lock")}
    assert found == {"identity.key": 0o600, STORE: 0o600}


HOLD = "import duckdb, sys; db = duckdb.connect(sys.argv[1]); print('held', flush=True); sys.stdin.read()"


def test_a_program_that_ignores_the_lock_is_noticed(tmp_path: Path) -> None:
    run(LINES, config(tmp_path))
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, tmp_path / STORE], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(RetriableError, match="locked by another program"):
            run(LINES, config(tmp_path))
        other.communicate(b"")
    assert run(LINES, config(tmp_path))[-1]["type"] == "STATE"


@pytest.mark.parametrize("room", [50_000, 300_000])
def test_a_full_disk_stops_the_run_before_any_state_that_is_not_covered(tmp_path: Path, room: int) -> None:
    """Scenario 36. The limit on file sizes makes the kernel refuse growth, as a full disk does."""
    run(LINES, config(tmp_path))
    size = (tmp_path / STORE).stat().st_size
    lines = [schema("conversions")]
    for number in range(40_000):
        pairs = [("loyalty_id", f"X-{number}"), ("loyalty_id", f"X-{number // 2}")]  # every tenth record merges
        lines.append(record("conversions", conversion(f"x{number}", *pairs[: 1 + (number % 10 == 0)])))
        if number % 500 == 499:
            lines.append(state(number))
    full = process(
        lines,
        config(tmp_path),
        flush_bytes=20_000,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size + room, size + room)),
    )
    assert (full.returncode, b"Traceback" in full.stderr) == (75, False), full.stderr[-600:]
    assert b"identity store" in full.stderr
    found = messages(full.stdout)
    rows = {row["conversion_id"]: row["global_customer_id"] for row in records(found, "conversions")}
    states = [message["value"]["n"] for message in found if message["type"] == "STATE"]
    if states:
        assert all(conversion(f"x{number}")["conversion_id"] in rows for number in range(states[-1] + 1))
    again = run([lines[0], *reversed(lines[1:])], config(tmp_path))
    became = aliases(found + again)
    now = {row["conversion_id"]: living(row["global_customer_id"], became) for row in records(again, "conversions")}
    assert {key: living(uid, became) for key, uid in rows.items()}.items() <= now.items()


def test_no_secret_and_no_value_in_the_error_of_a_store_that_breaks(tmp_path: Path) -> None:
    """Statements hold secrets of the key, and errors of the engine may quote statements."""
    key = "7e" * 32
    run(LINES, config(tmp_path, key=key))
    with duckdb.connect(str(tmp_path / STORE)) as db:
        db.execute("ALTER TABLE person RENAME uid TO other")
    done = process(conversions(conversion("new", ("email", "secret.person@mail.example"))), config(tmp_path, key=key))
    hasher = Hasher(bytes.fromhex(key))
    log = done.stderr.decode()
    assert done.returncode
    assert all(word not in log for word in (key, hasher.secret("person"), hasher.secret("email"), "secret.person"))


@pytest.mark.quality  # more systems than 16 bits count: minutes on a busy machine
def test_many_source_systems(tmp_path: Path) -> None:
    rows = [conversion(n, ("customer_id", f"s{n}/7{n}")) for n in range(66_000)]
    assert len(records(run(conversions(*rows), config(tmp_path)), "conversions")) == 66_000
