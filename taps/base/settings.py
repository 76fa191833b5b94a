"""Declaring a tap's settings; `pipe.settings` checks them."""

from __future__ import annotations

from typing import Any


def setting(kind: str | list[str], title: str, description: str, **more: Any) -> dict[str, Any]:
    """The JSON schema of one setting, as `--about` prints it; `more` holds default, enum, minimum and the like."""
    return {"type": kind, "title": title, "description": description, **more}
