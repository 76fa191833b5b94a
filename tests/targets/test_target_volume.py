"""Many records and long ones: positions stay right, memory stays bounded, and it is fast enough."""

import json
import subprocess
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import numpy as np
import pyarrow as pa
import pytest
from support import BIN, record, run_inside, schema, state
from usage import measured, watched, yardstick

from pipe import columnar
from pipe.streams import CONVERSIONS
from targets.duckdb.target import TargetDuckDB

NUMBERS = {"properties": {"id": {"type": "integer"}, "n": {"type": "integer"}}}
YARDSTICKS_A_MILLION = 2.5
PEAK_MB = 900
FLAT = 1.25
BATCH_ROWS = 100_000


def conversions(count: int) -> list[bytes]:
    """SCHEMA of 43 columns, and records that fill 20 of them (about 800 bytes), with a STATE every 10,000."""
    lines = [json.dumps(CONVERSIONS.schema_message()).encode()]
    for number in range(count):
        key = f"{number * 2654435761 % 2**64:016x}" * 2
        fields: dict[str, Any] = {
            "conversion_id": key,
            "customer_id": "bench",
            "connector": "pos",
            "source_stream": "purchases",
            "transaction_id": f"T{number:09d}",
            "conversion_type": "purchase",
            "timestamp": f"2024-{number % 12 + 1:02d}-{number % 28 + 1:02d}T{number % 24:02d}:30:00.000000Z",
            "value": f"{number % 30000 / 100:.2f}",
            "currency": "USD",
            "quantity": str(number % 5 + 1),
            "tax": f"{number % 300 / 100:.2f}",
            "status": "completed",
            "channel": "instore",
            "product_name": f"Zoë special {number % 500}",
            "location_id": f"L{number % 40}",
            "user_id": f"U{number % 200_000}",
            "identity_fragments": [
                {"type": kind, "value": key[::-1], "source_system": "pos", "confidence": 1.0}
                for kind in ("email", "phone")
            ],
            "global_customer_id": key[8:] + key[:8],
            "source_updated_at": "2024-05-01T09:30:00.000000Z",
            "is_deleted": False,
        }
        lines.append(b'{"type":"RECORD","stream":"conversions","record":%b}' % msgspec.json.encode(fields))
        if number % 10_000 == 9_999:
            lines.append(b'{"type":"STATE","value":{"n":%d}}' % number)
    return lines


def test_rejects_among_many_are_found_where_they_are(tmp_path: Path) -> None:
    """Two streams in turns, more rows than one thread stages; every reject has its own line, every row its values."""
    path = tmp_path / "v.duckdb"
    lines: list[Any] = [
        {"type": "SCHEMA", "stream": name, "schema": NUMBERS, "key_properties": ["id"]} for name in "ab"
    ]
    bad = {70_001: "a", 100_000: "b", 199_999: "a", 260_000: "b"}
    for number in range(3, 280_003):
        stream = bad.get(number) or "ab"[number % 3 == 0]
        lines.append(
            b'{"type":"RECORD","stream":"%b","record":{"id":%d,"n":%b}}'
            % (stream.encode(), number, b'"x"' if number in bad else b"%d" % (number * 2))
        )
    done = run_inside(TargetDuckDB, {"filepath": str(path), "batch_size_rows": 200_000}, lines)
    assert done.code == 0, done.log
    with duckdb.connect(str(path), read_only=True) as connection:
        found = connection.execute("SELECT position, source_stream FROM rejects ORDER BY position").fetchall()
        assert dict(found) == bad
        for stream in "ab":
            counted = connection.execute(f"SELECT count(*), bool_and(n = id * 2) FROM {stream}").fetchone()
            wanted = sum((bad.get(number) or "ab"[number % 3 == 0]) == stream for number in range(3, 280_003))
            assert counted == (wanted - sum(name == stream for name in bad.values()), True)


def test_lines_longer_than_any_block(tmp_path: Path) -> None:
    long = "é" * 12_000_000
    lines = [schema("s", ["id", "v"], ["id"]), record("s", id="1", v=long), record("s", id="2", v="short"), state(n=1)]
    done = run_inside(TargetDuckDB, {"filepath": str(tmp_path / "l.duckdb")}, lines)
    assert (done.code, done.lines) == (0, [b'{"n": 1}']), done.log
    with duckdb.connect(str(tmp_path / "l.duckdb"), read_only=True) as connection:
        assert connection.execute("SELECT id, length(v) FROM s ORDER BY id").fetchall() == [("1", len(long)), ("2", 5)]


@measured
@pytest.mark.alone
@pytest.mark.quality
def test_conversions_take_few_seconds_and_little_memory(tmp_path: Path) -> None:
    count = 500_000
    source, config = tmp_path / "c.singer", tmp_path / "c.json"
    source.write_bytes(b"\n".join(conversions(count)))
    config.write_text(json.dumps({"filepath": str(tmp_path / "c.duckdb")}))
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with source.open("rb") as lines:
        code, seconds, megabytes = watched(str(BIN / "target-duckdb"), "--config", str(config), stdin=lines, **quiet)
    assert code == 0
    a_million, unit = seconds * 1_000_000 / count, yardstick()
    print(f"{a_million:.1f} CPU s a million, {a_million / unit:.2f} yardsticks, {megabytes:.0f} MB")
    assert a_million < YARDSTICKS_A_MILLION * unit
    assert megabytes < PEAK_MB


@measured
@pytest.mark.quality
def test_more_rows_take_no_more_memory(tmp_path: Path) -> None:
    few, many = (peak_of_batches(tmp_path / f"{count}", count) for count in (12, 40))
    print(f"{few:.0f} MB, {many:.0f} MB")
    assert many < FLAT * few


def peak_of_batches(home: Path, count: int) -> float:
    """Megabytes that loading so many batch files took, each of other keys."""
    home.mkdir()
    names = ["id", *(f"text_{number}" for number in range(8))]
    random = np.random.default_rng(count)
    lines: list[Any] = [{"type": "SCHEMA", "stream": "s", "key_properties": ["id"],
                         "schema": {"properties": {name: {"type": ["null", "string"]} for name in names}}}]  # fmt: skip
    for number in range(count):
        file = home / f"{number}.arrow"
        texts = (pa.array(random.integers(10**17, 10**18, BATCH_ROWS)).cast(pa.string()) for _ in names)
        columnar.write(pa.table(dict(zip(names, texts, strict=True))), file, "arrow")
        lines.append({"type": "BATCH", "stream": "s", "encoding": {"format": "arrow"}, "manifest": [file.as_uri()]})
        lines.append({"type": "STATE", "value": {"n": number}})
    source, config = home / "b.singer", home / "b.json"
    source.write_bytes(b"\n".join(map(msgspec.json.encode, lines)))
    config.write_text(json.dumps({"filepath": str(home / "b.duckdb")}))
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with source.open("rb") as given:
        code, _, megabytes = watched(str(BIN / "target-duckdb"), "--config", str(config), stdin=given, **quiet)
    assert code == 0
    return megabytes
