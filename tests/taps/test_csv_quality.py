"""Measured bars of tap-csv: CPU time a million rows, and memory whatever the size of the file."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pyarrow
import pyarrow.parquet
import pytest
from usage import Usage, measured, watched, yardstick

pytestmark = [pytest.mark.quality, measured]

TAP = str(Path(sys.executable).with_name("tap-csv"))
MEGABYTE = 1_000_000
YARDSTICKS = 1.6  # a million rows of 18 columns; the SDK's own record path takes six
ROWS = 300_000


def sync(folder: Path, **settings: Any) -> Usage:
    """One sync into nothing."""
    config = folder / "config.json"
    config.write_text(json.dumps({"streams": [{"stream": "s", **settings}]}))
    with (folder / "log").open("w") as log:
        return watched(TAP, "--config", str(config), stdout=subprocess.DEVNULL, stderr=log)


def purchases(path: Path, rows: int) -> None:
    names = "id,date,quantity,amount,currency,coupon,channel,email,first,last,zip,street,city,country,sku,product,category,paid"
    with path.open("w") as file:
        file.write(names + "\n")
        file.writelines(
            f"{row},1997-01-01 10:{row % 60:02}:00,{row % 9},{row % 10000 / 100:.2f},USD,,instore,user{row % 23570}@example.com,"
            f'Jane,Doe,12345,Main St 5,Berlin,DE,P{row % 500},"Product, name",category,true\n'
            for row in range(rows)
        )


@pytest.mark.alone
def test_cpu_seconds_a_million_rows(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    purchases(tmp_path / "p.csv", ROWS)
    typed = {"date": "datetime", "quantity": "integer", "amount": "decimal", "paid": "boolean"}
    start_up = sync(tmp_path, path=str(tmp_path / "none.csv"), allow_missing=True).cpu_seconds
    seconds = {}
    for name, settings in {
        "strings": {},
        "typed": {"columns": typed, "keys": ["id"]},
        "inferred": {"infer_types": True},
    }.items():
        code, used, _ = sync(tmp_path, path=str(tmp_path / "p.csv"), **settings)
        assert code == 0
        seconds[name] = (used - start_up) * 1_000_000 / ROWS
    with capsys.disabled():
        print(
            "\ntap-csv, CPU s per 1,000,000 rows x 18 columns:",
            {name: round(used, 2) for name, used in seconds.items()},
        )
    unit = yardstick()
    with capsys.disabled():
        print({name: round(used / unit, 2) for name, used in seconds.items()}, "yardsticks")
    assert seconds["strings"] <= YARDSTICKS * unit
    assert seconds["typed"] <= 1.5 * YARDSTICKS * unit


@pytest.mark.parametrize("packed", [False, True])
def test_memory_does_not_grow_with_the_file(tmp_path: Path, packed: bool):
    purchases(tmp_path / "small.csv", 2000)
    block = (tmp_path / "small.csv").read_bytes().partition(b"\n")[2]
    path = tmp_path / ("big.csv.gz" if packed else "big.csv")
    with gzip.open(path, "wb", compresslevel=1) if packed else path.open("wb") as file:
        file.write((tmp_path / "small.csv").read_bytes())
        for _ in range(300 * MEGABYTE // len(block)):
            file.write(block)
    code, _, memory = sync(tmp_path, path=str(path))
    assert code == 0
    assert memory < 146, f"{memory:.0f} MB for a file of 300 MB"


def test_memory_of_large_cells(tmp_path: Path):
    with (tmp_path / "wide.csv").open("w") as file:
        file.write("id,note\n")
        file.writelines(f'{row},"{"x" * 5 * MEGABYTE}"\n' for row in range(60))
    code, _, memory = sync(tmp_path, path=str(tmp_path / "wide.csv"))
    assert code == 0
    assert memory < 244, f"{memory:.0f} MB for cells of 5 MB"


def test_memory_of_a_line_without_end(tmp_path: Path):
    with (tmp_path / "line.csv").open("w") as file:
        file.write("a,b\n")
        for _ in range(300):
            file.write("x" * MEGABYTE)
    code, _, memory = sync(tmp_path, path=str(tmp_path / "line.csv"))
    assert code == 65
    assert memory < 244
    assert "a line is longer than max_line_length (33554432)" in (tmp_path / "log").read_text()


def test_memory_of_an_unclosed_quote(tmp_path: Path):
    with (tmp_path / "quote.csv").open("w") as file:
        file.write('a,b\n1,"open\n')
        for _ in range(25):
            file.write(f"2,{'x' * 30}\n" * 50_000)
    code, _, memory = sync(tmp_path, path=str(tmp_path / "quote.csv"))
    assert code == 0
    assert memory < 390, f"{memory:.0f} MB"


@pytest.mark.alone  # it is read ahead by threads: how far depends on what runs beside them
def test_memory_of_large_cells_in_parquet(tmp_path: Path):
    path = tmp_path / "wide.parquet"
    table = pyarrow.table({"id": range(120), "note": [f"{row % 10}" * 5 * MEGABYTE for row in range(120)]})
    pyarrow.parquet.write_table(table, path, row_group_size=5, use_dictionary=False, compression="none")
    assert path.stat().st_size > 500 * MEGABYTE
    del table
    code, _, memory = sync(tmp_path, path=str(path))
    assert code == 0
    assert memory < 488, f"{memory:.0f} MB for cells of 5 MB"


def test_memory_of_json_lines_and_parquet(tmp_path: Path):
    query = "SELECT i AS id, md5(i::VARCHAR) || md5((i + 1)::VARCHAR) AS a, md5((i + 2)::VARCHAR) AS b FROM range(1500000) t(i)"
    duckdb.sql(f"COPY ({query}) TO '{tmp_path / 'x.parquet'}'")
    duckdb.sql(f"COPY ({query}) TO '{tmp_path / 'x.jsonl'}' (FORMAT json)")
    for name, bar in (("x.jsonl", 146), ("x.parquet", 390)):
        code, _, memory = sync(tmp_path, path=str(tmp_path / name))
        assert code == 0
        assert memory < bar, f"{memory:.0f} MB for {name}"
