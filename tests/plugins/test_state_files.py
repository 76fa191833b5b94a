"""Row 32: states in the portable form of F080, there and back."""

from __future__ import annotations

import json
from typing import Any

import pytest
from stub_project import Project

from pipe.errors import DataError
from plugins import state_file

EARLIER: dict[str, Any] = {
    "object_charges": {
        "cursor": "2026-01-02T03:04:05Z",
        "cursor_field": "created",
        "last_sync": "2026-01-02T04:00:00Z",
    },
    "object_customers": {"cursor": 1767323045, "cursor_field": "created", "last_sync": "2026-01-02T04:00:00Z"},
    "file_orders.csv": {"last_modified": "2026-01-02T03:04:05.123456789Z", "size": 12, "stream": "orders"},
}


def test_row_32_there_and_back_is_equal() -> None:
    state, last_sync = state_file.read(EARLIER)
    assert state["bookmarks"]["charges"] == {
        "replication_key": "created",
        "replication_key_value": "2026-01-02T03:04:05Z",
    }
    again = state_file.export(state, last_sync)
    assert {name: again[name] for name in EARLIER} == EARLIER
    assert state_file.read(again) == (state, last_sync)


def test_what_a_tap_keeps_beside_its_cursor_is_kept() -> None:
    mark = {"replication_key": "id", "replication_key_value": 4, "page": {"next": 7}, "partitions": [1]}
    state = {"bookmarks": {"rows": mark, "bare": {}}}
    assert state_file.read(state_file.export(state, {}))[0] == state


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ([], "must be a JSON object"),
        ({"charges": {}}, "'charges' is neither object_<stream> nor file_<name>"),
        ({"object_x": 5}, "'object_x' must be an object"),
        ({"object_x": {"cursor": 1}}, "'object_x' has a cursor and no cursor_field"),
        ({"object_x": {"curser": 1}}, "'object_x' has no curser; it has bookmark, cursor, cursor_field, last_sync"),
        ({"object_x": {"bookmark": 1}}, "'object_x': bookmark must be an object"),
        ({"file_x": {"last_modified": "2026"}}, "'file_x' lacks stream"),
        ({"a": {}, "b": {}}, "'a' is neither .*; 'b' is neither"),
    ],
)
def test_what_is_no_state_is_told(content: Any, said: str) -> None:
    with pytest.raises(DataError, match=said):
        state_file.read(content)


def test_row_32_a_run_goes_on_from_an_imported_state(project: Project) -> None:
    project.add("acme", tap={"rows": 3})
    (project.root / "old.json").write_text(
        json.dumps({"object_rows": {"cursor": 7, "cursor_field": "id", "last_sync": "2026-01-02T04:00:00Z"}})
    )
    ended = project.call("state", "import", "acme", "old.json")
    assert (ended.code, ended.out) == (0, "acme:tap-stub-to-target-stub:acme: 1 streams\n")
    exported = project.call("state", "export", "acme")
    assert json.loads(exported.out) == json.loads((project.root / "old.json").read_text())
    result = project.call("run", "acme", "--json").result
    assert project.ids("acme") == [7, 8, 9]
    assert project.call("state", "export", "acme", "--file", "new.json").code == 0
    entry = json.loads((project.root / "new.json").read_text())["object_rows"]
    assert (entry["cursor"], entry["last_sync"]) == (10, result["completed_at"])


def test_a_mistake_is_told(project: Project) -> None:
    project.add("acme")
    (project.root / "bad.json").write_text("{")
    for arguments, said in (
        (("import", "acme", "bad.json"), "bad.json is not JSON"),
        (("export", "acme", "--extractor", "tap-other"), "no tap 'tap-other'"),
        (("export", "acmee"), "Did you mean 'acme'?"),
    ):
        ended = project.call("state", *arguments)
        assert ended.code == 2
        assert said in ended.err
