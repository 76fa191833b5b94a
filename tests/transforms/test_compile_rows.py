"""What the compiled presets make of records."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from pipe.errors import ConfigurationError, SkippableError
from pipe.keys import record_key
from transforms import parse, sources
from transforms.compile_rows import Target, compile_row
from transforms.rules import Source

ORDERS = """
streams:
  orders:
    into: conversions
    fields:
      transaction_id: [id, number]
      conversion_type: {from: kind, values: {S: purchase, B: booking}, default: custom}
      timestamp: {from: [paid_at, created_at], zone: America/Chicago}
      value: {from: [total, subtotal], unit: minor}
      tax: {from: tax, number_format: comma}
      currency: {from: currency, default: USD}
      quantity: {sum: items.*.quantity}
      product_name: items.0.name
      user_id: {join: [brand, account], separator: "-"}
      is_deleted: voided
      source_updated_at: {from: changed, format: epoch_ms}
    filter:
      - {field: status, not_in: [draft, Cancelled]}
      - any: [{field: shop, in: [1, 2]}, {field: online, in: [true]}]
    refund: {from: {sum: refunds.*.amount}}
    fragments:
      - {type: email, from: [customer.email, mail], confidence: 0.8}
      - {type: name_zip, from: {join: [name, zip]}}
"""
COLUMNS = [
    "id",
    "number",
    "kind",
    "paid_at",
    "created_at",
    "total",
    "subtotal",
    "tax",
    "currency",
    "items",
    "brand",
    "account",
    "voided",
    "changed",
    "status",
    "shop",
    "online",
    "refunds",
    "customer",
    "mail",
    "name",
    "zip",
]
BASE = {"id": 7, "created_at": "2024-05-01 07:00:00", "total": 1050, "shop": 1}


def compiled(document: str = ORDERS, columns: list[str] = COLUMNS, **options: Any) -> Any:
    preset = parse.preset("mine", yaml.safe_load(document))
    target = Target("acme", Source("shop", preset), preset.streams[0], "orders", **options)
    map_row = compile_row(target, {"properties": {name: {} for name in columns}})

    def run(**values: Any) -> dict[str, Any] | None:
        row = map_row(msgspec.Raw(json.dumps(values).encode()))
        return None if row is None else json.loads(row)

    run.target = target  # type: ignore[attr-defined]
    return run


def test_a_whole_order() -> None:
    row = compiled(include_raw=True)(
        **BASE,
        number="N7",
        kind="S",
        subtotal=900,
        tax="1.234,50",
        currency="usd",
        items=[{"name": "Bread", "quantity": 2}, {"name": "Cake", "quantity": "1.5"}, {"name": "Tip"}],
        brand="b",
        account=9,
        voided="no",
        changed=1714564800000,
        customer={"email": " Ada@Mail.example "},
        name="Ada L",
        zip="01234",
    )
    assert row == {
        "conversion_id": record_key("acme", "shop", "orders", "7"),
        "customer_id": "acme",
        "connector": "shop",
        "source_stream": "orders",
        "transaction_id": "7",
        "conversion_type": "purchase",
        "timestamp": "2024-05-01T12:00:00.000000Z",
        "value": "10.50",
        "currency": "USD",
        "quantity": "3.5",
        "tax": "1234.50",
        "product_name": "Bread",
        "user_id": "b-9",
        "identity_fragments": [
            {"type": "email", "value": "Ada@Mail.example", "source_system": "shop", "confidence": 0.8},
            {"type": "name_zip", "value": "Ada L|01234", "source_system": "shop", "confidence": 1.0},
        ],
        "raw": row["raw"],
        "source_updated_at": "2024-05-01T12:00:00.000000Z",
        "is_deleted": False,
    }
    assert row["raw"]["items"][1]["quantity"] == "1.5"


def test_the_first_candidate_that_is_not_empty_wins() -> None:
    run = compiled()
    assert run(**{**BASE, "id": None, "number": "N7"})["transaction_id"] == "N7"
    assert run(**{**BASE, "id": "", "number": "N7"})["transaction_id"] == "N7"
    assert run(**{**BASE, "paid_at": "2024-05-02T00:00:00Z"})["timestamp"] == "2024-05-02T00:00:00.000000Z"
    assert run(**{**BASE, "total": None, "subtotal": 0})["value"] == "0.00"


@pytest.mark.parametrize(
    ("change", "field", "rule"),
    [
        ({"id": None}, "transaction_id", "missing"),
        ({"id": "   "}, "transaction_id", "missing"),
        ({"created_at": None}, "timestamp", "missing"),
        ({"created_at": "0000-00-00"}, "timestamp", "missing"),
        ({"created_at": "tomorrow"}, "timestamp", "timestamp"),
        ({"total": "ten"}, "value", "amount"),
        ({"total": None}, "value", "missing"),
    ],
)
def test_bad_required_values_reject_the_record(change: dict[str, Any], field: str, rule: str) -> None:
    with pytest.raises(SkippableError) as caught:
        compiled()(**{**BASE, **change})
    assert (caught.value.field, caught.value.rule) == (field, rule)


def test_bad_optional_values_are_emptied_and_counted() -> None:
    run = compiled()
    row = run(**BASE, tax="n/a", voided="perhaps", currency="dollars")
    assert not {"tax", "is_deleted"} & set(row)
    assert row["currency"] == "USD"
    assert dict(run.target.bad_values) == {"tax": 1, "is_deleted": 1, "currency": 1}
    with pytest.raises(SkippableError):
        compiled(reject_bad_values=True)(**BASE, tax="n/a")


def test_filters_keep_what_they_should() -> None:
    run = compiled()
    assert run(**BASE, status="paid") is not None
    assert run(**BASE) is not None
    assert run(**BASE, status="CANCELLED") is None
    assert run(**{**BASE, "shop": 3}) is None
    assert run(**{**BASE, "shop": 3, "online": True}) is not None
    assert run(**{**BASE, "shop": "2"}) is not None


def test_a_refund_lowers_the_value_of_the_same_conversion() -> None:
    sold = compiled()(**BASE)
    refunded = compiled()(**BASE, refunds=[{"amount": 3}, {"amount": "1.50"}])
    assert refunded["conversion_id"] == sold["conversion_id"]
    assert (refunded["value"], refunded["refund_amount"]) == ("6.00", "4.50")


def test_a_refund_of_its_own_is_negative() -> None:
    run = compiled(
        "streams: {t: {into: conversions, fields: {transaction_id: id, timestamp: at, value: total,"
        " conversion_type: {constant: purchase}}, refund: {when: {field: kind, in: [refund]}}}}",
        ["id", "at", "total", "kind"],
    )
    given = {"id": 1, "at": "2024-05-01", "total": "5.00"}
    assert run(**given)["conversion_type"] == "purchase"
    for total in ("5.00", "-5.00"):
        row = run(**{**given, "kind": "REFUND", "total": total})
        assert (row["conversion_type"], row["value"]) == ("refund", "-5.00")


def test_required_fields_are_looked_for_in_the_schema_first() -> None:
    with pytest.raises(
        ConfigurationError, match=r"stream 'orders', field 'timestamp'.*paid_at, created_at.*field_overrides"
    ):
        compiled(columns=["id", "total"])


def test_source_names_match_whatever_their_case() -> None:
    run = compiled(columns=[column.upper() for column in COLUMNS])
    assert run(ID=7, CREATED_AT="2024-05-01", TOTAL=100, SHOP=1)["transaction_id"] == "7"


def test_exact_names_go_before_other_cases() -> None:
    run = compiled(columns=[*COLUMNS, "ID", "Total"])
    assert run(**BASE, ID="wrong", Total=99)["transaction_id"] == "7"


def test_numbers_keep_every_digit() -> None:
    preset = ORDERS.replace("unit: minor", "unit: major")
    run = compiled(preset)
    encoded = msgspec.Raw(b'{"id":12345678901234567890123,"created_at":"2024-05-01","total":0.1234567891,"shop":1}')
    row = json.loads(compile_row(run.target, {"properties": {name: {} for name in COLUMNS}})(encoded) or b"")
    assert row["transaction_id"] == "12345678901234567890123"
    assert Decimal(row["value"]) == Decimal("0.123456789")


def test_raw_is_there_only_on_request() -> None:
    assert "raw" not in compiled()(**BASE)
    assert compiled(include_raw=True)(**BASE)["raw"] == BASE


def test_names_that_python_could_not_take_are_fine() -> None:
    names = ["class", "a b", 'quo"te', "back\\slash", "é", "0"]
    run = compiled(
        "streams: {t: {into: conversions, fields: {transaction_id: class, timestamp: a b, value: 'quo\"te',"
        " status: 'back\\slash', channel: é, user_id: '0', conversion_type: {constant: purchase}}}}",
        names,
    )
    row = run(**dict(zip(names, ["1", "2024-05-01", "2.50", "s", "c", "u"], strict=True)))
    assert [row[name] for name in ("transaction_id", "value", "status", "channel", "user_id")] == [
        "1",
        "2.50",
        "s",
        "c",
        "u",
    ]


VALUES = st.none() | st.text(max_size=5) | st.integers(-5, 5) | st.booleans()


@settings(max_examples=60, deadline=None)
@given(st.randoms(use_true_random=False), st.dictionaries(st.sampled_from(COLUMNS), VALUES))
def test_row_38_the_order_of_keys_never_matters(random: Any, extra: dict[str, Any]) -> None:
    document = yaml.safe_load(ORDERS)
    given = {**BASE, "kind": "S", **extra, "items": [], "refunds": [], "customer": {}}

    def shuffled(value: Any) -> Any:
        if isinstance(value, dict):
            items = [(key, shuffled(item)) for key, item in value.items()]
            random.shuffle(items)
            return dict(items)
        return value

    def outcome(preset: Any, values: Any, columns: list[str]) -> Any:
        try:
            row = compiled(yaml.safe_dump(preset, sort_keys=False), columns)(**values)
        except SkippableError as error:
            return (error.field, error.rule)
        return {name: value for name, value in (row or {}).items() if name != "raw"}

    columns = list(COLUMNS)
    random.shuffle(columns)
    assert outcome(shuffled(document), shuffled(given), columns) == outcome(document, given, COLUMNS)


SAMPLES: list[tuple[str, str, dict[str, Any], dict[str, Any] | None]] = [
    ("cdnow", "purchases", {"customer_id": "00001", "date": "19970101", "number_of_cds": "1", "dollar_value": "11.77", "_sdc_file": "m.txt", "_sdc_row": 1},
     {"transaction_id": "m.txt#1", "timestamp": "1997-01-01T00:00:00.000000Z", "value": "11.77", "quantity": "1", "user_id": "00001", "currency": "USD"}),
    ("pos", "orders", {"order_id": "o1", "total": "5.00", "subtotal": "4", "closed_at": "2024-05-01T12:00:00Z"},
     {"transaction_id": "o1", "value": "5.00", "subtotal": "4"}),
    ("pos", "orders", {"receipt_number": "r1", "amount": 5, "created_at": "2024-05-01T12:00:00Z"}, {"transaction_id": "r1", "value": "5"}),
    ("pos", "orders", {"check_number": "c1", "total_amount": "5", "date": "2024-05-01"}, {"transaction_id": "c1", "value": "5"}),
    ("thanx_purchases", "purchases", {"PURCHASE_ID": "1", "USER_ID": "u", "SETTLEMENT_AMOUNT": "9.99", "AUTHORIZATION_AMOUNT": "8", "PURCHASED_AT": "2024-05-01T12:00:00Z", "LOCATION_ID": "l"},
     {"transaction_id": "1", "user_id": "u", "value": "9.99", "timestamp": "2024-05-01T12:00:00.000000Z", "location_id": "l"}),
    ("thanx_purchases", "purchases", {"PURCHASE_ID": "1", "SETTLEMENT_AMOUNT": None, "AUTHORIZATION_AMOUNT": "8", "PURCHASED_AT": "2024-05-01T12:00:00Z"}, {"value": "8"}),
    ("olo", "orders", {"id": 1, "order_number": "n", "total": 12.5, "subtotal": 11, "created_at": "2024-05-01T11:00:00Z", "completed_at": None, "customer_email": "a@b.example", "items": [{"quantity": 2}, {"quantity": 1}]},
     {"transaction_id": "1", "value": "12.5", "subtotal": "11", "quantity": "3", "timestamp": "2024-05-01T11:00:00.000000Z"}),
    ("olo", "orders", {"id": 1, "total": 1, "created_at": "2024-05-01", "status": "Cancelled"}, None),
    ("crm", "deals", {"Id": "006", "Amount": 100.0, "CloseDate": "2024-03-01", "CreatedDate": "2024-01-02", "IsWon": True, "AccountId": "001"},
     {"transaction_id": "006", "value": "100.0", "timestamp": "2024-03-01T00:00:00.000000Z", "user_id": "001", "conversion_type": "purchase"}),
    ("crm", "deals", {"Id": "006", "Amount": 100.0, "CloseDate": "2024-03-01", "IsWon": False}, None),
    ("crm", "deals", {"id": "7", "properties": {"amount": "50", "closedate": "2024-03-01T00:00:00Z", "dealstage": "closedwon"}}, {"value": "50"}),
    ("crm", "deals", {"id": "8", "Amount": 1, "Closing_Date": "2024-03-01", "Stage": "Closed Won"}, {"transaction_id": "8"}),
    ("crm", "leads", {"Id": "00Q", "CreatedDate": "2024-01-02T00:00:00.000+0000", "Status": "Open"}, {"conversion_type": "lead", "value": "0", "transaction_id": "00Q"}),
    ("crm", "contacts", {"contact_id": "c1", "first_name": "Ada", "email": "a@b.example", "birth_date": "1815-12-10", "zip": "01234", "state": "NY"},
     {"source_record_id": "c1", "first_name": "Ada", "birth_date": "1815-12-10", "postal_code": "01234", "region": "NY"}),
    ("loyalty", "members", {"user_id": "u", "zip_code": "01234"}, {"loyalty_id": "u", "postal_code": "01234"}),
    ("loyalty", "purchases", {"purchase_id": "p", "user_id": "u", "amount": "3", "created_at": "2024-05-01"}, {"transaction_id": "p", "user_id": "u"}),
    ("stripe", "charges", {"id": "ch_1", "amount": 1099, "amount_captured": 1099, "amount_refunded": 99, "currency": "usd", "created": 1700000000, "captured": True, "status": "succeeded", "billing_details": {"email": "a@b.example"}},
     {"transaction_id": "ch_1", "value": "10.00", "refund_amount": "0.99", "currency": "USD", "timestamp": "2023-11-14T22:13:20.000000Z"}),
    ("stripe", "charges", {"id": "ch_6", "amount": 1000, "amount_captured": 700, "amount_refunded": 400, "currency": "usd", "created": 1700000000, "captured": True, "status": "succeeded"},
     {"value": "6.00", "refund_amount": "4.00"}),
    ("stripe", "charges", {"id": "ch_2", "amount": 500, "amount_captured": 500, "currency": "jpy", "created": 1700000000, "captured": True, "status": "succeeded"}, {"value": "500", "currency": "JPY"}),
    ("stripe", "charges", {"id": "ch_3", "amount": 1050, "amount_captured": 1050, "currency": "kwd", "created": 1700000000, "captured": True, "status": "succeeded"}, {"value": "1.050"}),
    ("stripe", "charges", {"id": "ch_4", "amount": 500, "currency": "usd", "created": 1700000000, "captured": False, "status": "succeeded"}, None),
    ("stripe", "charges", {"id": "ch_5", "amount": 500, "currency": "usd", "created": 1700000000, "captured": True, "status": "failed"}, None),
    ("stripe", "customers", {"id": "cus_1", "name": "Ada Lovelace", "email": "a@b.example", "address": {"city": "London", "postal_code": "01234"}},
     {"source_record_id": "cus_1", "full_name": "Ada Lovelace", "city": "London", "postal_code": "01234"}),
    ("square", "payments", {"id": "P1", "status": "COMPLETED", "created_at": "2024-05-01T12:00:00.123Z", "amount_money": {"amount": 1000, "currency": "USD"}, "tip_money": {"amount": 150, "currency": "USD"}, "total_money": {"amount": 1150, "currency": "USD"}, "refunded_money": {"amount": 50, "currency": "USD"}, "location_id": "L1"},
     {"transaction_id": "P1", "value": "11.00", "refund_amount": "0.50", "subtotal": "10.00", "tip": "1.50", "currency": "USD", "timestamp": "2024-05-01T12:00:00.123000Z", "location_id": "L1"}),
    ("square", "payments", {"id": "P2", "status": "COMPLETED", "created_at": "2024-05-01T12:00:00Z", "total_money": {"amount": 500, "currency": "JPY"}}, {"value": "500", "currency": "JPY"}),
    ("square", "payments", {"id": "P3", "status": "APPROVED", "created_at": "2024-05-01T12:00:00Z", "total_money": {"amount": 500, "currency": "USD"}}, None),
    ("square", "customers", {"id": "C1", "given_name": "Ada", "family_name": "Lovelace", "birthday": "1815-12-10", "address": {"locality": "London", "postal_code": "01234"}},
     {"source_record_id": "C1", "first_name": "Ada", "last_name": "Lovelace", "birth_date": "1815-12-10", "city": "London", "postal_code": "01234"}),
    ("square", "loyalty_accounts", {"id": "LA1", "customer_id": "C1", "mapping": {"phone_number": "+13125550001"}}, {"source_record_id": "LA1", "loyalty_id": "LA1", "phone": "+13125550001", "identity_fragments": [{"type": kind, "value": value, "source_system": "square", "confidence": 1.0} for kind, value in (("customer_id", "LA1"), ("loyalty_id", "LA1"), ("customer_id", "C1"), ("phone", "+13125550001"))]}),
    ("shopify", "orders", {"id": "gid://shopify/Order/7", "legacyResourceId": "7", "processedAt": "2024-05-01T12:00:00Z", "createdAt": "2024-06-01T12:00:00Z", "displayFinancialStatus": "PARTIALLY_REFUNDED", "test": False, "sourceName": "pos", "totalReceivedSet": {"shopMoney": {"amount": "12.50", "currencyCode": "USD"}}, "totalRefundedSet": {"shopMoney": {"amount": "2.5", "currencyCode": "USD"}}, "customer": None, "email": "a@b.example"},
     {"transaction_id": "7", "value": "10.00", "refund_amount": "2.5", "currency": "USD", "timestamp": "2024-05-01T12:00:00.000000Z", "channel": "pos", "user_id": None}),
    ("shopify", "orders", {"legacyResourceId": "8", "processedAt": "2024-05-01T12:00:00Z", "displayFinancialStatus": "PAID", "test": False, "totalReceivedSet": {"shopMoney": {"amount": "1200.0", "currencyCode": "JPY"}}}, {"value": "1200.0", "currency": "JPY", "channel": "web"}),
    ("shopify", "orders", {"legacyResourceId": "9", "processedAt": "2024-05-01T12:00:00Z", "displayFinancialStatus": "PAID", "test": True, "totalReceivedSet": {"shopMoney": {"amount": "12.0", "currencyCode": "USD"}}}, None),
    ("shopify", "orders", {"legacyResourceId": "10", "processedAt": "2024-05-01T12:00:00Z", "displayFinancialStatus": "AUTHORIZED", "test": False, "totalReceivedSet": {"shopMoney": {"amount": "0.0", "currencyCode": "USD"}}}, None),
    ("shopify", "customers", {"legacyResourceId": "5", "firstName": "Ada", "defaultEmailAddress": {"emailAddress": "a@b.example"}, "defaultAddress": {"city": "London", "zip": "01234", "countryCodeV2": "GB"}},
     {"source_record_id": "5", "first_name": "Ada", "city": "London", "postal_code": "01234", "country": "GB"}),
    ("hubspot", "deals", {"id": "7", "amount": 50.5, "closedate": "2024-03-01T00:00:00.000000Z", "hs_is_closed_won": True, "deal_currency_code": "EUR", "associations": {"contacts": [{"id": "101", "types": [3], "labels": []}]}},
     {"transaction_id": "7", "value": "50.5", "currency": "EUR", "user_id": "101", "timestamp": "2024-03-01T00:00:00.000000Z", "identity_fragments": [{"type": "customer_id", "value": "101", "source_system": "hubspot", "confidence": 1.0}]}),
    ("hubspot", "deals", {"id": "8", "amount": 5, "closedate": "2024-03-01", "dealstage": "closedwon", "associations": {"companies": [{"id": "55"}]}}, {"transaction_id": "8", "user_id": None, "identity_fragments": []}),
    ("hubspot", "deals", {"id": "9", "amount": 5, "closedate": "2024-03-01", "dealstage": "qualified", "hs_is_closed_won": False}, None),
    ("hubspot", "contacts", {"id": "101", "firstname": "Ada", "email": "a@b.example", "zip": "01234", "birthday": "1815-12-10"},
     {"source_record_id": "101", "first_name": "Ada", "postal_code": "01234", "birth_date": "1815-12-10"}),
    ("zoho", "deals", {"id": "4001", "Amount": 50.5, "Closing_Date": "2024-03-01", "Stage": "Closed Won", "Currency": "EUR", "Contact_Name": {"id": "4101"}},
     {"transaction_id": "4001", "value": "50.5", "currency": "EUR", "user_id": "4101", "timestamp": "2024-03-01T00:00:00.000000Z"}),
    ("zoho", "deals", {"id": "4002", "Amount": 5, "Closing_Date": "2024-03-01", "Stage": "Closed Won", "Account_Name": {"id": "4201"}}, {"transaction_id": "4002", "user_id": None, "identity_fragments": []}),
    ("zoho", "deals", {"id": "4003", "Amount": 5, "Closing_Date": "2024-03-01", "Stage": "Closed Lost"}, None),
    ("zoho", "leads", {"id": "4301", "Created_Time": "2024-03-01T09:30:00+05:30", "Lead_Status": "Open", "Email": "a@b.example"}, {"conversion_type": "lead", "timestamp": "2024-03-01T04:00:00.000000Z", "user_id": "4301"}),
    ("zoho", "contacts", {"id": "4101", "First_Name": "Ada", "Email": "a@b.example", "Mailing_Zip": "01234"}, {"source_record_id": "4101", "first_name": "Ada", "postal_code": "01234"}),
    ("salesforce", "opportunity", {"Id": "0061", "Amount": 50.5, "CloseDate": "2024-03-01", "IsWon": True, "StageName": "Closed Won", "CurrencyIsoCode": "EUR", "ContactId": "0031", "AccountId": "0011"},
     {"transaction_id": "0061", "value": "50.5", "currency": "EUR", "user_id": "0031", "identity_fragments": [{"type": "customer_id", "value": "0031", "source_system": "salesforce", "confidence": 1.0}]}),
    ("salesforce", "opportunity", {"Id": "0062", "Amount": 5, "CloseDate": "2024-03-01", "IsWon": True, "ContactId": None, "AccountId": "0011"}, {"user_id": None, "identity_fragments": []}),
    ("salesforce", "opportunity", {"Id": "0063", "Amount": 5, "CloseDate": "2024-03-01", "IsWon": False, "ContactId": "0031"}, None),
    ("salesforce", "opportunity", {"Id": "0064", "Amount": 5, "CloseDate": "2024-03-01", "IsWon": True, "IsDeleted": True}, {"is_deleted": True}),
    ("salesforce", "lead", {"Id": "00Q1", "CreatedDate": "2024-03-01T04:00:00.000Z", "Status": "Open", "Email": "a@b.example", "ConvertedContactId": "0031"}, {"conversion_type": "lead", "value": "0", "user_id": "0031"}),
    ("salesforce", "contact", {"Id": "0032", "IsDeleted": True, "MasterRecordId": "0031"}, {"is_deleted": True, "identity_fragments": [{"type": "customer_id", "value": value, "source_system": "salesforce", "confidence": 1.0} for value in ("0032", "0031")]}),
    ("salesforce", "contact", {"Id": "0031", "FirstName": "Ada", "Email": "a@b.example", "MailingPostalCode": "01234"}, {"source_record_id": "0031", "first_name": "Ada", "postal_code": "01234"}),
    ("salesforce", "account", {"Id": "0011", "Name": "Acme", "IsPersonAccount": False}, None),
    ("salesforce", "account", {"Id": "0012", "FirstName": "Ada", "IsPersonAccount": True, "PersonEmail": "a@b.example"}, {"source_record_id": "0012", "email": "a@b.example"}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("preset", "stream", "given", "expected"), SAMPLES, ids=lambda value: value if isinstance(value, str) else None
)
def test_shipped_presets_map_their_sources(
    preset: str, stream: str, given: dict[str, Any], expected: dict[str, Any] | None
) -> None:
    (source,) = sources.read([{"preset": preset}])
    rule = next(rule for rule in source.preset.streams if rule.name == stream)
    target = Target("acme", source, rule, stream)
    columns = [*given, "status", "Stage", "dealstage", "IsWon", "properties", "closedate", "amount"]
    row = compile_row(target, {"properties": {name: {} for name in columns}})(msgspec.Raw(json.dumps(given).encode()))
    if expected is None:
        assert set(json.loads(row or b"{}")) == (
            {"conversion_id", "_sdc_deleted_at"} if rule.retract_unmatched else set()
        )
    else:
        found = json.loads(row or b"{}")
        assert {name: found.get(name) for name in expected} == expected
        assert not target.bad_values


@pytest.mark.parametrize("name", ["hubspot", "zoho", "salesforce"])
def test_won_deals_without_an_amount_may_count_as_nothing_as_the_page_of_the_tap_says(name: str) -> None:
    page = (Path(__file__).parents[2] / "docs" / f"tap-{name}.md").read_text()
    said = re.search(r"`(streams: .+ default: 0.+)` beside the preset", page)
    assert said
    (source,) = sources.read([{"preset": name, **yaml.safe_load(said[1])}])
    rule = next(rule for rule in source.preset.streams if rule.into.name == "conversions")
    won = {"id": "7", "hs_is_closed_won": True, "Stage": "Closed Won", "IsWon": True, "Amount": None}
    given = {**won, "closedate": "2024-03-01", "Closing_Date": "2024-03-01", "CloseDate": "2024-03-01"}
    row = compile_row(Target("acme", source, rule, rule.name), {"properties": {name: {} for name in given}})
    assert json.loads(row(msgspec.Raw(json.dumps(given).encode())) or b"")["value"] == "0"


DELETED = "2024-05-02T00:00:00Z"


def test_a_deleted_record_says_so_whatever_the_preset_reads() -> None:
    run = compiled(columns=[*COLUMNS, "_sdc_deleted_at"])
    assert run(**BASE, _sdc_deleted_at=DELETED)["is_deleted"] is True
    assert run(**BASE, voided="no", _sdc_deleted_at=DELETED)["is_deleted"] is True
    assert run(**BASE, voided="no", _sdc_deleted_at=None)["is_deleted"] is False
    assert "is_deleted" not in run(**BASE, _sdc_deleted_at=None)
