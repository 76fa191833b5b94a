"""What a person types, and gets wrong: no Meltano is needed to be told."""

from __future__ import annotations

import json
import time

import click
import pytest
from stub_project import Project

from plugins.cli import COMMANDS, growthnav


def test_help_lists_every_command_with_its_own_first_sentence() -> None:
    context = click.Context(growthnav)
    shown = " ".join(growthnav.get_help(context).split())
    for name, (_, text) in COMMANDS.items():
        command = growthnav.get_command(context, name)
        assert command is not None
        assert command.get_short_help_str(limit=200) == text
        assert f"{name} {text}" in shown


def test_the_help_of_every_command_is_whole(capsys: pytest.CaptureFixture[str]) -> None:
    """Of each command and its commands: what it is, and what each option and each command does, to the end."""
    todo = [(name,) for name in COMMANDS]
    while todo:
        words = todo.pop()
        growthnav.main([*words, "--help"], standalone_mode=False)
        shown = capsys.readouterr().out
        assert "..." not in shown.replace("[ARGS]...", "").replace("FILES...", ""), words
        found: click.Command | None = growthnav
        for word in words:
            assert isinstance(found, click.Group)
            found = found.get_command(click.Context(found), word)
        assert found is not None
        assert all(getattr(each, "help", "") for each in found.params if isinstance(each, click.Option)), words
        if isinstance(found, click.Group) and words != ("discover",):
            todo += [(*words, name) for name in found.list_commands(click.Context(found))]


def test_a_table_in_a_pipe_is_not_cut_off(project: Project) -> None:
    job = f"a_long_name_{'x' * 90}"
    project.add("acme")
    schedule = {"name": "acme-daily", "interval": "@daily", "job": job, "env": {"MELTANO_ENVIRONMENT": "acme"}}
    more = {"jobs": [{"name": job, "tasks": ["tap-stub mapping target-stub"]}], "schedules": [schedule]}
    (project.root / "tenants" / "more.meltano.yml").write_text(json.dumps(more))
    for command in (("tenants",), ("schedules", "list")):
        assert f" {job} " in project.call(*command).out


def test_help_comes_at_once(project: Project) -> None:
    project.call("--help")  # warms the byte code
    clock = time.perf_counter()
    assert project.call("--help").code == 0
    assert time.perf_counter() - clock < 1  # 0.1 s of its own on an idle core; others may work here


@pytest.mark.parametrize(
    ("arguments", "hints"),
    [
        (("rnu", "acme"), ["no command 'rnu'", "Did you mean 'run'?"]),
        (("run",), ["Missing argument 'TENANT'"]),
        (("run", "acme", "--full-refesh"), ["No such option", "--full-refresh"]),
        (("run", "acmee"), ["no tenant 'acmee'", "Did you mean 'acme'?", "There is: acme, globex"]),
        (("run", "acme", "row"), ["no job 'row'", "Did you mean 'rows'?", "There is: rows"]),
        (("--project", "nowhere", "run", "acme"), ["nowhere", "does not exist"]),
    ],
)
def test_a_mistake_is_told_with_what_to_do(project: Project, arguments: tuple[str, ...], hints: list[str]) -> None:
    project.add("acme")
    project.add("globex")
    ended = project.call(*arguments)
    assert ended.code == 2
    for hint in hints:
        assert hint in ended.out + ended.err
    assert "Traceback" not in ended.err


def test_json_is_one_object_also_for_a_mistake(project: Project) -> None:
    project.add("acme")
    ended = project.call("run", "acmee", "--json")
    assert ended.out.count("\n") == 1
    assert (ended.result["error_class"], ended.result["exit_code"]) == ("configuration", 2)
    assert ended.result["completed_at"]


def test_outside_a_project(project: Project) -> None:
    (project.root / "meltano.yml").unlink()
    ended = project.call("tenants")
    assert ended.code == 2
    assert "no meltano.yml in this directory or above it" in ended.err


def test_a_project_is_found_from_below_and_by_name(project: Project) -> None:
    project.add("acme")
    below = project.root / "bin"
    assert json.loads(project.call("--project", str(below), "tenants", "--json").out)[0]["tenant"] == "acme"


def test_tenants_tell_their_last_run(project: Project) -> None:
    project.add("acme")
    runs = project.root / ".growthnav" / "acme" / "runs.jsonl"
    runs.parent.mkdir(parents=True)
    runs.write_text('{"status": "partial", "started_at": "2026-01-02T03:04:05Z", "records_loaded": 7}\n{"cut')
    table = project.call("tenants").out
    assert "acme" in table
    assert "partial" in table
    assert json.loads(project.call("tenants", "--json").out)[0]["last_run"]["records_loaded"] == 7


def test_a_tenant_without_job_is_asked_to_name_one(project: Project) -> None:
    project.add("acme")
    with (project.root / "meltano.yml").open("a") as file:
        file.write("- {name: others, tasks: [tap-stub target-stub]}\n")
    ended = project.call("run", "acme")
    assert ended.code == 2
    assert "schedules no job" in ended.out
    assert "others, rows" in ended.out
