"""The text of an edited review: rows of its tables and blocks of YAML, with the line of every mistake."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import yaml

from discovery import assemble, markdown
from discovery.review import ACTIONS
from pipe.errors import ConfigurationError

_ROW = re.compile(r"\s*\|\s*`")
_HEAD = re.compile(r"\s*\|\s*Source\s*\||[\s|:-]+$")
"""As written here, or with the cells padded, as editors do that put tables in order."""

_CELL_END = re.compile(r"(?<!\\)(?:\\\\)*\|")
_TARGET = re.compile(r"([a-z_]+|-)?(?:\s*#\s*([1-9]\d*))?")
_UNESCAPED = re.compile(r"\\([\\|])")


@dataclass
class Line:
    """One row of a table as a person left it."""

    number: int
    column: str
    target: str | None
    rank: int
    options: dict[str, Any]
    action: str


class Problems:
    """Contradictions by line."""

    def __init__(self, path: str) -> None:
        """`path` of the review, as it is told."""
        self.path = path
        self.found: list[tuple[int, str]] = []

    def add(self, line: int, text: str) -> None:
        """Note one."""
        self.found.append((line, text))

    def raise_if_any(self) -> None:
        """ConfigurationError with all of them, if there are any."""
        if self.found:
            lines = [f"{self.path}:{line}: {text}" for line, text in sorted(self.found)]
            head = f"{len(lines)} contradiction{'s' if len(lines) > 1 else ''} in the review"
            raise ConfigurationError(head + "\n  " + "\n  ".join(lines), remedy="Nothing was applied")


def parts(
    lines: list[str], streams: dict[str, Any], problems: Problems
) -> tuple[dict[str, list[Line]], dict[str, tuple[int, str]]]:
    """Table rows and YAML blocks by stream."""
    tables: dict[str, list[Line]] = {}
    blocks: dict[str, tuple[int, str]] = {}
    block: list[str] | None = None
    stream, start = "", 0
    for number, line in enumerate(lines, 1):
        if block is not None:
            if line.startswith("```"):
                blocks[stream], block = (start, "\n".join(block)), None
            else:
                block.append(line)
        elif line.startswith("## Stream "):
            stream = markdown.read_name(line.removeprefix("## Stream "))
            if stream not in streams:
                problems.add(number, "there is no such stream in this review")
        elif line.startswith("```yaml"):
            block, start = [], number
        elif _ROW.match(line):
            tables.setdefault(stream, []).append(_row(line, number, problems))
        elif line.lstrip().startswith("|") and not _HEAD.match(line):
            problems.add(number, "this row does not start with the name of a column in `backticks`")
    return tables, blocks


def _row(line: str, number: int, problems: Problems) -> Line:
    found = cells(line)
    if len(found) != len(markdown.HEADER):
        text = f"has {len(found)} cells where {len(markdown.HEADER)} belong; write \\| for a | inside a cell"
        problems.add(number, text)
        return Line(number, markdown.read_name(found[0]), None, 1, {}, "")
    by_name = dict(zip(markdown.HEADER, found, strict=True))
    target, rank = _target(by_name["Target"], number, problems)
    options = _options(_UNESCAPED.sub(r"\1", by_name["Read as"]), number, problems)
    action = by_name["Action"].strip("*` ").capitalize()
    if action not in ACTIONS:
        problems.add(number, f"the action must be one of {', '.join(ACTIONS)}")
    return Line(number, markdown.read_name(by_name["Source"]), target, rank, options, action)


def cells(line: str) -> list[str]:
    """The cells of a row of a Markdown table; `\\|` stands for a | inside one."""
    body = line.strip().removeprefix("|")
    found: list[str] = []
    start = 0
    for end in _CELL_END.finditer(body):
        found.append(body[start : end.end() - 1].strip())
        start = end.end()
    return found + ([body[start:].strip()] if body[start:].strip() else [])


def _target(cell: str, number: int, problems: Problems) -> tuple[str | None, int]:
    match = _TARGET.fullmatch(cell.strip("*` ").lower())
    name, rank = match.groups() if match else (cell, None)
    if name in {None, "", markdown.NOTHING}:
        return None, 1
    if name not in assemble.TARGETS:
        near = get_close_matches(str(name), assemble.TARGETS, 1)
        problems.add(number, f"there is no target '{name}'" + (f" (did you mean {near[0]}?)" if near else ""))
        return None, 1
    return name, int(rank or 1)


def _options(cell: str, number: int, problems: Problems) -> dict[str, Any]:
    try:
        found = yaml.safe_load("{" + cell.strip("`") + "}")
    except yaml.YAMLError:
        found = None
    if not isinstance(found, dict) or None in found.values():
        problems.add(number, "'Read as' must be like `format: us, zone: America/Chicago`")
        return {}
    return found
