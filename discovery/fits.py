"""Whether a column's values can be a canonical field's: log-odds for or against, with the reason in words."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from discovery.dates import moment
from discovery.evidence import MOST
from discovery.words import UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Callable

    from discovery.evidence import Evidence

Fit = tuple[float, str]
"""Log-odds to add, and why (empty: nothing to say)."""

IMPOSSIBLE = -6.0
_AGAINST = -3.0
_FOR = 1.0

_NOTHING: Fit = (0.0, "")
_STATUS_LIKE = 30

_TELLING = 10
"""Rows from which on it tells something how many values differ."""

_ALMOST_ONE = 0.15
"""Share of different values below which they are of few people, or name no transactions."""

_VAT = {5, 6, 7, 8, 9, 10, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 27}
_RATES = 4
_GENERATION = timedelta(days=3 * 365)

_HALF = 0.5
_ALL_DIFFER = 0.98
_COUNTS = 100
"""Whole numbers below that repeat are rather counts than ids."""


def fit(target: str, seen: Evidence) -> Fit:
    """How the values of a column suit a field; a hashed column is judged by its name alone."""
    if seen.kind == "empty":
        return (-0.1, "no values to check")
    if seen.share("card") >= MOST and target != "none":
        return (IMPOSSIBLE, "its values are payment card numbers")
    if seen.kind == "json":
        return (IMPOSSIBLE, "its values are JSON")
    if seen.kind == "boolean" and target != "none":
        return (IMPOSSIBLE, "its values are yes or no")
    judge = _FITS.get(target)
    return judge(seen) if judge else _NOTHING


def _money(seen: Evidence) -> Fit:
    if seen.kind == "decimal":
        return (0.9, "its values are amounts")
    if seen.kind == "whole":
        if seen.long_numbers:
            return (_AGAINST, "its values are too long for amounts")
        return (0.3, "its values are whole numbers")
    return (IMPOSSIBLE, "its values are no amounts")


def _tax(seen: Evidence) -> Fit:
    """A few whole numbers that are rates of VAT, for many rows, are no amounts: `19` and `7`."""
    rates = set(seen.numbers) - {0}
    few = seen.rows >= _TELLING and len(rates) <= _RATES and (seen.profile.distinct_seen or 0) <= _RATES + 1
    if few and rates and seen.kind == "whole" and rates <= _VAT and not _multiples(rates):
        return (IMPOSSIBLE, "its values are rates of tax")
    return _money(seen)


def _multiples(numbers: set[float]) -> bool:
    """Twice and three times the least: amounts of one, two and three things."""
    return len(numbers) > 1 and all(number % min(numbers) == 0 for number in numbers)


def _birth(seen: Evidence) -> Fit:
    """Births lie decades apart; `DOB` is the date of business where all lie within a few."""
    found = [when for value in seen.values if seen.dates and (when := moment(value, seen.dates.format))]
    if len(found) >= _TELLING and max(found) - min(found) < _GENERATION:
        return (IMPOSSIBLE, "its values lie too close together for births")
    return _time(seen)


def _quantity(seen: Evidence) -> Fit:
    if not seen.numeric:
        return (IMPOSSIBLE, "its values are no numbers")
    if seen.long_numbers:
        return (_AGAINST, "its values are too long for quantities")
    if seen.share("whole") >= MOST:
        return (0.8, "its values are small whole numbers")
    return (-0.3, "its values have decimals")


def _time(seen: Evidence) -> Fit:
    if seen.dates:
        return (_FOR, f"its values are times ({seen.dates.format})")
    if seen.kind == "date":
        return (_FOR / 2, "its values are times, written in a way of their own")
    if seen.kind == "clock":
        return (0.3, "its values are times of day")
    if seen.kind == "whole" and not seen.long_numbers:
        return (-1.2, "its values are plain numbers")
    return (IMPOSSIBLE, "its values are no times")


def _few_people(seen: Evidence) -> bool:
    """With a word nobody knows, and so few that they are the tenant's own people, not its customers."""
    return UNKNOWN in seen.name.concepts and seen.rows >= _TELLING and 0 < seen.distinct_share < _ALMOST_ONE


def _email(seen: Evidence) -> Fit:
    if _few_people(seen):
        return (_AGAINST, "they are a few people's, for many rows")
    if seen.share("email") >= 0.5:
        return (2.0, "its values are e-mail addresses")
    if seen.kind in {"hash", "token"} or seen.share("hash"):
        return (0.0, "its values are hashed")
    return (_AGAINST, "its values are no e-mail addresses")


def _phone(seen: Evidence) -> Fit:
    if _few_people(seen):
        return (_AGAINST, "they are a few people's, for many rows")
    if seen.share("phone") >= 0.5:
        return (1.2, "its values are telephone numbers")
    if seen.kind == "hash":
        return (0.0, "its values are hashed")
    if seen.kind in {"whole", "decimal"}:
        return (0.0, "its values are digits")
    digits = sum(sum(letter.isdigit() for letter in value) >= 6 for value in seen.values)
    return (
        (0.5, "its values have the digits of telephone numbers")
        if digits
        else (_AGAINST, "its values are no telephone numbers")
    )


def _person(seen: Evidence) -> Fit:
    if seen.numeric or seen.kind in {"date", "clock", "email", "url", "ip", "uuid"} or seen.share("order_name"):
        return (_AGAINST, "its values are no names")
    if seen.share("prefixed") >= MOST:
        return (_AGAINST, "its values are codes")
    return (0.4, "its values can be names") if seen.kind == "text" else _NOTHING


