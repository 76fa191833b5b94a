"""Which files of a stream have been read: what STATE carries from one run to the next.

A file is known by name, modification time (nanoseconds) and size; whatever differs is read again. So that the state
does not grow for ever, only the newest `REMEMBERED` files are named; older ones are covered by `forgotten_before`:
no file modified before that time is new. Files of exactly that time are still named, so equal times lose nothing.
A file that has vanished stays named until it is old enough to be forgotten: should it come back, it is not new.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from pipe import times
from taps.base.tap import bad_state

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from taps.base.files.find import SourceFile

FORMAT = 1
REMEMBERED = 500
"""Files named in a STATE, about 75 bytes each; twice as many before the older half is forgotten."""

_CLOCK_SKEW = timedelta(days=1)

Seen = tuple[str, int]
"""Modification time and size."""


class Reading(msgspec.Struct, frozen=True):
    """A file that had been read up to `rows` data rows, all of them good, with settings of that fingerprint."""

    file: str
    modified: str
    size: int
    rows: int
    settings: str


class FilesRead(msgspec.Struct, forbid_unknown_fields=True):
    """The bookmark of one stream, as STATE holds it.

    Every field is always there, in one shape: a runner may merge one state into another, key by key, and what is
    absent would stay.
    """

    files_read: int = 0
    """Format of this bookmark."""
    files: dict[str, Seen] = {}
    forgotten_before: str = ""
    path: list[str] = []
    """The globs the names belong to."""
    reading: list[Reading] = []
    """None or one."""
    rows: int = 0
    """For `replace`: rows of the last complete snapshot."""
    version: int = 0
    """For `replace`: table version of that snapshot."""


def load(stream: str, state: dict[str, Any]) -> FilesRead:
    """The bookmark in `state`; an empty one where there is none.

    Raises:
        DataError: it was written by something else, by a later version, or is damaged.
    """
    if not state:
        return FilesRead()
    found = state.get("files_read")
    if not isinstance(found, int) or found < 1:
        raise bad_state("this bookmark was not written by a tap that reads files", stream)
    if found > FORMAT:
        raise bad_state(f"it was written by a later version (format {found}, this one knows {FORMAT})", stream)
    try:
        mark = msgspec.convert(state, FilesRead)
    except msgspec.ValidationError:
        raise bad_state("the bookmark is damaged", stream) from None
    if mark.forgotten_before > times.to_text(datetime.now(UTC) + _CLOCK_SKEW):
        raise bad_state("it says that all files up to a time in the future have been read", stream)
    return mark


def store(mark: FilesRead, state: dict[str, Any]) -> None:
    """Put the bookmark in the place of what `state`, the stream's part of the whole, holds."""
    state.clear()
    state.update(msgspec.json.decode(msgspec.json.encode(mark)))  # plain lists, as in a state read back


class FileBookmark:
    """Tells which files are new, and keeps the account while they are read."""

    def __init__(self, mark: FilesRead, path: Sequence[str], settings: str) -> None:
        """Go on from `mark` with the files of `path` (the globs as they are set), read as `settings` say."""
        self._mark = mark
        self._settings = settings
        self.path_has_changed = bool(mark.forgotten_before) and list(path) != mark.path
        if self.path_has_changed:
            mark.forgotten_before = ""  # other globs may mean older files that were never seen
        mark.files_read = FORMAT
        mark.path = list(path)

    def unread(self, files: Iterable[SourceFile]) -> list[SourceFile]:
        """The files that are new or have changed."""
        mark = self._mark
        return [
            file
            for file in files
            if (mark.files[file.name] != (file.modified, file.size) if file.name in mark.files else not self._old(file))
        ]

    def rows_read(self, file: SourceFile) -> int:
        """How many data rows of the file, as it is now, an interrupted run has passed on as this one would."""
        same = [reading for reading in self._mark.reading if reading == self._reading(file, reading.rows)]
        return same[0].rows if same else 0

    def progress(self, file: SourceFile, rows: int) -> None:
        """The first `rows` data rows of the file have been written, none was rejected."""
        self._mark.reading = [self._reading(file, rows)]

    def drop_progress(self) -> None:
        """The file being read will have to be read anew."""
        self._mark.reading = []

    def done(self, file: SourceFile, waiting: Iterable[SourceFile]) -> None:
        """The whole file has been written; those `waiting` have not, and must not be forgotten."""
        mark = self._mark
        mark.reading = []
        mark.files[file.name] = (file.modified, file.size)
        if len(mark.files) > 2 * REMEMBERED:
            self._forget(waiting)

    def store(self, state: dict[str, Any]) -> None:
        """Put the account into the stream's part of the state."""
        store(self._mark, state)

    def _reading(self, file: SourceFile, rows: int) -> Reading:
        return Reading(file.name, file.modified, file.size, rows, self._settings)

    def _old(self, file: SourceFile) -> bool:
        return file.modified < self._mark.forgotten_before

    def _forget(self, waiting: Iterable[SourceFile]) -> None:
        mark = self._mark
        newest = sorted(mark.files.items(), key=lambda item: item[1], reverse=True)[:REMEMBERED]
        edge = min([newest[-1][1][0], times.now_text(), *(file.modified for file in waiting)])
        mark.forgotten_before = max(mark.forgotten_before, edge)
        mark.files = {name: seen for name, seen in mark.files.items() if seen[0] >= edge}
