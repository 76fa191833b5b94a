"""What is new: the field that tells, its forms, and the windows in which it is read.

A window is read to its end before the bookmark moves, so the order of rows inside it does not matter: a run that is
cut reads the window again, and nothing is lost. The last window ends when the run began; what is dated later belongs
to a later run, however far ahead the source's clock is.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from pipe import times
from pipe.errors import SkippableError
from taps.base.rest.template import dig

if TYPE_CHECKING:
    from pipe.times import Instant

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DIVISORS = {"epoch_s": timedelta(seconds=1), "epoch_ms": timedelta(milliseconds=1)}
_ISO = {"iso": "seconds", "iso_ms": "milliseconds", "iso_us": "microseconds"}


class Window(NamedTuple):
    """A span of time that is read in one go: from `since`, inclusive, to `until`."""

    since: datetime
    until: datetime


@dataclass(frozen=True)
class Cursor:
    """Reads rows by when they were last changed (or made).

    Attributes:
        field: dotted path of the time in a row.
        form: how rows write it: a format of `pipe.times`.
        send: how requests write it: iso, iso_ms, iso_us, epoch_s, epoch_ms, or a strftime pattern (UTC).
        window: span of the first window; None reads all at once. After a window of a page or less the next is
            longer, after one of many pages half as long.
        lookback: how much before the bookmark is read again, for rows that show up late.
        start: from when, without a bookmark.
        ascending: pages come in this field's order, so the bookmark may follow every page.
        inclusive: whether the server's lower bound includes its value; else one `granularity` less is asked for.
        granularity: the smallest step of the server's filter.
        bounded: whether requests carry `{until}`.
    """

    field: str
    form: str = "iso"
    send: str = "iso"
    window: timedelta | None = timedelta(days=30)
    lookback: timedelta = timedelta()
    start: datetime = datetime(2000, 1, 1, tzinfo=UTC)
    ascending: bool = False
    inclusive: bool = True
    granularity: timedelta = timedelta(seconds=1)
    bounded: bool = True

    @cached_property
    def _parse(self) -> Instant:
        return times.time_parser(self.form)

    def value(self, row: dict[str, Any]) -> str | None:
        """The row's time as canonical text; None where it has none that can be read."""
        try:
            return self._parse(dig(row, self.field))
        except SkippableError:
            return None

    def written(self, moment: datetime) -> str | int:
        """A moment as requests write it."""
        if divisor := _DIVISORS.get(self.send):
            return (moment - EPOCH) // divisor
        if precision := _ISO.get(self.send):
            return moment.astimezone(UTC).isoformat(timespec=precision).replace("+00:00", "Z")
        return moment.astimezone(UTC).strftime(self.send)

    def values(self, window: Window) -> dict[str, Any]:
        """What fills `{since}` and `{until}`: never less than the window, whatever the server's steps."""
        since = _floor(window.since, self.granularity)
        if not self.inclusive:
            since -= self.granularity
        until = _floor(window.until, self.granularity)
        if until < window.until:
            until += self.granularity
        return {"since": self.written(since), "until": self.written(until)}

    def resized(self, window: timedelta, pages: int, *, first_load: bool) -> timedelta:
        """The span of the next window, after one that took so many pages.

        On a first load it grows to four times the declared one at most, as what is ahead may be dense; later on a
        stream that stands still for years should cost a few calls.
        """
        if pages > _MANY_PAGES:
            return max(window / 2, self.granularity)
        if pages > 1:
            return window
        return max(window, min(window * 2, (self.window or window) * 4)) if first_load else window * 4


_MANY_PAGES = 100


def moment(text: str) -> datetime:
    """A canonical text as a datetime."""
    return datetime.fromisoformat(text)


def _floor(when: datetime, step: timedelta) -> datetime:
    return EPOCH + ((when - EPOCH) // step) * step
