"""The portable form of a state (F080), and the Singer state it stands for.

```json
{
  "object_charges": {"cursor": "2026-01-02T03:04:05Z", "cursor_field": "created", "last_sync": "2026-01-02T04:00:00Z"},
  "file_orders.csv": {"last_modified": "2026-01-02T03:04:05.123456789Z", "size": 1234, "stream": "orders"}
}
```

An object is a stream with its bookmark; what a tap keeps beside cursor and field stands under `bookmark`, so that
nothing is lost on the way there and back. A file is one that a stream of files has read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipe.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from plugins.states import State

OBJECT, FILE = "object_", "file_"
_VALUE, _FIELD = "replication_key_value", "replication_key"
_READS_FILES = "files_read"


def export(state: State, last_sync: Mapping[str, str]) -> dict[str, Any]:
    """The portable form of a Singer state.

    Args:
        state: as the tap left it.
        last_sync: stream -> when it was last read.
    """
    found: dict[str, Any] = {}
    for stream, mark in sorted((state.get("bookmarks") or {}).items()):
        rest = {name: value for name, value in mark.items() if name not in {_VALUE, _FIELD}}
        if _READS_FILES in mark:
            for file, (modified, size) in sorted(rest.pop("files", {}).items()):
                found[FILE + file] = {"last_modified": modified, "size": size, "stream": stream}
        entry = {"cursor": mark.get(_VALUE), "cursor_field": mark.get(_FIELD), "last_sync": last_sync.get(stream)}
        if rest:
            entry["bookmark"] = rest
        found[OBJECT + stream] = {name: value for name, value in entry.items() if value is not None}
    return found


def read(content: Any) -> tuple[State, dict[str, str]]:
    """The Singer state that the portable form stands for, and when each stream was last read.

    Raises:
        DataError: names every entry that cannot be understood.
    """
    if not isinstance(content, dict):
        raise DataError("a state file must be a JSON object of object_<stream> and file_<name> entries")
    bookmarks: dict[str, dict[str, Any]] = {}
    last_sync: dict[str, str] = {}
    problems = [text for name, entry in content.items() if (text := _problem(name, entry))]
    if problems:
        raise DataError("; ".join(problems), remedy="docs/running.md shows the form")
    for name, entry in content.items():
        if name.startswith(OBJECT):
            stream = name.removeprefix(OBJECT)
            mark = {_FIELD: entry.get("cursor_field"), _VALUE: entry.get("cursor")}
            bookmarks.setdefault(stream, {}).update(
                {key: value for key, value in mark.items() if value is not None} | entry.get("bookmark", {})
            )
            if "last_sync" in entry:
                last_sync[stream] = entry["last_sync"]
    for name, entry in content.items():
        if name.startswith(FILE):
            mark = bookmarks.setdefault(entry["stream"], {_READS_FILES: 1})
            mark.setdefault("files", {})[name.removeprefix(FILE)] = [entry["last_modified"], entry.get("size", -1)]
    return {"bookmarks": bookmarks}, last_sync


def _problem(name: str, entry: Any) -> str | None:
    if not name.startswith((OBJECT, FILE)):
        return f"'{name}' is neither {OBJECT}<stream> nor {FILE}<name>"
    if not isinstance(entry, dict):
        return f"'{name}' must be an object"
    known = {"cursor", "cursor_field", "last_sync", "bookmark"} if name.startswith(OBJECT) else _FILE_KEYS
    if unknown := sorted(set(entry) - known):
        return f"'{name}' has no {', '.join(unknown)}; it has {', '.join(sorted(known))}"
    if name.startswith(OBJECT):
        if not isinstance(entry.get("bookmark", {}), dict):
            return f"'{name}': bookmark must be an object"
        return (
            f"'{name}' has a cursor and no cursor_field"
            if {"cursor"} == {"cursor", "cursor_field"} & {*entry}
            else None
        )
    missing = [key for key in ("last_modified", "stream") if not isinstance(entry.get(key), str)]
    return f"'{name}' lacks {', '.join(missing)}" if missing else None


_FILE_KEYS = {"last_modified", "size", "stream"}
