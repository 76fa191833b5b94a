"""GraphQL over the same base: the body of a request, and what errors inside a 200 mean."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec

from taps.base.rest.retry import BodyRule
from taps.base.rest.template import dig

if TYPE_CHECKING:
    from collections.abc import Mapping

CODE = "errors.0.extensions.code"
"""Where a service puts the class of its error; give it as `Retry.code`, too."""

_WRONG = frozenset({"MAX_COST_EXCEEDED", "undefinedField", "argumentNotAccepted", "parseError", "variableMismatch"})


def request(query: str, variables: Mapping[str, Any]) -> dict[str, Any]:
    """The body of a resource with method POST; places such as `{token}` and `{since}` belong into the variables."""
    return {"query": query, "variables": dict(variables)}


def rules(*, busy: str = "THROTTLED", forbidden: str = "ACCESS_DENIED") -> tuple[BodyRule, ...]:
    """The rules of `Retry.body`: throttled is waited for by the cost it names, forbidden skips, others are tried again.

    An answer with errors is never taken in part: which rows are missing would be unknown. What is wrong with the query
    itself fails at once; with other statuses than 200 the status says what to do.
    """
    return (
        BodyRule(CODE, frozenset({busy}), "retry", wait=cost_wait),
        BodyRule(CODE, frozenset({forbidden}), "skip"),
        BodyRule(CODE, _WRONG, "fail"),
        BodyRule("errors", then="again", statuses=frozenset({200})),
    )


class CostRate:
    """A value for `Retry.rates`: while fewer points are left than the last query asked for, the next one waits."""

    def wait(self, headers: Mapping[str, str], content: bytes) -> float | None:
        """Seconds until a query like that can be paid; None for none (a throttled one waits by its own rule)."""
        try:
            envelope = _envelope(content)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None
        return None if envelope.errors else cost_wait({"extensions": envelope.extensions}) or None


class _Envelope(msgspec.Struct):
    """An answer without its rows, which are passed over."""

    extensions: Any = None
    errors: Any = None


_envelope = msgspec.json.Decoder(_Envelope).decode


def cost_wait(body: Any) -> float | None:
    """Seconds until the query can be paid, by `extensions.cost` (points asked for, left, and restored a second)."""
    asked = dig(body, "extensions.cost.requestedQueryCost")
    left, rate = (dig(body, f"extensions.cost.throttleStatus.{name}") for name in ("currentlyAvailable", "restoreRate"))
    if not all(isinstance(number, int | float | Decimal) for number in (asked, left, rate)) or not rate:
        return None
    return max(0.0, float(asked - left) / float(rate))
