"""What the tap makes of good files: formats, encodings, dialects, headers, types."""

import gzip
import json
import os
from pathlib import Path

import duckdb
import pytest
import zstandard
from csv_runs import Read, run_tap

CDNOW = (
    " customer_id  date number_of_cds  dollar_value\r\n"
    "00001 19970101  1   11.77\r\n"
    "00002 19970112  1   12.00 \r\n"
    "\r\n"
    "00002 19970112  5   77.00\r\n"
)


def test_plain_csv_gives_strings_and_tells_where_they_came_from(read: Read):
    run = read("id,name,zip\n1,Ada,00123\n2,,\n")
    assert run.records[0] == {
        "id": "1",
        "name": "Ada",
        "zip": "00123",
        "_sdc_file": "data.csv",
        "_sdc_file_modified_at": run.records[0]["_sdc_file_modified_at"],
        "_sdc_row": 1,
    }
    assert run.rows[1] == {"id": "2", "name": None, "zip": None}
    assert run.records[0]["_sdc_file_modified_at"].endswith("Z")
    assert run.messages[0]["key_properties"] == ["_sdc_file", "_sdc_row"]
    assert run.types == ["SCHEMA", "RECORD", "STATE"]


def test_cdnow_blanks_set_columns_apart(read: Read):
    run = read(
        CDNOW,
        name="CDNOW_master.txt",
        delimiter="whitespace",
        columns={"date": "date", "number_of_cds": "integer", "dollar_value": "decimal"},
        date_formats=["yyyymmdd"],
    )
    assert run.error is None
    assert run.rows[1] == {
        "customer_id": "00002",
        "date": "1997-01-12",
        "number_of_cds": 1,
        "dollar_value": "12.00",
    }
    assert [row["_sdc_row"] for row in run.records] == [1, 2, 3]


@pytest.mark.parametrize(
    ("encoding", "declared"),
    [
        ("utf-8", "detect"),
        ("utf-8-sig", "detect"),
        ("utf-16", "detect"),
        ("utf-16-le", "detect"),
        ("utf-16-be", "detect"),
        ("utf-32", "detect"),
        ("cp1252", "detect"),
        ("latin-1", "latin-1"),
        ("iso-8859-15", "iso-8859-15"),
        ("utf-8-sig", "latin-1"),  # a byte order mark is believed first
    ],
)
def test_encodings(read: Read, encoding: str, declared: str):
    text = "id,stadt\n" + "".join(f"{number},München\n" for number in range(300)) + "300,Ærø €\n"
    if encoding == "latin-1":
        text = text.replace("€", "e")
    run = read(text.encode(encoding), encoding=declared)
    assert run.rows == [{"id": line.split(",")[0], "stadt": line.split(",")[1]} for line in text.splitlines()[1:]]


def test_encoding_is_decided_by_the_first_letters_beyond_ascii_however_late(read: Read):
    early = "".join(f"{number},plain\n" for number in range(120_000))
    run = read(("id,city\n" + early).encode() + "x,Málaga\n".encode("cp1252"))
    assert run.rows[-1] == {"id": "x", "city": "Málaga"}


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiter_is_found(read: Read, delimiter: str):
    run = read(
        f"a{delimiter}b{delimiter}c\n1{delimiter}2,5{delimiter}x;y\n".replace(
            "2,5", "2.5" if delimiter == "," else "2,5"
        ).replace("x;y", "xy" if delimiter == ";" else "x;y")
    )
    assert list(run.rows[0]) == ["a", "b", "c"]


def test_separator_line_of_excel(read: Read):
    assert read("sep=;\r\na;b\r\n1;2\r\n").rows == [{"a": "1", "b": "2"}]


def test_tab_separated_by_suffix_and_declared_semicolon(read: Read):
    assert read("a\tb,c\n1\t2\n", name="x.tsv").rows == [{"a": "1", "b,c": "2"}]
    assert read("a;b,c\n1;2\n", delimiter=";").rows == [{"a": "1", "b,c": "2"}]


