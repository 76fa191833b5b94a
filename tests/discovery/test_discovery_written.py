"""How amounts are written, and what must never pass."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from discovery.profile import profile_csv, profile_rows
from discovery.propose import Proposal, propose
from discovery.streams import profile_singer
from pipe.money import amount_parser

if TYPE_CHECKING:
    from pathlib import Path


def proposed(**columns: list[Any]) -> Proposal:
    rows = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    return propose(profile_rows("", rows))


IDS = [f"o-{number}" for number in range(1, 9)]
PANS = ["4111111111111111", "5555555555554444", "378282246310005", "6011111111111117", "4012 8888 8888 1881"]


@pytest.mark.parametrize(
    ("values", "form", "first"),
    [
        (["1.190,00", "54,99", "10,00", "595,00", "1,50", "2,00", "3,10", "12,00"], "comma", "1190.00"),
        (["61,80 €", "12,50 €", "1 200,00 €", "3,00 €", "4,00 €", "5,10 €", "6,00 €", "7,00 €"], "comma", "61.80"),
        (["$1,258.54", "$3.00", "$4.50", "$1.00", "$2.00", "$9.99", "$10.00", "$8.00"], "point", "1258.54"),
        (["12.5", "3", "4.25", "1", "2", "9.99", "10", "8"], "point", "12.5"),
    ],
)
def test_decimal_commas_and_points(values: list[str], form: str, first: str) -> None:
    column = proposed(order_id=IDS, total=values).column("total")
    assert (column.target, column.unit, column.number_format) == ("value", "major", form)
    assert amount_parser(column.unit or "", column.number_format or "")(values[0], "EUR") == first


def test_minor_units_are_proposed_and_doubted() -> None:
    amounts = [1250, 3399, 101, 20000, 4071, 555, 780, 990]
    proposal = proposed(id=IDS, amount=amounts, currency=["usd"] * 8, status=["succeeded"] * 8)
    assert proposal.column("amount").unit == "minor"
    assert [(blocker.kind, blocker.field) for blocker in proposal.blockers] == [
        ("missing", "timestamp"),
        ("ambiguous", "value"),
    ]


def test_a_name_that_says_cents_leaves_no_doubt() -> None:
    column = proposed(order_id=IDS, total_cents=[5, 10, 20, 30, 40, 50, 60, 70]).column("total_cents")
    assert (column.target, column.unit, column.doubt) == ("value", "minor", None)


@pytest.mark.parametrize(
    ("currency", "amounts"),
    [("CLP", [96990, 139990, 72540, 10000, 2000, 300, 40000, 50000]), ("USD", [12, 30, 5, 7, 9, 11, 14, 20])],
)
def test_whole_amounts_that_are_no_cents(currency: str, amounts: list[int]) -> None:
    assert proposed(id=IDS, total=amounts, currency=[currency] * 8).column("total").unit == "major"


def test_the_currency_that_amounts_show() -> None:
    assert proposed(order_id=IDS, dollar_value=["1.50"] * 8).column("dollar_value").currency == "USD"
    assert proposed(order_id=IDS, total=["61,80 €"] * 8).column("total").currency == "EUR"
    assert proposed(order_id=IDS, total=["$5.00"] * 8).column("total").currency is None, "the dollar sign is of many"


@pytest.mark.parametrize("name", ["card_number", "cc", "customer_id", "order_id", "phone", "note", "col_4"])
def test_raw_card_numbers_alarm_and_have_no_target(name: str) -> None:
    proposal = proposed(**{"amount": ["1.00"] * 5, name: PANS})
    column = proposal.column(name)
    assert column.alarm
    assert column.target is None
    assert ("alarm", (name,)) in [(blocker.kind, blocker.columns) for blocker in proposal.blockers]
    assert not any(pan in str(proposal) for pan in PANS), "no number of a card in what is shown"


@pytest.mark.parametrize(
    "values",
    [
        ["1300000015734303122", "1300000015734303115", "1300000001877960256"],
        ["2674098602081", "2669516488801", "2669509541985"],
        ["1704448800000", "1704452400000", "1704452499000"],
        ["4111111111111112", "5555555555554445", "6011111111111118"],
    ],
)
def test_long_ids_and_times_are_no_card_numbers(values: list[str]) -> None:
    assert proposed(id=values, amount=["1.00"] * 3).column("id").alarm is None


TEXTS = [f"left at the door, flat {number}" for number in range(40)]
NUMBERS = [str(4_532_000_000_000_000 + 7_919 * number) for number in range(60)]
"""As long as card numbers; one in ten has a right check digit."""


@pytest.mark.parametrize(
    "values",
    [
        [*TEXTS, PANS[0]],
        [*TEXTS, f"charge {PANS[0]} again, exp 12/29"],
        [*TEXTS, "Visa:4111 1111 1111 1111."],
        [*NUMBERS, "4111-1111-1111-1111"],
    ],
)
def test_one_card_number_among_other_values_blocks(values: list[str]) -> None:
    rows = [{"id": f"A{number}", "amount": "1.00", "note": value} for number, value in enumerate(values)]
    proposal = propose(profile_rows("t", rows))
    assert [blocker.columns for blocker in proposal.blockers if blocker.kind == "alarm"] == [("note",)]
    assert proposal.column("note").target is None
    assert "4111" not in str(proposal.blockers)


@pytest.mark.parametrize(
    "values",
    [
        NUMBERS,
        [*TEXTS, "parcel 1Z4111111111111111 is late", "see https://shop.example/o/4111111111111111"],
        [*TEXTS, "moved 4111.1111111111111 m", "20240513140509", "call +4915112345678901"],
        [f"{number:013d}" for number in range(4_006_381_333_931, 4_006_381_333_991)],
    ],
)
def test_other_long_numbers_block_nothing(values: list[str]) -> None:
    rows = [{"id": f"A{number}", "amount": "1.00", "note": value} for number, value in enumerate(values)]
    assert not [blocker for blocker in propose(profile_rows("t", rows)).blockers if blocker.kind == "alarm"]


def test_a_card_number_outside_the_sample_is_found(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    rows = [f"A{number},{'left at the door'}" for number in range(30_000)]
    rows[17_345] = f"A17345,{PANS[0]}"
    path.write_text("\n".join(["id,note", *rows]), encoding="utf-8")
    lines = [
        json.dumps({"type": "RECORD", "stream": "t", "record": dict(zip(("id", "note"), row.split(","), strict=True))})
        for row in rows
    ]
    profiles = (profile_csv(path), profile_singer(line.encode() for line in lines)["t"])
    assert all(propose(profile).column("note").alarm for profile in profiles)


def test_the_zone_of_a_column_is_used() -> None:
    proposal = proposed(
        Datum=["13.05.2024"] * 8, Uhrzeit=["14:05:09"] * 8, Zeitzone=["Europe/Berlin"] * 8,
        Transaktionscode=IDS, Brutto=["1,00"] * 8, Entgelt=["0,10"] * 8,
    )  # fmt: skip
    fields = proposal.mapping["streams"]["rows"]["fields"]
    assert fields["timestamp"] == {
        "from": {"join": ["Datum", "Uhrzeit"], "separator": " "},
        "format": "german",
        "zone": "Europe/Berlin",
    }
