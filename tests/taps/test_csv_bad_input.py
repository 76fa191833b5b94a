"""Every bad input ends in a clear, defined result that names file and row and shows no value."""

import gzip
import logging
import os
import time
from pathlib import Path

import pytest
import zstandard
from csv_runs import Read, run_tap

from pipe.errors import ConfigurationError, CredentialsError, DataError, RetriableError
from taps.base.files import find
from taps.base.files.stream import FileStream

GOOD = "".join(f"{number},ok\n" for number in range(30))


def test_ragged_rows_are_rejected_and_named(read: Read, caplog: pytest.LogCaptureFixture):
    run = read("a,b\n1,2\nsecret-1\n3,4,secret-2\n5,6\n")
    assert run.error is None
    assert [row["_sdc_row"] for row in run.records] == [1, 4]
    assert "Rejected data row 2 of 'data.csv': it has 1 cells instead of 2" in caplog.text
    assert "Rejected data row 3 of 'data.csv': it has 3 cells instead of 2" in caplog.text
    assert "secret" not in caplog.text


def test_empty_cells_beyond_the_last_column_do_not_matter(read: Read):
    assert read("a,b\n1,2,,\n3,4, \n").rows == [{"a": "1", "b": "2"}, {"a": "3", "b": "4"}]


def test_ragged_rows_padded(read: Read, caplog: pytest.LogCaptureFixture):
    run = read("a,b\n1\n3,4,5\n", on_ragged="pad")
    assert run.rows == [{"a": "1", "b": None}, {"a": "3", "b": "4"}]
    assert "1 rows had more cells than columns" in caplog.text


def test_ragged_rows_fail(read: Read):
    run = read("a,b\n1,2\n3\n", on_ragged="fail")
    assert isinstance(run.error, DataError)
    assert "'data.csv'" in str(run.error)
    assert "data row 2" in str(run.error)


def test_too_many_rejects_fail_after_everything_good_is_out(read: Read):
    text = "a,b\n" + GOOD + "bad\n" * 11
    run = read(text)
    assert isinstance(run.error, DataError)
    assert "11 of 41 data rows were rejected, 11 of them in 'data.csv'" in str(run.error)
    assert len(run.rows) == 30
    again = read(text, state=run.states[-1])
    assert len(again.rows) == 30, "the file was not taken for read"
    assert read(text.removesuffix("bad\n"), state=run.states[-1]).error is None


def test_rejects_below_the_ceiling_of_a_large_file(read: Read):
    rows = "".join(f"{number},ok\n" for number in range(20_000))
    assert read("a,b\n" + rows + "bad\n" * 20).error is None
    assert read("a,b\n" + rows + "bad\n" * 21).error is not None


def test_a_quote_that_never_closes_costs_its_own_row_only(read: Read, caplog: pytest.LogCaptureFixture):
    run = read('a,b\n1,"open\n' + GOOD)
    assert run.error is None
    assert len(run.rows) == 30
    assert "Rejected data row 1 of 'data.csv': its quotes do not close" in caplog.text


def test_a_quote_that_closes_at_the_next_quoted_cell(read: Read):
    run = read('a,b\n1,"open\n2,x\n3,"y"\n4,z\n')
    assert [row["a"] for row in run.rows] == ["2", "3", "4"]


def test_a_quote_that_swallows_more_than_the_limit(read: Read, caplog: pytest.LogCaptureFixture):
    run = read('a,b\n0,ok\n1,"open\n' + GOOD * 500, max_line_length=10_000)
    assert run.error is None
    assert len(run.rows) == 15_001
    assert "Rejected data row 2 of 'data.csv'" in caplog.text


def test_quotes_wrong_in_every_row(read: Read):
    started = time.process_time()
    run = read("a,b\n" + '"x,y\n' * 50_000 + '1,""\n' * 50_000)
    assert "50000 of 100000 data rows were rejected" in str(run.error)
    assert len(run.rows) == 50_000
    assert time.process_time() - started < 20, "the cost grows with the square of the rows"


def test_text_after_a_closing_quote(read: Read):
    assert [row["a"] for row in read('a,b\n"x"y,1\n2,3\n').rows] == ["2"]


def test_empty_file_is_no_error(read: Read, caplog: pytest.LogCaptureFixture):
    run = read("", columns={"a": "integer"}, key_properties=["a"])
    assert run.error is None
    assert run.rows == []
    assert run.schemas[0]["a"] == {"type": ["integer"]}
    assert "'data.csv': it is empty" in caplog.text
    assert read(state=run.states[-1], columns={"a": "integer"}, key_properties=["a"]).error is None


@pytest.mark.parametrize("text", ["a,b\n", "a,b", "\n\n", "\ufeffa,b\r\n"])
def test_header_only(read: Read, text: str):
    run = read(text)
    assert run.error is None
    assert run.rows == []