def test_quotes_escapes_and_lines_within_cells(read: Read):
    assert read('a,b\n"x, ""y""","two\r\nlines"\n').rows == [{"a": 'x, "y"', "b": "two\r\nlines"}]
    assert read("a,b\n'x, \\'y\\'',z\n", quotechar="'", escapechar="\\", doublequote=False).rows == [
        {"a": "x, 'y'", "b": "z"}
    ]
    assert read('a,b\n5" pipe,"\n', quotechar="").rows == [{"a": '5" pipe', "b": '"'}]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends(read: Read, end: str):
    assert read(f"a,b{end}1,2{end}3,4").rows == [{"a": "1", "b": "2"}, {"a": "3", "b": "4"}]


def test_blanks_are_kept_unless_trimmed(read: Read):
    assert read("a,b\n x , y\n").rows == [{"a": " x ", "b": " y"}]
    assert read('a,b\n x , "y, z"\n', trim=True).rows == [{"a": "x", "b": "y, z"}]


def test_null_values(read: Read):
    run = read("a,b,c\nNULL,N/A,\n", null_values=["NULL", "N/A"], columns={"c": "integer"})
    assert run.rows == [{"a": None, "b": None, "c": None}]
    assert read("a,b\n,x\n", null_values=[]).rows == [{"a": "", "b": "x"}]


def test_header_in_a_later_line_or_none(read: Read):
    report = 'Report of "today\n\nid,total\n1,2\n'
    assert read(report, header=3).rows == [{"id": "1", "total": "2"}]
    assert read("1,2,3\n4,5,6\n", header=False).rows[1] == {"column_1": "4", "column_2": "5", "column_3": "6"}
    named = read("1,2,,\n4,5,,\n", header=False, columns={"id": "integer", "total": "string"})
    assert named.rows == [{"id": 1, "total": "2"}, {"id": 4, "total": "5"}]


@pytest.mark.parametrize(
    ("kind", "cell", "value"),
    [
        ("integer", "00123", 123),
        ("integer", "12.0", 12),
        ("integer", '"1,234"', 1234),
        ("integer", "", None),
        ("number", "1.5E+3", 1500.0),
        ("number", "12.25", 12.25),
        ("decimal", "12.30", "12.30"),
        ("decimal", '"$1,234.50"', "1234.50"),
        ("decimal", "(12.34)", "-12.34"),
        ("decimal", "  ", None),
        ("decimal", "12345678901234567890.123456789", "12345678901234567890.123456789"),
        ("boolean", "Yes", True),
        ("boolean", "0", False),
        ("date", "2024-02-29", "2024-02-29"),
        ("datetime", "2024-05-01 09:30", "2024-05-01T09:30:00.000000Z"),
        ("string", "00123", "00123"),
    ],
)
def test_declared_types(read: Read, kind: str, cell: str, value: object):
    run = read(f"a,b\n{cell},x\n", columns={"a": kind}, max_reject_ratio=0)
    assert run.rows == [{"a": value, "b": "x"}]


def test_decimal_comma(read: Read):
    run = read("id;amount;n\n1;1.234,50;2,5\n", decimal="comma", columns={"amount": "decimal", "n": "number"})
    assert run.rows == [{"id": "1", "amount": "1234.50", "n": 2.5}]
    assert run.schemas[0]["amount"]["format"] == "x-singer.decimal"


def test_time_zone_and_date_formats(read: Read):
    run = read(
        "at,day\n05/01/2024 9:30 AM,31.12.2024\n2024-05-01 09:30,2024-01-02\n",
        columns={"at": "datetime", "day": "date"},
        timezone="America/Chicago",
        date_formats=["iso", "us", "german"],
    )
    assert run.rows == [
        {"at": "2024-05-01T14:30:00.000000Z", "day": "2024-12-31"},
        {"at": "2024-05-01T14:30:00.000000Z", "day": "2024-01-02"},
    ]