def _text(seen: Evidence) -> Fit:
    if seen.kind in {"date", "clock", "email", "url", "ip"} or seen.share("order_name"):
        return (_AGAINST, "its values are no names")
    if seen.numeric:
        return (-2.0, "its values are numbers")
    return (0.4, "its values are words") if seen.kind == "text" else _NOTHING


def _id(seen: Evidence) -> Fit:
    if seen.kind in {"date", "clock", "url", "ip"}:
        return (_AGAINST, "its values are no ids")
    if seen.share("order_name") >= MOST:
        return (2.5, "its values are order numbers")
    if seen.kind == "decimal" and seen.share("whole") < MOST and not _scientific(seen):
        return (_AGAINST, "its values have decimals")
    if seen.share("words") >= MOST and seen.kind == "text":
        return (-1.5, "its values are words")
    if seen.share("currency") == 1 or any(
        seen.share(name) >= MOST for name in ("status", "international_phone", "email")
    ):
        return (_AGAINST, "its values are no ids")
    return (0.5, "its values can be ids")


def _transaction(seen: Evidence) -> Fit:
    """Ids of transactions are many: one for each row, or for the few lines of an order."""
    weight, why = _id(seen)
    if weight < 0 or seen.rows < _TELLING:
        return weight, why
    counts = seen.kind == "whole" and max(seen.numbers) < _COUNTS and seen.distinct_share < _HALF
    if seen.distinct_share < _ALMOST_ONE or counts:
        return (_AGAINST, "its values are few: they name no transactions")
    return (weight + 0.4, "its values never repeat") if seen.distinct_share > _ALL_DIFFER else (weight, why)


def _scientific(seen: Evidence) -> bool:
    return all(len(value.partition(".")[0]) >= 9 for value in seen.values)


def _currency(seen: Evidence) -> Fit:
    if seen.share("currency") >= MOST:
        return (2.0, "its values are ISO 4217 codes")
    if seen.kind == "hash":
        return _NOTHING
    return (_AGAINST - 1, "its values are no ISO 4217 codes")


def _status(seen: Evidence) -> Fit:
    if seen.kind in {"date", "clock", "url", "ip", "email", "decimal"}:
        return (IMPOSSIBLE, "its values are no statuses")
    if seen.share("status") >= 0.5:
        return (1.2, "its values are statuses")
    if seen.share("us_state") >= MOST:
        return (-2.5, "its values are states of a country")
    if seen.numeric:
        return (-0.7, "its values are numbers")
    return (0.0, "") if (seen.profile.distinct_seen or 0) <= _STATUS_LIKE else (-2.0, "it has many values")


def _channel(seen: Evidence) -> Fit:
    if seen.kind in {"date", "clock", "email", "ip", "decimal", "url"}:
        return (_AGAINST, "its values are no channels")
    if seen.share("channel") >= 0.5:
        return (1.2, "its values are channels")
    if seen.share("method") >= MOST or seen.share("currency") == 1:
        return (_AGAINST, "its values are means of payment")
    return (-0.8, "its values are numbers") if seen.numeric else _NOTHING


def _tag(seen: Evidence) -> Fit:
    if seen.kind in {"date", "clock", "email", "ip", "decimal"}:
        return (_AGAINST, "its values are no tags")
    return (0.5, "its values are campaign tags") if seen.kind in {"text", "token"} else _NOTHING


def _click(seen: Evidence) -> Fit:
    return (
        (_AGAINST, "its values are no click ids")
        if seen.kind in {"date", "clock", "decimal", "email", "url"}
        else _NOTHING
    )


def _postal(seen: Evidence) -> Fit:
    if seen.share("postal") >= 0.5:
        return (0.9, "its values are postal codes")
    if seen.kind in {"date", "clock", "email", "ip", "url", "decimal"}:
        return (_AGAINST, "its values are no postal codes")
    return _NOTHING


def _fingerprint(seen: Evidence) -> Fit:
    if seen.share("last4") >= MOST:
        return (_AGAINST, "its values are the last four digits only")
    return (0.5, "its values are opaque tokens") if seen.kind in {"token", "hash", "uuid", "text"} else (-1.0, "")


_FITS: dict[str, Callable[[Evidence], Fit]] = {
    **dict.fromkeys(
        ("value", "subtotal", "tip", "discount", "refund_amount", "shipping_amount", "unit_price", "cost"),
        _money,
    ),
    "quantity": _quantity,
    **dict.fromkeys(("timestamp", "updated_at"), _time),
    "birth_date": _birth,
    "tax": _tax,
    "email": _email,
    "phone": _phone,
    **dict.fromkeys(("first_name", "last_name", "full_name"), _person),
    **dict.fromkeys(
        ("product_name", "product_category", "location_name", "company_name", "street", "city", "region", "country"),
        _text,
    ),
    **dict.fromkeys(("user_id", "location_id", "loyalty_id", "device_id", "cookie_id", "product_id"), _id),
    "transaction_id": _transaction,
    "currency": _currency,
    **dict.fromkeys(("status", "fulfilment_status"), _status),
    "channel": _channel,
    **dict.fromkeys(("utm_source", "utm_medium", "utm_campaign"), _tag),
    **dict.fromkeys(("gclid", "fbclid", "ttclid", "msclkid"), _click),
    "postal_code": _postal,
    "hashed_cc": _fingerprint,
}
