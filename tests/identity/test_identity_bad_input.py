"""Bad Singer input, reliability scenarios 41 to 50, and bad settings: a clear end, nothing lost, nothing leaked."""

import gzip
import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from identity_pipe import (
    EXECUTABLE,
    config,
    conversion,
    conversions,
    encode,
    messages,
    process,
    record,
    records,
    run,
    schema,
    state,
)

from identity.settings import read
from pipe.errors import ConfigurationError, DataError, PipeError, RetriableError
from pipe.streams import CONVERSIONS

HEAD = [schema("conversions"), record("conversions", conversion(1, ("loyalty_id", "L-1"))), state(1)]
TAIL = [record("conversions", conversion(2, ("loyalty_id", "L-2"))), state(2)]


def odd(text: str) -> bytes:
    """A RECORD line with a fragment and something unusual."""
    return b'{"type":"RECORD","stream":"conversions","record":{' + text.encode() + b"}}"


def broken(**changes: Any) -> bytes:
    return record("conversions", {**conversion("odd", ("loyalty_id", "L-secret")), **changes})


@dataclass(frozen=True)
class Fatal:
    """Input that must stop the run; what came before it is kept."""

    line: bytes
    words: str


FATAL = {
    "41 not JSON": Fatal(b"hello, world", "line 4"),
    "41 a cut line": Fatal(TAIL[0][:60], "cut off at its end"),
    "41 an array": Fatal(b"[1, 2]", "an array"),
    "43 no SCHEMA": Fatal(b'{"type":"RECORD","stream":"customer_profiles","record":{"profile_id":"a"}}', "line 4"),
    "43 no key": Fatal(
        odd('"value":"1","identity_fragments":[]'), "field 'conversion_id': the record in line 4 has no key"
    ),
    "43 a null key": Fatal(odd('"conversion_id":null,"identity_fragments":[]'), "has no key"),
    "43 an empty key": Fatal(odd('"conversion_id":"","identity_fragments":[]'), "has no key"),
    "43 a SCHEMA without its key": Fatal(
        b'{"type":"SCHEMA","stream":"conversions","schema":{"properties":{"identity_fragments":{}}}}', "not the key"
    ),
    "43 a SCHEMA without a schema": Fatal(b'{"type":"SCHEMA","stream":"conversions"}', "malformed"),
    "another tenant's record": Fatal(broken(customer_id="globex"), "belongs to another tenant"),
}


@pytest.mark.parametrize("case", FATAL)
def test_fatal_input_stops_the_run_after_what_was_good(tmp_path: Path, case: str) -> None:
    lines = [*HEAD, FATAL[case].line, *TAIL]
    with pytest.raises(DataError) as caught:
        run(lines, config(tmp_path))
    assert FATAL[case].words in str(caught.value)
    assert "secret" not in str(caught.value)
    # What came before is in the store: the same person, not a new one, and the run ends well without the bad line.
    found = run([*HEAD, *TAIL], config(tmp_path))
    assert found[-1] == {"type": "STATE", "value": {"n": 2}}


def test_a_cut_last_line_ends_the_process_clearly_with_what_was_good_written(tmp_path: Path) -> None:
    done = process([*HEAD, TAIL[0][:60]], config(tmp_path))
    assert done.returncode == 65
    assert messages(done.stdout)[-1] == {"type": "STATE", "value": {"n": 1}}
    assert b"Traceback" not in done.stderr
    assert b"data error" in done.stderr


@dataclass(frozen=True)
class Odd:
    """Input that is taken; `expected` columns of the record it becomes."""

    line: bytes
    expected: dict[str, Any] = field(default_factory=dict)


TOLERATED = {
    "41 a blank line": Odd(b""),
    "41 a byte order mark": Odd(b"\xef\xbb\xbf" + broken(), {"transaction_id": "odd"}),
    "41 a carriage return": Odd(broken() + b"\r", {"transaction_id": "odd"}),
    "42 an unknown message": Odd(b'{"type":"HEARTBEAT"}'),
    "45 NaN": Odd(odd('"conversion_id":"a","value":NaN,"identity_fragments":[]'), {"value": None}),
    "45 2^80": Odd(
        odd('"conversion_id":"a","value":1208925819614629174706176,"identity_fragments":[]'), {"value": 2**80}
    ),
    "45 a lone surrogate": Odd(odd('"conversion_id":"a\\ud800","identity_fragments":[]'), {"conversion_id": "a�"}),
    "45 NUL": Odd(odd('"conversion_id":"a\\u0000b","identity_fragments":[]'), {"conversion_id": "ab"}),
    "45 a key twice": Odd(
        odd('"conversion_id":"a","conversion_id":"b","identity_fragments":[]'), {"conversion_id": "b"}
    ),
    "46 a new SCHEMA": Odd(schema("conversions")),
    "48 the same key again": Odd(HEAD[1], {"transaction_id": "1"}),
    "49 ACTIVATE_VERSION": Odd(b'{"type":"ACTIVATE_VERSION","stream":"orders","version":1}'),
    "fragments of nothing": Odd(broken(identity_fragments=None), {"identity_fragments": None}),
}


