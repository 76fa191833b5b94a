"""Values that BigQuery has no place for: rejected by rule, or the batch stops; none is lost without a word."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from bigquery_place import Place
from support import state

from pipe import columnar
from pipe.outbox import Outbox

FORMS = ("parquet", "ndjson")
NINES = "9" * 38
"""More than NUMERIC and the emulator's BIGNUMERIC have, and the service's has."""

TEXT = {"type": ["null", "string"]}
KINDS: dict[str, Any] = {
    "decimal": {**TEXT, "format": "x-singer.decimal"},
    "integer": {"type": ["null", "integer"]},
    "double": {"type": ["null", "number"]},
    "timestamp": {**TEXT, "format": "date-time"},
    "date": {**TEXT, "format": "date"},
    "time": {**TEXT, "format": "time"},
}
REJECTED = [
    ("decimal", f'"{NINES}9"'),
    ("decimal", f'"-{NINES}9.5"'),
    ("decimal", f"{NINES}9"),
    ("decimal", '"1e38"'),
    ("decimal", '"1e40"'),
    ("decimal", f'"0.{"0" * 38}1"'),  # BIGNUMERIC has 38 digits behind the point, and would round
    ("decimal", '"1e-39"'),
    ("decimal", '"NaN"'),
    ("decimal", '"Infinity"'),
    ("integer", f"{10**29}"),
    ("integer", NINES),
    ("timestamp", '"0000-12-31T23:59:59Z"'),
    ("timestamp", '"0001-01-01T00:00:00+01:00"'),
    ("timestamp", '"10000-01-01T00:00:00Z"'),
    ("timestamp", '"infinity"'),
    ("date", '"0000-12-31"'),
    ("date", '"10000-01-01"'),
    ("time", '"24:00:01"'),
]


def schema(stream: str, kind: str) -> dict[str, Any]:
    shape = {"type": "object", "properties": {"id": TEXT, "v": KINDS[kind]}}
    return {"type": "SCHEMA", "stream": stream, "schema": shape, "key_properties": ["id"]}


@pytest.mark.parametrize("form", FORMS)
def test_values_out_of_range_are_rejects_and_the_rest_is_loaded(form: str, place: Place) -> None:
    lines: list[Any] = [schema(kind, kind) for kind in KINDS]
    for number, (kind, value) in enumerate(REJECTED):
        lines.append(f'{{"type":"RECORD","stream":"{kind}","record":{{"id":"{number}","v":{value}}}}}')
    lines += [{"type": "RECORD", "stream": kind, "record": {"id": "empty"}} for kind in KINDS]
    done = place.load(*lines, state(n=1), load_format=form, min_rejects=100)
    assert (done.code, done.lines) == (0, [b'{"n": 1}']), done.log
    first = len(KINDS) + 1
    wanted = [(first + number, kind, kind, "v") for number, (kind, _) in enumerate(REJECTED)]
    assert place.rows("SELECT position, source_stream, rule, field FROM {}.rejects ORDER BY 1") == wanted
    for kind in KINDS:
        assert place.rows(f"SELECT id, v FROM {{}}.`{kind}`") == [("empty", None)], kind


@pytest.mark.parametrize("form", FORMS)
def test_the_last_values_within_range_are_exact(form: str, place: Place) -> None:
    values = {
        "decimal": "9" * 29 + "." + "9" * 9,
        "integer": 2**63 - 1,
        "double": 1.7976931348623157e308,
        "timestamp": "0001-01-01T00:00:00Z",
        "date": "9999-12-31",
        "time": "23:59:59.999999",
    }
    lines: list[Any] = [schema(kind, kind) for kind in KINDS]
    lines += [
        {"type": "RECORD", "stream": kind, "record": {"id": sign, "v": value}}
        for kind, value in values.items()
        for sign in "ab"
    ]
    done = place.load(*lines, state(n=1), load_format=form)
    assert (done.code, done.lines) == (0, [b'{"n": 1}']), done.log
    found = {kind: place.rows(f"SELECT DISTINCT CAST(v AS STRING) FROM {{}}.`{kind}`") for kind in KINDS}
    assert found["decimal"] == [(values["decimal"],)]
    assert found["integer"] == [(str(2**63 - 1),)]
    assert [float(text) for (text,) in found["double"]] == [values["double"]]
    assert str(found["timestamp"][0][0]).startswith("0001-01-01 00:00:00")
    assert (found["date"], found["time"]) == ([("9999-12-31",)], [("23:59:59.999999",)])


def test_numbers_that_are_none_are_null_and_counted(place: Place) -> None:
    """JSON has no word for them; the row is worth keeping."""
    values = ("1e400", "-1e400", '"NaN"', '"-Infinity"', "2.5", "null")
    lines: list[Any] = [schema("s", "double")]
    for number, value in enumerate(values):
        lines.append(f'{{"type":"RECORD","stream":"s","record":{{"id":"{number}","v":{value}}}}}')
    done = place.load(*lines, state(n=1))
    assert done.code == 0
    assert "Stream 's': NaN and numbers without end are stored as null (v: 4)" in done.log
    assert place.rows("SELECT v FROM {}.s ORDER BY id") == [(None,)] * 4 + [(2.5,), (None,)]


def test_a_long_text_arrives_whole(place: Place) -> None:
    lines = [schema("s", "decimal"), {"type": "RECORD", "stream": "s", "record": {"id": "ä" * 2_000_000}}]
    assert place.load(*lines).code == 0
    assert place.rows("SELECT LENGTH(id) FROM {}.s") == [(2_000_000,)]


@pytest.mark.parametrize("value", ["9" * 30, NINES, f"-{NINES}.{NINES}"])
def test_a_decimal_that_only_the_service_can_judge_stops_its_batch(place: Place, value: str) -> None:
    """The service takes 38 digits before the point; the emulator 18, and so shows what a refusal does."""
    lines = [schema("s", "decimal"), {"type": "RECORD", "stream": "s", "record": {"id": "1", "v": value}}]
    done = place.load(*lines, state(n=1))
    assert (done.code, done.lines) == (65, [])
    assert "stream 's': loading failed: the service refuses it (invalidQuery), job growthnav_s_" in done.log
    assert "999" not in done.log.replace(NINES, "")


@pytest.mark.parametrize("file_form", ["parquet", "arrow"])
@pytest.mark.parametrize("form", FORMS)
def test_long_decimals_of_batch_files(form: str, file_form: str, place: Place, tmp_path: Path) -> None:
    """Decimals of 256 bits are more than the engine that checks them knows; they are checked as text."""
    columns = {
        "short": pa.array([Decimal("1.25")], pa.decimal256(76, 38)),
        "d39": pa.array([Decimal(f"{NINES}9")], pa.decimal256(39, 0)),
        "d60": pa.array([Decimal("9" * 60)], pa.decimal256(76, 0)),
    }
    lines: list[Any] = []
    for stream, column in columns.items():
        box = Outbox(str(tmp_path))
        path = box.new_file(file_form)
        columnar.write(pa.table({"id": ["a"], "v": column}), path, file_form)
        lines += [schema(stream, "decimal"), json.loads(box.message(stream, [path], file_form))]
    done = place.load(*lines, state(n=1), load_format=form)
    assert (done.code, done.lines) == (0, [b'{"n": 1}']), done.log
    assert place.rows("SELECT source_stream, rule FROM {}.rejects ORDER BY 1") == [
        (stream, "decimal") for stream in ("d39", "d60")
    ]
    assert place.rows("SELECT v FROM {}.short") == [(Decimal("1.25"),)]
    assert not list(tmp_path.glob("growthnav-batch-*"))
