"""What tests of the operator's commands share: how they are called, and how they end."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

GROWTHNAV = Path(sys.executable).with_name("growthnav")
MELTANO = Path(sys.executable).with_name("meltano")


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def result(self) -> dict[str, Any]:
        """The one JSON object on its output."""
        return json.loads(self.out)

    @property
    def events(self) -> list[dict[str, Any]]:
        """JSON lines of its output."""
        return [json.loads(line) for line in self.out.splitlines()]


def environment(**extra: str) -> dict[str, str]:
    """Ours, without what a surrounding Meltano or an image set; byte code is kept: it halves the time."""
    drop = ("MELTANO", "PYTHONDONTWRITEBYTECODE", "PYTHONWARNINGS")
    return {name: value for name, value in os.environ.items() if not name.startswith(drop)} | extra
