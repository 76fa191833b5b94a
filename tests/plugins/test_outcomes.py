"""How a run ends, seen by exit code and result: each case a tenant of one project, run by the real Meltano."""

from __future__ import annotations

import json
from typing import Any

import pytest
from operating import MELTANO, Ended
from stub_project import CANARY, Project, in_parallel

CASES: dict[str, dict[str, Any]] = {
    "fine": {"tap": {"api_key": "${FINE_KEY}"}},
    "rejecting": {"mapper": {"rejected": 1, "filtered": 2}},
    "skipping": {"tap": {"skipped": 2}},
    "tap_1": {"tap": {"exit": 1}},
    "tap_2": {"tap": {"exit": 2}},
    "tap_says": {"tap": {"exit": 75, "say": "retriable error: stream 'rows': busy (429). Run again later"}},
    "tap_crash": {"tap": {"crash": True, "api_key": "${CRASH_KEY}"}},
    "mapper_dies": {"mapper": {"die_at": 4, "exit": 65, "say": "data error: stream 'rows': too many rejects. Mend it"}},
    "mapper_leaves_out": {
        "mapper": {"exit": 1, "say": "skippable error: stream 'rows': stopped, its source has changed"}
    },
    "mapper_dies_early": {
        "tap": {"hang": "never"},
        "mapper": {"die_at": 2, "exit": 65, "say": "data error: input line 2 is not a Singer message"},
    },
    "target_dies": {
        "target": {"die_at": 2, "exit": 78, "say": "configuration error: field 'filepath': is a directory"}
    },
}

SILENT: dict[str, dict[str, Any]] = {
    "tap_77": {"tap": {"exit": 77}},
    "tap_killed": {"tap": {"kill": True}},
    "mapper_killed": {"mapper": {"die_at": 4, "kill": True}},
    "mapper_killed_early": {"tap": {"hang": "never"}, "mapper": {"die_at": 2, "kill": True}},
    "target_killed": {"target": {"die_at": 2, "kill": True}},
}


@pytest.fixture(scope="module")
def outcomes(shared: Project) -> dict[str, Ended]:
    for name, settings in CASES.items():
        shared.add(name, **settings)
    variables = {"FINE_KEY": CANARY, "CRASH_KEY": CANARY}
    return in_parallel(lambda name: shared.call("run", name, "--json", "--retries", "0", **variables), list(CASES))


@pytest.mark.parametrize(
    ("case", "code", "error_class", "plugin"),
    [
        ("fine", 0, None, None),
        ("rejecting", 1, "skippable", None),
        ("skipping", 1, "skippable", None),
        ("tap_1", 1, "skippable", "tap-stub"),
        ("tap_2", 2, "unknown", "tap-stub"),
        ("tap_says", 2, "retriable", "tap-stub"),
        ("tap_crash", 2, "unknown", "tap-stub"),
        ("mapper_dies", 2, "data", "map-stub"),
        ("mapper_leaves_out", 1, "skippable", "map-stub"),
        ("mapper_dies_early", 2, "data", "map-stub"),
        ("target_dies", 2, "configuration", "target-stub"),
    ],
)
def test_rows_23_and_25_exit_code_and_class(
    outcomes: dict[str, Ended], case: str, code: int, error_class: str | None, plugin: str | None
) -> None:
    ended = outcomes[case]
    assert ended.code == code, ended.err
    assert ended.result["exit_code"] == code
    assert ended.result["success"] == (code == 0)
    assert (ended.result["error_class"], ended.result["failed_plugin"]) == (error_class, plugin)
    assert bool(ended.result["error"]) == (code != 0)


@pytest.mark.chaos
@pytest.mark.parametrize(
    ("case", "error_class", "plugin"),
    [
        ("tap_77", "credentials", "tap-stub"),
        ("tap_killed", "retriable", "tap-stub"),
        ("mapper_killed", "retriable", "map-stub"),
        ("mapper_killed_early", "retriable", None),
        ("target_killed", "retriable", "target-stub"),
    ],
)
def test_a_plugin_that_ends_without_a_word(project: Project, case: str, error_class: str, plugin: str | None) -> None:
    project.add(case, **SILENT[case])
    ended = project.call("run", case, "--json", "--retries", "0")
    assert ended.code == 2
    assert (ended.result["error_class"], ended.result["failed_plugin"]) == (error_class, plugin)


def test_the_error_is_one_sentence_of_the_plugin(outcomes: dict[str, Ended]) -> None:
    assert outcomes["mapper_dies"].result["error"] == "map-stub: stream 'rows': too many rejects. Mend it"
    assert outcomes["target_dies"].result["error"] == "target-stub: field 'filepath': is a directory"


def test_no_traceback_is_shown(outcomes: dict[str, Ended]) -> None:
    for ended in outcomes.values():
        assert "Traceback" not in ended.out + ended.err
        assert "\n" not in (ended.result["error"] or "")


