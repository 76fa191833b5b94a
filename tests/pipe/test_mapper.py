"""The mapper base, through a step of three lines that runs in this process and as a real one."""

from __future__ import annotations

import gzip
import io
import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pipe import batches, messages
from pipe.errors import DataError, SkippableError
from pipe.mapper import PipeMapper
from pipe.outbox import LOCK
from pipe.pump import BlockWriter, blocks


class Shouter(PipeMapper):
    """Upper-cases `name` in stream `words`; refuses a record whose name is `bad`."""

    name = "shouter"
    config_jsonschema: dict[str, Any] = {
        "properties": {name: {"type": ["string", "integer"]} for name in ("emit", "batch_rows", "batch_directory")}
    }

    def __init__(self, output: io.BytesIO, **config: Any) -> None:
        super().__init__(config=config)
        self.output = output
        self._writer = BlockWriter(output)
        self.written_at_commit: list[int] = []
        self.refused: list[int] = []

    def on_schema(self, message: messages.SchemaMessage, line: bytes) -> list[bytes]:
        if message.stream == "words":
            emit = self.outlet("words")

            def shout(record: msgspec.Raw) -> None:
                value = msgspec.json.decode(record, type=dict[str, Any])
                if value["name"] == "bad":
                    raise SkippableError("is bad", rule="bad", field="name")
                emit(messages.encode({**value, "name": value["name"].upper()}))

            self.handlers["words"] = shout
        return [line]

    def is_ours(self, stream: str) -> bool:
        return stream == "words"

    def on_reject(self, stream: str, record: msgspec.Raw, error: SkippableError) -> None:
        self.refused.append(self.position)

    def before_write(self) -> None:
        self.written_at_commit.append(len(self.output.getvalue()))


SCHEMA = b'{"type": "SCHEMA", "stream": "words", "schema": {"properties": {}}, "key_properties": []}'


def word(name: str) -> bytes:
    return b'{"type":"RECORD","stream":"words","record":{"name":"%s"}}' % name.encode()


def shout(lines: list[bytes], **config: Any) -> tuple[Shouter, list[bytes]]:
    output = io.BytesIO()
    step = Shouter(output, **config)
    step.listen(io.BytesIO(b"\n".join(lines) + b"\n"))  # type: ignore[arg-type]
    return step, output.getvalue().splitlines()


def test_what_is_not_handled_passes_byte_for_byte() -> None:
    odd = [
        b'{"stream":"other" , "type":"SCHEMA","schema":{},"key_properties":[]}',
        b'{  "type":"RECORD","stream":"other","record":{"x": 1.10, "x":NaN, "y":"\\ud800\\u0000"}}',
        b'{"type":"HELLO","anything":[1,2]}',
        b'{"type":"STATE","value":{"a":  1}}',
        b'{"type":"ACTIVATE_VERSION","stream":"other","version":7}',
        b'{"type":"BATCH","stream":"other","encoding":{"format":"strange"},"manifest":["s3://x"]}',
    ]
    assert shout(odd)[1] == odd


def test_handled_records_are_worked_on_in_order() -> None:
    _, lines = shout([SCHEMA, word("a"), b'{"type":"STATE","value":1}', word("b")])
    assert lines == [SCHEMA, word("A"), b'{"type":"STATE","value":1}', word("B")]


def test_blank_lines_crlf_and_byte_order_mark_are_tolerated() -> None:
    _, lines = shout([b"\xef\xbb\xbf" + SCHEMA, b"", b"   ", word("a") + b"\r", b""])
    assert lines[-1] == word("A")
    assert len(lines) == 2


@pytest.mark.parametrize("name", [b"x\\u0000", b"x\\ud800", b"x\xff", b'x","name":"x'])
def test_odd_text_in_a_handled_record_is_mended(name: bytes) -> None:
    _, lines = shout([SCHEMA, b'{"type":"RECORD","stream":"words","record":{"name":"' + name + b'"}}'])
    assert json.loads(lines[1])["record"]["name"] in {"X", "X\N{REPLACEMENT CHARACTER}"}


def test_a_refused_record_is_told_with_its_position() -> None:
    step, lines = shout([SCHEMA, word("a"), word("bad"), word("b"), b'{"type":"RECORD","stream":"words","record":[1]}'])
    assert step.refused == [3, 5]
    assert len(lines) == 3


def test_record_before_schema_is_refused_by_name_and_position() -> None:
    output = io.BytesIO()
    with pytest.raises(DataError, match=r"stream 'words'.*line 2"):
        Shouter(output).listen(io.BytesIO(b'{"type":"STATE","value":1}\n' + word("a") + b"\n"))  # type: ignore[arg-type]
    assert output.getvalue() == b'{"type":"STATE","value":1}\n'


@pytest.mark.parametrize("end", [b'{"type":"RECORD","stream":"words","rec', b"Traceback (most recent call last):"])
def test_a_broken_line_stops_but_what_came_before_is_out(end: bytes) -> None:
    output = io.BytesIO()
    with pytest.raises(DataError, match="line 4 is not a Singer message"):
        Shouter(output).listen(io.BytesIO(b"\n".join([SCHEMA, word("a"), b'{"type":"STATE","value":1}', end])))  # type: ignore[arg-type]
    assert output.getvalue().splitlines() == [SCHEMA, word("A"), b'{"type":"STATE","value":1}']


