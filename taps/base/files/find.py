"""Which files a path or glob means, and in which order they are read."""

from __future__ import annotations

import glob
import os
import re
import stat
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from pipe.errors import CredentialsError, DataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_NANOSECONDS = 10**9
_REMOTE = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)


@dataclass(frozen=True)
class SourceFile:
    """One file to read.

    `name` is its path below the fixed part of the glob, with forward slashes; `modified` its modification time as
    UTC text with nine decimals, so that text order is time order; `size` in bytes.
    """

    path: Path
    name: str
    modified: str
    size: int

    @property
    def modified_at(self) -> str:
        """Modification time in the canonical form, microseconds."""
        return self.modified[:26] + "Z"

    def has_changed(self) -> bool:
        """Whether the file on disk is no longer the one that was found."""
        try:
            status = self.path.stat()
            return (_time_text(status.st_mtime_ns), status.st_size) != (self.modified, self.size)
        except (OSError, OverflowError, ValueError):
            return True


def is_remote(pattern: str) -> bool:
    """Whether the pattern names another place than this machine's disk."""
    return bool(_REMOTE.match(pattern)) and not pattern.lower().startswith("file://")


def find(patterns: Iterable[str], stream: str) -> list[SourceFile]:
    """Every file the patterns mean, oldest first, files of one time by name.

    Args:
        patterns: paths or globs (`*`, `?`, `[...]`, `**` for folders of any depth), `~` for the home folder; relative
            ones are taken from the working directory. A path that exists as written is no glob.
        stream: for the error text.

    Raises:
        CredentialsError: a folder may not be looked into.
        DataError: a path is a folder or another thing than a file.
    """
    expanded = [_expand(pattern) for pattern in patterns]
    base = _common_folder([_fixed_part(pattern) for pattern in expanded])
    try:
        found = [_source_file(path, base, stream) for pattern in expanded for path in _matches(pattern, stream)]
    except PermissionError:
        raise CredentialsError(
            "no right to look into a folder of path", stream=stream, remedy="Give the user of this process access"
        ) from None
    files = {file.name: file for file in found if file}  # two globs may match the same file
    return sorted(files.values(), key=lambda file: (file.modified, file.name))


def by_name(files: list[SourceFile], expression: str, stream: str) -> list[tuple[str, SourceFile]]:
    """The files in order of what the expression's first group (or whole match) finds in their names.

    Raises:
        DataError: it finds nothing in a name.
    """
    finder = re.compile(expression)
    dated = []
    for file in files:
        match = finder.search(file.name)
        if match is None:
            raise DataError(
                f"date_from_name finds nothing in the file name '{file.name}'",
                stream=stream,
                remedy="Mend the expression, or narrow path so that it matches dated files only",
            )
        dated.append((match[1] if finder.groups else match[0], file))
    return sorted(dated, key=lambda pair: (pair[0], pair[1].modified, pair[1].name))


def _expand(pattern: str) -> str:
    if pattern.lower().startswith("file://"):
        pattern = pattern[len("file://") :]
    return os.path.expanduser(pattern)  # noqa: PTH111  Path would drop a trailing slash and doubled ones


def _is_literal(pattern: str) -> bool:
    return not glob.has_magic(pattern) or os.path.lexists(pattern)


def _matches(pattern: str, stream: str) -> Iterator[Path]:
    if not _is_literal(pattern):
        yield from (path for path in map(Path, glob.iglob(pattern, recursive=True)) if not path.is_dir())  # noqa: PTH207
        return
    path = Path(pattern)
    if path.is_dir():
        raise DataError(
            f"'{pattern}' is a folder", stream=stream, remedy=f"Name the files in it, for example {pattern}/*.csv"
        )
    if os.path.lexists(pattern):
        yield path


def _fixed_part(pattern: str) -> Path:
    """The folder above the first part that has a wildcard."""
    path = Path(pattern)
    if _is_literal(pattern):
        return path.parent
    fixed = []
    for part in path.parts:
        if glob.has_magic(part):
            break
        fixed.append(part)
    return Path(*fixed)


def _common_folder(folders: list[Path]) -> str:
    return os.path.commonpath([folder.absolute() for folder in folders])


def _source_file(path: Path, base: str, stream: str) -> SourceFile | None:
    name = os.path.relpath(path.absolute(), base).replace(os.sep, "/")
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise DataError(
                f"'{name}' is not a regular file", stream=stream, remedy="Name files only, no pipes or devices"
            )
        return SourceFile(path, name, _time_text(status.st_mtime_ns), status.st_size)
    except FileNotFoundError:
        return None  # removed since it was listed, or a link to nothing
    except (OverflowError, ValueError):
        raise DataError(
            f"'{name}' was modified outside the years 1 to 9999",
            stream=stream,
            remedy="Correct its time, for example with touch",
        ) from None


def _time_text(nanoseconds: int) -> str:
    seconds, rest = divmod(nanoseconds, _NANOSECONDS)
    return f"{datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None).isoformat()}.{rest:09d}Z"
