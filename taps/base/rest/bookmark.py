"""What STATE says of one stream of a REST API."""

from __future__ import annotations

from typing import Any

import msgspec

from pipe import times
from pipe.errors import SkippableError
from taps.base.tap import bad_state

_is_time = times.time_parser()


class Bookmark(msgspec.Struct):
    """How far the rows have been sent.

    Every field is always there, in one shape: a runner may merge one state into another, key by key. Times are
    canonical text (`pipe.times`), whatever the service writes.
    """

    replication_key: str | None = None
    replication_key_value: str | None = None
    """The greatest value sent, of windows that are read to their end."""
    changes: str | None = None
    """Up to when deletions and changes that the list does not show have been read."""
    job: dict[str, Any] | None = None
    """A job at the service that is still running or being read."""
    table_version: int = 0

    def store(self, state: dict[str, Any]) -> None:
        """Put it into the stream's state."""
        state.clear()
        state.update(msgspec.to_builtins(self))


def load(stream: str, state: dict[str, Any]) -> Bookmark:
    """The bookmark in a stream's state; an empty one is the beginning.

    Raises:
        DataError: it is not one of a REST tap.
    """
    try:
        if state and not set(state) & _KNOWN:
            raise bad_state("its bookmark is not one of this tap", stream)
        mark = msgspec.convert(state, Bookmark)
        mark.replication_key_value = _is_time(mark.replication_key_value)
        mark.changes = _is_time(mark.changes)
    except (msgspec.ValidationError, SkippableError):
        raise bad_state("its bookmark is not one of this tap", stream) from None
    return mark


_KNOWN = {*Bookmark.__struct_fields__, "starting_replication_value"}
"""The last is what the SDK puts there when a stream begins."""
