"""Whatever Python's csv module writes, in whatever dialect, encoding and packing, comes out equal."""

from __future__ import annotations

import csv
import gzip
import io
import json
import tempfile
from pathlib import Path
from typing import Any

import zstandard
from csv_runs import run_tap
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32", "cp1252", "latin-1")
PACKERS = {
    "": lambda data: data,
    ".gz": gzip.compress,
    ".zst": zstandard.ZstdCompressor().compress,
}


def letters(encoding: str) -> st.SearchStrategy[str]:
    single = {"cp1252": "abcÄé€ \n\r\t,;|\"'\\-", "latin-1": "abcÄé¢ \n\r\t,;|\"'\\-"}.get(encoding)
    return st.sampled_from(single) if single else st.characters(exclude_categories=["Cs"], exclude_characters="\0")


@st.composite
def tables(draw: st.DrawFn) -> dict[str, Any]:
    encoding = draw(st.sampled_from(ENCODINGS))
    delimiter = draw(st.sampled_from(",;\t|:~"))
    quote = draw(st.sampled_from("\"'"))
    escaped = draw(st.booleans())
    width = draw(st.integers(2, 5))
    cell = st.text(letters(encoding), max_size=12)
    rows = draw(st.lists(st.lists(cell, min_size=width, max_size=width), max_size=12))
    return {
        "encoding": encoding,
        "names": [f"c{place}" for place in range(width)],
        "rows": rows,
        "dialect": {
            "delimiter": delimiter,
            "quotechar": quote,
            "doublequote": not escaped,
            "escapechar": "\\" if escaped else None,
            "lineterminator": draw(st.sampled_from(["\n", "\r\n", "\r"])),
            "quoting": draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC])),
        },
        "packer": draw(st.sampled_from(sorted(PACKERS))),
    }


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(tables())
def test_rows_come_out_equal(table: dict[str, Any]):
    text = io.StringIO(newline="")
    writer = csv.writer(text, **table["dialect"])
    writer.writerow(table["names"])
    writer.writerows(table["rows"])
    dialect, encoding = table["dialect"], table["encoding"]
    text.seek(0)
    reading = {name: dialect[name] for name in ("delimiter", "quotechar", "doublequote", "escapechar")}
    assume(list(csv.reader(text, **reading))[1:] == table["rows"])  # the writer leaves some line ends unquoted
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"data.csv{table['packer']}")
        path.write_bytes(PACKERS[table["packer"]](text.getvalue().encode(encoding)))
        stream = {
            "stream": "s",
            "path": str(path),
            "encoding": encoding if encoding in {"cp1252", "latin-1", "utf-16-le"} else "detect",
            "delimiter": dialect["delimiter"],
            "quotechar": dialect["quotechar"],
            "doublequote": dialect["doublequote"],
            "escapechar": dialect["escapechar"] or "",
            "null_values": [],
        }
        run = run_tap({"streams": [stream]})
    assert run.error is None
    assert [list(row.values()) for row in run.rows] == table["rows"]
    assert [row["_sdc_row"] for row in run.records] == list(range(1, len(table["rows"]) + 1))


JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", max_size=3), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.fixed_dictionaries({"id": st.integers()}, optional={"v": JSON_VALUES, "w": JSON_VALUES}),
        min_size=1,
        max_size=8,
    )
)
def test_json_lines_come_out_equal_or_as_their_text(records: list[dict[str, Any]]):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "data.jsonl")
        path.write_text("\n".join(json.dumps(record) for record in records), encoding="utf-8")
        run = run_tap({"streams": [{"stream": "s", "path": str(path)}]})
    assert run.error is None
    schema = run.schemas[-1]
    for record, row in zip(records, run.rows, strict=True):
        for name, value in record.items():
            if value is None or value == row.get(name):
                continue
            assert schema[name]["type"] == ["string", "null"], "only a property of several types becomes text"
            assert json.loads(row[name]) == value
