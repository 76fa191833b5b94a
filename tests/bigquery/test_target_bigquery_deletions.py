"""Rows that are gone: by a new version of their table, by a mark with the row, by a mark with its key alone."""

from __future__ import annotations

from typing import Any

from bigquery_place import Place
from support import record, schema, state


def full_table(version: int, *ids: str) -> list[Any]:
    lines: list[Any] = [schema("s", ["id"], ["id"])]
    lines += [{"type": "RECORD", "stream": "s", "record": {"id": each}, "version": version} for each in ids]
    return [*lines, {"type": "ACTIVATE_VERSION", "stream": "s", "version": version}, state(v=version)]


def test_a_new_version_marks_what_is_gone_and_revives_what_is_back(place: Place) -> None:
    deleted = "SELECT id, _sdc_deleted_at IS NOT NULL FROM {}.s ORDER BY id"
    assert place.load(*full_table(1, "a", "b", "c")).code == 0
    assert place.load(*full_table(2, "b", "d")).code == 0
    assert place.rows(deleted) == [("a", True), ("b", False), ("c", True), ("d", False)]
    done = place.load(*full_table(3, "a", "b", "d"))
    assert done.code == 0, done.log
    assert place.rows(deleted) == [("a", False), ("b", False), ("c", True), ("d", False)]


def test_hard_delete(place: Place) -> None:
    assert place.load(*full_table(1, "a", "b", "c"), hard_delete=True).code == 0
    assert place.load(*full_table(2, "b", "d"), hard_delete=True).code == 0
    assert place.rows("SELECT id FROM {}.s ORDER BY id") == [("b",), ("d",)]
    gone = {"_sdc_deleted_at": "2024-01-01T00:00:00Z"}
    lines = [schema("s", ["id"], ["id"]), record("s", id="b", **gone), record("s", id="never", **gone)]
    assert place.load(*lines, hard_delete=True).code == 0
    assert place.rows("SELECT id FROM {}.s") == [("d",)]


def test_a_deletion_with_its_key_alone_marks_its_row_and_no_more(place: Place) -> None:
    known, gone = schema("s", ["id", "o"], ["id"]), {"_sdc_deleted_at": "2024-01-01"}
    known["schema"]["properties"]["o"] = {"type": ["null", "object"]}
    rows = [record("s", id=each, o={"v": each}) for each in "abc"]
    deleted = "SELECT id, JSON_VALUE(o, '$.v'), STRING(DATE(_sdc_deleted_at)) FROM {}.s ORDER BY id"
    assert place.load(known, *rows).code == 0
    done = place.load(known, record("s", id="a", **gone), record("s", id="never", **gone), *rows[1:2], rows[2])
    assert done.code == 0, done.log
    assert place.rows(deleted) == [("a", "a", "2024-01-01"), ("b", "b", None), ("c", "c", None)]
    later = {"_sdc_deleted_at": "2024-02-02"}
    done = place.load(known, record("s", id="a", **later), rows[1], record("s", id="b", **later), rows[2])
    assert done.code == 0, done.log
    assert place.rows(deleted) == [("a", "a", "2024-01-01"), ("b", "b", "2024-02-02"), ("c", "c", None)]
    assert place.load(known, *rows[:2]).code == 0
    assert place.rows(deleted) == [("a", "a", None), ("b", "b", None), ("c", "c", None)]
