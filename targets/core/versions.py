"""Which ACTIVATE_VERSION messages may delete.

The message says that rows of older versions are gone at the source. Some taps send it after the last record of a
version, some (the Singer SDK's) before the first. Deleting while the version is still on its way would hide good rows
if the tap dies, so a message ahead of its records waits until the input has ended and a STATE after the stream's
last record shows that the tap had finished it. And a stream that also sent rows of no version is left alone: nobody
can say which of its rows are old.
"""

from __future__ import annotations

from collections import Counter


class Versions:
    """Versions met in this run, by stream."""

    def __init__(self) -> None:
        """None met."""
        self._seen: dict[str, int] = {}
        self._rows: Counter[str] = Counter()
        self._waiting: dict[str, tuple[int, int]] = {}

    def saw(self, stream: str, version: int) -> None:
        """A record (or a batch file) of `version` came."""
        self._seen[stream] = version
        self._rows[stream] += 1

    def covers(self, stream: str, rows: int) -> bool:
        """Whether all of the `rows` records and files of the stream had a version."""
        return self._rows[stream] == rows

    def announce(self, stream: str, version: int, position: int) -> bool:
        """An ACTIVATE_VERSION came in input line `position`; whether all its records have come."""
        if self._seen.get(stream) == version:
            self._waiting.pop(stream, None)
            return True
        self._waiting[stream] = (version, position)
        return False

    def announced(self, stream: str) -> int | None:
        """The version that waits for its records."""
        return self._waiting[stream][0] if stream in self._waiting else None

    def at_end(self, stream: str, last_record: int, last_state: int) -> tuple[int, bool] | None:
        """The version that still waits, and whether the STATE shows it complete."""
        if stream not in self._waiting:
            return None
        version, position = self._waiting[stream]
        return version, last_state > max(position, last_record)
