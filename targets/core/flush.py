"""When to commit, and which STATE may be said after it."""

from __future__ import annotations

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