def test_commit_goes_before_every_block() -> None:
    many = [SCHEMA] + [word(f"w{number}") for number in range(60_000)]
    step, lines = shout(many)
    assert len(lines) == len(many)
    assert len(step.written_at_commit) > 2
    assert step.written_at_commit[0] == 0
    assert step.written_at_commit == sorted(step.written_at_commit)
    assert step.written_at_commit[-1] < len(step.output.getvalue())


def test_records_leave_in_batches_with_the_state_that_covers_them(tmp_path: Path) -> None:
    lines = [SCHEMA]
    for number in range(10):
        lines += [word(f"w{number}"), b'{"type":"STATE","value":%d}' % number]
    _, out = shout(lines, emit="batches", batch_rows=1000, batch_directory=str(tmp_path))
    assert [json.loads(line)["type"] for line in out] == ["SCHEMA", "BATCH", "STATE"]
    assert json.loads(out[2])["value"] == 9
    message = batches.decode(out[1], 1)
    assert [json.loads(row)["name"] for row in batches.records(message)] == [f"W{number}" for number in range(10)]
    batches.discard(message)
    assert [path.name for path in tmp_path.iterdir()] == [LOCK]


@pytest.mark.parametrize("form", ["jsonl", "jsonl.gz", "parquet"])
def test_batches_of_a_handled_stream_are_worked_on(tmp_path: Path, form: str) -> None:
    path = tmp_path / f"given.{form}"
    rows = [{"name": "a", "n": 1}, {"name": "bad", "n": 2}, {"name": "ü", "n": 3}]
    text = "".join(json.dumps(row) + "\n" for row in rows).encode()
    if form == "parquet":
        import duckdb

        (tmp_path / "rows.jsonl").write_bytes(text)
        duckdb.sql(f"COPY (FROM read_json('{tmp_path}/rows.jsonl')) TO '{path}' (FORMAT parquet)")
    else:
        path.write_bytes(gzip.compress(text) if form.endswith("gz") else text)
    # The SDK writes gzip whatever its message says, so the message is not believed.
    batch = {
        "type": "BATCH",
        "stream": "words",
        "encoding": {"format": form.split(".", maxsplit=1)[0], "compression": "none"},
        "manifest": [path.as_uri()],
    }
    step, out = shout([SCHEMA, json.dumps(batch).encode()])
    assert [json.loads(line)["record"] for line in out[1:]] == [{"name": "A", "n": 1}, {"name": "Ü", "n": 3}]
    assert len(step.refused) == 1
    assert path.exists()  # not ours to remove


def test_a_last_line_without_newline_counts() -> None:
    output = io.BytesIO()
    Shouter(output).listen(io.BytesIO(SCHEMA + b"\n" + word("a")))  # type: ignore[arg-type]
    assert output.getvalue().splitlines()[-1] == word("A")


def test_blocks_from_a_pipe_are_whole_lines() -> None:
    reader, writer = os.pipe()
    os.write(writer, b"one\ntw")
    with os.fdopen(reader, "rb") as source:
        found = blocks(source)
        assert next(found) == ([b"one"], 3)
        assert next(found) == ([], 0)  # nothing came for half a second
        os.write(writer, b"o\n\nthree")
        os.close(writer)
        assert [lines for lines, _ in found] == [[b"two"], [b"three"]]


STEP = textwrap.dedent(
    """
    import sys
    from pathlib import Path
    sys.path.insert(0, {tests!r})
    from pipe.command import plugin
    from test_mapper import Shouter

    class Real(Shouter):
        def __init__(self, **arguments):
            super().__init__(sys.stdout.buffer)
        def before_write(self):
            pass

    plugin(Real)
    """
)


@pytest.fixture
def step(tmp_path: Path) -> list[str]:
    path = tmp_path / "step.py"
    path.write_text(STEP.format(tests=str(Path(__file__).parent)))
    return [sys.executable, str(path)]


def test_nothing_is_held_back_while_the_source_pauses(step: list[str]) -> None:
    with subprocess.Popen(step, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdin
        assert process.stdout
        process.stdin.write(SCHEMA + b"\n" + word("a") + b"\n")
        process.stdin.flush()
        assert process.stdout.readline() == SCHEMA + b"\n"
        assert process.stdout.readline() == word("A") + b"\n"
        process.stdin.close()
    assert process.returncode == 0


def test_sigterm_lets_go_of_what_is_done_and_says_so(step: list[str]) -> None:
    with subprocess.Popen(step, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdin
        assert process.stdout
        process.stdin.write(SCHEMA + b"\n" + word("a") + b"\n")
        process.stdin.flush()
        assert process.stdout.readline() == SCHEMA + b"\n"
        process.terminate()
        assert process.stdout.read() == word("A") + b"\n"
    assert process.returncode == 143


def test_errors_are_one_sentence_and_an_exit_code(step: list[str]) -> None:
    done = subprocess.run(step, input=word("secret"), capture_output=True, check=False)
    assert done.returncode == DataError.exit_code
    assert b"data error: stream 'words'" in done.stderr.splitlines()[-1]
    assert b"Traceback" not in done.stderr
    assert b"secret" not in done.stderr


def test_a_reader_that_leaves_is_no_traceback(step: list[str]) -> None:
    with subprocess.Popen(step, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdin
        assert process.stdout
        assert process.stderr
        process.stdout.close()
        try:
            process.stdin.write((SCHEMA + b"\n") * 10_000)
            process.stdin.close()
        except BrokenPipeError:
            pass
        log = process.stderr.read()
    assert process.returncode == 75
    assert b"Traceback" not in log
