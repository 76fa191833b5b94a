"""What the next run reads: new and changed files, nothing twice, nothing lost, from every STATE on."""

import itertools
import json
import os
from pathlib import Path
from typing import Any

import pytest
from csv_runs import Read, Run, run_tap
from meltano.core.utils import merge

from pipe.errors import DataError
from taps.base.files.bookmark import REMEMBERED

SECOND = 10**9


def put(path: Path, text: str, modified_ns: int) -> None:
    path.write_text(text)
    os.utime(path, ns=(0, modified_ns))


def config(folder: Path, **settings: Any) -> dict[str, Any]:
    return {"streams": [{"stream": "s", "path": str(folder / "*.csv"), **settings}]}


def names(run: Run) -> list[str]:
    return sorted({row["_sdc_file"] for row in run.records})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number in range(3):
        put(tmp_path / f"{number}.csv", f"a\n{number}\n", 1_700_000_000 * SECOND + 5)
    return tmp_path


def test_only_new_and_changed_files_are_read(folder: Path):
    first = run_tap(config(folder))
    assert names(first) == ["0.csv", "1.csv", "2.csv"]
    state = first.states[-1]
    nothing = run_tap(config(folder), state)
    assert nothing.records == []
    assert nothing.states[-1] == state
    same_time = 1_700_000_000 * SECOND + 5
    put(folder / "equal-time.csv", "a\n9\n", same_time)
    put(folder / "backdated.csv", "a\n9\n", SECOND)
    put(folder / "1.csv", "a\n11\n", same_time)  # another size
    put(folder / "2.csv", "a\n5\n", same_time + 1)  # a nanosecond later
    assert names(run_tap(config(folder), state)) == ["1.csv", "2.csv", "backdated.csv", "equal-time.csv"]


def test_a_file_that_vanished_and_came_back_is_not_new(folder: Path):
    state = run_tap(config(folder)).states[-1]
    (folder / "1.csv").rename(folder / "away")
    state = run_tap(config(folder), state).states[-1]
    (folder / "away").rename(folder / "1.csv")
    assert run_tap(config(folder), state).records == []


