"""An emulator for each module, and a dataset of its own for each test."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from bigquery_place import Place
from servers.bigquery import Emulator, server_or_skip

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    with server_or_skip() as found:
        yield found


@pytest.fixture
def place(emulator: Emulator, tmp_path: Path) -> Place:
    return Place(emulator, f"test_{next(_numbers)}", tmp_path)
