"""GraphQL over the same base: the body of a request, and what errors inside a 200 mean."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from taps.base.rest.retry import BodyRule
from taps.base.rest.template import dig

if TYPE_CHECKING:
    from collections.abc import Mapping

CODE = "errors.0.extensions.code"
"""Where a service puts the class of its error; give it as `Retry.code`, too."""


def request(query: str, variables: Mapping[str, Any]) -> dict[str, Any]:
    """The body of a resource with method POST; places such as `{token}` and `{since}` belong into the variables."""
    return {"query": query, "variables": dict(variables)}


def rules(*, busy: str = "THROTTLED", forbidden: str = "ACCESS_DENIED") -> tuple[BodyRule, ...]:
    """The rules of `Retry.body`: throttled is waited for by the cost it names, forbidden skips, the rest is an error.

    An answer with errors is never taken in part: which rows are missing would be unknown.
    """
    return (
        BodyRule(CODE, frozenset({busy}), "retry", wait=cost_wait),
        BodyRule(CODE, frozenset({forbidden}), "skip"),
        BodyRule(CODE, frozenset({"INTERNAL_SERVER_ERROR", "TIMEOUT"}), "again"),
        BodyRule("errors"),
    )


def cost_wait(body: Any) -> float | None:
    """Seconds until the query can be paid, by `extensions.cost` (points asked for, left, and restored a second)."""
    cost = dig(body, "extensions.cost") or {}
    asked, left = cost.get("requestedQueryCost"), dig(cost, "throttleStatus.currentlyAvailable")
    rate = dig(cost, "throttleStatus.restoreRate")
    return max(0.0, float(asked - left) / float(rate)) if asked and left is not None and rate else None