def test_nothing_is_inferred_unless_asked_and_then_nothing_is_lost(read: Read):
    text = "n,amount,zip,card,when,flag,empty\n1,12.30,00123,4111111111111111,2024-01-01,true,\n20,5,12345,1234567890123456,2024-01-02,False,\n"
    plain = read(text)
    assert plain.rows[0]["n"] == "1"
    inferred = read(text, infer_types=True)
    assert inferred.rows[0] == {
        "n": 1,
        "amount": "12.30",
        "zip": "00123",
        "card": "4111111111111111",
        "when": "2024-01-01",
        "flag": True,
        "empty": None,
    }
    assert inferred.schemas[0]["amount"]["format"] == "x-singer.decimal"
    assert inferred.schemas[0]["when"]["format"] == "date"


def test_a_later_value_that_does_not_fit_makes_an_inferred_column_a_text(read: Read):
    rows = "".join(f"{number},{number}\n" for number in range(1, 1500))
    run = read("id,n\n" + rows + "1500,N/A\n1501,7\n", infer_types=True)
    assert run.error is None
    assert run.rows[1498] == {"id": 1499, "n": 1499}
    assert run.rows[1499:] == [{"id": 1500, "n": "N/A"}, {"id": 1501, "n": "7"}]
    assert [schema["n"]["type"] for schema in run.schemas] == [["integer", "null"], ["string", "null"]]
    at = [message["type"] for message in run.messages].index("SCHEMA", 1)
    assert run.messages[at + 1]["record"]["n"] == "N/A"


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.ZstdCompressor().compress])
@pytest.mark.parametrize("suffix", [".csv", ".csv.gz", ".csv.zst"])
def test_packed_whatever_the_name_says(read: Read, pack: object, suffix: str):
    if suffix == ".csv.zst" and pack is gzip.compress:
        suffix = ".gz"
    data = b"a,b\n" + b"1,2\n" * 50_000
    assert len(read(pack(data[: len(data) // 2]) + pack(data[len(data) // 2 :]), name=f"x{suffix}").rows) == 50_000  # type: ignore[operator]


def test_a_name_of_gzip_on_a_plain_file(read: Read):
    assert read("a,b\n1,2\n", name="x.csv.gz").rows == [{"a": "1", "b": "2"}]


def test_json_lines_keep_numbers_and_nested_values(read: Read):
    lines = (
        '{"id": 1, "amount": 12.340, "big": 123456789012345678901, "tags": ["a", {"x": 1.10}], "none": null}\n'
        "\n"
        '{"id": 2, "amount": 5, "name": "Zoë \\u0000", "ok": true}\n'
    )
    run = read(lines, name="x.jsonl", key_properties=["id"])
    raw = [json.dumps(row) for row in run.rows]
    assert raw[0] == '{"id": 1, "amount": 12.34, "big": 123456789012345678901, "tags": ["a", {"x": 1.1}]}'
    assert run.rows[1] == {"id": 2, "amount": 5, "name": "Zoë ", "ok": True}
    properties = run.schemas[0]
    assert properties["id"]["type"] == ["integer"]
    assert properties["amount"]["type"] == ["number", "null"]
    assert properties["tags"]["type"] == ["array", "null"]


def test_json_lines_of_another_type_become_texts_and_new_names_are_announced(read: Read):
    many = "".join(f'{{"id": {number}, "v": {number}}}\n' for number in range(1000))
    run = read(many + '{"id": "x-1", "v": {"deep": 1}, "new": 1}\n{"id": 5, "v": 6}\n', name="x.jsonl")
    assert run.rows[-2:] == [{"id": "x-1", "v": '{"deep":1}', "new": 1}, {"id": "5", "v": "6"}]
    assert run.schemas[-1]["v"]["type"] == ["string", "null"]
    assert run.schemas[-1]["new"]["type"] == ["integer", "null"]


def test_declared_columns_of_json_lines(read: Read):
    run = read(
        '{"a": 12.5, "b": 7, "c": "2024-01-01T00:00:00+02:00"}\n',
        name="x.ndjson",
        columns={"a": "decimal", "b": "string", "c": "datetime"},
    )
    assert run.rows == [{"a": "12.5", "b": "7", "c": "2023-12-31T22:00:00.000000Z"}]


@pytest.fixture
def parquet(tmp_path: Path) -> Path:
    path = tmp_path / "odd[1].parquet"
    duckdb.sql(
        """
        SELECT i AS id, (i * 1.01)::DECIMAL(38, 18) AS exact, TIMESTAMP '2024-01-01 10:00:00.123456' AS naive,
               TIMESTAMPTZ '2024-01-01 10:00:00+02' AS aware, DATE '2024-02-29' AS day, 'NaN'::DOUBLE AS nan,
               {'a': 1.10::DECIMAL(9, 2), 'b': [1, NULL]} AS nested, [1, 2] AS items, MAP {'k': 1} AS pairs,
               'x'::BLOB AS bytes, TRUE AS flag, 18446744073709551615::UBIGINT AS large
        FROM range(5000) t(i)
        """
    ).write_parquet(str(path))
    return path


def test_parquet(read: Read, parquet: Path):
    run = read(name=parquet.name, key_properties=["id"], timezone="America/Chicago")
    assert run.error is None
    assert len(run.rows) == 5000
    assert run.rows[3] == {
        "id": 3,
        "exact": "3.030000000000000000",
        "naive": "2024-01-01T16:00:00.123456Z",
        "aware": "2024-01-01T08:00:00.000000Z",
        "day": "2024-02-29",
        "nan": None,
        "nested": {"a": 1.1, "b": [1, None]},
        "items": [1, 2],
        "pairs": {"k": 1},
        "bytes": "eA==",
        "flag": True,
        "large": "18446744073709551615",
    }
    assert run.schemas[-1]["exact"]["scale"] == 18
    assert run.records[-1]["_sdc_row"] == 5000


def test_packed_parquet(read: Read, parquet: Path, tmp_path: Path):
    (tmp_path / "y.parquet.gz").write_bytes(gzip.compress(parquet.read_bytes()))
    run = read(name="y.parquet.gz", columns={"id": "string", "exact": "number"})
    assert run.rows[2]["id"] == "2"
    assert run.rows[2]["exact"] == 2.02


def test_parquet_files_that_disagree_about_a_type(tmp_path: Path):
    for number, kind in enumerate(("BIGINT", "DOUBLE", "BIGINT", "VARCHAR", "BIGINT")):
        path = tmp_path / f"{number}.parquet"
        duckdb.sql(f"SELECT {number}::{kind} AS v").write_parquet(str(path))
        os.utime(path, ns=(0, number * 10**9))
    run = run_tap({"streams": [{"stream": "s", "path": str(tmp_path / "*.parquet")}]})
    assert run.error is None
    assert [row["v"] for row in run.rows] == ["0", "1.0", "2", "3", "4"]
    assert run.schemas[0]["v"]["type"] == ["string", "null"]
    assert len(run.schemas) == 1
    numbers = run_tap({"streams": [{"stream": "s", "path": str(tmp_path / "[12].parquet")}]})
    assert [row["v"] for row in numbers.rows] == [1.0, 2]
    assert numbers.schemas[0]["v"]["type"] == ["number", "null"]


def test_padded_cells_have_no_value_whatever_an_empty_one_means(read: Read):
    run = read("a,b,c\n,\n", on_ragged="pad", null_values=[], trim=True)
    assert run.rows == [{"a": "", "b": "", "c": None}]


def test_a_file_that_two_globs_match_is_read_once(tmp_path: Path):
    (tmp_path / "a.csv").write_text("a\n1\n")
    paths = [str(tmp_path / "*.csv"), str(tmp_path / "a*")]
    assert len(run_tap({"streams": [{"stream": "s", "path": paths}]}).rows) == 1
