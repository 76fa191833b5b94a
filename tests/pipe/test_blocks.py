"""The mapper base with block handlers: what a block is, and when STATE may pass it."""

import io
import json
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pipe import batches, messages
from pipe.blocks import Block
from pipe.errors import DataError
from pipe.mapper import PipeMapper
from pipe.pump import BlockWriter

SCHEMA = b'{"type":"SCHEMA","stream":"words","schema":{"properties":{"name":{"type":"string"}}},"key_properties":[]}'
OTHER = b'{"type":"RECORD","stream":"other","record":{}}'


class Counter(PipeMapper):
    """Sends one record a block of `words`: what was in it."""

    name = "counter"
    config_jsonschema: dict[str, Any] = {
        "properties": {name: {"type": ["string", "integer"]} for name in ("emit", "batch_rows", "batch_directory")}
    }
    flush_bytes = 500

    def __init__(self, output: io.BytesIO, **config: Any) -> None:
        super().__init__(config=config)
        self._writer = BlockWriter(output)

    def on_schema(self, message: messages.SchemaMessage, line: bytes) -> list[bytes]:
        if message.stream == "words":
            emit = self.outlet("words")

            def work(block: Block) -> None:
                names = [json.loads(bytes(record))["name"] for record in block.records]
                emit(messages.encode({"names": names, "at": block.positions, "files": len(block.files)}))

            self.block_handlers["words"] = work
        return [line]


def counted(*lines: bytes, **config: Any) -> list[Any]:
    output = io.BytesIO()
    Counter(output, **config).listen(io.BytesIO(b"\n".join(lines)))
    return [json.loads(line) for line in output.getvalue().splitlines()]


def word(name: str) -> bytes:
    return json.dumps({"type": "RECORD", "stream": "words", "record": {"name": name}}).encode()


def state(value: int) -> bytes:
    return b'{"type":"STATE","value":%d}' % value


def test_a_state_waits_for_the_block_it_covers() -> None:
    sent = counted(SCHEMA, word("a"), state(1), word("b"), OTHER, state(2), word("c"))
    assert [message["type"] for message in sent] == ["SCHEMA", "RECORD", "RECORD", "STATE"]
    assert sent[1]["stream"] == "other", "what is not ours does not wait"
    assert sent[2]["record"] == {"names": ["a", "b", "c"], "at": [2, 4, 7], "files": 0}
    assert sent[3]["value"] == 2


def test_a_full_block_leaves_before_the_input_ends() -> None:
    assert len(counted(SCHEMA, *(word(f"{number:050}") for number in range(40_000)))) > 2


def test_a_schema_ends_the_block() -> None:
    sent = counted(SCHEMA, word("a"), SCHEMA, word("b"))
    assert [message["record"]["names"] for message in sent if message["type"] == "RECORD"] == [["a"], ["b"]]


def test_a_bad_line_lets_go_of_what_came_before_it() -> None:
    output = io.BytesIO()
    with pytest.raises(DataError):
        Counter(output).listen(io.BytesIO(b"\n".join([SCHEMA, word("a"), state(1), b"{oops"])))
    assert [json.loads(line)["type"] for line in output.getvalue().splitlines()] == ["SCHEMA", "RECORD", "STATE"]


def test_records_leave_in_batch_files_on_request(tmp_path: Path) -> None:
    settings = {"emit": "batches", "batch_rows": 2, "batch_directory": str(tmp_path)}
    sent = counted(SCHEMA, word("a"), word("b"), state(1), **settings)
    assert [message["type"] for message in sent] == ["SCHEMA", "BATCH", "STATE"]
    (row,) = batches.records(batches.decode(messages.encode(sent[1]), 1))
    assert json.loads(row)["names"] == ["a", "b"]


def test_a_batch_is_a_block_of_its_own(tmp_path: Path) -> None:
    ours, others = tmp_path / f"{batches.PREFIX}x.parquet", tmp_path / "y.parquet"
    for path in (ours, others):
        duckdb.sql(f"COPY (SELECT 'a' AS name) TO '{path}' (FORMAT parquet)")
    batch = {
        "type": "BATCH",
        "stream": "words",
        "encoding": {"format": "parquet"},
        "manifest": [ours.as_uri(), others.as_uri()],
    }
    sent = counted(SCHEMA, word("a"), messages.encode(batch), state(1))
    assert [message["record"]["files"] for message in sent if message["type"] == "RECORD"] == [0, 2]
    assert (ours.exists(), others.exists()) == (False, True), "files of other makers stay"
