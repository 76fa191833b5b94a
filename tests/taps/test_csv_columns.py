"""Batch files read by whole columns hold what RECORD messages would: values, order, schemas, rejects and STATE."""

from __future__ import annotations

import json
import logging
import tempfile
from pathlib import Path
from typing import Any

import pytest
from csv_runs import Run, run_tap
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from pipe import batches
from taps.base.files import mixed, unpack
from taps.base.files.kinds import SCHEMAS

CELLS = [
    *("", " ", "NULL", "text", '"quo""ted, cell"', '"two\nlines"', "Ä€😀", "\x01\x7f\u2028", "\\", "'"),
    *(
        "0",
        "-0",
        "7",
        "-12",
        "007",
        "+5",
        "1e3",
        "1.0",
        "999999999999999",
        "9223372036854775807",
        "9223372036854775808",
    ),
    *(
        "0.1",
        "-0.10",
        "1234.5678",
        "1.5e-7",
        "123456789012345.123456789",
        "1e400",
        '"1,234.5"',
        '"1.234,5"',
        '"2,5"',
        ".5",
    ),
    *("$12.30", "(5)", "5-", "\u0661", "true", "False", "yes", "n", "1", "maybe"),
    *("2024-05-01", "2024-02-30", "0001-01-01", "9999-12-31", "0000-00-00", "20240501", "1599-01-01"),
    *("2024-05-01T09:30:00Z", "2024-05-01 09:30:00", "2024-05-01T09:30:00.5+02:00", "2024-05-01T09:30:00.1234567Z"),
    *("2024-05-01 09:30:00-0330", "2024-05-01T09:30:00+05", "2024-02-30T09:30:00Z", "0001-01-01T00:00:00Z"),
    *("9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59-12:00", "2024-05-01T24:00:00Z", "2024-05-01T09:30:60Z"),
    *("2024-05-01T09:30:00+25:00", "2024-05-01T09:30:00+05:75", "2024-05-01T09:30Z", "2024-05-01 09:30:00 UTC"),
    *(
        "01.05.2024",
        "05/01/2024 09:30",
        "1714555800",
        "2024-03-31T02:30:00",
        "1700-01-01T00:00:00",
        "2999-12-31T23:59:59",
    ),
]
CELL = st.sampled_from(CELLS)
ODD_ROWS = st.sampled_from(["", "   ", "1,2", "1,2,3,4,5", 'a"b,c,d', '"open,c,d', "1,2,3,,", "x\ry,2,3"])


@st.composite
def files(draw: st.DrawFn) -> str:
    """A file whose columns mostly keep to a few different cells, so that types can be inferred."""
    pools = [draw(st.lists(CELL, min_size=1, max_size=3)) for _ in range(3)]
    row = st.tuples(*(st.one_of(st.sampled_from(pool), st.sampled_from(pool), CELL) for pool in pools)).map(",".join)
    rows = draw(st.lists(st.one_of(row, row, row, row, ODD_ROWS), max_size=14))
    header = draw(st.sampled_from(["a,b,c", "c,b,a", "b,a,A", "a,b,d"]))
    return header + "\n" + "".join(f"{line}\n" for line in rows)


STREAMS = st.fixed_dictionaries(
    {"columns": st.fixed_dictionaries({}, optional={name: st.sampled_from(list(SCHEMAS)) for name in "abc"})},
    optional={
        "infer_types": st.booleans(),
        "on_bad_value": st.sampled_from(["reject", "null", "null", "fail"]),
        "on_ragged": st.sampled_from(["reject", "pad", "fail"]),
        "null_values": st.sampled_from([[], ["", "NULL"]]),
        "trim": st.booleans(),
        "decimal": st.just("comma"),
        "timezone": st.sampled_from(["America/Chicago", "Europe/Berlin", "utc"]),
        "date_formats": st.sampled_from([["german", "iso"], ["us"]]),
        "key_properties": st.just(["a"]),
        "mode": st.just("replace"),
        "max_reject_ratio": st.just(1.0),
        "delimiter": st.sampled_from([",", ",", "whitespace"]),
    },
)


def sync(folder: Path, stream: dict[str, Any], batch: dict[str, Any] | None, **more: Any) -> Run:
    tap = {"streams": [{"stream": "s", "path": str(folder / "*.csv"), **stream}], "state_rows": 3}
    tap |= {"add_metadata_columns": more.get("marked", True)}
    if batch:
        storage = {"root": str(folder / "batches")}
        tap["batch_config"] = {"storage": storage, "batch_size": batch["size"], "encoding": {"format": batch["format"]}}
    return run_tap(tap, more.get("state"), more.get("catalog"))


