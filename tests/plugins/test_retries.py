"""Further tries: only after passing errors, with the waits that are promised, in the real runner."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from stub_project import Project

from pipe.errors import ConfigurationError
from plugins import progress, runner
from plugins.processes import Stopper
from plugins.project import open_project

BUSY = {"exit": 75, "say": "retriable error: stream 'rows': busy (429). Run again later"}


class Clock(Stopper):
    """Waits without waiting; `then` is done at the wait of that number."""

    def __init__(self, then: dict[int, Any] | None = None) -> None:
        super().__init__()
        self.waits: list[float] = []
        self.then = then or {}

    def wait(self, seconds: float) -> bool:
        self.waits.append(seconds)
        self.then.get(len(self.waits), lambda: None)()
        return self.signal_name is not None


def policy(project: Project, name: str, **run: Any) -> None:
    """Write how a tenant's runs behave into its file."""
    path = project.root / "tenants" / f"{name}.meltano.yml"
    content = yaml.safe_load(path.read_text())
    content["environments"][0]["annotations"] = {"growthnav": {"run": run}}
    path.write_text(yaml.safe_dump(content))


def go(project: Project, clock: Clock, name: str = "acme", **request: Any) -> runner.RunResult:
    return runner.run(open_project(project.root), runner.Request(name, **request), progress.PlainLines(), clock)


