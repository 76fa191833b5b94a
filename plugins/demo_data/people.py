"""The bakery's people: who they are, what they carry, with whom they share it. This is the truth the demo knows."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING

from plugins.demo_data import words
from plugins.demo_data.rates import RATES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from plugins.demo_data.dice import Dice

_OLDEST, _BIRTH_DAYS = date(1921, 1, 1), 60 * 365  # so that everybody is grown up in 1997
_CITIES = tuple((city, city.share) for city in words.CITIES)


@dataclass
class Address:
    """Where somebody lives."""

    street: str
    city: words.City
    zip: str


@dataclass
class Person:
    """One customer of the shop, as only the generator knows them."""

    number: str
    first_name: str
    last_name: str
    birth_date: date
    address: Address
    phone: str
    """Ten digits, valid in the US."""
    emails: list[str]
    """Main one first; none for people without a mailbox."""
    cards: list[str]
    """One or two; the first is the usual one."""
    loyalty_id: str = ""
    """The Thanx USER_ID, empty for those who are no members."""
    online_share: float = 0.0
    """Of their purchases."""
    online_id: str = ""
    """Customer id in the online shop, empty for those without an account."""


@dataclass
class Registry:
    """Hands out what no two people may get by accident: phone numbers, mailboxes, cards."""

    phones: Counter[str] = field(default_factory=Counter)
    mailboxes: Counter[str] = field(default_factory=Counter)
    cards: int = 0

    def phone(self, area_code: str) -> str:
        """A number that is valid and nobody's.

        The range kept for fiction (555-0100 to 555-0199) is too small for a city. The rest of exchange 555 rings at
        no subscriber either, and passes every validity check; directory assistance (555-1212) is left out.
        """
        line = (self.phones[area_code] * 7919 + 101) % 10_000  # 7919 is prime: every line once before any comes again
        self.phones[area_code] += 1
        if line == 1212:  # noqa: PLR2004
            return self.phone(area_code)
        return f"{area_code}555{line:04d}"

    def mailbox(self, local_part: str, domain: str) -> str:
        """`local_part@domain`, with a number behind the local part when somebody has it already."""
        name = f"{local_part}@{domain}"
        self.mailboxes[name] += 1
        taken = self.mailboxes[name]
        return name if taken == 1 else self.mailbox(f"{local_part}{taken}", domain)

    def card(self) -> str:
        """Fingerprint of a new card."""
        self.cards += 1
        return sha256(f"card {self.cards}".encode()).hexdigest()[:24]


def populate(numbers: Sequence[str], dice: Dice) -> list[Person]:
    """One person for each customer number, in that order, with their households and offices."""
    registry = Registry()
    people = [_person(number, index, dice, registry) for index, number in enumerate(numbers)]
    start = 0
    while start < len(people):
        size = int(dice.weighted(RATES.household_size)) if dice.chance(RATES.household_starts) else 1
        if size > 1:
            _move_in(people[start : start + size], dice)
        start += size
    for _ in range(RATES.offices if len(people) > RATES.office_size else 0):
        switchboard = registry.phone(dice.pick(dice.pick(words.CITIES).area_codes))
        for _ in range(RATES.office_size):
            dice.pick(people).phone = switchboard
    return people


def _person(number: str, index: int, dice: Dice, registry: Registry) -> Person:
    first_name, last_name = dice.pick(words.GIVEN_NAMES), dice.pick(words.FAMILY_NAMES)
    birth_date = _OLDEST + timedelta(days=dice.below(_BIRTH_DAYS))
    city = dice.weighted(_CITIES)
    online_share = dice.weighted(RATES.online_share)
    mailboxes = 0 if dice.chance(RATES.email_missing) else 1 + dice.chance(RATES.second_email)
    return Person(
        number=number,
        first_name=first_name,
        last_name=last_name,
        birth_date=birth_date,
        address=address(dice, city),
        phone=registry.phone(dice.pick(city.area_codes)),
        emails=[_mailbox(first_name, last_name, birth_date, dice, registry) for _ in range(mailboxes)],
        cards=[registry.card() for _ in range(1 + dice.chance(RATES.second_card))],
        loyalty_id=f"{7_100_000 + index * 3}" if dice.chance(RATES.member) else "",
        online_share=online_share,
        online_id=f"c{50_000 + index * 7}" if online_share and dice.chance(RATES.online_account) else "",
    )


def address(dice: Dice, city: words.City) -> Address:
    """Somewhere in that city."""
    kind = dice.pick(words.STREET_KINDS)[0]
    return Address(f"{1 + dice.below(9800)} {dice.pick(words.STREET_NAMES)} {kind}", city, dice.pick(city.zips))


def _mailbox(first_name: str, last_name: str, birth_date: date, dice: Dice, registry: Registry) -> str:
    first, last = plain(first_name), plain(last_name)
    local_part = dice.pick(
        (f"{first}.{last}", f"{first}{last}", f"{first[0]}{last}", f"{first}_{last}", f"{first}{birth_date:%y}")
    )
    return registry.mailbox(local_part, dice.pick(words.MAIL_DOMAINS))


def plain(name: str) -> str:
    """A name as people write it in a mailbox: small letters, no accents."""
    return name.lower().translate(str.maketrans("áéíóúñëü", "aeiouneu"))


def _move_in(household: list[Person], dice: Dice) -> None:
    """Give the members of a household what they share."""
    head, *others = household
    one_phone = dice.chance(RATES.household_phone)
    for member in others:
        member.address = replace(head.address)
        if dice.chance(RATES.household_same_name):
            member.last_name = head.last_name
        if one_phone:
            member.phone = head.phone
    if others and dice.chance(RATES.household_card):
        others[0].cards = [head.cards[0], *others[0].cards[:1]]
    if others and head.emails and dice.chance(RATES.household_email):
        others[0].emails = head.emails[:1]
