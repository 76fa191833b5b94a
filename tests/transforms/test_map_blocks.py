"""Blocks: what goes through SQL, in which order results leave, and what happens when there are too many rejects."""

from __future__ import annotations

import gzip
import json
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import duckdb
import msgspec
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import Finished, record, run, run_inside, schema, state

from pipe import abbreviations, batches, columnar, times
from pipe.blocks import Block
from pipe.errors import DataError, SkippableError
from transforms import columns_time, sources
from transforms.columns_text import Cell
from transforms.compile_rows import Target, compile_row
from transforms.loaded import trimmed
from transforms.map_blocks import BlockMapper
from transforms.map_conversions import MapConversions

FIELDS = ["id", "total", "created_at", "status", "customer_id"]


def order(number: object, total: object = "5.00", **values: Any) -> dict[str, Any]:
    return record("orders", **{"id": number, "total": total, "created_at": "2024-05-01T12:00:00Z", **values})


def mapped(folder: Path, lines: list[Any], *, preset: str = "olo", **more: Any) -> Finished:
    config = {"tenant": "acme", "sources": [{"preset": preset, "connector": "shop"}], "batch_directory": str(folder)}
    return run_inside(MapConversions, {**config, "emit": "batches", **more}, [schema("orders", FIELDS, ["id"]), *lines])


def rows(done: Finished, stream: str = "conversions") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for message in done.messages("BATCH", stream):
        path = Path(message["manifest"][0].removeprefix("file://"))
        if message["encoding"]["format"] == "jsonl":
            found += map(json.loads, path.read_text().splitlines())
        else:
            found += batches.read_table(path, "arrow", stream).to_pylist()
    return found


def test_of_equal_keys_the_last_comes_last(tmp_path: Path) -> None:
    totals = ["1.00", "(5.00)", "2.00", "USD 7", "3.00"]  # every second one is for the row mapper
    done = mapped(tmp_path, [order(1, total) for total in totals])
    assert [row["value"] for row in rows(done)] == [1, -5, 2, 7, 3]


def test_too_many_rejects_end_the_run_and_what_came_before_is_kept(tmp_path: Path) -> None:
    lines = [order(1), order(2), order(3, "bad"), order(4), order(5, "bad"), order(6), state(n=1)]
    done = mapped(tmp_path, lines, max_reject_ratio=0.0, min_rejects=1)
    assert done.code == DataError.exit_code
    assert "2 of 5 records were rejected" in done.log
    assert [row["transaction_id"] for row in rows(done)] == ["1", "2", "4"]
    assert [row["position"] for row in rows(done, "rejects")] == [4, 6]
    assert done.messages("STATE") == []


def test_counts_are_those_of_the_whole_block(tmp_path: Path) -> None:
    lines = [
        order(1),
        order(2, status="cancelled", total="bad"),
        order(3, "bad"),
        order(4, "$4"),
        order(5, status="\u0130"),
    ]
    done = mapped(tmp_path, [*lines, state(n=1)], max_reject_ratio=1.0)
    assert done.code == 0, done.log
    counts = done.metrics()
    names = ("fetched_count", "mapped_count", "filtered_count", "reject_count")
    assert [counts[name, "orders"] for name in names] == [5, 3, 1, 1]
    assert done.messages("STATE") == [state(n=1)]


@pytest.mark.parametrize("zipped", [False, True])
def test_json_lines_files_are_blocks_as_well(tmp_path: Path, zipped: bool) -> None:
    text = "".join(json.dumps(order(n, "bad" if n == 3 else "1.50")["record"]) + "\n" for n in range(7)).encode()
    path = tmp_path / "orders.jsonl"
    path.write_bytes(gzip.compress(text) if zipped else text)
    encoding = {"format": "jsonl", "compression": "gzip" if zipped else "none"}
    batch = {"type": "BATCH", "stream": "orders", "encoding": encoding, "manifest": [path.as_uri()]}
    done = mapped(tmp_path, [batch], batch_rows=2)
    assert [row["transaction_id"] for row in rows(done)] == list("012456")
    assert len(done.messages("BATCH", "conversions")) == 4
    assert [row["position"] for row in rows(done, "rejects")] == [2]
    assert path.exists()  # not ours


