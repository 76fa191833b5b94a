"""Which source fields the rules found at the last run, so that one that vanishes is noticed without a reviewed mapping.

A shipped preset lists candidates, most sources have but some of them, and when `total` goes the next candidate would
quietly take its place. The file says what each stream had: names and kinds, no values.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from pipe.errors import ConfigurationError
from pipe.files import keep
from transforms.reads import SourceFields

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from transforms.rules import StreamRule


class FieldMemory:
    """Stream -> source field -> kind, in a JSON file; nothing is kept without one."""

    def __init__(self, path: Path | None) -> None:
        """Read the file, if it is there.

        Raises:
            ConfigurationError: it is no such file.
        """
        self._path = path
        self._known: dict[str, dict[str, str]] = {}
        if path and path.is_file():
            try:
                self._known = {stream: dict(fields) for stream, fields in json.loads(path.read_bytes()).items()}
            except (ValueError, AttributeError, TypeError):
                raise ConfigurationError(
                    f"{path.name} does not say which fields the streams had",
                    field="fields_file",
                    remedy="Remove the file: it is written anew",
                ) from None
        self._found: dict[str, dict[str, str]] = {}

    def expecting(self, rules: Iterable[StreamRule], stream: str) -> list[StreamRule]:
        """The rules, each with what the stream had before; what `source_types` say of a field stands."""
        before = self._known.get(stream, {})
        return [replace(rule, source_types=tuple((before | dict(rule.source_types)).items())) for rule in rules]

    def take(self, rules: Iterable[StreamRule], stream: str, fields: Mapping[str, str]) -> None:
        """Remember which of the stream's fields (name -> kind) its rules read."""
        spelled = SourceFields({"properties": fields}).spelled
        read = {name for rule in rules for root in rule.roots for name in spelled(root)} if fields else set()
        self._found.setdefault(stream, {}).update({name: fields[name] for name in sorted(read & set(fields))})

    def save(self, stopped: Iterable[str]) -> None:
        """Write the file; what was known of streams that were stopped, or did not come, stays."""
        if self._path is None:
            return
        found = {stream: fields for stream, fields in self._found.items() if stream not in set(stopped)}
        known = {stream: self._known.get(stream, {}) | fields for stream, fields in found.items()}
        keep(self._path, (json.dumps(self._known | known, indent=1, sort_keys=True) + "\n").encode())
