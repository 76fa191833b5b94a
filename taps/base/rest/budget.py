"""How many calls a run may make and how fast; and how many it made, by stream: the cost report."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from pipe import metrics
from pipe.errors import RetriableError

Sleep = Callable[[float], None]


@dataclass(frozen=True)
class Budget:
    """Limits on calls: `max_calls` a run, `per_second` on average. None is no limit."""

    max_calls: int | None = None
    per_second: float | None = None


class Account:
    """The calls of one run."""

    def __init__(self, budget: Budget, sleep: Sleep) -> None:
        """Nothing spent yet."""
        self.calls: Counter[str] = Counter()
        self._told: Counter[str] = Counter()
        self._budget = budget
        self._sleep = sleep
        self._next = 0.0

    def take(self, stream: str) -> None:
        """Count a call that is about to be made, and hold it back while the rate is too high.

        Raises:
            RetriableError: all calls of the run are spent.
        """
        limit = self._budget.max_calls
        if limit is not None and self.calls.total() >= limit:
            raise RetriableError(
                f"the {limit} calls that max_api_calls allows are spent",
                stream=stream,
                remedy="Run again to go on from the bookmark, or allow more",
            )
        self.calls[stream] += 1
        if rate := self._budget.per_second:
            now = time.monotonic()
            if self._next > now:
                self._sleep(self._next - now)
            self._next = max(self._next, now) + 1 / rate

    def report(self, stream: str | None = None) -> None:
        """Log the calls made since the last report, of one stream or of all (and of what else they were for)."""
        for name, count in (self.calls - self._told).items():
            if stream in {None, name}:
                metrics.counter("http_request_count", count, stream=name)
                self._told[name] = self.calls[name]
