"""A project of its own for each test."""

from __future__ import annotations

from pathlib import Path

import pytest
from onboarding_place import Place, make


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    place = make(tmp_path / "project")
    for name, value in place.variables.items():
        monkeypatch.setenv(name, value)
    return place