def test_a_file_cut_short_stops_the_run(tmp_path: Path) -> None:
    for form in ("parquet", "arrow"):
        path = tmp_path / f"orders.{form}"
        columnar.write(pa.table({"id": ["1"] * 1000}), path, form)
        path.write_bytes(path.read_bytes()[:-200])
        batch = {"type": "BATCH", "stream": "orders", "encoding": {"format": form}, "manifest": [path.as_uri()]}
        done = mapped(tmp_path, [batch, state(n=1)])
        assert done.code == 75, done.log
        assert "cannot be read" in done.log.splitlines()[-1]
        assert done.messages("STATE") == []


def test_two_rules_for_one_canonical_stream_are_left_to_the_row_mapper(tmp_path: Path) -> None:
    fields = "{transaction_id: id, timestamp: created_at, value: total, conversion_type: {constant: purchase}}"
    rule = f"match: [orders], into: conversions, fields: {fields}"
    path = tmp_path / "twice.yml"
    path.write_text(f"streams: {{one: {{{rule}}}, two: {{{rule}, filter: [{{field: status, in: [x]}}]}}}}\n")
    done = mapped(tmp_path, [order(1), order(2, status="x")], preset=str(path))
    assert done.code == 0, done.log
    assert [row["transaction_id"] for row in rows(done)] == ["1", "2", "2"]


def test_a_schema_that_comes_again_is_followed(tmp_path: Path) -> None:
    lines = [order(1), schema("orders", [*FIELDS, "tip"], ["id"]), order(2, tip="1.25"), order(3, 9, tip=2)]
    found = rows(mapped(tmp_path, lines))
    assert [row.get("tip") for row in found] == [None, Decimal("1.25"), 2]


@pytest.mark.parametrize("emit", ["records", "batches"])
def test_a_number_beyond_all_bounds_is_rejected(tmp_path: Path, emit: str) -> None:
    line = json.dumps(order(1)).replace('"5.00"', "1e9999999999999999999")
    done = mapped(tmp_path, [line, order(2)], emit=emit)
    found = rows(done, "rejects") + done.records("rejects")
    assert [(row["rule"], row["reason"]) for row in found] == [("malformed", "has a number beyond all bounds")]


def test_as_a_process(tmp_path: Path) -> None:
    config = {"tenant": "acme", "sources": [{"preset": "olo"}], "emit": "batches", "batch_directory": str(tmp_path)}
    done = run("map-conversions", config, [schema("orders", FIELDS, ["id"]), order(1), state(n=1)], tmp_path)
    assert done.code == 0, done.log
    assert [row["transaction_id"] for row in rows(done)] == ["1"]
    (path,) = tmp_path.glob("growthnav-batch-*")
    assert path.stat().st_mode & 0o777 == 0o600


class Kept:
    """Keeps what a block comes to."""

    def __init__(self) -> None:
        self.count = self.rows = 0

    def fetched(self, count: int) -> None:
        self.count += count

    def rejected(self, record: msgspec.Raw, position: int, error: SkippableError) -> None:
        raise AssertionError(error.rule)

    def mapped(self, rule: int, table: pa.Table, filtered: int) -> None:
        self.rows += len(table)


def usual(dice: Random, number: int) -> dict[str, Any]:
    """A purchase as sources send it, with the accents, gaps and odd amounts they have."""
    at = datetime(2024, 1, 1) + timedelta(seconds=dice.randrange(10**7))  # noqa: DTZ001
    return {
        "id": f"P{number}",
        "created_at": dice.choice([f"{at.isoformat()}+00:00", f"{at.isoformat(' ')}", f"{at.isoformat()}.25Z"]),
        "total": dice.choice([f"{dice.uniform(1, 99):.2f}", "1,234.50", "$9.99", "7"]),
        "currency": dice.choice(["usd", "EUR", None]),
        "quantity": dice.choice([1, 2, 1.5]),
        "status": dice.choice(["paid", "open", "erstattet \u00fc", ""]),
        "product_name": dice.choice(
            [" Cr\u00e8me br\u00fbl\u00e9e ", "Latt\u00e9", None, "Bundt cake\t", "\u3000\u62b9\u8336"]
        ),
        "items": [{"product_id": dice.randrange(9)}],
        "voided": dice.choice([False, None]),
        "email": dice.choice([None, "", f"user{number}@mail.example"]),
        "refund_amount": dice.choice([None, 0, 1.25]),
    }