@pytest.mark.parametrize("case", TOLERATED)
def test_odd_input_is_taken_as_the_scenario_says(tmp_path: Path, case: str) -> None:
    found = run([*HEAD, TOLERATED[case].line, *TAIL], config(tmp_path))
    assert found[-1] == {"type": "STATE", "value": {"n": 2}}
    rows = records(found, "conversions")
    assert records(found, "rejects") == []
    expected = TOLERATED[case].expected
    assert len(rows) == 2 + bool(expected)
    assert expected.items() <= rows[1].items()
    assert all(row["global_customer_id"] for row in rows)


POISON = {
    "44 fragments that are text": broken(identity_fragments="L-secret"),
    "44 a fragment that is text": broken(identity_fragments=["L-secret"]),
    "44 a fragment without type": broken(identity_fragments=[{"value": "L-secret"}]),
    "44 a value that is a number": broken(identity_fragments=[{"type": "loyalty_id", "value": 5551234}]),
    "44 a value that is an object": broken(identity_fragments=[{"type": "loyalty_id", "value": {"a": "secret"}}]),
    "44 a key that is a number": broken(conversion_id=17),
    "44 a type of a megabyte": broken(identity_fragments=[{"type": "x" * 1_000_000, "value": "secret"}]),
    "44 a record that is a list": b'{"type":"RECORD","stream":"conversions","record":["secret"]}',
    "44 a record that is null": b'{"type":"RECORD","stream":"conversions","record":null}',
    "43 no record at all": b'{"type":"RECORD","stream":"conversions"}',
}


@pytest.mark.parametrize("case", POISON)
def test_one_poison_record_goes_to_rejects_and_the_run_goes_on(tmp_path: Path, case: str) -> None:
    found = run([*HEAD, POISON[case], *TAIL], config(tmp_path))
    (reject,) = records(found, "rejects")
    assert len(records(found, "conversions")) == 2
    assert (reject["stage"], reject["source_stream"], reject["position"]) == ("resolve-identity", "conversions", 4)
    assert "secret" not in json.dumps(reject)
    assert found[-1] == {"type": "STATE", "value": {"n": 2}}
    shapes = [message["stream"] for message in found if message["type"] == "SCHEMA"]
    assert shapes.count("rejects") == 1
    again = run([*HEAD, POISON[case], *TAIL], config(tmp_path))
    assert records(again, "rejects")[0]["reject_id"] == reject["reject_id"]


def test_the_reject_names_the_field(tmp_path: Path) -> None:
    found = run([*HEAD, broken(identity_fragments=[{"type": "email", "value": 1}]), *TAIL], config(tmp_path))
    (reject,) = records(found, "rejects")
    assert (reject["rule"], reject["field"]) == ("type", "identity_fragments")


def test_too_many_rejects_stop_the_run(tmp_path: Path) -> None:
    poison = [POISON["44 a fragment that is text"]] * 20
    with pytest.raises(DataError, match="11 of 12 records were rejected"):
        run([*HEAD, *poison], config(tmp_path))


def test_a_value_of_five_megabytes_passes_and_identifies_nobody(tmp_path: Path) -> None:
    """Scenario 38."""
    big = conversion("big", ("loyalty_id", "x" * 5_000_000), raw={"note": "y" * 5_000_000})
    rows = records(run([*HEAD, record("conversions", big), *TAIL], config(tmp_path)), "conversions")
    assert rows[1]["identity_fragments"] == []
    assert len(rows[1]["raw"]["note"]) == 5_000_000


def test_a_schema_may_change_in_mid_stream(tmp_path: Path) -> None:
    """Scenario 46: the new column passes, the people stay."""
    shape = CONVERSIONS.schema_message()
    shape["schema"]["properties"]["extra"] = {"type": ["string", "null"]}
    rows = [conversion(1, ("loyalty_id", "L-1")), {**conversion(2, ("loyalty_id", "L-1")), "extra": "new"}]
    found = run(
        [schema("conversions"), record("conversions", rows[0]), encode(shape), record("conversions", rows[1])],
        config(tmp_path),
    )
    first, second = records(found, "conversions")
    assert first["global_customer_id"] == second["global_customer_id"]
    assert second["extra"] == "new"


