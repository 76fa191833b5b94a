"""Contacts of the CRM: names, birth dates and addresses as clerks and forms left them, some people twice."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from plugins.demo_data import noise, words
from plugins.demo_data.people import address
from plugins.demo_data.rates import RATES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from plugins.demo_data.dice import Dice
    from plugins.demo_data.people import Person

COLUMNS = (
    "contact_id", "first_name", "last_name", "email", "phone", "birth_date", "street", "city", "state", "zip",
    "loyalty_id", "updated_at",
)  # fmt: skip
_FIRST_CONTACT = 300_001
_SINCE, _SECONDS = datetime(1997, 1, 1), 545 * 86_400  # noqa: DTZ001  the file writes UTC without saying so

Contact = tuple[str, ...]


def contacts(people: Sequence[Person], dice: Dice) -> list[tuple[str, Contact]]:
    """(number of the true person, row) for each contact; contact ids tell nothing of who belongs together."""
    entries: list[tuple[float, str, Contact]] = []
    for person in people:
        if not dice.chance(_known(person)):
            continue
        entries.append((dice.below(1 << 30), person.number, _fields(person, dice)))
        if dice.chance(RATES.contact_duplicate):
            entries.append((dice.below(1 << 30), person.number, _fields(_again(person, dice), dice)))
    entries.sort()
    return [(number, (f"{_FIRST_CONTACT + index}", *fields)) for index, (_, number, fields) in enumerate(entries)]


def _known(person: Person) -> float:
    if person.loyalty_id:
        return RATES.contact_member
    return RATES.contact_online if person.online_id else RATES.contact_other


def _again(person: Person, dice: Dice) -> Person:
    """The same person as somebody else would enter them: short name, other mailbox, moved house, no membership."""
    nickname = words.NICKNAMES.get(person.first_name, f"{person.first_name[0]}.")
    emails = person.emails
    if len(emails) > 1 and dice.chance(RATES.duplicate_second_email):
        emails = emails[1:]
    return replace(
        person,
        first_name=nickname if dice.chance(RATES.duplicate_nickname) else person.first_name,
        emails=emails,
        address=address(dice, person.address.city) if dice.chance(RATES.duplicate_moved) else person.address,
        loyalty_id="",
    )


def _fields(person: Person, dice: Dice) -> Contact:
    """Everything behind the contact id."""
    place = ("", "", "", "")
    if not dice.chance(RATES.contact_address_missing):
        home = person.address
        place = (noise.street(home.street, dice), home.city.name, words.STATE, home.zip)
    return (
        _name(person.first_name, dice),
        _name(person.last_name, dice),
        _email(person, dice),
        _phone(person, dice),
        "" if dice.chance(RATES.contact_birth_date_missing) else person.birth_date.isoformat(),
        *place,
        person.loyalty_id if dice.chance(RATES.contact_loyalty_id) else "",
        f"{_SINCE + timedelta(seconds=dice.below(_SECONDS)):%Y-%m-%d %H:%M:%S}",
    )


def _name(name: str, dice: Dice) -> str:
    if dice.chance(RATES.contact_name_typo):
        name = noise.typo(name, dice)
    return noise.name(name, dice) if dice.chance(RATES.contact_name_styled) else name


def _email(person: Person, dice: Dice) -> str:
    if dice.chance(RATES.contact_email_placeholder):
        return dice.pick(words.PLACEHOLDER_EMAILS)
    if not person.emails or dice.chance(RATES.contact_email_missing):
        return ""
    mailbox = person.emails[0]
    if dice.chance(RATES.contact_email_typo):
        return noise.email_typo(mailbox, dice)
    return noise.email(mailbox, dice) if dice.chance(RATES.contact_email_styled) else mailbox


def _phone(person: Person, dice: Dice) -> str:
    if dice.chance(RATES.contact_phone_missing):
        return ""
    if dice.chance(RATES.contact_phone_placeholder):
        return dice.pick(words.PLACEHOLDER_PHONES)
    return noise.phone(person.phone, dice)
