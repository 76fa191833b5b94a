"""Who bought, when and where: every purchase goes to one person and one of two channels."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING, NamedTuple

from plugins.demo_data.dice import Dice
from plugins.demo_data.people import Person, populate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from plugins.demo_data.cdnow import Purchase

_OPENING, _OPEN_SECONDS = time(12, 30), 10 * 3600  # UTC; ends before midnight, so that no order changes its day


class Sale(NamedTuple):
    """A purchase, who made it and when."""

    person: Person
    moment: datetime
    """UTC."""
    purchase: Purchase


def deal(purchases: Sequence[Purchase], seed: int) -> tuple[list[Person], list[Sale], list[Sale]]:
    """People, their purchases at the counter, their purchases online; both in order of time."""
    numbers = list(dict.fromkeys(purchase.customer for purchase in purchases))
    people = populate(numbers, Dice(seed))
    by_number = dict(zip(numbers, people, strict=True))
    dice = Dice(seed + 1)
    channels: tuple[list[Sale], list[Sale]] = ([], [])
    for purchase in purchases:
        person = by_number[purchase.customer]
        moment = datetime.combine(purchase.day, _OPENING) + timedelta(seconds=dice.below(_OPEN_SECONDS))
        channels[dice.chance(person.online_share)].append(Sale(person, moment, purchase))
    at_counter, on_web = (sorted(channel, key=lambda sale: sale.moment) for channel in channels)
    return people, at_counter, on_web
