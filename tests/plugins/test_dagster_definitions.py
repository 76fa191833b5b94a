"""Rows 54 and 55: the tenants' schedules as definitions of the Dagster there is, and a job of it, run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml
from stub_project import Project
from test_retries import BUSY, policy
from test_schedules import add

from pipe.errors import ConfigurationError
from plugins.orchestration import dagster_definitions
from plugins.orchestration.dagster_definitions import load


@pytest.fixture
def planned(project: Project) -> Project:
    add(project, "acme", "@daily", "@manual")
    add(project, "globex", "5 4 * * *")
    return project


def test_row_54_a_job_and_a_schedule_for_each_schedule_in_the_tenants_group(planned: Project) -> None:
    definitions = load(planned.root)
    dg.Definitions.validate_loadable(definitions)
    jobs = {job.name: job for job in definitions.jobs or []}
    assert list(jobs) == ["acme_0", "acme_1", "globex_0"]
    timers = {timer.job_name: timer for timer in definitions.schedules or []}  # type: ignore[union-attr]
    assert {name: timer.cron_schedule for name, timer in timers.items()} == {  # type: ignore[union-attr]
        "acme_0": "0 0 * * *",
        "globex_0": "5 4 * * *",
    }
    groups = definitions.resolve_asset_graph()
    assert {key.to_user_string(): groups.get(key).group_name for key in groups.get_all_asset_keys()} == {
        "growthnav/acme/rows": "acme",
        "growthnav/globex/rows": "globex",
    }
    call = dagster_definitions.command(planned.root, "acme", "rows")
    assert "--force" not in call
    assert call[1:] == ["--project", str(planned.root), "run", "acme", "rows", "--retries", "0", "--json"]


def execute(project: Project, name: str, **more: Any) -> dg.ExecuteInProcessResult:
    definitions = load(project.root, **more)
    with dg.DagsterInstance.ephemeral() as instance:
        return definitions.resolve_job_def(name).execute_in_process(instance=instance, raise_on_error=False)


def test_a_job_runs_the_tenant_and_tells_what_it_loaded(planned: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MELTANO_ENVIRONMENT", "globex")  # the tenant is the schedule's, whatever stands around
    done = execute(planned, "acme_0")
    assert done.success
    assert [row["tenant"] for row in planned.rows("acme")] == ["acme"] * 5
    assert planned.rows("globex") == []
    [event] = done.get_asset_materialization_events()
    metadata = event.materialization.metadata
    assert metadata["records_loaded"].value == 5
    assert metadata["status"].value == "success"


def test_a_passing_error_is_tried_again_and_another_is_not(planned: Project) -> None:
    for name, settings in (("acme", BUSY), ("globex", {"exit": 77, "say": "credentials error: refused"})):
        path = planned.root / "tenants" / f"{name}.meltano.yml"
        content = yaml.safe_load(path.read_text())
        content["environments"][0]["config"]["plugins"]["extractors"][0]["config"] = settings
        path.write_text(yaml.safe_dump(content))
    policy(planned, "acme", retry_policy={"max_retries": 1, "delay_seconds": 0.1})
    busy, refused = execute(planned, "acme_0"), execute(planned, "globex_0")
    assert not busy.success
    assert not refused.success
    assert len(runs(planned, "acme")) == 2
    assert len(runs(planned, "globex")) == 1
    [failure] = [event for event in refused.all_events if event.is_step_failure]
    assert "the key was refused" not in str(failure.event_specific_data)
    assert "refused (credentials)" in str(failure.event_specific_data)


def runs(project: Project, tenant: str) -> list[dict[str, Any]]:
    path = project.root / ".growthnav" / tenant / "runs.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()]


def runner_yaml(project: Project, **changes: Any) -> Path:
    (project.root / "jobs").mkdir(exist_ok=True)
    (project.root / "jobs/acme.yaml").write_text("tenant_id: acme\nsource_connector: stub\n")
    entry = {
        "name": "acme-every-six-hours",
        "schedule": "0 */6 * * *",
        "job_path": "jobs/acme.yaml",
        "retry_policy": {"max_retries": 3, "delay_seconds": 60, "backoff_factor": 2},
    }
    path = project.root / "runner.yaml"
    path.write_text(yaml.safe_dump({name: item for name, item in (entry | changes).items() if item is not None}))
    return path


def test_row_55_the_earlier_runner_file_is_accepted(project: Project) -> None:
    from plugins.orchestration import runner_yaml as reader
    from plugins.project import open_project

    project.add("acme")
    path = runner_yaml(project)
    [planned] = reader.read(path, open_project(project.root))
    assert planned.retry.waits == [60, 120, 240]
    [timer] = load(project.root, runner=path).schedules or []
    assert (timer.job_name, timer.cron_schedule) == ("acme_every_six_hours", "0 */6 * * *")  # type: ignore[union-attr]
    for seconds, cron in ((3600, "0 * * * *"), (900, "*/15 * * * *"), (21600, "0 */6 * * *"), (86400, "0 0 * * *")):
        [again] = reader.read(runner_yaml(project, schedule={"interval": seconds}), open_project(project.root))
        assert again.schedule.cron == cron


def test_row_55_of_an_onboarded_tenant_the_job_of_its_own_source_is_meant(project: Project) -> None:
    from plugins.orchestration import runner_yaml as reader
    from plugins.project import open_project

    for name in ("acme", "globex"):
        path = project.add(name)
        content = yaml.safe_load(path.read_text())
        own = {"id": "stub-till", "type": "stub", "extractor": "tap-stub", "job": f"{name}-stub-till"}
        content["environments"][0]["annotations"] = {"growthnav": {"connectors": [own]}}
        tasks = ["tap-stub mapping target-stub"]
        content["jobs"] = [{"name": f"{name}-{job}", "tasks": tasks} for job in ("stub-till", "daily")]
        path.write_text(yaml.safe_dump(content))
    found = reader.read(runner_yaml(project), open_project(project.root))
    assert [each.schedule.job for each in found] == ["acme-stub-till"]


@pytest.mark.parametrize("content", ["5", "schedules: 5", "[1]", "schedules: [{schedule: '@daily'}, 7]", ""])
def test_a_runner_file_without_schedules_is_refused(project: Project, content: str) -> None:
    path = project.root / "runner.yaml"
    path.write_text(content)
    with pytest.raises(ConfigurationError, match="must be a list of schedules"):
        load(project.root, runner=path)


def test_mistakes_in_a_runner_file_are_told_all_at_once(project: Project) -> None:
    project.add("acme")
    path = runner_yaml(
        project, schedule={"interval": 4000}, job_path="jobs/none.yaml", retries=3, retry_policy={"max_retries": -1}
    )
    with pytest.raises(ConfigurationError) as caught:
        load(project.root, runner=path)
    for said in ("4 mistakes", "there is no 'retries'", "divides an hour", "must be the path", "max_retries must be"):
        assert said in str(caught.value)


def test_the_exported_file_is_what_dagster_loads(planned: Project) -> None:
    ended = planned.call("schedules", "export", "--format", "dagster")
    scope: dict[str, Any] = {}
    exec(compile(ended.out, "definitions.py", "exec"), scope)
    dg.Definitions.validate_loadable(scope["defs"])
