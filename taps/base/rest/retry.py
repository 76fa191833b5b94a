"""Which answers are worth another try, and when: one value for a whole API."""

from __future__ import annotations

import email.utils
import random
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from pipe.errors import PipeError, RetriableError
from taps.base.rest.template import dig

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

TOO_MANY = 429
BUSY = frozenset({408, 425, TOO_MANY, 500, 502, 503, 504, 520, 521, 522, 523, 524, 529, 530})


class RestartError(Exception):
    """The place in the list is not known any more: the list is to be read from its start."""


class AgainError(Exception):
    """This answer is no good; another may be.

    Attributes:
        reason: what was wrong, in words without values.
        wait: seconds the server asked for.
        patient: tried until the time is up, however often (a rate limit says nothing of what is asked).
        final: the error to raise once there are no more tries.
    """

    def __init__(
        self,
        reason: str,
        *,
        wait: float | None = None,
        patient: bool = False,
        final: type[PipeError] = RetriableError,
    ) -> None:
        """Say what was wrong."""
        super().__init__(reason)
        self.reason, self.wait, self.patient, self.final = reason, wait, patient, final


@dataclass(frozen=True)
class BodyRule:
    """What a field of the reply's body means, whatever its status.

    Attributes:
        path: dotted path of the field; it matters when it is there and not empty.
        values: only these values; all of them where empty.
        then: `retry` (a rate limit: waited for), `again` (tried some times), `restart` (the token or id of the page is
            not valid any more: the list is read from its start), `skip` (this stream is not allowed), `credentials`
            (sign in anew, once), or `fail`.
        statuses: only with these statuses; all of them where empty.
        wait: how long to wait, from the body.
    """

    path: str
    values: frozenset[Any] = frozenset()
    then: str = "fail"
    statuses: frozenset[int] = frozenset()
    wait: Callable[[Any], float | None] | None = None

    def holds(self, status: int, body: Any) -> bool:
        """Whether it applies."""
        found = dig(body, self.path)
        if found in (None, "", [], {}, False) or (self.statuses and status not in self.statuses):
            return False
        return not self.values or (not isinstance(found, list | dict) and found in self.values)


class Rates(Protocol):
    """How a vendor says that the next call has to wait."""

    def wait(self, headers: Mapping[str, str], content: bytes) -> float | None:
        """Seconds to wait before the next call, by an answer's headers or body; None for none."""


@dataclass(frozen=True)
class RateHeaders:
    """A vendor's headers of how many calls are left: with none left, the next call waits.

    Attributes:
        remaining: name of the header with the number left.
        reset: name of the header that says when there are more again.
        unit: what that one holds: `seconds` or `milliseconds` to wait, or `epoch` seconds.
    """

    remaining: str
    reset: str
    unit: str = "seconds"

    def wait(self, headers: Mapping[str, str], content: bytes = b"") -> float | None:
        """Seconds to wait before the next call; None for none."""
        try:
            left, reset = float(headers[self.remaining]), float(headers[self.reset])
        except (KeyError, ValueError):
            return None
        if left > 0:
            return None
        now = datetime.now(UTC).timestamp()
        return max(0.0, {"seconds": reset, "milliseconds": reset / 1000, "epoch": reset - now}[self.unit])


@dataclass(frozen=True)
class Retry:
    """The policy.

    Attributes:
        statuses: of answers that are tried again.
        body: rules on the body, the first that holds counts.
        skip: statuses that mean "you may not read this stream".
        rates: what the vendor says of calls that are left.
        code: dotted path of the vendor's error code, for the message; the vendor's own text is never shown.
        request_id: name of the header with the vendor's number of the call.
        attempts: tries of one call; a rate limit is waited for without counting.
        base: seconds before the second try, doubled for every further one, with jitter.
        cap: longest wait that is ours; what the server asks for is kept to the second.
        seconds: how long one call may take in all, waits included.
    """

    statuses: frozenset[int] = BUSY
    body: tuple[BodyRule, ...] = ()
    skip: frozenset[int] = frozenset({402, 403})
    rates: Rates | None = None
    code: str = ""
    request_id: str = ""
    attempts: int = 6
    base: float = 1.0
    cap: float = 60.0
    seconds: float = 600.0

    def wait(self, tries: int, asked: float | None) -> float:
        """Seconds before the next try, after so many: what the server asked for, else exponential with full jitter.

        A server that asks for none is not asked again without pause.
        """
        if asked:
            return asked
        ceiling = min(self.cap, self.base * 2.0 ** (tries - 1))
        return ceiling / 2 + random.uniform(0, ceiling / 2)  # noqa: S311  spreads load, keeps no secret


def retry_after(headers: Mapping[str, str]) -> float | None:
    """What the header Retry-After asks for, in seconds: a number or an HTTP date; None without one."""
    text = headers.get("Retry-After", "").strip()
    try:
        return max(0.0, float(text))
    except ValueError:
        pass
    try:
        when = email.utils.parsedate_to_datetime(text)
    except (ValueError, TypeError):
        return None
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    return max(0.0, (when - datetime.now(UTC)).total_seconds())
