"""The documentation says what the program does."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]


def test_generated_parts_are_up_to_date() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "docs/build.py", "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{done.stdout}{done.stderr} (make docs writes them)"


@pytest.mark.parametrize("executable", [name for name in PROJECT["scripts"] if name != "growthnav"])
def test_every_plugin_has_a_page_with_its_settings(executable: str) -> None:
    page = (ROOT / "docs" / f"{executable}.md").read_text()
    assert f"<!-- begin settings: {executable} -->\n| setting |" in page
    rows = re.findall(r"^\| `[^`]+` \|.*\| (.*) \|$", page, re.MULTILINE)
    assert rows
    assert all(len(text) > 10 for text in rows), "each setting is described"


@pytest.mark.parametrize("executable", PROJECT["scripts"])
def test_the_readme_names_every_executable(executable: str) -> None:
    assert executable in (ROOT / "README.md").read_text()


def test_every_command_of_growthnav_is_in_the_readme() -> None:
    from plugins.cli import growthnav

    readme = (ROOT / "README.md").read_text()
    missing = [name for name in growthnav.list_commands(None) if f"growthnav {name}" not in readme]  # type: ignore[arg-type]
    assert not missing


CALL = re.compile(r"(?<![\w./-])growthnav ((?:[a-z]+|--project)\b[^`#|>;\n)\"]*)")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_call_of_growthnav_on_a_page_is_one(page: Path) -> None:
    for call in CALL.findall(page.read_text()):
        words = [word.strip("[],.") for word in call.split()]
        if words[0] == "--project":
            words = words[2:]
        given = {word.partition("=")[0] for word in words if word.startswith("--")}
        assert given <= options_of(words), call


def options_of(words: list[str]) -> set[str]:
    """Options of the command that the words call."""
    import click

    from plugins.cli import growthnav

    found: click.Command = growthnav
    for word in words:
        if isinstance(found, click.Group) and not word.startswith("-") and found.name != "discover":
            inner = found.get_command(click.Context(found), word)
            assert inner, words
            found = inner
    if found.name == "discover" and isinstance(found, click.Group):  # `discover TENANT CONNECTOR`, `discover benchmark`
        name = "benchmark" if "benchmark" in words else "tenant"
        found = found.get_command(click.Context(found), name) or found
    return {"--help", *(name for each in found.params for name in each.opts)}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
        assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_make_targets_that_pages_name_exist(page: Path) -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"`make ([a-z]+)", page.read_text()):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_yaml_examples_are_yaml(page: Path) -> None:
    for example in re.findall(r"```yaml\n(.*?)```", page.read_text(), re.DOTALL):
        assert yaml.safe_load(example)


def test_the_preset_example_is_a_preset() -> None:
    from transforms import parse

    page = (ROOT / "docs/map-conversions.md").read_text()
    (example,) = re.findall(r"```yaml\n(title:.*?)```", page, re.DOTALL)
    assert parse.preset("example", yaml.safe_load(example)).streams[0].fields["value"].unit == "minor"


def test_the_changelog_has_this_version() -> None:
    assert f"## {PROJECT['version']}\n" in (ROOT / "CHANGELOG.md").read_text()


def test_the_demo_needs_no_development_package() -> None:
    core = (ROOT / "locks/core.txt").read_text()
    for name in ("pytest", "mypy", "pandas", "moto", "lifetimes", "hypothesis"):
        assert not re.search(rf"^{name}==", core, re.MULTILINE), name
    for name in ("pytest", "hypothesis", "lifetimes"):
        assert importlib.util.find_spec(name), name


def test_locks_name_no_address() -> None:
    for lock in ROOT.glob("locks/*.txt"):
        assert "://" not in lock.read_text()
