"""Placeholder values: what people and systems write where there is no value. They must never link two records."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from importlib import resources
from typing import Final

ANY: Final = "any"
"""The name under which values that hold for every type are listed."""


def shipped() -> list[tuple[str, str]]:
    """The values of `placeholders.toml`, as pairs of fragment type (or `any`) and value."""
    return [(kind, value) for kind, values in _read()["values"].items() for value in values]


def patterns(kind: str) -> re.Pattern[str]:
    """What matches every placeholder of that fragment type which cannot be listed."""
    by_kind = _read()["patterns"]
    return re.compile("|".join(f"(?:{pattern})" for name in (ANY, kind) for pattern in by_kind.get(name, ())))


@cache
def _read() -> dict[str, dict[str, list[str]]]:
    return tomllib.loads(resources.files(__package__).joinpath("placeholders.toml").read_text("utf-8"))
