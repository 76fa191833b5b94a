"""docs/running.md names every field, class and exit code there is."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from pipe.errors import KIND_BY_EXIT_CODE
from plugins import verdict
from plugins.cli import COMMANDS
from plugins.result import STATUS, RunResult

PAGE = (Path(__file__).parents[2] / "docs" / "running.md").read_text()


def test_every_field_of_the_result_is_explained() -> None:
    table = PAGE.split("| field |")[1].split("\n\n")[0]
    assert [field.name for field in dataclasses.fields(RunResult) if f"`{field.name}`" not in table] == []


def test_every_error_class_is_explained() -> None:
    classes = {*KIND_BY_EXIT_CODE.values(), verdict.INTERRUPTED, verdict.UNKNOWN}
    table = PAGE.split("| `error_class` |")[1].split("\n\n")[0]
    assert {kind for kind in classes if f"| `{kind}` |" not in table} == set()
    assert f"({', '.join(map(str, KIND_BY_EXIT_CODE))})" in PAGE


def test_every_status_and_command_is_there() -> None:
    for code, status in STATUS.items():
        assert f"| {code} | `{status}` |" in PAGE
    for command in COMMANDS:
        assert f"growthnav {command}" in PAGE
