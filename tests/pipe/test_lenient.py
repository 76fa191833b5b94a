from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipe import lenient, messages
from pipe.errors import DataError


@pytest.mark.parametrize(
    ("line", "value", "changes"),
    [
        (b'\xef\xbb\xbf{"a":1}', {"a": 1}, {}),
        (b'{"a":NaN,"b":Infinity,"c":-Infinity}', {"a": None, "b": None, "c": None}, {"non_finite": 3}),
        (b'{"a":"x\\ud800y"}', {"a": "x\N{REPLACEMENT CHARACTER}y"}, {"replaced_character": 1}),
        (b'{"a":"x\xffy"}', {"a": "x\N{REPLACEMENT CHARACTER}y"}, {"replaced_character": 1}),
        (b'{"a":"x\\u0000y"}', {"a": "xy"}, {"nul": 1}),
        (b'{"a":1208925819614629174706176}', {"a": 2**80}, {}),
        (b'{"a":1,"a":2}', {"a": 2}, {}),
        (b'{"a":["\\u0000",{"b\\u0000":NaN}]}', {"a": ["", {"b": None}]}, {"nul": 2, "non_finite": 1}),
    ],
)
def test_each_oddity_has_its_result(line: bytes, value: Any, changes: dict[str, int]) -> None:
    mended, counted = lenient.mend(line)
    assert json.loads(mended) == value
    assert counted == Counter(changes)


def test_digits_of_a_number_are_kept() -> None:
    assert lenient.mend(b'{"a":10.10,"b":NaN}')[0] == b'{"a":10.10,"b":null}'


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)
    )
)
def test_good_json_is_left_equal(value: Any) -> None:
    mended, changes = lenient.mend(json.dumps(value).encode())
    if not changes:
        assert json.loads(mended) == value


@pytest.mark.parametrize(
    "line",
    [
        b'{"type":"RECORD","stream":"a","record":{"secret":"x"',
        b"print('secret')",
        b"[1]",
        b"1",
        b'{"type":"RECORD","stream":"a","record":{"secret":NaN,"x":1e99999999999999999999}}',
        b'{"type":"RECORD","stream":"a","record":{"secret":NaN,"x":' + b"[" * 20_000 + b"]" * 20_000 + b"}}",
    ],
)
def test_what_is_no_message_is_refused_by_position_not_quoted(line: bytes) -> None:
    with pytest.raises(DataError) as caught:
        messages.decode(line, 17)
    assert "line 17" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_an_odd_message_is_decoded_all_the_same() -> None:
    envelope, clean = messages.decode(b'{"type":"RECORD","stream":"a","record":{"x":NaN}}', 1)
    assert envelope.stream == "a"
    assert json.loads(clean)["record"] == {"x": None}
