"""Rows 14 and 56: schedules in the tenants' files, for cron and systemd."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from croniter import croniter
from stub_project import Project

from plugins.orchestration import cron, systemd
from plugins.orchestration.schedules import Schedule, is_valid

ROOT = Path("/srv/growth nav")
MEANINGLESS = ["@fortnightly", "60", "* * * *", "61 * * * *", "0 0 0 0 0 0", "daily", "None"]
NOT_OF_EVERY_CRON = ["0 0 L * *", "0 0 * * 5#2", "0 0 * * L5", "R R * * *", "0 0 ? * 1"]
NEVER = ["0 0 30 2 *", "0 0 31 4,6 *"]
COMMAND = Path("/opt/venv/bin/growthnav")


def plan(*intervals: str) -> list[Schedule]:
    return [Schedule(f"t{number}-x", f"t{number}", "files", each) for number, each in enumerate(intervals)]


def add(project: Project, tenant: str, *intervals: str) -> None:
    path = project.add(tenant)
    content = yaml.safe_load(path.read_text())
    content["schedules"] = [
        {"name": f"{tenant}-{number}", "interval": each, "job": "rows", "env": {"MELTANO_ENVIRONMENT": tenant}}
        for number, each in enumerate(intervals)
    ]
    path.write_text(yaml.safe_dump(content))


def test_row_56_cron_has_one_line_for_each_schedule_of_a_tenant(project: Project) -> None:
    add(project, "acme", "@hourly", "@manual")
    add(project, "globex", "@daily", "@weekly", "15,45 6-22/2 * * mon-fri")
    ended = project.call("schedules", "export", "--format", "cron")
    assert ended.code == 0
    lines = [line for line in ended.out.splitlines() if not line.startswith("#")]
    times = [" ".join(line.split()[:5]) for line in lines]
    assert times == ["0 * * * *", "0 0 * * *", "0 0 * * 0", "15,45 6-22/2 * * mon-fri"]
    assert all(croniter.is_valid(each) for each in times)
    assert [line.split()[-3:] for line in lines] == [["run", "acme", "rows"]] + [["run", "globex", "rows"]] * 3
    assert "# acme-1 is started by hand: " in ended.out


def test_a_line_of_cron_runs_in_a_shell_whatever_the_directory_is_called(tmp_path: Path) -> None:
    odd = tmp_path / "50% of; it's $HOME"
    odd.mkdir()
    said = tmp_path / "said"
    program = odd / "growthnav"
    program.write_text(f'#!/bin/sh\nprintf "%s|" "$@" > {said}\n')
    program.chmod(0o755)
    [_, line] = cron.lines(plan("@daily"), odd, program)
    time, call = line.split(" ", 5)[:5], line.split(" ", 5)[5]
    assert time == ["0", "0", "*", "*", "*"]
    subprocess.run(["/bin/sh", "-c", call.replace("\\%", "%")], check=True)  # as cron hands it over
    assert said.read_text() == f"--project|{odd}|run|t0|files|"


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("0 * * * *", ["*-*-* *:00:00"]),
        ("*/20 3 * * *", ["*-*-* 03:00,20,40:00"]),
        ("0 0 * * 0", ["Sun *-*-* 00:00:00"]),
        ("5 4 1,15 6 *", ["*-06-01,15 04:05:00"]),
        ("0 12 13 * 5", ["*-*-13 12:00:00", "Fri *-*-* 12:00:00"]),  # cron: either of them
    ],
)
def test_cron_expressions_as_calendar_events(expression: str, expected: list[str]) -> None:
    assert systemd.calendar(expression) == expected


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
def test_systemd_takes_the_units(tmp_path: Path) -> None:
    program = tmp_path / "growthnav"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    units = systemd.units(plan("@hourly", "*/7 1-5 1 * mon", "@manual"), tmp_path, program)
    assert len(units) == 5
    for name, unit in units.items():
        (tmp_path / name).write_text(unit)
        for event in (line.split("=", 1)[1] for line in unit.splitlines() if line.startswith("OnCalendar=")):
            done = subprocess.run(["systemd-analyze", "calendar", event], capture_output=True, text=True, check=False)
            assert done.returncode == 0, (event, done.stderr)
    files = [str(tmp_path / name) for name in units]
    done = subprocess.run(["systemd-analyze", "verify", *files], capture_output=True, text=True, check=False)
    ours = [line for line in done.stderr.splitlines() if "growthnav-" in line]
    assert ours == []


def test_units_are_written_into_a_directory(project: Project) -> None:
    add(project, "acme", "@daily")
    ended = project.call("schedules", "export", "--format", "systemd", "--directory", "units")
    assert ended.out.split() == ["units/growthnav-acme-0.service", "units/growthnav-acme-0.timer"]
    assert "OnCalendar=*-*-* 00:00:00" in (project.root / "units/growthnav-acme-0.timer").read_text()


@pytest.mark.parametrize("interval", [*MEANINGLESS, *NOT_OF_EVERY_CRON, *NEVER])
def test_an_interval_that_means_nothing_is_refused_with_its_line(project: Project, interval: str) -> None:
    assert not is_valid(interval)
    add(project, "acme", interval)
    ended = project.call("schedules", "list")
    assert ended.code == 2
    assert "acme.meltano.yml:1" in ended.err
    assert "interval must be @hourly, @daily, @weekly, @manual or a cron expression" in ended.err


def test_odd_names_make_units_that_systemd_takes(tmp_path: Path) -> None:
    odd = Schedule("../every day @ 50%\nX", "acme", 'it\'s "$HOME" 5%', "0  0 * *\n *")
    units = systemd.units([odd], tmp_path, COMMAND)
    assert list(units) == [f"growthnav-..{end}" for end in ("_every_day___50__X.service", "_every_day___50__X.timer")]
    service, timer = units.values()
    assert "Description=GrowthNav: ../every day @ 50%% X\n" in service
    assert 'run acme "it\'s \\"$$HOME\\" 5%%"\n' in service
    assert "OnCalendar=*-*-* 00:00:00\n" in timer
    assert [*cron.lines([odd], ROOT, COMMAND)][1].startswith("0 0 * * * /opt/")


def test_two_schedules_of_one_name_are_told(project: Project) -> None:
    add(project, "acme", "@daily")
    (project.root / "tenants/globex.meltano.yml").write_text(
        (project.root / "tenants/acme.meltano.yml")
        .read_text()
        .replace("MELTANO_ENVIRONMENT: acme", "MELTANO_ENVIRONMENT: globex")
        .replace("name: acme\n", "name: globex\n")
    )
    ended = project.call("schedules", "list")
    assert ended.code == 2
    assert "schedule 'acme-0' is already in acme.meltano.yml:" in ended.err
