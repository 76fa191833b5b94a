"""Purchases at the counter, as a Thanx purchase export has them (18 columns, upper case, UTC, dollars)."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from hashlib import sha256
from typing import TYPE_CHECKING

from plugins.demo_data import words
from plugins.demo_data.rates import RATES

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from plugins.demo_data.deal import Sale
    from plugins.demo_data.dice import Dice
    from plugins.demo_data.people import Person

COLUMNS = (
    "PURCHASE_ID", "PURCHASE_UID", "MERCHANT_ID", "USER_ID", "CARD_ID", "CARDFINGERPRINT", "ORDER_ID", "LOCATION_ID",
    "LOCATION_NAME", "LOCATION_STREET", "LOCATION_ZIP", "LOCATION_CATEGORY", "AUTHORIZATION_AMOUNT",
    "SETTLEMENT_AMOUNT", "CHANNEL", "PURCHASED_AT", "POS_ID", "POS_PROVIDER",
)  # fmt: skip
_MERCHANT, _CATEGORY, _PROVIDER = "2207", "Bakery", "toast"
_FIRST_PURCHASE, _FIRST_CHECK = 410_000_001, 900_001
_TIPS = tuple(Decimal(tip) for tip in ("1", "1", "1.10", "1.15", "1.18", "1.20"))
_CENT = Decimal("0.01")


def purchases(sales: Sequence[Sale], dice: Dice) -> list[tuple[str, ...]]:
    """One row a sale, in the order given (that of time), which is also that of the purchase ids."""
    settled_before = sales[-1].moment - timedelta(days=2) if sales else None
    return [_row(index, sale, settled_before, dice) for index, sale in enumerate(sales)]


def _row(index: int, sale: Sale, settled_before: datetime | None, dice: Dice) -> tuple[str, ...]:
    person, moment, purchase = sale
    card = _card(person, dice)
    ahead = dice.chance(RATES.till_order_ahead)
    recent = settled_before is not None and moment >= settled_before
    pending = bool(card) and dice.chance(RATES.unsettled_recent if recent else RATES.unsettled_old)
    shop = dice.pick(words.SHOPS[person.address.city.name])
    return (
        f"{_FIRST_PURCHASE + index}",
        sha256(f"purchase {index}".encode()).hexdigest()[:16],
        _MERCHANT,
        person.loyalty_id if dice.chance(RATES.member_recognised) else "",
        f"{int(card[:7], 16)}" if card else "",
        card,
        f"A{_FIRST_CHECK + index}" if ahead else "",
        shop.number,
        shop.name,
        shop.street,
        shop.zip,
        _CATEGORY,
        _authorised(purchase.value, card, pending, dice),
        "" if pending else f"{purchase.value}",
        "digital" if ahead else "instore",
        f"{moment:%Y-%m-%d %H:%M:%S}",
        f"{_FIRST_CHECK + index}",
        _PROVIDER,
    )


def _card(person: Person, dice: Dice) -> str:
    """Fingerprint of the card that paid, empty for cash."""
    if dice.chance(RATES.cash_member if person.loyalty_id else RATES.cash_stranger):
        return ""
    return person.cards[0] if len(person.cards) == 1 or dice.chance(RATES.first_card) else person.cards[1]


def _authorised(value: Decimal, card: str, pending: bool, dice: Dice) -> str:
    """The hold on the card: the whole amount while it waits, else what it was before the tip; nothing for cash."""
    if not card:
        return ""
    return f"{value}" if pending else f"{(value / dice.pick(_TIPS)).quantize(_CENT)}"
