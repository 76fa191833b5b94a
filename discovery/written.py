"""How the values of a column are written: minor units, decimal commas, formats and zones of times; card numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from zoneinfo import available_timezones

from discovery import patterns, words
from discovery.evidence import MOST
from pipe import money

if TYPE_CHECKING:
    from collections.abc import Sequence

    from discovery.evidence import Evidence

MONEY = frozenset(
    {"value", "subtotal", "tax", "tip", "discount", "refund_amount", "shipping_amount", "unit_price", "cost"}
)
TIMES = frozenset({"timestamp", "updated_at", "birth_date"})

_SMALLEST_TYPICAL = 100
"""Median below which whole amounts are rather units than cents."""

_CARDS = 0.5
_AMONG_OTHERS = "raw payment card numbers are among its values: they must not leave the source; have them taken out"
_CLOCKS = {True: ("%I:%M %p", "%I:%M:%S %p"), False: ("%H:%M", "%H:%M:%S")}
_ZONES = {
    "eastern time (us & canada)": "America/New_York",
    "central time (us & canada)": "America/Chicago",
    "mountain time (us & canada)": "America/Denver",
    "pacific time (us & canada)": "America/Los_Angeles",
    "eastern": "America/New_York",
    "central": "America/Chicago",
    "mountain": "America/Denver",
    "pacific": "America/Los_Angeles",
    "london": "Europe/London",
    "berlin": "Europe/Berlin",
    "pst": "America/Los_Angeles",
    "pdt": "America/Los_Angeles",
    "est": "America/New_York",
    "edt": "America/New_York",
    "cet": "Europe/Berlin",
    "mez": "Europe/Berlin",
}
"""Zones by the names exports give them."""


_CURRENCY_WORDS = {
    **dict.fromkeys(("dollar", "dollars", "usd", "cents"), "USD"),
    **dict.fromkeys(("euro", "euros", "eur"), "EUR"),
    **dict.fromkeys(("gbp", "pence"), "GBP"),
}
_SIGNS = {"R$": "BRL", "€": "EUR", "£": "GBP", "¥": "JPY", "₹": "INR"}
"""Signs of one currency; the dollar sign is of many."""


@dataclass(frozen=True)
class Script:
    """How one column is written."""

    unit: str | None = None
    number_format: str | None = None
    time_format: str | None = None
    zone: str | None = None
    currency: str | None = None
    date_doubt: str | None = None
    unit_doubt: str | None = None

    def doubt_about(self, target: str | None) -> str | None:
        """What a person must settle when the column feeds that field."""
        return self.date_doubt if target in TIMES else self.unit_doubt if target in MONEY else None


def scripts(columns: Sequence[Evidence]) -> list[Script]:
    """How each column is written; whether amounts are minor units shows only when all of them are looked at."""
    zone = next((name for column in columns if (name := _zone(column))), None)
    minor = _minor(columns)
    return [_script(column, zone, minor) for column in columns]


def _script(seen: Evidence, zone: str | None, minor: bool) -> Script:
    if seen.kind == "clock":
        return Script(time_format=_clock(seen), zone=zone)
    if seen.dates:
        doubt = f"its times read as {seen.dates.format} and as {seen.dates.ambiguous}" if seen.dates.ambiguous else None
        own = seen.dates.zone or (None if seen.dates.has_zone else zone)
        if seen.dates.unclear and not own:
            doubt = (
                f"its times end in {seen.dates.unclear}, which several zones are called: write zone beside the format"
            )
        return Script(time_format=seen.dates.format, zone=own, date_doubt=doubt)
    if seen.kind == "date":
        return Script(
            date_doubt="its times are written in a way that has no format here: make them plain at the source"
        )
    if not seen.numeric:
        return Script()
    comma = (seen.share("comma") > 0 and seen.share("decimal") == 0) or _comma_money(seen)
    in_cents = "minor" in seen.name.concepts
    cents = in_cents or (minor and seen.kind == "whole")
    doubt = "whole amounts: taken for minor units (cents); they could be major ones" if cents and not in_cents else None
    return Script(
        "minor" if cents else "major", "comma" if comma else "point", currency=_currency(seen), unit_doubt=doubt
    )


def _currency(seen: Evidence) -> str | None:
    """The currency that the name or the signs of the values say."""
    said = next((code for word, code in _CURRENCY_WORDS.items() if word in words.cut(seen.name.text)), None)
    signs = {code for sign, code in _SIGNS.items() for value in seen.values if sign in value}
    return said or (signs.pop() if len(signs) == 1 else None)


def _comma_money(seen: Evidence) -> bool:
    """Amounts with a sign of currency and a comma before the last two digits."""
    values = [value.strip("$€£ -+()kr") for value in seen.values]
    return any(len(value) > 3 and value[-3] == "," and value[-2:].isdigit() for value in values)


def _clock(seen: Evidence) -> str:
    first = seen.values[0].strip()
    if "h" in first.lower():
        return "%Hh%M"
    twelve = first[-1:].isalpha()
    return _CLOCKS[twelve][first.count(":") > 1]


def _zone(seen: Evidence) -> str | None:
    if "zone" not in seen.name.concepts or len(seen.values) != 1:
        return None
    value = seen.values[0].strip()
    return value if value in available_timezones() else _ZONES.get(value.lower())


def _minor(columns: Sequence[Evidence]) -> bool:
    """Every column of money is whole, typically above a hundred, and the currency has a minor unit."""
    amounts = [
        column
        for column in columns
        if column.numeric
        and {"amount", "price", "value", "total", "tax", "subtotal"} & set(column.name.concepts)
        and not {"rate", "percent", "count", "quantity", "item", "order", "weight"} & set(column.name.concepts)
    ]
    if not amounts or any(column.kind == "decimal" or column.share("integer") < 1 for column in amounts):
        return False
    known = patterns.lists()["currency"]
    currencies = {
        value.upper()
        for column in columns
        if column.share("currency") >= MOST
        for value in column.values
        if value.lower() in known
    }
    if currencies and not any(map(money.exponent, currencies)):
        return False
    numbers = sorted(abs(number) for column in amounts for number in column.numbers if number)
    return bool(numbers) and numbers[len(numbers) // 2] >= _SMALLEST_TYPICAL


def alarm(seen: Evidence) -> str | None:
    """The sentence for a column that holds raw card numbers, else None."""
    if "datetime" in seen.name.concepts or (seen.dates and seen.share("card") < 1):
        return None
    if seen.share("card") < _CARDS:
        return _AMONG_OTHERS if seen.share("card_rare") else None
    return "its values are raw payment card numbers: they must not leave the source; ask for a fingerprint instead"