@pytest.mark.parametrize("typed", [False, True])
def test_usual_records_never_meet_the_row_mapper(tmp_path: Path, typed: bool) -> None:
    dice = Random(7)
    given = [usual(dice, number) for number in range(2000)]
    if typed:
        given = [
            {
                **row,
                "total": Decimal(f"{number}.25"),
                "quantity": 1.5,
                "items": json.dumps(row["items"]),
                "voided": None,
            }
            | {"created_at": datetime(2024, 5, 1, 7, 30), "refund_amount": None}  # noqa: DTZ001
            for number, row in enumerate(given)
        ]
    (source,) = sources.read([{"preset": "pos", "zone": "America/New_York"}])
    target = Target("acme", source, source.preset.streams[0], "orders")
    properties = {name: {"type": "array" if name == "items" else "string"} for name in given[0]}
    map_row = compile_row(target, {"properties": properties})
    seen: list[msgspec.Raw] = []

    def counted(record: msgspec.Raw) -> bytes | None:
        seen.append(record)
        return map_row(record)

    kept = Kept()
    connection = columnar.connect(tmp_path)
    mapper = BlockMapper([(target, counted)], {"properties": properties}, connection, kept, rows=500)
    if typed:
        columnar.write(pa.Table.from_pylist(given), tmp_path / "rows.parquet", "parquet")
        mapper(Block("orders", files=[tmp_path / "rows.parquet"], format="parquet"))
    else:
        mapper(Block("orders", [msgspec.Raw(msgspec.json.encode(row)) for row in given], list(range(2000))))
    assert (kept.count, kept.rows) == (2000, 2000)
    assert seen == []


ZONES = [
    "UTC",
    "America/Chicago",
    "Europe/Berlin",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "Africa/Casablanca",
    "Pacific/Apia",
]


@pytest.mark.parametrize("zone", ZONES)
def test_local_times_are_where_python_has_them(zone: str) -> None:
    parse = times.time_parser("iso", zone)
    edges = [datetime(1970, 1, 1), datetime(2049, 12, 31, 23, 59, 59)]  # noqa: DTZ001
    if zone != "UTC":
        starts = [start for start, _ in columns_time._offsets(zone)[1:]]
        edges = [datetime(1970, 1, 1) + timedelta(microseconds=start) for start in starts]  # noqa: DTZ001
    steps = [timedelta(seconds=seconds) for seconds in (-7200, -3601, -3600, -1800, -1, 0, 1, 1799, 3599, 3600, 7200)]
    dice = Random(1)
    moments = [edge + step for edge in edges for step in steps]
    moments += [datetime(1970, 1, 2) + timedelta(seconds=dice.randrange(79 * 365 * 86_400)) for _ in range(2000)]  # noqa: DTZ001
    moments = [moment for moment in moments if 1970 <= moment.year < 2050]
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.register("given", pa.table({"local": pa.array(moments, pa.timestamp("us"))}))
        found = connection.execute(f"SELECT {columns_time.in_utc('local', zone)} FROM given").fetchall()
    assert [times.to_text(moment) for (moment,) in found] == [parse(moment.isoformat()) for moment in moments]


@pytest.mark.parametrize("zone", ["UTC", "Asia/Manila", "America/Chicago"])
def test_clear_abbreviations_are_read_in_blocks_as_one_by_one(zone: str) -> None:
    """Those that are not clear whatever the year are left to the row mapper: NULL here."""
    form = "%Y-%m-%d %H:%M:%S %Z"
    texts = [f"2024-07-01 10:00:00 {name}" for name in (*abbreviations.FIXED, "CST", "IST", "XYZ")]
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.register("given", pa.table({"x": texts}))
        value = columns_time.instant(Cell("x"), form, zone)
        found = [moment for (moment,) in connection.execute(f"SELECT {value.sql} FROM given").fetchall()]
    parse = times.time_parser(form, zone)
    clear = abbreviations.always(times.zone(zone))
    assert len(clear) >= len(abbreviations.FIXED) - 2, "PST and PDT in Manila"
    for text, moment in zip(texts, found, strict=True):
        assert (moment is not None) == (text.rpartition(" ")[2] in clear)
        assert moment is None or times.to_text(moment) == parse(text)


@given(
    st.lists(
        st.none()
        | st.text(
            alphabet=" \t\x1c\x85\u00a0\u1680\u2003\u2028\u205f\u3000ab\u00e9\u00c5\u2026\u5003\U0001f600", max_size=4
        )
    )
)
def test_white_space_is_what_python_says(texts: list[str | None]) -> None:
    array = pa.array(["x", *texts, " y "], pa.string()).slice(1, len(texts))
    expected = [text if not text else text.strip() or " " for text in texts]
    assert trimmed(array).to_pylist() == expected