def test_missing_file_and_glob_that_matches_nothing(tmp_path: Path):
    for path in (tmp_path / "none.csv", tmp_path / "none" / "*.csv"):
        run = run_tap({"streams": [{"stream": "s", "path": str(path)}]})
        assert isinstance(run.error, ConfigurationError)
        assert "stream 's': path matches no file" in str(run.error)
        allowed = run_tap({"streams": [{"stream": "s", "path": str(path), "allow_missing": True}]})
        assert allowed.error is None
        assert allowed.types == ["SCHEMA", "STATE"]


def test_a_folder_or_a_pipe_is_no_file(tmp_path: Path):
    run = run_tap({"streams": [{"stream": "s", "path": str(tmp_path)}]})
    assert "is a folder" in str(run.error)
    os.mkfifo(tmp_path / "fifo.csv")
    run = run_tap({"streams": [{"stream": "s", "path": str(tmp_path / "*.csv")}]})
    assert "'fifo.csv' is not a regular file" in str(run.error)


def test_no_right_to_read(read: Read, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    (tmp_path / "data.csv").write_text("a\n1\n")
    (tmp_path / "data.csv").chmod(0)
    if os.access(tmp_path / "data.csv", os.R_OK):  # root may read everything: refuse as the system would
        opening = Path.open

        def refuse(path: Path, *arguments: object) -> object:
            if path.name == "data.csv":
                raise PermissionError(13, "Permission denied")
            return opening(path, *arguments)  # type: ignore[call-overload]

        monkeypatch.setattr(Path, "open", refuse)
    run = read()
    assert isinstance(run.error, CredentialsError)
    assert "no right to read the file 'data.csv'" in str(run.error)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("x.csv.gz", gzip.compress(b"a,b\n" + GOOD.encode() * 2000)[:-100]),
        ("x.csv.zst", zstandard.ZstdCompressor().compress(b"a,b\n" + GOOD.encode() * 2000)[:-10]),
        ("x.csv.gz", gzip.compress(b"a,b\n1,2\n")[:-8] + b"\0" * 8),
        ("x.csv.zst", b"not zstd at all"),
    ],
    ids=["gzip cut", "zstd cut", "gzip checksum", "zstd by name only"],
)
def test_packed_file_cut_or_damaged(read: Read, name: str, data: bytes):
    run = read(data, name=name)
    assert isinstance(run.error, DataError)
    assert f"'{name}' is cut short or damaged" in str(run.error)
    assert run.states == [] or not run.states[-1]["bookmarks"]["things"].get("files")


def test_bytes_that_are_not_text_of_the_encoding(read: Read):
    run = read(b"a,b\n1,ok\n2,M\xe4rz\n", encoding="utf-8")
    assert "'data.csv' is not utf-8 text: see the bytes from offset 12" in str(run.error)
    damaged = "a,b\n" + "ü,ä\n" * 100
    run = read(damaged.encode() + b"x,\xff\n")
    assert "is not utf-8 text" in str(run.error), "one broken letter does not make UTF-8 into cp1252"


def test_duplicate_and_blank_names(read: Read):
    run = read("id,x,x\n1,2,3\n")
    assert "'data.csv' cannot be read: the header names 'x' twice" in str(run.error)
    assert read("id,x,x,x_2\n1,2,3,4\n", duplicate_columns="number").rows == [
        {"id": "1", "x": "2", "x_2": "3", "x_2_2": "4"}
    ]
    assert read("id,, \n1,2,3\n").rows == [{"id": "1", "column_2": "2", "column_3": "3"}]


def test_nul_bytes_are_dropped_and_counted(read: Read, caplog: pytest.LogCaptureFixture):
    assert read(b"a,b\nx\0y,1\n" + b"padding,2\n" * 50).rows[0] == {"a": "xy", "b": "1"}
    assert "'data.csv': 1 NUL characters were dropped" in caplog.text


def test_declared_column_that_is_not_there(read: Read, caplog: pytest.LogCaptureFixture):
    run = read("a\n1\n", columns={"b": "integer"})
    assert run.rows == [{"a": "1"}]
    assert run.schemas[0]["b"] == {"type": ["integer", "null"]}
    assert "'data.csv' has no column b, although declared" in caplog.text


def test_key_column_that_is_not_there_and_key_without_value(read: Read, caplog: pytest.LogCaptureFixture):
    run = read("a\n1\n", key_properties=["id"])
    assert "field 'id'" in str(run.error)
    assert "the key column is not in the file" in str(run.error)
    run = read("id,a\n1,x\n,total\n", key_properties=["id"])
    assert run.rows == [{"id": "1", "a": "x"}]
    assert "Rejected data row 2 of 'data.csv', column 'id': the key has no value" in caplog.text
    run = read('{"id": null}\n{"id": 3}\n', name="x.jsonl", keys=["id"])
    assert run.rows == [{"id": 3}]