def test_state_of_thousands_of_files_stays_small_and_exact(tmp_path: Path):
    count = 2 * REMEMBERED + 300
    for number in range(count):
        put(tmp_path / f"{number:05}.csv", f"a\n{number}\n", (1000 + number // 2) * SECOND)  # pairs of equal time
    run = run_tap(config(tmp_path))
    assert len(run.records) == count
    state = run.states[-1]
    assert len(json.dumps(state)) < 150 * REMEMBERED
    assert sum(len(json.dumps(state)) for state in run.states) < 2 * sum(len(json.dumps(row)) for row in run.records)
    assert run_tap(config(tmp_path), state).records == []
    edge = state["bookmarks"]["s"]["forgotten_before"]
    assert min(seen[0] for seen in state["bookmarks"]["s"]["files"].values()) == edge
    oldest_named = next(name for name, seen in state["bookmarks"]["s"]["files"].items() if seen[0] == edge)
    put(tmp_path / "late.csv", "a\nx\n", (tmp_path / oldest_named).stat().st_mtime_ns)
    assert names(run_tap(config(tmp_path), state)) == ["late.csv"]


def test_files_waiting_are_never_forgotten(tmp_path: Path):
    """The oldest file cannot be read at first; a thousand newer ones must not push it out of sight."""
    put(tmp_path / "00000.csv", "x,x\n1,2\n", SECOND)
    for number in range(1, 2 * REMEMBERED + 50):
        put(tmp_path / f"{number:05}.csv", f"a\n{number}\n", (1000 + number) * SECOND)
    broken = run_tap(config(tmp_path))
    assert isinstance(broken.error, DataError)
    put(tmp_path / "00000.csv", "a\nmended\n", SECOND)
    again = run_tap(config(tmp_path), broken.states[-1])
    assert names(again) == ["00000.csv"]


def test_another_path_reads_files_older_than_what_was_forgotten(tmp_path: Path):
    old, new = tmp_path / "old", tmp_path / "new"
    old.mkdir()
    new.mkdir()
    put(old / "a.csv", "a\n1\n", SECOND)
    for number in range(2 * REMEMBERED + 1):
        put(new / f"{number}.csv", "a\n1\n", (1000 + number) * SECOND)
    state = run_tap(config(new)).states[-1]
    assert state["bookmarks"]["s"]["forgotten_before"]
    both = {"streams": [{"stream": "s", "path": [str(new / "*.csv"), str(old / "*.csv")]}]}
    assert "old/a.csv" in names(run_tap(both, state))


def by_key(*runs: list[dict[str, Any]]) -> dict[Any, Any]:
    return {(row["_sdc_file"], row["_sdc_row"]): row for run in runs for row in run}


def test_restart_from_every_state_gives_the_same_rows(tmp_path: Path):
    for number, rows in enumerate((2500, 0, 40, 7000)):
        text = "id,name\n" + "".join(f"{number}-{row},name of {row}\n" for row in range(rows))
        put(tmp_path / f"{number}.csv", text, number * SECOND)
    put(tmp_path / "9.csv", "id,name\n" + "".join(f"z{row},x\n" for row in range(500)) + "bad\n" * 3, 9 * SECOND)
    settings = {**config(tmp_path, max_line_length=10_000), "state_rows": 1000}
    whole = run_tap(settings)
    assert whole.error is None
    assert len(whole.states) > 4
    expected = by_key(whole.records)
    before: list[dict[str, Any]] = []
    for message in whole.messages:
        if message["type"] == "RECORD":
            before.append(message["record"])
        elif message["type"] == "STATE":
            after = run_tap(settings, message["value"])
            assert by_key(before, after.records) == expected
            assert after.states[-1] == whole.states[-1]


def test_an_interrupted_file_goes_on_where_it_was_unless_it_changed(tmp_path: Path):
    text = "id\n" + "".join(f"{row:08}\n" for row in range(60_000))
    put(tmp_path / "a.csv", text, SECOND)
    settings = {**config(tmp_path), "state_rows": 5000}
    middle = run_tap(settings).states[2]
    done = middle["bookmarks"]["s"]["reading"][0]["rows"]
    again = run_tap(settings, middle)
    assert again.records[0]["_sdc_row"] == done + 1
    assert len(again.records) == 60_000 - done
    assert len(run_tap({**config(tmp_path, columns={"id": "integer"}), "state_rows": 5000}, middle).records) == 60_000
    put(tmp_path / "a.csv", text, 2 * SECOND)
    assert len(run_tap(settings, middle).records) == 60_000


@pytest.mark.parametrize(
    ("state", "why"),
    [
        (
            {"bookmarks": {"s": {"replication_key": "id", "replication_key_value": 5}}},
            "not written by a tap that reads files",
        ),
        ({"bookmarks": {"other": {"offset": 5}}}, "not written by a tap that reads files"),
        ({"bookmarks": {"s": {"files_read": 2}}}, "later version"),
        ({"bookmarks": {"s": {"files_read": 1, "files": ["a"]}}}, "damaged"),
        ({"bookmarks": {"s": {"files_read": 1, "surprise": 1}}}, "damaged"),
        ({"bookmarks": {"s": {"files_read": 1, "forgotten_before": "2999-01-01T00:00:00.000000000Z"}}}, "future"),
        ({"bookmarks": []}, "not objects"),
        ({"bookmarks": {"s": 7}}, "not objects"),
    ],
)
def test_a_state_that_is_not_ours_is_refused(folder: Path, state: dict[str, Any], why: str):
    run = run_tap(config(folder), state)
    assert isinstance(run.error, DataError)
    assert why in str(run.error)
    assert run.messages == []


@pytest.mark.parametrize("state", [{}, {"bookmarks": {}}, {"bookmarks": {"s": {}}}])
def test_no_state_reads_everything(folder: Path, state: dict[str, Any]):
    assert len(run_tap(config(folder), state).records) == 3


def test_state_of_a_stream_that_is_not_set_up_any_more_is_kept(folder: Path):
    other = {"files_read": 1, "files": {"x": ["2024", 1]}}
    assert run_tap(config(folder), {"bookmarks": {"old": other}}).states[-1]["bookmarks"]["old"] == other


def test_full_table_in_the_catalog_reads_everything(folder: Path):
    first = run_tap(config(folder))
    catalog = {
        "streams": [
            {
                "tap_stream_id": "s",
                "stream": "s",
                "replication_method": "FULL_TABLE",
                "schema": {"properties": first.schemas[0]},
                "key_properties": ["_sdc_file", "_sdc_row"],
                "metadata": [{"breadcrumb": [], "metadata": {"selected": True, "inclusion": "available"}}],
            }
        ]
    }
    assert len(run_tap(config(folder), first.states[-1], catalog).records) == 3


def test_files_still_growing_are_left_to_the_next_run(folder: Path):
    (folder / "new.csv").write_text("a\n9\n")
    run = run_tap(config(folder, settle_seconds=3600))
    assert names(run) == ["0.csv", "1.csv", "2.csv"]
    assert names(run_tap(config(folder), run.states[-1])) == ["new.csv"]


def test_a_file_that_grew_while_it_was_read_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from taps.base.files.stream import FileStream

    put(tmp_path / "a.csv", "a\n1\n", SECOND)
    reading = FileStream._read

    def read_and_grow(stream: FileStream, *arguments: Any) -> Any:
        yield from reading(stream, *arguments)
        put(tmp_path / "a.csv", "a\n1\n2\n", 2 * SECOND)

    monkeypatch.setattr(FileStream, "_read", read_and_grow)
    first = run_tap(config(tmp_path))
    monkeypatch.undo()
    assert len(run_tap(config(tmp_path), first.states[-1]).records) == 2


def test_order_is_by_time_then_name_or_by_date_in_the_name(tmp_path: Path):
    put(tmp_path / "b-20240101.csv", "a\n1\n", 3 * SECOND)
    put(tmp_path / "a-20240201.csv", "a\n2\n", SECOND)
    put(tmp_path / "c-20240301.csv", "a\n3\n", SECOND)
    assert [row["a"] for row in run_tap(config(tmp_path)).rows] == ["2", "3", "1"]
    assert [row["a"] for row in run_tap(config(tmp_path, date_from_name=r"(\d{8})")).rows] == ["1", "2", "3"]
    assert "date_from_name finds nothing" in str(run_tap(config(tmp_path, date_from_name="x+")).error)


def test_names_are_below_the_fixed_part_of_the_glob(tmp_path: Path):
    for place in ("x/1", "x/2", "y"):
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / "f.csv").write_text("a\n1\n")
    deep = {"streams": [{"stream": "s", "path": str(tmp_path / "x" / "**" / "*.csv")}]}
    assert names(run_tap(deep)) == ["1/f.csv", "2/f.csv"]
    several = {
        "streams": [{"stream": "s", "path": [str(tmp_path / "x" / "1" / "*.csv"), str(tmp_path / "y" / "*.csv")]}]
    }
    assert names(run_tap(several)) == ["x/1/f.csv", "y/f.csv"]


def test_home_and_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "f.csv").write_text("a\n1\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert names(run_tap({"streams": [{"stream": "s", "path": "~/f.csv"}]})) == ["f.csv"]
    monkeypatch.chdir(tmp_path)
    assert names(run_tap({"streams": [{"stream": "s", "path": "*.csv"}]})) == ["f.csv"]
    assert names(run_tap({"streams": [{"stream": "s", "path": f"file://{tmp_path}/f.csv"}]})) == ["f.csv"]


def test_states_that_a_runner_merged_key_by_key(tmp_path: Path):
    """Meltano lays the state of a run that was cut over the last complete one."""
    put(tmp_path / "a.csv", "id\n" + "".join(f"{row}\n" for row in range(30_000)), SECOND)
    settings = {**config(tmp_path), "state_rows": 5000}
    run = run_tap(settings)
    for first, second in itertools.permutations(run.states, 2):
        merged = merge(json.loads(json.dumps(second)), json.loads(json.dumps(first)))
        assert run_tap(settings, merged).error is None
    assert run_tap(settings, merge(run.states[-1], run.states[0])).records == []


# mode: replace


def versions(run: Run) -> set[int]:
    return {message["version"] for message in run.messages if message["type"] == "RECORD"}


def test_replace_activates_the_version_after_all_rows(tmp_path: Path):
    put(tmp_path / "day1.csv", "id\n1\n2\n3\n4\n5\n", SECOND)
    first = run_tap(config(tmp_path, mode="replace", keys=["id"]))
    assert first.types == ["SCHEMA", "RECORD", "ACTIVATE_VERSION", "STATE"]
    activated = next(message for message in first.messages if message["type"] == "ACTIVATE_VERSION")
    assert versions(first) == {activated["version"]}
    put(tmp_path / "day2.csv", "id\n1\n2\n3\n4\n", 2 * SECOND)
    second = run_tap(config(tmp_path, mode="replace", keys=["id"]), first.states[-1])
    assert names(second) == ["day2.csv"]
    assert min(versions(second)) > max(versions(first))
    assert second.states[-1]["bookmarks"]["s"]["rows"] == 4


def test_replace_refuses_a_snapshot_that_shrank(tmp_path: Path):
    put(tmp_path / "a.csv", "id\n" + "".join(f"{row}\n" for row in range(10)), SECOND)
    settings = config(tmp_path, mode="replace", keys=["id"])
    state = run_tap(settings).states[-1]
    for text in ("id\n" + "".join(f"{row}\n" for row in range(7)), "id\n", ""):
        put(tmp_path / "b.csv", text, 2 * SECOND)
        run = run_tap(settings, state)
        assert "more than max_shrink_pct 20 fewer" in str(run.error)
        assert "ACTIVATE_VERSION" not in run.types
        assert run.states == [state]
    put(tmp_path / "b.csv", "id\n1\n", 2 * SECOND)
    assert "ACTIVATE_VERSION" in run_tap(config(tmp_path, mode="replace", keys=["id"], max_shrink_pct=95), state).types


def test_replace_never_deletes_on_doubt(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    settings = config(tmp_path, mode="replace", keys=["id"])
    put(tmp_path / "a.csv", "id,n\n1,x\n2\n", SECOND)
    run = run_tap(settings)
    assert run.error is None
    assert run.types == ["SCHEMA", "RECORD", "STATE"]
    assert "nothing is deleted this time" in caplog.text
    put(tmp_path / "a.csv", "id,id\n1,x\n", SECOND)
    assert "ACTIVATE_VERSION" not in run_tap(settings).types
    put(tmp_path / "a.csv", "id\n", SECOND)
    assert "ACTIVATE_VERSION" not in run_tap(settings).types


def test_replace_by_date_in_the_name_and_in_parts(tmp_path: Path):
    for name, time in (("x_20240102_1.csv", 1), ("x_20240102_2.csv", 2), ("x_20240101_1.csv", 9)):
        put(tmp_path / name, f"id\n{name}\n", time * SECOND)
    run = run_tap(config(tmp_path, mode="replace", keys=["id"], date_from_name=r"_(\d{8})_"))
    assert names(run) == ["x_20240102_1.csv", "x_20240102_2.csv"]
    assert len(names(run_tap(config(tmp_path, mode="replace", keys=["id"], snapshot="all")))) == 3


def test_from_replace_to_append_and_back(folder: Path):
    state = run_tap(config(folder, mode="replace", snapshot="all")).states[-1]
    run = run_tap(config(folder), state)
    assert len(run.records) == 3
    assert run_tap(config(folder, mode="replace", snapshot="all"), run.states[-1]).error is None


# headers and selection


def test_columns_are_matched_by_name_in_every_file(tmp_path: Path):
    put(tmp_path / "1.csv", "id,Email,total\n1,a@x.example,5\n", SECOND)
    put(tmp_path / "2.csv", "total;email;id\n6;b@x.example;2\n", 2 * SECOND)
    run = run_tap(config(tmp_path))
    assert run.rows == [
        {"id": "1", "Email": "a@x.example", "total": "5"},
        {"total": "6", "Email": "b@x.example", "id": "2"},
    ]


def test_a_new_column_is_announced_before_its_first_record(tmp_path: Path):
    put(tmp_path / "1.csv", "id\n1\n", SECOND)
    first = run_tap(config(tmp_path))
    catalog = discovered(tmp_path)
    put(tmp_path / "2.csv", "id,coupon\n2,x\n", 2 * SECOND)
    run = run_tap(config(tmp_path), first.states[-1], catalog)
    assert [message["type"] for message in run.messages] == ["STATE", "SCHEMA", "SCHEMA", "RECORD", "STATE"]
    assert "coupon" not in run.schemas[0]
    assert run.schemas[1]["coupon"] == {"type": ["string", "null"]}
    assert run.messages[2]["key_properties"] == ["_sdc_file", "_sdc_row"]


def discovered(folder: Path) -> dict[str, Any]:
    from taps.csv.tap import TapCSV

    catalog: dict[str, Any] = json.loads(TapCSV(config=config(folder)).catalog_json_text)
    return catalog


def test_deselected_columns_are_left_out_and_new_ones_with_them(tmp_path: Path):
    put(tmp_path / "1.csv", "id,email,total\n1,a@x.example,5\n", SECOND)
    catalog = discovered(tmp_path)
    for entry in catalog["streams"][0]["metadata"]:
        if entry["breadcrumb"] in (["properties", "email"], ["properties", "_sdc_row"], ["properties", "_sdc_file"]):
            entry["metadata"]["selected"] = False
    put(tmp_path / "2.csv", "phone,email,id\n555,b@x.example,2\n", 2 * SECOND)
    run = run_tap(config(tmp_path), catalog=catalog)
    assert run.rows == [{"id": "1", "total": "5"}, {"id": "2"}]
    assert list(run.records[0]) == ["id", "total", "_sdc_file", "_sdc_file_modified_at", "_sdc_row"], (
        "keys are automatic"
    )
    assert "email" not in run.schemas[0]
    assert len(run.schemas) == 1
    catalog["streams"][0]["metadata"][-1]["metadata"]["selected"] = False
    assert run_tap(config(tmp_path), catalog=catalog).messages == []


def test_deselected_properties_of_json_lines(read: Read, tmp_path: Path):
    lines = '{"id": 1, "email": "a@x.example", "n": {"a": 1}}\n'
    (tmp_path / "x.jsonl").write_text(lines)
    from taps.csv.tap import TapCSV

    settings = {"streams": [{"stream": "things", "path": str(tmp_path / "x.jsonl"), "keys": ["id"]}]}
    catalog = json.loads(TapCSV(config=settings).catalog_json_text)
    for entry in catalog["streams"][0]["metadata"]:
        if entry["breadcrumb"] == ["properties", "email"]:
            entry["metadata"]["selected"] = False
    assert read(lines, name="x.jsonl", keys=["id"], catalog=catalog).rows == [{"id": 1, "n": {"a": 1}}]


def test_without_metadata_columns(read: Read):
    run = read("id,a\n1,x\n", keys=["id"], tap={"add_metadata_columns": False})
    assert run.records == [{"id": "1", "a": "x"}]
    assert list(run.schemas[0]) == ["id", "a"]
    assert read(state=run.states[-1], keys=["id"], tap={"add_metadata_columns": False}).records == []
