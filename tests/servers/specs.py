"""Vendors' own descriptions and examples: in the directory GROWTHNAV_SHARED names, or in `shared` beside the project."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

FOLDER = Path(os.environ.get("GROWTHNAV_SHARED", Path(__file__).parents[3] / "shared")) / "specs"


def spec(name: str) -> Path:
    """The file of that name; without it the test is skipped, and says so."""
    path = FOLDER / name
    if not path.exists():
        pytest.skip(f"{name} is missing: set GROWTHNAV_SHARED to the directory that has specs/{name}")
    return path
