"""Columns that want the same field compete for it: one wins, the others say to whom they lost."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from discovery.rules import NONE
from discovery.words import cut

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from discovery.match import Candidate, Choice
    from discovery.table import Relation

SINGLE = (
    "value",
    "timestamp",
    "user_id",
    "location_id",
    "location_name",
    "quantity",
    "subtotal",
    "status",
    "unit_price",
    "refund_amount",
    "shipping_amount",
    "loyalty_id",
    "product_name",
    "full_name",
    "updated_at",
    "device_id",
    "birth_date",
)
"""Fields that one column feeds; the others may have several (billing and shipping telephone, product id and SKU)."""

_NULLS = 1.6
"""Log-odds that a column loses in a competition when all of it is null."""

_EQUALS = 0.25
"""Two columns this close are equals if their values are the same."""

_EXACT_TIME = 0.4
"""Log-odds that a date with a time of day has before one without."""

BESIDE = 1.0
"""Log-odds that a column feeds nothing once the field it suits best is another column's."""

_TOTAL, _LEFT_OVER, _CONVERTED = 1.0, 2.0, 1.0
"""Log-odds of an amount: won by the sum of others, lost by what is left after fees, lost by one that was converted."""

_REPORTED = {"usd", "eur", "gbp"}
"""Currencies that reports are in."""

_ROUNDS = 40


def settle(choices: Sequence[Choice], relations: Sequence[Relation] = ()) -> None:
    """Give each single field to one column; the candidates of the losers are struck out."""
    weights: Counter[str] = Counter(
        {relation.result: _TOTAL for relation in relations if relation.kind == "sum" and relation.plus}
    )
    weights.subtract(dict.fromkeys(_after_fees(choices), _LEFT_OVER))
    weights.subtract(dict.fromkeys(converted(choices), _CONVERTED))
    for _ in range(_ROUNDS):
        if not sum(_one_winner(choices, target, weights) for target in SINGLE):
            return


def _after_fees(choices: Sequence[Choice]) -> set[str]:
    """Columns of what was settled, where fees stand beside them and nothing was authorized before."""
    said = {choice.seen.profile.name: set(choice.seen.name.concepts) for choice in choices}
    spoken = set().union(*said.values())
    apart = "fee" in spoken and "authorization" not in spoken
    return {name for name, concepts in said.items() if apart and "settlement" in concepts}


def converted(choices: Sequence[Choice]) -> set[str]:
    """Columns named for one currency (`total_in_usd`), where another column says in which currency each row is."""
    several = any(item.best.target == "currency" and item.seen.profile.distinct_seen != 1 for item in choices)
    return {item.seen.profile.name for item in choices if several and _REPORTED & set(cut(item.seen.name.text))}


def _strength(choice: Choice, target: str, weights: Mapping[str, float]) -> float:
    strength = choice.odds(target) - _NULLS * (choice.seen.profile.null_fraction or 0)
    if target == "value":
        strength += weights[choice.seen.profile.name]
    if target == "timestamp" and choice.seen.dates and choice.seen.dates.has_time:
        strength += _EXACT_TIME
    return strength


def _one_winner(choices: Sequence[Choice], target: str, weights: Mapping[str, float]) -> bool:
    """Whether some column lost the field."""
    wanting = [choice for choice in choices if choice.best.target == target]
    if len(wanting) < 2:
        return False
    ranked = sorted(wanting, key=lambda choice: (-_strength(choice, target, weights), choice.seen.profile.position))
    winner, *losers = ranked
    welcome = _partner(winner, losers) if target == "timestamp" else None
    lost = [
        loser
        for loser in losers
        if loser is not welcome and not _twin(winner, loser, target) and not _stands_in(winner, loser)
    ]
    for loser in lost:
        _strike(loser, target, winner)
    if welcome and _is_clock(welcome):
        _below(welcome, winner, target)
    elif welcome:
        _below(winner, welcome, target)
    names = ", ".join(loser.seen.profile.name for loser in lost)
    if lost:
        winner.best.reasons = (*winner.best.reasons, f"chosen over {names}")
    return bool(lost)


def _stands_in(winner: Choice, loser: Choice) -> bool:
    """An authorized amount stands in where the settled one is not known yet."""
    if "settlement" not in winner.seen.name.concepts or "authorization" not in loser.seen.name.concepts:
        return False
    return bool(winner.seen.profile.null_fraction)


def _twin(winner: Choice, loser: Choice, target: str) -> bool:
    """Whether two columns say the same thing: as sure as each other, with the same values.

    An amount that was authorised stands in until it is settled.
    """
    if target == "value" and "settlement" in winner.seen.name.concepts and "authorization" in loser.seen.name.concepts:
        return True
    same = winner.seen.profile.samples == loser.seen.profile.samples and len(winner.seen.profile.samples) > 1
    return same and abs(winner.odds(target) - loser.odds(target)) < _EQUALS


def _partner(winner: Choice, losers: Sequence[Choice]) -> Choice | None:
    """The column with the time of day where the winner has the day, or the other way round."""
    for loser in losers:
        if (_is_day(winner) and _is_clock(loser)) or (_is_clock(winner) and _is_day(loser)):
            return loser
    return None


def _below(clock: Choice, day: Choice, target: str) -> None:
    """The day is asked first for the time; the time of day only adds to it."""
    clock.candidates[0].odds = min(clock.odds(target), day.odds(target) - _EQUALS)


def _is_clock(choice: Choice) -> bool:
    seen = choice.seen
    said = set(seen.name.concepts)
    return seen.kind == "clock" or (
        seen.kind in {"whole", "empty"} and "time" in said and not said & {"date", "datetime", "day"}
    )


def _is_day(choice: Choice) -> bool:
    seen = choice.seen
    if seen.dates:
        return not seen.dates.has_time
    return seen.kind in {"whole", "empty"} and bool({"date", "day"} & set(seen.name.concepts))


def _strike(loser: Choice, target: str, winner: Choice) -> None:
    lost: list[Candidate] = [item for item in loser.candidates if item.target == target]
    loser.candidates = [item for item in loser.candidates if item.target != target]
    loser.lost = f"{winner.seen.profile.name} is rather the {target.replace('_', ' ')}"
    loser.struck = [*loser.struck, *lost]
    for item in loser.candidates:
        if item.target == NONE:
            item.odds = max(item.odds, BESIDE)
    loser.candidates.sort(key=lambda item: -item.odds)
