from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipe.errors import SkippableError
from pipe.money import amount_parser, exponent


@pytest.mark.parametrize(
    ("number_format", "value", "expected"),
    [
        ("point", "10.50", "10.50"),
        ("point", "1,234,567.89", "1234567.89"),
        ("point", "$12.00", "12.00"),
        ("point", "US$ 12", "12"),
        ("point", "12 EUR", "12"),
        ("point", "(12.34)", "-12.34"),
        ("point", "-$5.00", "-5.00"),
        ("point", "12.34-", "-12.34"),
        ("point", "\N{MINUS SIGN}5", "-5"),
        ("point", "+.5", "0.5"),
        ("point", "1.23E+4", "12300"),
        ("point", 7, "7"),
        ("point", 0.1 + 0.2, "0.3"),
        ("point", Decimal("10.10"), "10.10"),
        ("point", 2**80, "1208925819614629174706176"),
        ("point", "NaN", None),
        ("point", "", None),
        ("point", "  ", None),
        ("point", None, None),
        ("comma", "12.345,67", "12345.67"),
        ("comma", "-12,50 €", "-12.50"),
        ("comma", "1.234", "1234"),
        ("comma", "1'234,5", "1234.5"),
    ],
)
def test_major_units(number_format: str, value: object, expected: str | None) -> None:
    assert amount_parser("major", number_format)(value, "USD") == expected


@pytest.mark.parametrize(
    ("currency", "expected"),
    [("USD", "10.50"), ("usd", "10.50"), ("JPY", "1050"), ("BHD", "1.050"), ("CLF", "0.1050")],
)
def test_minor_units_follow_the_currency(currency: str, expected: str) -> None:
    assert amount_parser("minor")(1050, currency) == expected
    assert amount_parser("minor")("1050", currency) == expected


@pytest.mark.parametrize(
    ("currency", "expected"),
    [("USD", "10.50"), ("jpy", "1050"), ("KWD", "1.050"), ("MGA", "1050"), ("ISK", "10.50"), ("ugx", "10.50")],
)
def test_minor_units_as_stripe_counts_them(currency: str, expected: str) -> None:
    assert amount_parser("minor_stripe")(1050, currency) == expected


@pytest.mark.parametrize("value", ["abc", "12,34", "1.2.3", True, [1], {"amount": 1}, "1,23,456"])
def test_no_amount_is_refused_without_being_quoted(value: object) -> None:
    with pytest.raises(SkippableError) as caught:
        amount_parser()(value, "USD")
    assert caught.value.rule == "amount"
    assert str(value) not in str(caught.value)


def test_more_than_a_decimal_column_holds_is_refused() -> None:
    with pytest.raises(SkippableError, match="larger than any amount"):
        amount_parser()(10**29, "USD")
    with pytest.raises(SkippableError, match="larger than any amount"):
        amount_parser()("1E+300", "USD")


def test_minor_units_need_a_currency() -> None:
    with pytest.raises(SkippableError) as caught:
        amount_parser("minor")(1050, None)
    assert caught.value.rule == "currency"
    with pytest.raises(SkippableError, match="not an ISO 4217"):
        exponent("dollars")


@given(st.decimals(min_value=-(10**20), max_value=10**20, places=9))
def test_decimals_survive_exactly(number: Decimal) -> None:
    assert Decimal(amount_parser()(format(number, "f"), None) or "") == number
    assert Decimal(amount_parser()(number, None) or "") == number


@given(st.integers(min_value=-(10**15), max_value=10**15))
def test_minor_and_major_units_agree(cents: int) -> None:
    major = format(Decimal(cents) / 100, "f")
    assert Decimal(amount_parser("minor")(cents, "EUR") or "") == Decimal(amount_parser()(major, "EUR") or "")