def sent(run: Run, messages: list[dict[str, Any]] | None = None) -> list[str]:
    """Records and schemas in order, values with their exact types."""
    found, properties = [], {}
    for message in run.messages if messages is None else messages:
        if message["type"] == "SCHEMA":
            properties = message["schema"]["properties"]
            found.append(repr(message))
        elif message["type"] == "RECORD":
            found.append(repr(list(message["record"].items())))
        elif message["type"] == "BATCH":
            batch = batches.decode(json.dumps(message).encode(), 1)
            found += [repr(list(json.loads(record).items())) for record in batches.records(batch, properties)]
    return found


def records(run: Run) -> list[str]:
    return [line for line in sent(run) if line.startswith("[")]


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    lines = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    caplog.clear()
    return lines


def catalog(types: dict[str, str], chosen: set[str]) -> dict[str, Any]:
    """As an earlier discovery left it: the types it saw, some of which values of today will not fit."""
    properties = {name: SCHEMAS[kind] for name, kind in types.items()}
    metadata = [{"breadcrumb": ["properties", name], "metadata": {"selected": name in chosen}} for name in types]
    return {
        "streams": [
            {
                "tap_stream_id": "s",
                "schema": {"type": "object", "properties": properties},
                "metadata": [{"breadcrumb": [], "metadata": {"selected": True}}, *metadata],
            }
        ]
    }


@settings(
    max_examples=100, deadline=None, phases=[Phase.reuse, Phase.generate], suppress_health_check=list(HealthCheck)
)
@given(
    st.lists(files(), min_size=1, max_size=3),
    STREAMS,
    st.sampled_from(["arrow", "arrow", "parquet"]),
    st.sampled_from([1, 2, 5, 1000]),
    st.sampled_from([10, 40, 1 << 20]),
    st.booleans(),
    st.one_of(st.none(), st.just(set("abcd")), st.sets(st.sampled_from("abcd"))),
    st.fixed_dictionaries({name: st.sampled_from(list(SCHEMAS)) for name in "abcd"}),
)
def test_batch_files_hold_what_records_would(
    caplog: pytest.LogCaptureFixture,
    texts: list[str],
    stream: dict[str, Any],
    form: str,
    size: int,
    piece: int,
    marked: bool,
    chosen: set[str] | None,
    types: dict[str, str],
) -> None:
    if not marked:
        stream = {**stream, "key_properties": ["a"]}
    with tempfile.TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        patch.setattr(unpack, "BLOCK_BYTES", piece)
        patch.setattr(mixed, "ODD_BYTES", piece)
        folder = Path(name)
        for number, text in enumerate(texts):
            (folder / f"{number}.csv").write_text(text, encoding="utf-8", newline="")
        picked = None if chosen is None else catalog(types, chosen)
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            plain = sync(folder, stream, None, marked=marked, catalog=picked)
            plain_told = told(caplog)
            packed = sync(folder, stream, {"size": size, "format": form}, marked=marked, catalog=picked)
            packed_told = told(caplog)
        assert str(packed.error) == str(plain.error)
        assert packed_told == plain_told
        if plain.error is None:
            assert sent(packed) == sent(plain)
            if stream.get("mode") != "replace":
                assert packed.states[-1:] == plain.states[-1:]
        if stream.get("mode") != "replace":
            everything = set(records(packed))
            for place, message in enumerate(packed.messages):
                widens = stream.get("infer_types") or picked  # then a later run may send the same value as another type
                if message["type"] == "STATE" and not widens:
                    again = sync(
                        folder,
                        stream,
                        {"size": size, "format": form},
                        marked=marked,
                        catalog=picked,
                        state=message["value"],
                    )
                    both = {*sent(packed, packed.messages[:place]), *sent(again)}
                    assert everything <= both


@pytest.mark.parametrize("size", [2, 100])
def test_a_column_becomes_text_at_the_first_row_that_is_not_rejected_before(tmp_path: Path, size: int) -> None:
    (tmp_path / "a.csv").write_text("a,b\n1,1\n2,2\nno,x\n3,3\n4,y\n5,5\n")
    picked = catalog({"a": "string", "b": "integer"}, {"a", "b"})
    settings_ = {"columns": {"a": "integer"}}
    plain = sync(tmp_path, settings_, None, catalog=picked)
    packed = sync(tmp_path, settings_, {"size": size, "format": "arrow"}, catalog=picked)
    assert sent(packed) == sent(plain)
    assert [record["b"] for record in plain.records] == [1, 2, 3, "y", "5"]
