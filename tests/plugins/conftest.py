"""A stub project for each test, and one for all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from stub_project import Project, family, kill


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    project = Project(tmp_path)
    yield project
    for process in project.started:
        for number in [process.pid, *family(process.pid)] if process.poll() is None else []:
            kill(number)


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project that many tests look at and none changes."""
    return Project(tmp_path_factory.mktemp("shared"))