@pytest.mark.parametrize(
    ("kind", "cell"),
    [
        ("integer", "12.5"),
        ("integer", "9223372036854775808"),
        ("integer", "1_000"),
        ("number", "1e999"),
        ("number", "0x10"),
        ("decimal", "12 apples"),
        ("boolean", "maybe"),
        ("date", "2024-02-30"),
        ("datetime", "yesterday"),
    ],
)
def test_value_without_the_declared_type(read: Read, caplog: pytest.LogCaptureFixture, kind: str, cell: str):
    text = f"a,b\n{cell},x\n,y\n"
    run = read(text, columns={"a": kind})
    assert run.rows == [{"a": None, "b": "y"}]
    assert "Rejected data row 1 of 'data.csv', column 'a'" in caplog.text
    assert cell not in caplog.text
    assert read(text, columns={"a": kind}, on_bad_value="null").rows[0] == {"a": None, "b": "x"}
    failed = read(text, columns={"a": kind}, on_bad_value="fail")
    assert "field 'a'" in str(failed.error)
    assert "data row 1" in str(failed.error)


def test_lines_that_are_not_json(read: Read, caplog: pytest.LogCaptureFixture):
    run = read('{"a": 1}\n{"a": secret\n[1]\n\n{"a": NaN}\n{"b": "\\ud800"}\n', name="x.jsonl")
    assert run.rows == [{"a": 1}, {"a": None}, {"b": "\ufffd"}]
    assert "Rejected data row 2 of 'x.jsonl': is not a JSON object" in caplog.text
    assert "secret" not in caplog.text


def test_not_parquet(read: Read):
    run = read(b"PAR1" + b"nonsense" * 100 + b"PAR1", name="x.parquet")
    assert isinstance(run.error, DataError)
    assert "'x.parquet' cannot be read: it is no Parquet file, or damaged" in str(run.error)


def test_a_line_without_end(read: Read):
    run = read("a,b\n" + "x" * 3_000_000, max_line_length=100_000)
    assert "a line is longer than max_line_length (100000)" in str(run.error)
    assert "'data.csv'" in str(run.error)


def test_one_unreadable_file_does_not_keep_the_others_back(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    for number in range(5):
        (tmp_path / f"{number}.csv").write_text(f"a\n{number}\n")
        os.utime(tmp_path / f"{number}.csv", ns=(0, number * 10**9))
    for broken in (1, 3):
        (tmp_path / f"{broken}.csv").write_bytes(gzip.compress(b"a\n1\n")[:-9])
        os.utime(tmp_path / f"{broken}.csv", ns=(0, broken * 10**9))
    config = {"streams": [{"stream": "s", "path": str(tmp_path / "*.csv")}]}
    run = run_tap(config)
    assert [row["a"] for row in run.rows] == ["0", "2", "4"]
    assert "'1.csv' is cut short or damaged" in str(run.error)
    assert "(and 1 more error, see above)" in str(run.error)
    assert "'3.csv' is cut short or damaged" in caplog.text
    assert sorted(run.states[-1]["bookmarks"]["s"]["files"]) == ["0.csv", "2.csv", "4.csv"]
    (tmp_path / "1.csv").write_text("a\n1\n")
    (tmp_path / "3.csv").unlink()
    again = run_tap(config, run.states[-1])
    assert [row["a"] for row in again.rows] == ["1"]


def test_a_file_that_goes_away_before_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text("a\n1\n")
    reading = FileStream._read

    def read_and_remove(stream: FileStream, file: find.SourceFile, *arguments: object) -> object:
        (tmp_path / "b.csv").unlink(missing_ok=True)
        return reading(stream, file, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(FileStream, "_read", read_and_remove)
    run = run_tap({"streams": [{"stream": "s", "path": str(tmp_path / "*.csv")}]})
    assert isinstance(run.error, RetriableError)
    assert len(run.rows) == 1


def test_a_link_to_nothing_is_left_out(tmp_path: Path):
    (tmp_path / "a.csv").write_text("a\n1\n")
    (tmp_path / "b.csv").symlink_to(tmp_path / "gone.csv")
    assert len(run_tap({"streams": [{"stream": "s", "path": str(tmp_path / "*.csv")}]}).rows) == 1


def test_names_of_files_that_look_like_globs(tmp_path: Path):
    (tmp_path / "a[1].csv").write_text("a\n1\n")
    assert len(run_tap({"streams": [{"stream": "s", "path": str(tmp_path / "a[1].csv")}]}).rows) == 1


def test_no_value_is_ever_logged(read: Read, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.DEBUG)
    text = 'id,n\n"secret"x,1\nsecret,secret\nsecret\n1,2,secret\n'
    run = read(text, columns={"id": "integer", "n": "integer"}, encoding="ascii")
    assert run.rows == []
    assert "secret" not in caplog.text