def test_row_24_result_has_every_field(outcomes: dict[str, Ended]) -> None:
    result = outcomes["fine"].result
    expected = {
        "connector_name": "tap-stub",
        "customer_id": "fine",
        "job": "rows",
        "sync_mode": "incremental",
        "records_fetched": 5,
        "records_normalized": 5,
        "records_filtered": 0,
        "records_rejected": 0,
        "records_failed": 0,
        "records_loaded": 5,
        "api_calls": 3,
        "status": "success",
        "cursor": {"rows": {"replication_key": "id", "replication_key_value": 4, "tenant": "fine"}},
    }
    assert {name: result[name] for name in expected} == expected
    assert result["started_at"] < result["completed_at"]
    assert result["duration_seconds"] > 0
    assert result["stages"]["map-stub"]["mapped_count"] == {"rows > conversions": 5, "rows > customer_profiles": 5}


def test_row_24_counts_add_up(outcomes: dict[str, Ended]) -> None:
    result = outcomes["rejecting"].result
    parts = [result["records_normalized"], result["records_filtered"], result["records_rejected"]]
    assert parts == [4, 0, 1]  # what is filtered out of one canonical stream is still in the other
    assert result["records_fetched"] == sum(parts)
    assert result["rejects"] == {"bad_time": 1}
    assert result["error"] == "1 record was rejected: see the table rejects and the log"


def test_each_result_is_kept(outcomes: dict[str, Ended], shared: Project) -> None:
    for name, ended in outcomes.items():
        lines = (shared.root / ".growthnav" / name / "runs.jsonl").read_text().splitlines()
        assert json.loads(lines[0]) == ended.result


def test_what_a_failing_tap_sent_is_loaded(outcomes: dict[str, Ended], shared: Project) -> None:
    for name in ("tap_1", "tap_2", "tap_crash"):
        assert outcomes[name].code
        assert shared.ids(name) == [0, 1, 2, 3, 4]


def test_row_21_a_tap_that_tells_its_secret_is_masked(outcomes: dict[str, Ended], shared: Project) -> None:
    assert "***" in shared.log(outcomes["fine"].result)  # it was there, and is masked
    for name in ("fine", "tap_crash"):
        assert CANARY not in outcomes[name].out + outcomes[name].err
    assert shared.files_with(CANARY) == []
    assert shared.files_with(json.dumps(CANARY)[1:-1]) == []


def test_nobody_met_another_tenant(outcomes: dict[str, Ended], shared: Project) -> None:
    for name, ended in outcomes.items():
        assert {row["tenant"] for row in shared.rows(name)} <= {name}
        assert f"as {name} with state of nobody" in shared.log(ended.result)


def test_row_31_full_refresh_reads_all_again_and_the_next_run_goes_on(
    outcomes: dict[str, Ended], shared: Project
) -> None:
    assert outcomes["fine"].code == 0
    again = shared.call("run", "fine", "rows", "--full-refresh", "--json", "--events", "ev.jsonl", FINE_KEY=CANARY)
    assert again.result["sync_mode"] == "full"
    assert "starts at 0 as fine with state of nobody" in (shared.root / "ev.jsonl").read_text()
    assert [row["id"] for row in shared.rows("fine")] == [*range(5), *range(5)]
    after = shared.call("run", "fine", "rows", "--json", "--events", "ev.jsonl", FINE_KEY=CANARY)
    assert after.result["sync_mode"] == "incremental"
    assert "starts at 4 as fine with state of fine" in (shared.root / "ev.jsonl").read_text()


def test_row_23_plain_meltano_ends_with_1_whatever_the_plugin_ended_with(
    outcomes: dict[str, Ended], shared: Project
) -> None:
    assert outcomes["tap_2"].code == 2
    home = {"XDG_STATE_HOME": str(shared.root / "home")}
    assert shared.call("--environment=tap_2", "run", "rows", command=MELTANO, **home).code == 1


def test_a_full_disk_for_the_log_ends_the_log_and_not_the_run(project: Project) -> None:
    project.add("acme", tap={"rows": 3})
    ended = project.call("run", "acme", "--events", "/dev/full", "--json")
    assert (ended.code, ended.result["status"]) == (0, "success")
    assert "the run's log ends here (No space left on device)" in ended.err
    assert len(project.rows("acme")) == 3


def test_a_log_that_cannot_be_opened_is_told_before_the_run(project: Project) -> None:
    project.add("acme")
    ended = project.call("run", "acme", "--events", "missing/x.jsonl", "--json")
    assert (ended.code, ended.result["error_class"]) == (2, "configuration")
    assert ended.result["error"].startswith("missing/x.jsonl cannot be read or written (No such file or directory)")
    assert project.rows("acme") == []


def test_a_directory_that_takes_no_file_is_told_in_the_result(project: Project) -> None:
    project.add("acme")
    (project.root / ".growthnav").write_text("a file where a directory should be")
    ended = project.call("run", "acme", "--json")
    assert (ended.code, ended.result["error_class"]) == (2, "configuration")
    assert ".growthnav/acme cannot be read or written (Not a directory)" in ended.result["error"]


def test_a_full_disk_for_the_history_is_told_and_changes_nothing(project: Project) -> None:
    project.add("acme", tap={"rows": 3})
    history = project.root / ".growthnav" / "acme" / "runs.jsonl"
    history.parent.mkdir(parents=True)
    history.symlink_to("/dev/full")
    ended = project.call("run", "acme", "--json")
    assert (ended.code, ended.result["status"]) == (0, "success")
    assert "the run is not in runs.jsonl (No space left on device)" in ended.err
    assert len(project.rows("acme")) == 3
