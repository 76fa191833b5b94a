"""Locks, signals and kills: what a second run, an operator's Ctrl-C and a `kill -9` leave behind."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path

import pytest
from stub_project import CANARY, Project, family, kill, wait_for


def hanging(project: Project, name: str, **more: bool) -> Path:
    """A tenant whose tap waits in the middle of its rows until the file returned is there."""
    release = project.root / f"{name}.go"
    project.add(name, tap={"rows": 10, "hang": str(release), "api_key": "${ACME_KEY}", **more})
    return release


def reached(release: Path) -> bool:
    return release.with_name(release.name + ".reached").exists()


def whole_family(process: int) -> list[int]:
    """Meltano, tap, mapper and target, once all of them are there; Meltano first."""
    return wait_for(lambda: len(found := family(process)) == 4 and found)


def command_line(process: int) -> str:
    return Path(f"/proc/{process}/cmdline").read_text()


def gone(processes: list[int]) -> bool:
    """Whether none of them works any more (one nobody has collected yet counts as gone)."""
    for process in processes:
        stat = Path(f"/proc/{process}/stat")
        if stat.exists() and stat.read_text().rpartition(")")[2].split()[0] not in "ZX":
            return False
    return True


def test_row_35_a_second_run_is_refused_and_sigterm_ends_the_first(project: Project) -> None:
    release = hanging(project, "acme")
    first = project.start("run", "acme", "--json", "--retries", "0", ACME_KEY=CANARY)
    wait_for(lambda: reached(release))
    below = whole_family(first.pid)
    assert not [process for process in below if CANARY in command_line(process)]
    assert project.files_with(CANARY)  # the tap's configuration, for the length of the run
    assert (project.root / ".meltano/tenants/acme").stat().st_mode & 0o077 == 0  # and for our eyes

    second = project.call("run", "acme", "--json", ACME_KEY=CANARY)
    assert second.code == 2
    assert second.result["error_class"] == "retriable"
    assert f"process {first.pid}" in second.result["error"]

    kill(first.pid, signal.SIGTERM)
    out, err = first.communicate(timeout=60)
    result = json.loads(out)
    assert first.returncode == result["exit_code"] == 1  # a bookmark was saved
    assert result["error_class"] == "interrupted"
    assert result["error"].startswith("stopped by SIGTERM")
    assert "Traceback" not in err
    wait_for(lambda: gone(below))
    assert project.files_with(CANARY) == []

    release.touch()
    again = project.call("run", "acme", "--json", ACME_KEY=CANARY)
    assert again.code == 0
    runs = (project.root / ".growthnav/acme/runs.jsonl").read_text().splitlines()
    assert [json.loads(line)["status"] for line in runs] == ["partial", "success"]  # the refused one was none
    assert set(range(10)) <= set(project.ids("acme"))


def test_after_kill_9_of_meltano_the_next_run_starts_at_once(project: Project) -> None:
    release = hanging(project, "acme")
    first = project.start("run", "acme", "--json", "--retries", "0", ACME_KEY=CANARY)
    wait_for(lambda: reached(release))
    below = whole_family(first.pid)
    kill(below[0])
    out, _ = first.communicate(timeout=60)
    result = json.loads(out)
    assert (first.returncode, result["error_class"]) == (2, "retriable")
    assert gone(below)
    assert project.files_with(CANARY) == []

    release.touch()
    again = project.call("run", "acme", "--json", ACME_KEY=CANARY)
    assert again.code == 0, again.out
    assert set(range(10)) <= set(project.ids("acme"))


@pytest.mark.chaos
def test_a_second_ctrl_c_ends_what_does_not_listen(project: Project) -> None:
    release = hanging(project, "acme", stubborn=True)
    first = project.start("run", "acme", "--json", "--retries", "0", ACME_KEY=CANARY)
    wait_for(lambda: reached(release))
    below = whole_family(first.pid)
    kill(first.pid, signal.SIGINT)
    with pytest.raises(subprocess.TimeoutExpired):
        first.wait(2)
    kill(first.pid, signal.SIGINT)
    out, _ = first.communicate(timeout=10)
    assert json.loads(out)["error"].startswith("stopped by SIGINT")
    assert gone(below)


@pytest.mark.chaos
def test_kill_9_of_growthnav_leaves_no_lock_and_no_double_run(project: Project) -> None:
    release = hanging(project, "acme")
    first = project.start("run", "acme", ACME_KEY=CANARY)
    wait_for(lambda: reached(release))
    below = whole_family(first.pid)
    kill(first.pid)
    first.communicate(timeout=60)
    assert not gone(below)  # Meltano goes on by itself
    assert project.call("run", "acme", "--json", ACME_KEY=CANARY).code == 2  # and still holds the lock

    release.touch()
    wait_for(lambda: gone(below))
    again = project.call("run", "acme", "--json", ACME_KEY=CANARY)
    assert again.code == 0, again.out
    assert set(range(10)) <= set(project.ids("acme"))
