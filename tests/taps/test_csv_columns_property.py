"""Whole columns and rows are two readers of one file: whatever is in it, both must find the same."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipe.errors import PipeError, SkippableError
from taps.base.files import choices, mixed, unpack
from taps.base.files.find import SourceFile
from taps.base.files.settings import StreamSettings, parse
from taps.base.files.source import opened

CELLS = st.one_of(
    st.sampled_from(
        ["", "1", "-1.5", "NULL", " a ", "\u3000b\xa0", "\ufeffx", "Ä€", "😀", "2024-02-30", "\x85", "\x1c"]
    ),
    st.text('ab",;\n\r\0\\ \t', max_size=4),
)
QUOTED = st.builds(lambda text: '"' + text.replace('"', '""') + '"', CELLS)
ROWS = st.lists(st.one_of(CELLS, QUOTED), min_size=0, max_size=4).map(",".join)
ENDS = st.sampled_from(["\n", "\n", "\n", "\r\n", "\r\n", "\n\n", "\r"])
TEXTS = st.builds(
    lambda header, rows, last: header + "".join(row + end for row, end in rows) + last,
    st.sampled_from(["a,b,c\n", "a,b\n", "a\n", "a,b\r\n", ""]),
    st.lists(st.tuples(ROWS, ENDS), max_size=12),
    st.sampled_from(["", "1,2", '"']),
)
SETTINGS = st.fixed_dictionaries(
    {},
    optional={
        "trim": st.booleans(),
        "on_ragged": st.sampled_from([choices.REJECT, choices.PAD]),
        "null_values": st.sampled_from([[""], [], ["NULL", ""], ["a"]]),
        "header": st.sampled_from([True, True, False, 2]),
        "quotechar": st.sampled_from(['"', "", "'"]),
        "escapechar": st.sampled_from(["", "", "\\"]),
        "doublequote": st.booleans(),
        "duplicate_columns": st.just(choices.NUMBER),
        "delimiter": st.sampled_from([",", "detect", ";", "whitespace"]),
    },
)
ENCODINGS = st.sampled_from(["utf-8", "utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252"])


def stream_settings(path: Path, given: dict[str, Any]) -> StreamSettings:
    defaults = {name: schema["default"] for name, schema in choices.STREAM.items() if "default" in schema}
    return parse(defaults | {"stream": "s", "path": str(path)} | given)


def told(row: Any, picks: list[int] | None = None) -> Any:
    if isinstance(row, SkippableError):
        return row.rule, row.problem
    return [row[place] for place in picks] if picks else row


def by_rows(file: SourceFile, options: StreamSettings, picks: list[int]) -> tuple[list[Any], list[str]]:
    with opened(file, options) as source:
        rows = [told(row, picks) for row in source.rows] if source.columns else []
    return rows, source.notes


def by_tables(file: SourceFile, options: StreamSettings, picks: list[int]) -> tuple[list[Any], list[str]]:
    rows: list[Any] = []
    with opened(file, options, in_tables=True) as source:
        if source.columns and source.tables is None:
            assert options.delimiter == "whitespace"
            return [told(row, picks) for row in source.rows], source.notes
        for part in source.tables(picks) if source.tables else ():
            if isinstance(part, list):
                rows += [told(row, picks) for row in part]
            else:
                rows += map(list, zip(*(column.to_pylist() for column in part.columns), strict=True))
    return rows, source.notes


def column_count(file: SourceFile, options: StreamSettings) -> int:
    with opened(file, options) as source:
        return len(source.columns)


def outcome(read: Any, *arguments: Any) -> Any:
    try:
        return read(*arguments)
    except PipeError as error:
        return str(error)


def compare(text: bytes, given: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "data.csv")
        path.write_bytes(text)
        options = stream_settings(path, given)
        file = SourceFile(path, path.name, "2024-01-01T00:00:00.000000000Z", len(text))
        width = outcome(column_count, file, options)
        if not isinstance(width, int):
            return
        for picks in {tuple(range(width)), (width - 1,)} if width else ():
            assert outcome(by_tables, file, options, list(picks)) == outcome(by_rows, file, options, list(picks))


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(TEXTS, SETTINGS, ENCODINGS, st.sampled_from([3, 7, 20, 100, 65536]), st.sampled_from([1, 8, 30, 65536]))
def test_both_readers_find_the_same(text: str, given: dict[str, Any], encoding: str, piece: int, odd: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mixed, "ODD_BYTES", odd)
        patch.setattr(unpack, "BLOCK_BYTES", piece)
        compare(text.encode(encoding, "replace"), given | {"encoding": "cp1252" if encoding == "cp1252" else "detect"})
