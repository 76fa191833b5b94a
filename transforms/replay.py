"""Of all records, only those that were rejected before: what `growthnav replay` has the mapper take."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from pipe.errors import ConfigurationError
from pipe.rejects import record_hash

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import msgspec

    from pipe.mapper import RecordHandler

Wanted = dict[str, frozenset[str]]
"""Source stream -> `record_hash` of its rejects."""


def read(path: str | None) -> Wanted | None:
    """What the file says; None without a file.

    Raises:
        ConfigurationError: it is no such file.
    """
    if not path:
        return None
    try:
        content: Mapping[str, Sequence[str]] = json.loads(Path(path).read_text(encoding="utf-8"))
        return {stream: frozenset(hashes) for stream, hashes in content.items()}
    except (OSError, ValueError, AttributeError, TypeError):
        raise ConfigurationError(
            "it must be a JSON file: source stream -> list of record_hash", field="only_rejected"
        ) from None


def only(handler: RecordHandler, wanted: frozenset[str], keys: Sequence[str]) -> RecordHandler:
    """A handler that passes over every other record, without a count."""

    def handle(record: msgspec.Raw) -> None:
        if record_hash(bytes(record), keys) in wanted:
            handler(record)

    return handle
