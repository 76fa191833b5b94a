"""Rows 12 and 15: many tenants in one project."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest
from operating import Ended
from stub_project import Project
from usage import measured

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


@pytest.mark.parametrize(
    "mistake", ["environments: {", "environments: [{name: broken, config: 1}]\nschedules: [{name: x}]\n"]
)
def test_a_mistake_in_one_tenants_file_stops_no_other(project: Project, mistake: str) -> None:
    add(project, "acme")
    (project.root / "tenants" / "broken.meltano.yml").write_text(mistake)
    ended = project.call("run", "--all", "--json")
    assert (ended.code, ended.result["success"], ended.result["failed"]) == (1, 1, 1)
    [(name, told)] = ended.result["failed_tenants"].items()
    assert (name, "broken.meltano.yml:" in told) == ("broken", True)
    [failed] = [each for each in ended.result["results"] if each["customer_id"] == "broken"]
    assert failed["error_class"] == "configuration"


def test_a_mistake_in_what_all_share_stops_all(project: Project) -> None:
    add(project, "acme")
    path = project.root / "meltano.yml"
    path.write_text(path.read_text() + "environments: [{name: No Name}]\n")
    ended = project.call("run", "--all", "--json")
    assert (ended.code, "meltano.yml:" in ended.result["error"]) == (2, True)


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


LIKE_ONBOARDED = """\
environments:
- name: NAME
  state_id_suffix: NAME
  annotations:
    growthnav:
      connectors:
SOURCES
  config:
    plugins:
      extractors:
CONFIGS
plugins:
  extractors:
TAPS
jobs:
JOBS
schedules:
- {name: NAME-daily, interval: '@daily', job: NAME-0, env: {MELTANO_ENVIRONMENT: NAME}}
"""
"""As long as the file of a tenant with four data sources that `growthnav onboard` writes."""
PARTS = {
    "SOURCES": "      - id: stub-N\n        type: stub\n        extractor: NAME--N\n        job: NAME-N\n",
    "CONFIGS": "      - name: NAME--N\n        config:\n          rows: 1\n          say: of NAME\n          tenant: NAME\n",
    "TAPS": "  - name: NAME--N\n    inherit_from: tap-stub\n",
    "JOBS": "- name: NAME-N\n  tasks:\n  - NAME--N mapping target-stub\n",
}


def crowd(project: Project, tenants: int) -> Project:
    """A project of so many tenants, each with a file as an onboarding writes it."""
    for number in range(tenants):
        text = LIKE_ONBOARDED
        for part, lines in PARTS.items():
            text = text.replace(f"{part}\n", "".join(lines.replace("-N", f"-{n}") for n in range(4)))
        (project.root / "tenants" / f"t{number}.meltano.yml").write_text(text.replace("NAME", f"t{number}"))
    return project


@measured
@pytest.mark.alone
@pytest.mark.quality
def test_row_12_five_hundred_tenants_start_as_fast_as_one(tmp_path: Path) -> None:
    """A whole run, of stubs that cost nothing, in CPU seconds; in turns, since others may work here."""
    places = []
    for tenants in (1, 500):
        (tmp_path / str(tenants)).mkdir()
        places.append(crowd(Project(tmp_path / str(tenants)), tenants))
    alone, crowded = zip(*[[cpu_seconds(place, "run", "t0") for place in places] for _ in range(4)], strict=True)
    assert min(crowded) <= 1.5 * min(alone), (alone, crowded)


def cpu_seconds(project: Project, *arguments: str) -> float:
    """Of a command that succeeds, and of all it starts."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    ended = project.call(*arguments)
    assert ended.code == 0, ended.out + ended.err
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
