"""Rows 12 and 15: many tenants in one project."""

from __future__ import annotations

import time

import pytest
from stub_project import Ended, Project

SCHEDULE = """
schedules:
- name: {0}-daily
  interval: '@daily'
  job: rows
  env: {{MELTANO_ENVIRONMENT: {0}, MELTANO_SYS_DIR_ROOT: .meltano/tenants/{0}}}
"""


def add(project: Project, name: str, **settings: object) -> None:
    path = project.add(name, **settings)  # type: ignore[arg-type]
    path.write_text(path.read_text() + SCHEDULE.format(name))


def fill(project: Project, good: int, failing: int) -> None:
    for number in range(good):
        add(project, f"good_{number}", tap={"rows": 1 + number})
    for number in range(failing):
        add(project, f"bad_{number}", tap={"exit": 77, "say": "credentials error: the key was refused"})


def check(project: Project, ended: Ended, good: int, failing: int) -> None:
    summary = ended.result
    assert ended.code == summary["exit_code"] == 1
    assert (summary["success"], summary["partial"], summary["failed"]) == (good, 0, failing)
    assert set(summary["failed_tenants"]) == {f"bad_{number}" for number in range(failing)}
    assert set(summary["failed_tenants"].values()) == {"tap-stub: the key was refused"}
    for number in range(good):
        rows = project.rows(f"good_{number}")
        assert rows == [{"id": row, "tenant": f"good_{number}"} for row in range(1 + number)]


def test_one_tenant_that_fails_stops_no_other(project: Project) -> None:
    fill(project, 2, 1)
    add(project, "unset", tap={"api_key": "${UNSET_KEY}"})
    project.add("unscheduled")
    ended = project.call("run", "--all", "--max-parallel", "2", "--json")
    failed = ended.result["failed_tenants"]
    assert "UNSET_KEY is not set" in failed.pop("unset")
    assert ended.result["failed"] == 2
    assert failed == {"bad_0": "tap-stub: the key was refused"}
    assert ended.result["success"] == 2
    assert len(project.rows("good_1")) == 2
    assert project.rows("unscheduled") == []


def test_nothing_to_run_and_a_tenant_beside_all_are_told(project: Project) -> None:
    project.add("acme")
    ended = project.call("run", "--all")
    assert (ended.code, "no tenant schedules a job" in ended.out) == (2, True)
    ended = project.call("run", "--all", "acme", "rows")
    assert (ended.code, "--all takes no tenant" in ended.err) == (2, True)


@pytest.mark.quality
def test_row_15_twenty_tenants_of_which_three_fail(project: Project) -> None:
    fill(project, 17, 3)
    check(project, project.call("run", "--all", "--max-parallel", "2", "--json"), 17, 3)
    text = project.call("run", "--all", "--max-parallel", "2").out
    assert text.splitlines()[0] == "20 tenants: 17 success, 3 failed"
    assert [line.split()[1].rstrip(":") for line in text.splitlines()[1:]] == ["bad_0", "bad_1", "bad_2"]


@pytest.mark.quality
def test_row_12_five_hundred_tenants_start_as_fast_as_one(project: Project) -> None:
    """As a ratio of the quickest of three runs each: the machine may be busy."""
    add(project, "first")
    alone = [seconds(project) for _ in range(3)]
    for number in range(499):
        add(project, f"t{number}")
    crowded = [seconds(project) for _ in range(3)]
    assert min(crowded) <= 1.5 * min(alone), (alone, crowded)


def seconds(project: Project) -> float:
    clock = time.monotonic()
    assert project.call("run", "first", "--json").code == 0
    return time.monotonic() - clock
