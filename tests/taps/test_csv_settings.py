"""Settings are checked all at once, by name, without their values."""

from typing import Any

import pytest
from csv_runs import run_tap

from pipe.errors import ConfigurationError


def refused(config: dict[str, Any]) -> str:
    run = run_tap(config)
    assert isinstance(run.error, ConfigurationError)
    assert run.messages == []
    return str(run.error)


def stream(**settings: Any) -> dict[str, Any]:
    return {"streams": [{"stream": "s", "path": "x.csv", **settings}]}


def test_every_problem_is_listed_and_no_value_is_shown():
    text = refused(
        {
            "streams": [
                {"stream": "", "encodng": "secret-1", "mode": "secret-2", "header": "secret-3"},
                {"stream": "b", "path": [], "columns": {"a": "secret-4"}, "max_shrink_pct": 101},
            ],
            "state_rows": 0,
            "stream_maps": {},
        }
    )
    for part in (
        "stream_maps is not a setting",
        "streams[0].stream must not be empty",
        "streams[0].path is missing",
        "streams[0].encodng is not a setting (did you mean encoding?)",
        "streams[0].mode must be one of append, replace",
        "streams[0].header must be true or false or a whole number",
        "streams[1].path must not be empty",
        "streams[1].columns.a must be one of string, integer",
        "streams[1].max_shrink_pct must be at most 100",
        "state_rows must be at least 1",
        "tap-csv --about",
    ):
        assert part in text
    assert "secret" not in text


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"path": "s3://bucket/x.csv"}, "path: only files on this machine can be read"),
        ({"encoding": "klingon"}, "encoding is none that Python knows"),
        ({"encoding": "zip"}, "encoding is none that Python knows"),
        ({"delimiter": "::"}, "delimiter must be one character"),
        ({"delimiter": '"'}, "three different characters"),
        ({"quotechar": "'", "escapechar": "'"}, "three different characters"),
        ({"quotechar": "ab"}, "quotechar"),
        ({"timezone": "Mars/Olympus"}, "timezone or date_formats"),
        ({"date_formats": ["klingon"]}, "timezone or date_formats"),
        ({"date_from_name": "("}, "date_from_name is not a regular expression"),
        ({"keys": ["a"], "key_properties": ["a"]}, "keys and key_properties are the same setting"),
        ({"header": 0}, "header must be at least 1"),
    ],
)
def test_contradictions(settings: dict[str, Any], text: str):
    assert f"streams[0].{text}" in refused(stream(**settings)) or text in refused(stream(**settings))


def test_streams_need_different_names_and_something_that_identifies_a_row():
    twice = {"streams": [{"stream": "s", "path": "x"}, {"stream": "s", "path": "y"}]}
    assert "streams[1].stream: the name is taken by streams[0]" in refused(twice)
    assert "key_properties is missing" in refused({**stream(), "add_metadata_columns": False})


def test_null_settings_are_not_set(tmp_path: Any):
    (tmp_path / "x.csv").write_text("a\n1\n")
    run = run_tap({"streams": [{"stream": "s", "path": str(tmp_path / "x.csv"), "encoding": None}], "state_rows": None})
    assert run.error is None
    assert len(run.rows) == 1
