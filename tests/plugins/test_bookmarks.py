"""A state file that a kill has cut is mended from its copy; without a copy the run is refused, not started over."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from stub_project import Project

from pipe.errors import ConfigurationError
from plugins.bookmarks import Bookmarks
from plugins.project import open_project

STATE_ID = "acme:tap-stub-to-target-stub:acme"


@pytest.fixture
def saved(project: Project) -> Path:
    project.add("acme")
    path = project.root / ".state" / STATE_ID / "state.json"
    path.parent.mkdir(parents=True)
    many = {f"file{number}": number for number in range(100)}
    marks = {"rows": {"at": 7, "files": many, "few": [1, 2]}}
    path.write_text(json.dumps({"completed": {"singer_state": {"bookmarks": marks}}, "partial": {}}))
    return path


@pytest.fixture
def bookmarks(project: Project, saved: Path) -> Bookmarks:
    found = open_project(project.root)
    return Bookmarks(found, found.tenant("acme"), project.root / ".growthnav/acme/bookmarks")


def test_what_is_shown_is_short(bookmarks: Bookmarks) -> None:
    assert bookmarks.show([STATE_ID]) == {"rows": {"at": 7, "files": "100 entries", "few": [1, 2]}}
    assert bookmarks.show(["acme:other"]) == {}


@pytest.mark.parametrize("cut", ["", '{"completed": {"sing'])
def test_a_cut_file_is_mended(bookmarks: Bookmarks, saved: Path, cut: str) -> None:
    whole = saved.read_text()
    bookmarks.copy()
    assert bookmarks.mend() == []
    saved.write_text(cut)
    bookmarks.copy()  # what is damaged does not replace a good copy
    assert bookmarks.mend() == [STATE_ID]
    assert saved.read_text() == whole


def test_without_a_copy_the_run_is_refused(project: Project, bookmarks: Bookmarks, saved: Path) -> None:
    saved.write_text("")
    with pytest.raises(ConfigurationError, match=rf"\.state/{STATE_ID}/state\.json cannot be read"):
        bookmarks.mend()
    ended = project.call("run", "acme", "--json")
    assert ended.code == 2
    assert "delete it to read everything again" in ended.result["error"]


def test_other_tenants_and_other_backends_are_left_alone(project: Project, saved: Path) -> None:
    project.add("globex")
    saved.write_text("")
    found = open_project(project.root)
    assert Bookmarks(found, found.tenant("globex"), project.root / "copies").mend() == []
    found.documents[0].content["state_backend"] = {"uri": "s3://bucket/state"}
    acme = Bookmarks(found, found.tenant("acme"), project.root / "copies")
    assert (acme.mend(), acme.show([STATE_ID])) == ([], {})
