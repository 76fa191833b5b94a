"""When to commit, and which STATE may be said after it."""

from __future__ import annotations

import time
from dataclasses import dataclass

IDLE_SECONDS = 5.0
"""After so long without input, what is held is committed if a STATE waits for it."""

BETWEEN_STATES = 2
"""The limits count double between two STATE messages: a commit right after one stores nothing that it does not cover,
so that a run that is killed and repeated appends nothing twice."""


@dataclass(frozen=True)
class FlushPolicy:
    """Limits of what is held back: rows, bytes of input, seconds since the first of them came."""

    rows: int
    bytes: int
    seconds: float

    def due(self, rows: int, size: int, age: float, *, at_state: bool, first: bool) -> bool:
        """Whether to commit now.

        The first STATE is always due: a warehouse that cannot be written to shows at once, not after a batch.
        """
        factor = 1 if at_state else BETWEEN_STATES
        return (
            (first and at_state)
            or rows >= self.rows * factor
            or size >= self.bytes * factor
            or age >= self.seconds * factor
        )


class Pace:
    """Applies a policy to what has come since the last commit."""

    def __init__(self, policy: FlushPolicy) -> None:
        """Nothing has come."""
        self._policy = policy
        self._bytes = 0
        self._since: float | None = None
        self._last_input = time.monotonic()
        self._first = True

    def took(self, size: int) -> None:
        """So many bytes of input have come."""
        self._bytes += size
        self._last_input = time.monotonic()

    def due(self, rows: int, *, at_state: bool) -> bool:
        """Whether to commit the `rows` records held back."""
        if not rows:
            return False
        now = time.monotonic()
        self._since = now if self._since is None else self._since
        return self._policy.due(rows, self._bytes, now - self._since, at_state=at_state, first=self._first)

    def idle(self) -> bool:
        """Whether nothing has come for a while."""
        return time.monotonic() - self._last_input >= IDLE_SECONDS

    def committed(self) -> None:
        """Everything held back is durable."""
        self._bytes = 0
        self._since = None
        self._first = False


class States:
    """STATE values that wait for the records before them to be durable."""

    def __init__(self) -> None:
        """Nothing waits, nothing was said."""
        self._waiting: list[tuple[int, bytes]] = []
        self._said: bytes | None = None
        self.last_position = 0

    def __bool__(self) -> bool:
        """Whether any waits."""
        return bool(self._waiting)

    def add(self, position: int, value: bytes) -> None:
        """A STATE came in input line `position`."""
        self.last_position = position
        self._waiting.append((position, value))

    @property
    def last(self) -> bytes:
        """The last STATE that waits; empty when none does."""
        return self._waiting[-1][1] if self._waiting else b""

    def release(self, before: int | None = None) -> bytes | None:
        """The last STATE that waits, or the last before input line `before`, unless it was the last one said.

        A STATE covers all that were before it, so these are dropped.
        """
        covered = [value for position, value in self._waiting if before is None or position < before]
        self._waiting.clear()
        if not covered or covered[-1] == self._said:
            return None
        self._said = covered[-1]
        return self._said