@pytest.fixture
def inside(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.chdir(project.root)
    return project


def test_row_26_a_passing_error_is_tried_again_after_60_120_and_240_seconds(inside: Project) -> None:
    inside.add("acme", tap=BUSY)
    clock = Clock()
    result = go(inside, clock)
    assert clock.waits == [60, 120, 240]
    assert (result.attempts, result.exit_code, result.error_class) == (4, 2, "retriable")
    assert inside.ids("acme") == list(range(4 + 4 + 4 + 5))  # each try went on from the bookmark


def test_a_try_that_succeeds_ends_the_waiting_and_its_rows_are_all_there(inside: Project) -> None:
    inside.add("acme", tap=BUSY | {"rows": 4})
    clock = Clock({1: lambda: inside.add("acme", tap={"rows": 4})})
    result = go(inside, clock)
    assert clock.waits == [60]
    assert (result.attempts, result.exit_code, result.error) == (2, 0, None)
    assert inside.ids("acme") == list(range(8))
    assert result.records_fetched == result.records_loaded == 8  # of all tries together


def test_row_26_what_does_not_pass_is_tried_once(inside: Project) -> None:
    inside.add("acme", tap={"exit": 77, "say": "credentials error: the key was refused"})
    clock = Clock()
    result = go(inside, clock)
    assert (clock.waits, result.attempts, result.exit_code, result.error_class) == ([], 1, 2, "credentials")


def test_the_tenants_file_sets_the_tries(inside: Project) -> None:
    inside.add("acme", tap=BUSY)
    policy(inside, "acme", retry_policy={"max_retries": 1, "delay_seconds": 5})
    clock = Clock()
    go(inside, clock)
    assert clock.waits == [5]


def test_a_signal_ends_the_waiting(inside: Project) -> None:
    inside.add("acme", tap=BUSY)
    clock = Clock()
    clock.then = {1: lambda: clock.stop("SIGTERM")}
    result = go(inside, clock)
    assert (clock.waits, result.attempts, result.exit_code) == ([60], 1, 2)


def test_row_36_a_budget_of_calls_stops_the_run_and_keeps_its_bookmark(inside: Project) -> None:
    inside.add("acme", tap={"rows": 6, "calls_then_wait": 11})
    policy(inside, "acme", max_api_calls=10)
    result = go(inside, Clock())
    assert (result.exit_code, result.status, result.error_class) == (1, "partial", "budget")
    assert result.api_calls == 11
    assert "max_api_calls" in str(result.error)
    assert (inside.bookmark("acme") or {})["replication_key_value"] == 6


def test_row_36_a_tap_that_keeps_to_the_budget_itself_is_told_what_is_left_and_not_tried_again(inside: Project) -> None:
    wiring = inside.root / "meltano.yml"
    wiring.write_text(wiring.read_text().replace("- {name: say}", "- {name: say}\n    - {name: max_api_calls}"))
    spent = "retriable error: stream 'rows': the 10 calls that max_api_calls allows are spent. Run again to go on"
    inside.add("acme", tap={"rows": 6, "exit": 75, "say": spent})
    policy(inside, "acme", max_api_calls=10)
    clock = Clock()
    result = go(inside, clock)
    assert (result.exit_code, result.error_class, result.attempts, clock.waits) == (1, "budget", 1, [])
    assert result.error == "max_api_calls is spent (3 calls); the next run goes on from there"
    assert (inside.bookmark("acme") or {})["replication_key_value"] == 6
    assert "with 10 calls" in inside.log(result.as_dict())


def test_a_run_may_look_back_where_its_tap_can(inside: Project) -> None:
    inside.add("acme", tap={"rows": 2})
    refused = go(inside, Clock(), lookback_days=7)
    assert (refused.exit_code, refused.error_class) == (2, "configuration")
    assert refused.error == "tap-stub cannot look back. Read everything instead: --full-refresh"
    assert inside.rows("acme") == []
    wiring = inside.root / "meltano.yml"
    wiring.write_text(wiring.read_text().replace("- {name: say}", "- {name: say}\n    - {name: lookback_days}"))
    result = go(inside, Clock(), lookback_days=7)
    assert result.exit_code == 0
    assert "looks back 7" in inside.log(result.as_dict())


def test_meltano_reads_no_other_tenants_files(inside: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    from meltano.core.project_files import ProjectFiles

    from plugins import meltano_call, meltano_main

    files = [inside.add("acme"), inside.add("globex")]
    seen = ProjectFiles(inside.root, inside.root / "meltano.yml")
    assert sorted(seen.include_paths) == files
    monkeypatch.setattr(ProjectFiles, "_resolve_include_paths", ProjectFiles._resolve_include_paths)  # put back after
    project = open_project(inside.root)
    given = json.loads(meltano_call.environment(project, project.tenant("acme"), "run")[meltano_main.FILES_VARIABLE])
    meltano_main.narrow([Path(file) for file in given])
    assert list(seen.include_paths) == files[:1]


def test_mistakes_in_the_policy_are_told_all_at_once(inside: Project) -> None:
    inside.add("acme")
    policy(
        inside,
        "acme",
        max_api_calls=0,
        retries=3,
        retry_policy={"max_retries": "three", "delay_seconds": -1, "backoff_factor": 0.5},
        webhook={"url": "http://hooks.example/x", "secret": "in-clear-and-refused"},
    )
    ended = inside.call("run", "acme")
    assert ended.code == 2
    for hint in (
        "max_api_calls must be a whole number, at least 1",
        "retries is not a setting",
        "max_retries must be a whole number, at least 0 and at most 10",
        "delay_seconds must be a number, at least 0",
        "backoff_factor must be a number, at least 1",
        "url must be an https:// URL",
        "secret must name a variable",
        "7 mistakes",
    ):
        assert hint in ended.out
    assert "in-clear-and-refused" not in ended.out + ended.err


@pytest.mark.parametrize(
    "url",
    [
        "https://[hooks",
        "https://hooks.example/é",
        "https://hooks.example/a b",
        "https://hooks.example:99999/",
        "https:///x",
    ],
)
def test_a_url_that_cannot_be_called_is_told_before_a_run(inside: Project, url: str) -> None:
    inside.add("acme")
    policy(inside, "acme", webhook={"url": url, "secret": "${ACME_WEBHOOK_SECRET}"})
    with pytest.raises(ConfigurationError, match="url must be an https:// URL"):
        open_project(inside.root, tenant="acme")
