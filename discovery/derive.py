"""Fields that no column is, but columns make: value from price and quantity, a time from a day and a time of day."""

from __future__ import annotations

from typing import TYPE_CHECKING

from discovery.match import Candidate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from discovery.match import Choice
    from discovery.roles import Role

_PRICED = {"line", "order", "event"}


def value_of_lines(choices: Sequence[Choice], role: Role) -> None:
    """Where a unit price is the only money, the value is price x quantity."""
    if role.name not in _PRICED or any(choice.best.target in {"value", "subtotal"} for choice in choices):
        return
    prices = [choice for choice in choices if choice.best.target == "unit_price"]
    if not prices:
        return
    price = prices[0]
    amounts = [choice for choice in choices if choice.best.target == "quantity"]
    best = price.best
    reasons = (*best.reasons, "the table has no other amount, so the value is made of it")
    price.candidates.insert(0, Candidate("value", best.odds - 0.3, best.by_name, best.fit, reasons))
    if amounts:
        price.expression = f"{price.seen.profile.name} * {amounts[0].seen.profile.name}"


def amount_before_total(choices: Sequence[Choice], role: Role) -> None:
    """An amount that lost to a total, where tax or tip stand beside it, is the subtotal."""
    targets = {choice.best.target for choice in choices}
    if "subtotal" in targets or "value" not in targets or not targets & {"tax", "tip"} or role.name not in _PRICED:
        return
    for choice in choices:
        lost = next((item for item in choice.struck if item.target == "value" and item.odds > 0), None)
        if lost and choice.best.target == "none" and set(choice.seen.name.concepts) == {"amount"}:
            reasons = (*lost.reasons, f"{choice.lost}; with tax or tip beside it, this is before them")
            choice.candidates.insert(0, Candidate("subtotal", 0.8, lost.by_name, lost.fit, reasons))
            return
