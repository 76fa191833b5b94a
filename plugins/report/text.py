"""Numbers, money and dates as the page writes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipe import money as amounts

if TYPE_CHECKING:
    from datetime import date
    from decimal import Decimal

SIGNS = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥"}


def number(value: int) -> str:
    """12,345."""
    return f"{value:,}"


def plain(value: object) -> str:
    """Whole numbers with their thousands parted, anything else as it is."""
    return number(value) if isinstance(value, int) else str(value)


def percent(share: float, decimals: int = 1) -> str:
    """0.4886 -> 48.9 %."""
    return f"{share * 100:.{decimals}f}%"


def money(value: Decimal, currency: str) -> str:
    """$1,234.50, or 1,234.50 CHF; as many decimals as the currency has."""
    plain = f"{value:,.{amounts.exponent(currency)}f}"
    sign = SIGNS.get(currency)
    return f"{sign}{plain}" if sign else f"{plain} {currency}"


def short_money(value: float, currency: str) -> str:
    """$250k, for axes."""
    for size, letter in ((1_000_000_000, "bn"), (1_000_000, "m"), (1_000, "k")):
        if abs(value) >= size:
            return f"{SIGNS.get(currency, '')}{value / size:g}{letter}"
    return f"{SIGNS.get(currency, '')}{value:g}"


def day(value: date) -> str:
    """30 June 1998."""
    return f"{value.day} {value:%B %Y}"


def count(value: int, one: str, many: str) -> str:
    """1 source, 2 sources."""
    return f"{number(value)} {one if value == 1 else many}"