BATCHES: dict[str, tuple[Sequence[str], str, type[PipeError], str]] = {
    "a missing file": (["file:///nowhere/a.jsonl"], "jsonl", RetriableError, "is not there"),
    "a remote file": (["ftp://host/a.jsonl"], "jsonl", DataError, "ftp://"),
    "an unknown format": (["file:///nowhere/a.avro"], "avro", DataError, "avro"),
}


@pytest.mark.parametrize("case", BATCHES)
def test_a_batch_that_cannot_be_read_is_named(tmp_path: Path, case: str) -> None:
    """Scenario 50."""
    manifest, form, error, words = BATCHES[case]
    line = encode({"type": "BATCH", "stream": "conversions", "encoding": {"format": form}, "manifest": manifest})
    with pytest.raises(error, match=words) as caught:
        run([*HEAD, line, *TAIL], config(tmp_path))
    assert caught.value.stream == "conversions"


def test_a_foreign_gzip_batch_is_expanded_and_left_in_place(tmp_path: Path) -> None:
    """Scenario 50."""
    path = tmp_path / "theirs.json.gz"
    rows = [conversion(n, ("loyalty_id", "L-1")) for n in range(3)]
    path.write_bytes(gzip.compress(b"\n".join(encode(row) for row in [*rows, {"conversion_id": 5}])))
    line = encode(
        {
            "type": "BATCH",
            "stream": "conversions",
            "encoding": {"format": "jsonl", "compression": "gzip"},
            "manifest": [path.as_uri()],
        }
    )
    found = run([*HEAD, line, *TAIL], config(tmp_path))
    assert len(records(found, "conversions")) == 5
    assert len(records(found, "rejects")) == 1
    assert path.exists()


def test_every_mistake_in_the_settings_is_told_at_once_without_values() -> None:
    with pytest.raises(ConfigurationError) as caught:
        read(
            {
                "stoer": "x", "tenant": None, "store": 7, "key": "s3cret", "default_region": "Atlantis",
                "placeholders": [{"type": "shoe", "value": "s3cret"}], "personal_data": "shred", "durable": "s3cret",
                "gmail_dots": 1, "batch_rows": -1,
            }
        )  # fmt: skip
    told = str(caught.value)
    for name in (
        "stoer",
        "tenant",
        "store",
        "key",
        "default_region",
        "placeholders",
        "personal_data",
        "durable",
        "gmail_dots",
        "batch_rows",
    ):
        assert name in told
    assert "s3cret" not in told
    assert "Atlantis" not in told


def test_key_and_key_file_exclude_each_other(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="exclude each other"):
        run(conversions(), config(tmp_path, key="ab" * 32, key_file="x"))


def test_bad_settings_end_the_process_clearly(tmp_path: Path) -> None:
    done = process(conversions(), {**config(tmp_path), "key": "s3cret", "colour": "red"})
    assert (done.returncode, done.stdout) == (78, b"")
    assert b"configuration error: colour is not a setting; key must be 64 hexadecimal digits" in done.stderr
    assert b"s3cret" not in done.stderr
    assert b"Traceback" not in done.stderr


def test_settings_may_come_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESOLVE_IDENTITY_TENANT", "acme")
    monkeypatch.setenv("RESOLVE_IDENTITY_STORE", str(tmp_path / "identity.duckdb"))
    monkeypatch.setenv("RESOLVE_IDENTITY_KEY", "0d" * 32)
    monkeypatch.setenv("RESOLVE_IDENTITY_PLACEHOLDERS", '["L-1"]')
    monkeypatch.setenv("RESOLVE_IDENTITY_LOW_MEMORY", "true")
    done = subprocess.run(
        [EXECUTABLE, "--config=ENV"], input=b"\n".join(HEAD), capture_output=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    (row,) = records(messages(done.stdout), "conversions")
    assert row["identity_fragments"] == []
    assert b"0d0d" not in done.stderr
    assert not (tmp_path / "identity.key").exists()


def test_about_lists_the_settings_and_marks_the_secret() -> None:
    done = subprocess.run([EXECUTABLE, "--about", "--format=json"], capture_output=True, check=True, timeout=60)
    about = json.loads(done.stdout)
    properties = about["settings"]["properties"]
    assert properties["key"]["secret"] is True
    assert "stream_maps" not in properties
    assert {"tenant", "store"} == set(about["settings"]["required"])
