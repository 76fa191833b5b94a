"""Profiles: the same table gives the same profile whichever way it comes, in bounded memory."""

from __future__ import annotations

import csv
import json
import tracemalloc
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from discovery import batch_files
from discovery.profile import (
    StreamProfiler,
    TableProfile,
    profile_csv,
    profile_duckdb,
    profile_parquet,
    profile_rows,
    profile_singer,
)
from pipe import batches
from pipe.errors import DataError, RetriableError

ROWS: list[dict[str, Any]] = [
    {
        "order_id": f"A-{number:05}",
        "customer": f"c{number % 40}" if number % 4 else None,
        "created": f"2024-05-{1 + number % 28:02} 10:00:00",
        "quantity": str(number % 5 + 1),
        "price": f"{number % 9 + 1}.50",
        "total": f"{(number % 5 + 1) * (number % 9 + 1.5):.2f}",
        "status": ("paid", "open", "void")[number % 3],
        "note": "",
    }
    for number in range(600)
]


def as_csv(path: Path) -> TableProfile:
    with (path / "orders.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(ROWS[0]))
        writer.writeheader()
        writer.writerows(ROWS)
    return profile_csv(path / "orders.csv")


def as_parquet(path: Path) -> TableProfile:
    as_csv(path)
    duckdb.execute(f"COPY (SELECT * FROM read_csv('{path}/orders.csv', all_varchar = true)) TO '{path}/orders.parquet'")
    return profile_parquet(path / "orders.parquet")


def as_table(path: Path) -> TableProfile:
    as_csv(path)
    with duckdb.connect() as connection:
        connection.execute(f"CREATE TABLE t AS SELECT * FROM read_csv('{path}/orders.csv', all_varchar = true)")
        return profile_duckdb(connection, "t", "orders")


def as_records(_: Path) -> TableProfile:
    lines = [json.dumps({"type": "RECORD", "stream": "orders", "record": row}).encode() for row in ROWS]
    return profile_singer([b'{"type": "STATE", "value": {}}', b"", *lines])["orders"]


def as_batch(path: Path) -> TableProfile:
    file = path / "orders.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in ROWS), encoding="utf-8")
    message = {"type": "BATCH", "stream": "orders", "encoding": {"format": "jsonl"}, "manifest": [file.as_uri()]}
    return profile_singer([json.dumps(message).encode()])["orders"]


ODD: list[dict[str, Any]] = [
    {
        "id": number,
        "big": 10**15 + number,
        "amount": Decimal(number * 7 % 1000) / 100,
        "rate": number / 7 if number % 5 else None,
        "yes": number % 2 == 0,
        "at": datetime(2024, 5, 1, tzinfo=UTC) + timedelta(minutes=number),
        "local": datetime(2024, 5, 1) + timedelta(seconds=number),  # noqa: DTZ001
        "day": date(2024, 5, 1) + timedelta(days=number % 90),
        "text": ("", " ", None, "4111 1111 1111 1111", f"note {number}")[number % 5],
        "a.b": f"k{number % 3}",
    }
    for number in range(5_000)
]


@pytest.mark.parametrize("form", ["parquet", "arrow"])
@pytest.mark.parametrize("files", [1, 3])
def test_typed_files_give_the_profile_of_their_records(form: str, files: int, tmp_path: Path) -> None:
    """Column by column or record by record: every figure is the same, the sample too."""
    message = as_files(pa.Table.from_pylist(ODD), form, files, tmp_path)
    records = StreamProfiler("odd")
    for line in batches.records(message):
        records.add(json.loads(line))
    columns = StreamProfiler("odd")
    assert batch_files.add(columns, message, {}) == len(ODD)
    assert columns.profile() == records.profile()
    few = StreamProfiler("odd")
    assert batch_files.add(few, message, {}, most=2_345) == 2_345
    assert few.profile().rows_seen == 2_345


def test_files_with_objects_are_looked_into(tmp_path: Path) -> None:
    rows = [{"id": number, "customer": {"email": f"p{number}@mail.example"}, "tags": ["a"]} for number in range(20)]
    message = as_files(pa.Table.from_pylist(rows), "parquet", 1, tmp_path)
    profiler = StreamProfiler("nested")
    assert batch_files.add(profiler, message, {}, most=15) == 15
    assert [column.name for column in profiler.profile().columns] == ["id", "customer.email", "tags"]


def test_typed_files_take_bounded_memory(tmp_path: Path) -> None:
    def peak(rows: int) -> int:
        table = pa.table({"id": [f"{number:020}" for number in range(rows)]})
        message = as_files(table, "parquet", 1, tmp_path)
        del table
        tracemalloc.start()
        batch_files.add(StreamProfiler("long"), message, {})
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    assert peak(200_000) < 1.5 * peak(40_000)


def as_files(table: pa.Table, form: str, files: int, folder: Path) -> batches.BatchMessage:
    uris = []
    step = -(-table.num_rows // files)
    for number in range(files):
        path, part = folder / f"{number}.{form}", table.slice(number * step, step)
        if form == "parquet":
            pq.write_table(part, path)
        else:
            with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, part.schema) as writer:
                writer.write_table(part)
        uris.append(path.as_uri())
    return batches.BatchMessage("odd", {"format": form}, uris)


@pytest.mark.parametrize("way", [as_csv, as_parquet, as_table, as_records, as_batch])
def test_the_same_table_gives_the_same_profile(way: Any, tmp_path: Path) -> None:
    profile = way(tmp_path)
    expected = profile_rows("orders", ROWS)
    assert (profile.name, profile.rows_seen) == ("orders", 600)
    for column, known in zip(profile.columns, expected.columns, strict=True):
        assert (column.name, column.position, column.type) == (known.name, known.position, known.type)
        assert column.null_fraction == pytest.approx(known.null_fraction)
        assert column.samples == known.samples
        assert column.patterns == known.patterns
        assert column.frequent == known.frequent
        assert column.distinct_seen == pytest.approx(known.distinct_seen, rel=0.15)


def test_what_a_profile_says() -> None:
    profile = profile_rows("orders", ROWS)
    assert [column.type for column in profile.columns] == [
        *("string", "string", "timestamp", "integer", "number", "number", "string", "unknown"),
    ]
    assert profile.column("order_id").unique
    assert not profile.column("status").unique
    assert profile.column("customer").null_fraction == 0.25
    assert profile.column("note").null_fraction == 1, "empty text is no value"
    assert profile.column("status").frequent == (("paid", 200), ("open", 200), ("void", 200))
    assert profile.column("quantity").quantiles == (1, 2, 3, 4, 5)
    assert profile.column("order_id").lengths == (7, 7)
    assert profile.column("order_id").shapes == (("A-#+", 1.0),)
    assert [(found.kind, found.result, set(found.plus)) for found in profile.relations] == [
        ("product", "total", {"price", "quantity"})
    ]
    with pytest.raises(KeyError):
        profile.column("nothing")


def test_distinct_values_of_a_long_stream_are_estimated() -> None:
    profiler = StreamProfiler("long")
    for number in range(60_000):
        profiler.add({"id": number, "third": number // 3, "few": number % 7})
    found = {column.name: column.distinct_seen for column in profiler.profile().columns}
    assert found["id"] == pytest.approx(60_000, rel=0.1)
    assert found["third"] == pytest.approx(20_000, rel=0.1)
    assert found["few"] == 7


def test_a_long_stream_takes_no_more_memory_than_a_short_one() -> None:
    def peak(rows: int) -> int:
        profiler = StreamProfiler("long")
        tracemalloc.start()
        for number in range(rows):
            profiler.add({"id": f"{number:020}", "text": f"some text that is not short {number}"})
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    assert peak(40_000) < 1.5 * peak(5_000)


def test_the_same_stream_gives_the_same_profile_again() -> None:
    rows = [{"id": str(number), "v": str(number * 7 % 1013)} for number in range(9_000)]
    assert profile_rows("s", rows) == profile_rows("s", rows)


def test_fields_that_come_late_are_null_before() -> None:
    profile = profile_rows("late", [{"a": "1"}] * 3 + [{"a": "1", "b": "2"}])
    assert profile.column("b").null_fraction == 0.75


def test_an_empty_table() -> None:
    profile = profile_rows("none", [])
    assert (profile.rows_seen, profile.columns) == (0, ())


def test_relations_among_columns() -> None:
    rows = [
        {
            "subtotal": f"{10 + number * 7 % 90}.00",
            "tax": f"{1 + number % 5}.25",
            "tip": f"{number * 3 % 11}.00",
            "total": f"{10 + number * 7 % 90 + 1 + number % 5 + number * 3 % 11}.25",
            "price": f"{1 + number % 13}.50",
            "quantity": str(1 + number % 6),
            "extended": f"{(1.5 + number % 13) * (1 + number % 6):.2f}",
        }
        for number in range(200)
    ]
    found = profile_rows("r", rows).relations
    assert ("sum", "total", {"subtotal", "tax", "tip"}) in [(each.kind, each.result, set(each.plus)) for each in found]
    assert ("product", "extended", {"price", "quantity"}) in [
        (each.kind, each.result, set(each.plus)) for each in found
    ]


def test_every_column_of_a_wide_file_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "wide.csv"
    lines = [[f"c{place}" for place in range(230)]]
    lines += [[str(place * row) if row else "" for place in range(230)] for row in range(4)]
    path.write_text("\n".join(map(",".join, lines)) + "\n")
    found = profile_csv(path)
    assert [column.name for column in found.columns] == lines[0]
    assert {column.null_fraction for column in found.columns} == {0.25}
    assert [column.distinct_seen for column in found.columns] == [1] + [3] * 229


def test_a_file_that_is_no_table_is_told_by_name(tmp_path: Path) -> None:
    path = tmp_path / "broken.parquet"
    path.write_bytes(b"no parquet")
    with pytest.raises(DataError, match=r"broken\.parquet"):
        profile_parquet(path)


def test_a_batch_file_that_is_not_there(tmp_path: Path) -> None:
    message = {"type": "BATCH", "stream": "s", "encoding": {"format": "jsonl"}, "manifest": [f"{tmp_path}/gone.jsonl"]}
    with pytest.raises(RetriableError, match=r"gone\.jsonl"):
        profile_singer([json.dumps(message).encode()])
