"""Delimited text that is not read to its end: nothing reads on behind the reader's back."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from itertools import count

import pyarrow as pa
import pytest

from taps.base.sql import delimited
from taps.base.sql.engine import Column

PIECE, LINES = 20_000, b"12345678\n"
COLUMNS = [Column("id", "id", pa.int64(), {"type": "integer"})]


class Server:
    """Sends rows for ever, a piece in a hundredth of a second."""

    def __init__(self) -> None:
        self.sent = 0
        self.stalled = threading.Event()

    def parts(self) -> Iterator[bytes]:
        for self.sent in count(1):
            time.sleep(0.01)
            while self.stalled.is_set():
                time.sleep(0.01)
            yield LINES * PIECE


def test_who_stops_in_the_middle_leaves_no_thread_that_reads_on() -> None:
    server = Server()
    tables = delimited.tables(server.parts(), COLUMNS, 10_000, numbers=True)
    assert next(tables).num_rows == 10_000
    tables.close()
    sent = server.sent
    time.sleep(0.3)
    assert server.sent == sent


def test_a_server_that_stalls_keeps_nobody_from_leaving(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delimited, "_PATIENCE", 0.2)
    server = Server()
    tables = delimited.tables(server.parts(), COLUMNS, 10_000, numbers=True)
    next(tables)
    server.stalled.set()
    time.sleep(0.1)
    begun = time.monotonic()
    tables.close()
    took = time.monotonic() - begun
    server.stalled.clear()
    time.sleep(0.2)  # or it would still be at it when the tests end
    assert took < 5


def test_all_rows_come_in_tables_of_the_size_asked_for() -> None:
    text = b"".join(b"%d\n" % number for number in range(25_000))
    lines = text.splitlines(keepends=True)
    parts = (b"".join(lines[start : start + 77]) for start in range(0, len(lines), 77))
    found = list(delimited.tables(parts, COLUMNS, 10_000, numbers=True))
    assert [table.num_rows for table in found] == [10_000, 10_000, 5_000]
    assert pa.concat_tables(found).column("id").to_pylist() == list(range(25_000))


def test_a_row_longer_than_a_block_is_one_row() -> None:
    columns = [*COLUMNS, Column("text", "text", pa.string(), {"type": "string"})]
    texts = ["a", 'y"\n' * 4_000_000, "b", "x" * 9_000_000, "c"]
    parts = (f'{number},"{text.replace(chr(34), 2 * chr(34))}"\n'.encode() for number, text in enumerate(texts))
    found = pa.concat_tables(delimited.tables(parts, columns, 2, numbers=True))
    assert found.column("id").to_pylist() == list(range(5))
    assert found.column("text").to_pylist() == texts
