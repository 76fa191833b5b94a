"""The preset a proposal amounts to: it is valid, and it maps like one written by hand."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import msgspec
import pytest
import yaml

from discovery.mapping import build
from discovery.profile import profile_rows
from discovery.propose import propose
from plugins.demo_data import cdnow
from transforms import parse
from transforms.compile_rows import Target, compile_row
from transforms.rules import Preset, Source

Record = dict[str, Any]


def mapped(preset: Preset, stream: str, records: list[Record]) -> list[Record]:
    """What map-conversions makes of the records, record by record."""
    schema = {"properties": {key: {"type": ["string", "null"]} for key in records[0]}}
    source = Source("test", preset)
    found = []
    for rule in preset.streams:
        row = compile_row(Target("acme", source, rule, stream), schema)
        for record in records:
            line = row(msgspec.Raw(json.dumps(record).encode()))
            found += [json.loads(line)] if line else []
    return found


def both(name: str, records: list[Record], by_hand: str, fields: str) -> tuple[list[Record], list[Record]]:
    """The named fields of the conversions by the proposal, and by the preset written by hand."""
    proposal = propose(profile_rows(name, records))
    assert not [blocker for blocker in proposal.blockers if blocker.kind in {"missing", "unsupported"}]
    sure = all(column.confidence >= 0.7 for column in proposal.columns if column.target in {"transaction_id", "value"})
    assert sure, proposal.columns
    results = (
        mapped(parse.preset(name, proposal.mapping), name, records),
        mapped(parse.preset(name, yaml.safe_load(by_hand)), name, records),
    )
    wanted = ["transaction_id", "timestamp", "value", *fields.split()]
    ours, theirs = ([{key: row.get(key) for key in wanted} for row in rows] for rows in results)
    return ours, theirs


def test_cdnow() -> None:
    records = [
        {
            "customer_id": purchase.customer,
            "date": purchase.day.strftime("%Y%m%d"),
            "number_of_cds": str(purchase.quantity),
            "dollar_value": str(purchase.value),
            "_sdc_file": cdnow.FILE_NAME,
            "_sdc_row": row,
        }
        for row, purchase in enumerate(cdnow.purchases()[:5000], 2)
    ]
    by_hand = """
    streams:
      cdnow:
        into: conversions
        fields:
          transaction_id: {join: [_sdc_file, _sdc_row], separator: "#"}
          conversion_type: {constant: purchase}
          timestamp: {from: date, format: yyyymmdd}
          value: dollar_value
          currency: {constant: USD}
          quantity: number_of_cds
          user_id: customer_id
    """
    ours, theirs = both("cdnow", records, by_hand, "conversion_type currency quantity user_id")
    assert ours == theirs


def test_a_thanx_export() -> None:
    records = [
        {
            "PURCHASE_ID": f"P{number}",
            "USER_ID": f"U{number % 70}" if number % 3 else None,
            "CARDFINGERPRINT": f"{number % 90:016x}",
            "LOCATION_ID": f"L{number % 4}",
            "LOCATION_NAME": ("Downtown", "Airport", "Harbour", "West End")[number % 4],
            "PURCHASED_AT": f"2024-05-{1 + number % 28:02}T{number % 24:02}:00:00Z",
            "AUTHORIZATION_AMOUNT": f"{10 + number % 90}.50",
            "SETTLEMENT_AMOUNT": f"{11 + number % 90}.75" if number % 20 else None,
            "CHANNEL": "instore",
        }
        for number in range(400)
    ]
    by_hand = """
    streams:
      thanx:
        into: conversions
        fields:
          transaction_id: PURCHASE_ID
          conversion_type: {constant: purchase}
          timestamp: PURCHASED_AT
          value: [SETTLEMENT_AMOUNT, AUTHORIZATION_AMOUNT]
          channel: CHANNEL
          location_id: LOCATION_ID
          location_name: LOCATION_NAME
          user_id: USER_ID
    """
    ours, theirs = both("thanx", records, by_hand, "conversion_type channel location_id location_name user_id")
    assert ours == theirs


def test_a_toast_export() -> None:
    records = []
    for number in range(400):
        amount, tax, tip = 20 + number % 50, 1 + number % 4, number % 8
        records.append(
            {
                "Location": "The Lariat",
                "Order Id": str(987654321012345 + number),
                "Order #": str(number % 300),
                "Opened": f"{1 + number % 12}/{1 + number % 28}/2025 {number % 12 + 1}:05 PM",
                "Paid": f"{1 + number % 12}/{1 + number % 28}/2025 {number % 12 + 1}:35 PM",
                "Server": "Jane Smith",
                "# of Guests": str(number % 5 + 1),
                "Discount Amount": "0.00",
                "Amount": f"{amount}.00",
                "Tax": f"{tax}.50",
                "Tip": f"{tip}.00",
                "Total": f"{amount + tax + tip}.50",
                "Voided": "FALSE",
                "Order Source": "POS",
            }
        )
    by_hand = """
    streams:
      toast:
        into: conversions
        fields:
          transaction_id: Order Id
          conversion_type: {constant: purchase}
          timestamp: {from: Opened, format: us}
          value: Total
          subtotal: Amount
          tax: Tax
          tip: Tip
          discount: Discount Amount
          channel: Order Source
          location_name: Location
    """
    ours, theirs = both("toast", records, by_hand, "subtotal tax tip discount channel location_name")
    assert ours == theirs


def test_a_german_paypal_export() -> None:
    records = [
        {
            "Datum": f"{1 + number % 28:02}.{1 + number % 12:02}.2026",
            "Uhrzeit": f"{number % 24:02}:14:00",
            "Zeitzone": "Europe/Berlin",
            "Name": "Muster GmbH",
            "Typ": "Zahlung erhalten",
            "Status": "Abgeschlossen",
            "Währung": "EUR",
            "Brutto": f"1.{number:03},50",
            "Entgelt": "-3,00",
            "Netto": f"1.{number:03},20",
            "Absender-E-Mail-Adresse": f"kunde{number % 90}@example.de",
            "Empfänger-E-Mail-Adresse": "hallo@example.de",
            "Transaktionscode": f"8AB{number:014}",
        }
        for number in range(300)
    ]
    by_hand = """
    streams:
      paypal:
        into: conversions
        fields:
          transaction_id: Transaktionscode
          conversion_type: {constant: purchase}
          timestamp: {from: {join: [Datum, Uhrzeit], separator: " "}, format: german, zone: Europe/Berlin}
          value: {from: Brutto, number_format: comma}
          currency: Währung
          status: Status
        fragments:
          - {type: email, from: Absender-E-Mail-Adresse}
    """
    ours, theirs = both("paypal", records, by_hand, "currency status identity_fragments")
    assert ours == theirs


def test_refunds_are_conversions_of_their_own() -> None:
    records = [
        {"id": f"re_{number}", "charge_id": f"ch_{number}", "amount": str(1000 + number), "currency": "usd",
         "created": "2024-05-13T10:00:00Z", "reason": "duplicate", "status": "succeeded"}
        for number in range(20)
    ]  # fmt: skip
    proposal = propose(profile_rows("refunds", records))
    assert proposal.role == "refund"
    first = mapped(parse.preset("refunds", proposal.mapping), "refunds", records)[0]
    assert (first["conversion_type"], first["value"]) == ("refund", "-10.00")


def test_leads_feed_conversions_and_profiles() -> None:
    records = [
        {"lead_id": str(number), "first_name": "Ann", "last_name": "Lee", "email": f"a{number}@example.com",
         "created_at": "2024-05-13T10:00:00Z", "lead_status": "new", "utm_source": "google"}
        for number in range(20)
    ]  # fmt: skip
    proposal = propose(profile_rows("leads", records))
    preset = parse.preset("leads", proposal.mapping)
    assert [rule.into.name for rule in preset.streams] == ["conversions", "customer_profiles"]
    rows = mapped(preset, "leads", records)
    assert rows[0]["utm_source"] == "google"
    assert rows[-1]["email"] == "a19@example.com"


def test_lines_of_an_order_stay_apart() -> None:
    records = [
        {"order_id": str(number // 3), "line_item_id": f"i{number}", "product_id": f"p{number % 7}", "quantity": "2",
         "line_total": f"{number}.50", "order_date": "2024-05-13"}
        for number in range(60)
    ]  # fmt: skip
    proposal = propose(profile_rows("lines", records))
    assert proposal.role == "line"
    rows = mapped(parse.preset("lines", proposal.mapping), "lines", records)
    assert len({row["conversion_id"] for row in rows}) == 60


def test_only_won_deals_and_no_cancelled_orders() -> None:
    deals = [
        {"deal_id": str(number), "amount": "10.00", "closedate": "2024-05-13", "dealstage": stage}
        for number, stage in enumerate(["closedwon", "closedlost", "closedwon", "appointmentscheduled"])
    ]
    stream = propose(profile_rows("deals", deals)).mapping["streams"]["deals"]
    assert stream["filter"] == [{"field": "dealstage", "in": ["closedwon"]}]
    orders = [
        {"order_id": str(number), "total": "10.00", "created_at": "2024-05-13", "status": status}
        for number, status in enumerate(["paid", "cancelled", "paid", "voided"])
    ]
    stream = propose(profile_rows("orders", orders)).mapping["streams"]["orders"]
    assert stream["filter"] == [{"field": "status", "not_in": ["cancelled", "voided"]}]


def test_fields_inside_objects_are_reached() -> None:
    records: list[Record] = [
        {
            "id": str(number),
            "created_at": "2024-05-13",
            "total": "10.00",
            "customer": {"id": f"c{number}", "email": f"a{number}@example.com"},
        }
        for number in range(20)
    ]
    proposal = propose(profile_rows("orders", records))
    assert proposal.mapping["streams"]["orders"]["fields"]["user_id"] == "customer.id"
    assert mapped(parse.preset("orders", proposal.mapping), "orders", records)[3]["user_id"] == "c3"


@pytest.mark.parametrize("role", ["product", "location"])
def test_a_table_of_things_feeds_nothing(role: str) -> None:
    columns = {
        "product": ["sku", "name", "price", "weight"],
        "location": ["store_id", "store_name", "opened_at", "tax_rate"],
    }
    proposal = propose(profile_rows("", [dict.fromkeys(columns[role], "1")]))
    assert (proposal.role, proposal.mapping) == (role, {})
    assert [blocker.kind for blocker in proposal.blockers] == ["unsupported"]


def test_an_edited_proposal_is_built_again() -> None:
    profile = profile_rows("orders", [{"order_id": "1", "total": "2.00", "created_at": "2024-05-13", "x": "y"}] * 3)
    proposal = propose(profile)
    edited = [replace(column, target=None) if column.column == "total" else column for column in proposal.columns]
    document, blockers = build(profile, proposal.role, edited)
    assert "value" not in document["streams"]["orders"]["fields"]
    assert [(blocker.kind, blocker.field) for blocker in blockers] == [("missing", "value")]


def test_a_value_that_no_column_is_is_price_times_quantity() -> None:
    records = [
        {"InvoiceNo": str(536365 + number // 4), "StockCode": f"{85123 + number}A", "Description": f"LANTERN {number}",
         "Quantity": str(1 + number % 6), "InvoiceDate": "2010-12-01 08:26:00", "UnitPrice": "2.55",
         "CustomerID": str(17850 + number % 9)}
        for number in range(40)
    ]  # fmt: skip
    proposal = propose(profile_rows("retail", records))
    assert proposal.column("UnitPrice").expression == "UnitPrice * Quantity"
    assert proposal.blockers == ()
    rows = mapped(parse.preset("retail", proposal.mapping), "retail", records)
    assert [row["value"] for row in rows[:3]] == ["2.55", "5.10", "7.65"]
