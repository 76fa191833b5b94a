"""Columns whose name says one thing and whose values, or neighbours, another."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from discovery.profile import profile_rows
from discovery.propose import Proposal, propose

ROWS = range(40)


def table(**columns: list[str] | str) -> Proposal:
    """What is proposed of a table; one text is that of all rows, and __ in a name is a space."""
    made = {name.replace("__", " "): values for name, values in columns.items()}
    return propose(
        profile_rows(
            "",
            ({name: given if isinstance(given, str) else given[row] for name, given in made.items()} for row in ROWS),
        )
    )


def taken(proposal: Proposal, *targets: str) -> dict[str, str]:
    """Target -> the one column that has it."""
    found = {column.target: column.column for column in proposal.columns if column.target in targets}
    assert len(found) == sum(column.target in targets for column in proposal.columns)
    return {str(target): name for target, name in found.items()}


DAYS = [str(date(2024, 3, 1) + timedelta(days=row)) for row in ROWS]
PRICES = [f"{20 + row * 7 % 90}.{10 + row}" for row in ROWS]
NUMBERS = [str(5011 + row) for row in ROWS]
PEOPLE = [f"C{100 + row % 17}" for row in ROWS]


@pytest.mark.parametrize("name", ["Invoice number", "Factuurnummer", "Document No.", "Receipt ID"])
def test_numbers_that_begin_with_the_year_are_no_dates(name: str) -> None:
    found = table(
        **{name: [day.replace("-", "") for day in DAYS]},
        Datum=DAYS, Customer=PEOPLE, Total=PRICES,
    )  # fmt: skip
    assert taken(found, "transaction_id", "timestamp") == {"transaction_id": name, "timestamp": "Datum"}


@pytest.mark.parametrize("name", ["Order date", "Belegdatum", "created", "Date"])
def test_dates_of_eight_digits_stay_dates(name: str) -> None:
    found = table(
        order__id=NUMBERS, **{name: [day.replace("-", "") for day in DAYS]}, customer__id=PEOPLE, total=PRICES
    )
    assert taken(found, "timestamp") == {"timestamp": name}


def test_invoices_dated_as_such_are_the_transactions() -> None:
    found = table(
        Order__number=NUMBERS, Invoice__number=[f"INV-{row}" for row in ROWS], Invoice__date=DAYS,
        Customer__number=PEOPLE, Total=PRICES,
    )  # fmt: skip
    assert taken(found, "transaction_id") == {"transaction_id": "Invoice number"}


@pytest.mark.parametrize("rates", [["19"], ["19", "7"], ["21", "9", "0"], ["25.0", "12.0"]])
def test_rates_of_tax_are_no_amounts(rates: list[str]) -> None:
    found = table(
        order_id=NUMBERS,
        order_date=DAYS,
        customer_id=PEOPLE,
        total=PRICES,
        vat=[rates[row % len(rates)] for row in ROWS],
    )
    assert found.column("vat").target is None


@pytest.mark.parametrize("amounts", [["5", "10", "15"], ["1.90", "0.70"], ["19.00", "7.35", "11.20", "3.10", "9.90"]])
def test_amounts_of_tax_stay_amounts(amounts: list[str]) -> None:
    found = table(
        order_id=NUMBERS, order_date=DAYS, customer_id=PEOPLE, total=PRICES,
        tax=[amounts[row % len(amounts)] for row in ROWS],
    )  # fmt: skip
    assert found.column("tax").target == "tax"


@pytest.mark.parametrize("name", ["VAT on commission", "fee_tax", "GST on fees"])
def test_the_tax_on_a_fee_is_not_that_of_the_order(name: str) -> None:
    found = table(order_id=NUMBERS, order_date=DAYS, total=PRICES, commission=PRICES, **{name: PRICES})
    assert found.column(name).target is None


def test_without_and_with_tax() -> None:
    found = table(
        order_id=NUMBERS, date=DAYS, customer_id=PEOPLE, tax=[f"{row}.37" for row in ROWS],
        **{"Total w/o tax": PRICES, "Total w/ tax": [f"{float(price) + row + 0.37:.2f}" for row, price in enumerate(PRICES)]},
    )  # fmt: skip
    assert taken(found, "tax", "value", "subtotal") == {
        "tax": "tax", "value": "Total w/ tax", "subtotal": "Total w/o tax",
    }  # fmt: skip


def test_the_date_of_business_is_no_birth() -> None:
    found = table(check_id=NUMBERS, DOB=[day.replace("-", "") for day in DAYS], customer_id=PEOPLE, total=PRICES)
    assert taken(found, "timestamp") == {"timestamp": "DOB"}
    born = [str(date(1950 + row, 5, 1 + row % 28)) for row in ROWS]
    people = table(customer_id=NUMBERS, first_name="Ann", email="a@example.com", DOB=born)
    assert people.column("DOB").target == "birth_date"


@pytest.mark.parametrize(("sign", "reserve"), [("", 0), ("-", 0), ("", 0.5)])
def test_what_is_settled_after_fees_is_not_what_was_paid(sign: str, reserve: float) -> None:
    """Also where something else is taken away, and no sum holds."""
    fees = [f"{float(price) * 0.03:.2f}" for price in PRICES]
    net = [f"{float(price) - float(fee) - reserve:.2f}" for price, fee in zip(PRICES, fees, strict=True)]
    found = table(
        order_id=NUMBERS,
        date=DAYS,
        amount=PRICES,
        fees=[sign + fee for fee in fees],
        settled_amount=net,
        currency="INR",
    )
    assert taken(found, "value") == {"value": "amount"}


def test_an_amount_in_one_currency_yields_to_the_one_that_the_currency_is_of() -> None:
    found = table(
        order_id=NUMBERS, date=DAYS, customer_id=PEOPLE, total_usd=PRICES, total=PRICES[::-1],
        currency=["USD", "EUR"] * 20, tax=[f"{row}.37" for row in ROWS],
    )  # fmt: skip
    assert taken(found, "value", "subtotal") == {"value": "total"}


def test_gross_and_net_around_the_tax() -> None:
    gross = [f"{float(price) * 1.19:.2f}" for price in PRICES]
    tax = [f"{float(price) * 0.19:.1f}0" for price in PRICES]  # rounded: no sum holds
    found = table(
        Belegnummer=NUMBERS, Belegdatum=DAYS, Artikelnr="A-10", Menge="1", MwSt=tax,
        **{"Gesamtpreis netto": PRICES, "Gesamtpreis brutto": gross},
    )  # fmt: skip
    assert taken(found, "value", "subtotal") == {"value": "Gesamtpreis brutto", "subtotal": "Gesamtpreis netto"}


def test_values_of_a_closed_list_weigh_more_than_a_guessed_abbreviation() -> None:
    columns = {f"OA{name}": NUMBERS for name in ("ORNO", "CUNO", "RESP", "MODL")}
    assert table(**columns, OACUCD=["EUR", "USD"] * 20).column("OACUCD").target == "currency"


def test_the_fingerprint_of_a_device_is_no_card() -> None:
    prints = [f"{row:032x}" for row in ROWS]
    found = table(order_id=NUMBERS, date=DAYS, total=PRICES, device_fingerprint=prints)
    assert found.column("device_fingerprint").target == "device_id"


def test_an_event_happened_at_its_timestamp() -> None:
    times = [f"{day} 10:00:00" for day in DAYS]
    found = table(
        event_id=NUMBERS, page_url="https://example.com/", session_id="s", created_at=times, timestamp=times[::-1]
    )
    assert taken(found, "timestamp") == {"timestamp": "timestamp"}


def test_the_cents_of_a_total_are_the_value_not_those_of_its_tax() -> None:
    found = table(
        orderNumber=NUMBERS, createdAt=DAYS,
        **{"totalPrice.centAmount": [str(1000 + row * 37) for row in ROWS], "taxedPrice.totalTax.centAmount": [str(100 + row * 3) for row in ROWS]},
    )  # fmt: skip
    assert taken(found, "value", "tax") == {"value": "totalPrice.centAmount", "tax": "taxedPrice.totalTax.centAmount"}


def test_reasons_of_a_role_are_words() -> None:
    found = table(**{"Gross": PRICES, "Net": PRICES[::-1], "Tax": PRICES, "Order ID": NUMBERS, "Date": DAYS})
    assert not any("&" in reason for reason in found.role_reasons)
