"""What STATE says of one stream of a database."""

from __future__ import annotations

from typing import Any

import msgspec

from taps.base.tap import bad_state


class Bookmark(msgspec.Struct):
    """How far the rows have been sent.

    Every field is always there, in one shape: a runner may merge one state into another, key by key, and what is
    absent would stay. Values are the database's own text of them, so nothing is lost on the way.
    """

    replication_key: str | None = None
    replication_key_value: str | int | float | None = None
    """Of the last row sent; None while the rows without one are read."""
    key_position: list[str] | None = None
    """Key of the last row sent, as long as the read is not complete."""
    key_limit: list[str] | None = None
    """Greatest key when a full read began."""
    ties: list[list[str]] = []
    """Rows at which a run was cut, as value and key: what has come to stand before them since is read at the end."""
    table_version: int = 0
    log_position: str | None = None
    """Up to where the database's log of changes has been read."""

    @property
    def value(self) -> str | None:
        """The replication key's value as text."""
        value = self.replication_key_value
        return None if value is None else str(value)

    def store(self, state: dict[str, Any]) -> None:
        """Put it into the stream's state."""
        state.clear()
        state.update(msgspec.to_builtins(self))


def load(stream: str, state: dict[str, Any]) -> Bookmark:
    """The bookmark in a stream's state; an empty one is the beginning.

    Raises:
        DataError: it is not one of a SQL tap.
    """
    if state and not set(state) & _KNOWN:
        raise bad_state("its bookmark is not one of this tap", stream)
    try:
        return msgspec.convert(state, Bookmark)
    except msgspec.ValidationError:
        raise bad_state("its bookmark is not one of this tap", stream) from None


_KNOWN = {*Bookmark.__struct_fields__, "starting_replication_value"}
"""The last is what the SDK puts there when a stream begins."""
