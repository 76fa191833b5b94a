"""One fixture: write a file, sync it with tap-csv, look at what came out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from csv_runs import Read, Run, run_tap


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """read(content or None, state=..., name=..., **stream settings): write one file, sync it."""

    def _read(
        content: bytes | str | None = None,
        *,
        name: str = "data.csv",
        state: Any = None,
        catalog: Any = None,
        tap: dict[str, Any] | None = None,
        **settings: Any,
    ) -> Run:
        if content is not None:
            (tmp_path / name).write_bytes(content.encode() if isinstance(content, str) else content)
        stream = {"stream": "things", "path": str(tmp_path / name), **settings}
        return run_tap({"streams": [stream], **(tap or {})}, state, catalog)

    return _read
