"""What people decided about columns: kept beside a mapping, so that nobody is asked the same thing twice.

The file `<mapping>.decisions.yml` holds names of columns and canonical fields, never a value:

streams:
  orders:
    columns:
      Total: {target: value, kind: number}
      Note: {target: null, kind: text}
    rules: {orders: {match: [orders], into: conversions, fields: {conversion_type: {constant: purchase}}}}
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import yaml

from pipe.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

Rules = dict[str, dict[str, Any]]
"""Entries of a preset's `streams`, as in YAML, by name."""


@dataclass(frozen=True)
class Decision:
    """One column is settled."""

    column: str
    target: str | None
    """Canonical field; None: the column feeds nothing."""
    kind: str = "any"
    """Kind of the column at that time (see `transforms.drift`)."""
    rank: int = 1
    """Of several columns for one target, the first that is not empty wins."""
    options: dict[str, Any] = field(default_factory=dict)
    """How it is read: the options of a field in the preset language."""

    def as_dict(self) -> dict[str, Any]:
        """As it is written; what is usual is left out."""
        result: dict[str, Any] = {"target": self.target, "kind": self.kind}
        if self.rank != 1:
            result["rank"] = self.rank
        if self.options:
            result["options"] = self.options
        return result


@dataclass(frozen=True)
class Decided:
    """What is settled about one stream."""

    columns: dict[str, Decision] = field(default_factory=dict)
    rules: Rules = field(default_factory=dict)
    """What does not come from columns: constants, filters, which streams it is for."""


def path_for(mapping: Path) -> Path:
    """Where the decisions behind a mapping are."""
    return mapping.with_suffix(".decisions.yml")


def load(path: Path) -> dict[str, Decided]:
    """The decisions in a file, by stream; none when there is no such file.

    Raises:
        ConfigurationError: it is not such a file.
    """
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        return {
            str(stream): Decided(
                {str(name): Decision(str(name), **given) for name, given in its["columns"].items()}, its["rules"]
            )
            for stream, its in document["streams"].items()
        }
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, KeyError, AttributeError, yaml.YAMLError):
        raise ConfigurationError(
            f"the decisions in {path} cannot be read",
            remedy="Restore the file, or remove it and review every column anew",
        ) from None


def dump(streams: Mapping[str, Decided]) -> str:
    """The file's text."""
    content = {
        stream: {"columns": {name: one.as_dict() for name, one in its.columns.items()}, "rules": its.rules}
        for stream, its in sorted(streams.items())
    }
    head = "# Written by growthnav discover --apply: what was decided about each column. Names only, no values.\n"
    return head + yaml.safe_dump({"streams": content}, sort_keys=False, allow_unicode=True, width=120)
