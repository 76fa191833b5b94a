"""Purchases on the web, as an online-ordering system has them (the 13 fields of Olo orders, UTC, dollars)."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from plugins.demo_data import noise, words
from plugins.demo_data.rates import RATES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from plugins.demo_data.deal import Sale
    from plugins.demo_data.dice import Dice
    from plugins.demo_data.people import Person

_FIRST_ORDER = 880_000_000_000_001
_WITH_TAX, _CENT = Decimal("1.0825"), Decimal("0.01")  # sales tax in Texas cities


def orders(sales: Sequence[Sale], dice: Dice) -> list[dict[str, Any]]:
    """One order a sale, in the order given (that of time), which is also that of the order ids."""
    return [_order(index, sale, dice) for index, sale in enumerate(sales)]


def _order(index: int, sale: Sale, dice: Dice) -> dict[str, Any]:
    person, moment, purchase = sale
    shop = dice.pick(words.SHOPS[person.address.city.name])
    subtotal = (purchase.value / _WITH_TAX).quantize(_CENT)
    return {
        "id": f"{_FIRST_ORDER + index}",
        "order_number": f"{shop.number}-{1000 + index % 9000}",
        "customer_id": person.online_id if person.online_id and dice.chance(RATES.signed_in) else None,
        "customer_email": _email(person, dice),
        "customer_phone": _phone(person, dice),
        "subtotal": subtotal,
        "tax": purchase.value - subtotal,
        "total": purchase.value,
        "created_at": f"{moment:%Y-%m-%dT%H:%M:%S}Z",
        "completed_at": f"{moment + timedelta(minutes=10 + dice.below(45)):%Y-%m-%dT%H:%M:%S}Z",
        "location_id": shop.number,
        "location_name": shop.name,
        "items": _items(purchase.quantity, dice),
    }


def _email(person: Person, dice: Dice) -> str | None:
    if not person.emails or dice.chance(RATES.order_email_missing):
        return dice.pick(words.PLACEHOLDER_EMAILS) if dice.chance(RATES.order_email_placeholder) else None
    if dice.chance(RATES.order_email_placeholder):
        return dice.pick(words.PLACEHOLDER_EMAILS)
    mailbox = dice.pick(person.emails)
    if dice.chance(RATES.order_email_typo):
        return noise.email_typo(mailbox, dice)
    return noise.email(mailbox, dice) if dice.chance(RATES.order_email_styled) else mailbox


def _phone(person: Person, dice: Dice) -> str | None:
    if dice.chance(RATES.order_phone_missing):
        return None
    if dice.chance(RATES.order_phone_placeholder):
        return dice.pick(words.PLACEHOLDER_PHONES)
    number = noise.wrong_digit(person.phone, dice) if dice.chance(RATES.order_phone_slip) else person.phone
    return noise.phone(number, dice)


def _items(quantity: int, dice: Dice) -> list[dict[str, Any]]:
    """One line, or two when there is more than one piece."""
    first = 1 + dice.below(quantity)
    lines = [{"name": dice.pick(words.PRODUCTS), "quantity": first}]
    if first < quantity:
        lines.append({"name": dice.pick(words.PRODUCTS), "quantity": quantity - first})
    return lines
