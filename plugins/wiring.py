"""The wiring files, `meltano.yml` and what it includes, read with the line of every value.

Meltano reads the same files; here they are read to tell mistakes before it starts, all of them at once.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import yaml

from pipe.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from pathlib import Path

Keys = tuple["str | int", ...]
"""Way from the top of a YAML document to a value: names of mappings, numbers in lists."""

FILE = "meltano.yml"
KINDS = ("extractors", "mappers", "loaders")
TENANT_VARIABLE = "MELTANO_ENVIRONMENT"
"""Binds a schedule to its tenant."""

_INCLUDABLE = {"plugins", "schedules", "environments", "jobs"}
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_OF_TENANTS = re.compile(rb"^(?:environments|schedules):", re.MULTILINE)
_REFERENCE = re.compile(r"(\\)?\$(?:{(\w+)}|([A-Z][A-Z0-9_]*))")  # as Meltano's own pattern; a backslash escapes


@dataclass(frozen=True)
class Document:
    """One YAML file."""

    path: Path
    content: Any
    node: yaml.Node | None

    def line(self, *keys: str | int) -> int:
        """Line, from 1, of the value at `keys`, or of the nearest one around it."""
        node, line = self.node, 1
        for key in keys:
            node, found = _child(node, key)
            if node is None:
                break
            line = found
        return line


class MistakesError(ConfigurationError):
    """Mistakes in the wiring; `files` are those they stand in."""

    def __init__(self, found: list[str], files: Collection[Path]) -> None:
        """Tell them, one a line."""
        super().__init__(found[0] if len(found) == 1 else f"{len(found)} mistakes\n  " + "\n  ".join(found))
        self.files = files


@dataclass
class Problems:
    """Mistakes in the wiring, collected so that all are told at once."""

    root: Path
    found: list[str] = field(default_factory=list)
    files: set[Path] = field(default_factory=set)

    def add(self, document: Document, keys: Keys, text: str) -> None:
        """Note that what stands at `keys` is wrong."""
        self.files.add(document.path)
        self.found.append(f"{document.path.relative_to(self.root)}:{document.line(*keys)}: {text}")

    def raise_if_any(self) -> None:
        """Raise `MistakesError` with every problem, one a line."""
        if self.found:
            raise MistakesError(self.found, self.files)


def find_root(start: Path) -> Path:
    """The project that holds `start`: the nearest directory upwards with a `meltano.yml`.

    Raises:
        ConfigurationError: there is none.
    """
    for directory in (start, *start.parents):
        if (directory / FILE).is_file():
            return directory
    raise ConfigurationError(
        f"no {FILE} in this directory or above it", remedy="Go into the project, or name it: growthnav --project DIR"
    )


def documents(root: Path, tenant: str | None = None, without: Collection[Path] = ()) -> list[Document]:
    """`meltano.yml` and every file it includes but those `without`, in the order of their names.

    With `tenant`, without the files of other tenants: to read 500 of them takes longer than all the rest of a start.

    Raises:
        ConfigurationError: a file is not YAML, or not of the right shape; names file and line.
    """
    problems = Problems(root)
    main = read(root / FILE, root)
    result = [main]
    if not isinstance(main.content, dict):
        problems.add(main, (), "must be a mapping")
        problems.raise_if_any()
    for pattern in main.content.get("include_paths") or []:
        for path in sorted(root.glob(pattern)):
            if path in without or (tenant is not None and _is_of_others(path, tenant)):
                continue
            document = read(path, root)
            if document.content is None:
                continue
            if not isinstance(document.content, dict):
                problems.add(document, (), "must be a mapping")
                continue
            for key in document.content:
                if key not in _INCLUDABLE:
                    problems.add(document, (key,), f"'{key}' may only stand in {FILE}")
            result.append(document)
    problems.raise_if_any()
    return result


def _is_of_others(path: Path, tenant: str) -> bool:
    """Whether a file has environments or schedules and never names the tenant, seen without reading it as YAML."""
    try:
        text = path.read_bytes()
    except OSError:
        return False  # whoever reads it will say so
    return bool(_OF_TENANTS.search(text)) and not re.search(rb"(?<!\w)%b(?!\w)" % re.escape(tenant.encode()), text)


def plugins(document: Document) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every plugin a file defines, with its kind."""
    for kind in KINDS:
        yield from ((kind, entry) for _, entry in entries(document, "plugins", kind))


def entries(document: Document, *keys: str | int) -> Iterator[tuple[Keys, dict[str, Any]]]:
    """The mappings of the list at `keys`, each with the way to it; anything else there is passed over."""
    value = document.content
    for key in keys:
        try:
            value = value[key]
        except (KeyError, IndexError, TypeError):
            return
    for index, entry in enumerate(value if isinstance(value, list) else []):
        if isinstance(entry, dict):
            yield (*keys, index), entry


def references(value: Any, keys: Keys = ()) -> Iterator[tuple[Keys, str]]:
    """Environment variables that a value refers to (`${NAME}` or `$NAME`), each with the way to it."""
    for place, text in texts(value, keys):
        for escape, curly, plain in _REFERENCE.findall(text):
            if not escape:
                yield place, curly or plain


def texts(value: Any, keys: Keys = ()) -> Iterator[tuple[Keys, str]]:
    """The texts in a value, each with the way to it."""
    if isinstance(value, str):
        yield keys, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from texts(item, (*keys, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from texts(item, (*keys, index))


def expand(text: str, environment: Mapping[str, str]) -> str:
    """`text` with its references replaced, as Meltano does; an unset one becomes nothing."""

    def value(match: re.Match[str]) -> str:
        escape, curly, plain = match.groups()
        return match[0][1:] if escape else environment.get(curly or plain, "")

    return _REFERENCE.sub(value, text)


def read(path: Path, root: Path) -> Document:
    """One file; `root` is left out where its path is told.

    Raises:
        ConfigurationError: it cannot be read, or is not YAML; names the line.
    """
    name = path.relative_to(root)
    try:
        loader = _LOADER(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise MistakesError([f"{name} cannot be read ({type(error).__name__})"], [path]) from None
    try:
        node = loader.get_single_node()
        return Document(path, loader.construct_document(node) if node else None, node)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "cannot be read"
        raise MistakesError([f"{name}{line}: not YAML: {problem}"], [path]) from None
    finally:
        loader.dispose()


def _child(node: yaml.Node | None, key: str | int) -> tuple[yaml.Node | None, int]:
    """The node at `key` below `node`, and its line from 1."""
    if isinstance(node, yaml.MappingNode):
        for name, value in node.value:
            if name.value == str(key):
                return value, name.start_mark.line + 1
    if isinstance(node, yaml.SequenceNode) and isinstance(key, int) and key < len(node.value):
        return node.value[key], node.value[key].start_mark.line + 1
    return None, 0
