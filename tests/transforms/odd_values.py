"""Source values of every kind, usual and odd, as JSON texts and as typed columns; and rules that use every feature."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import pyarrow as pa
from hypothesis import strategies as st

RULES = """
streams:
  orders:
    match: [orders]
    into: conversions
    fields:
      transaction_id: [id, number]
      conversion_type: {from: kind, values: {S: purchase, B: booking, "\u00e9": lead}, default: custom}
      timestamp: {from: [paid_at, created_at], zone: America/Chicago}
      value: {from: [total, subtotal], unit: minor}
      subtotal: {from: subtotal}
      tax: {from: tax, number_format: comma}
      tip: {from: [tip, tax], default: "0"}
      currency: {from: currency, default: USD}
      quantity: {sum: items.*.quantity}
      product_name: items.0.name
      user_id: {join: [brand, account], separator: " - "}
      is_deleted: {from: voided, values: {gone: true}}
      source_updated_at: {from: changed, format: epoch_ms}
    filter:
      - {field: status, not_in: [draft, Cancelled, "\u0130x"]}
      - any: [{field: shop, in: [1, 2]}, {field: online, in: [true]}, {field: status, present: true}]
    refund: {from: {sum: refunds.*.amount}, unit: minor}
    fragments:
      - {type: email, from: [customer.email, mail], confidence: 0.8}
      - {type: name_zip, from: {join: [name, zip]}}
  returns:
    match: [returns]
    into: conversions
    fields:
      transaction_id: id
      conversion_type: {constant: purchase}
      timestamp: {from: [created_at, changed, paid_at], format: us, zone: Europe/Berlin}
      value: [total, tax]
      currency: {constant: JPY}
      tax: {from: tax, unit: minor}
      source_updated_at: {from: changed, format: epoch_s}
    refund: {when: {any: [{field: kind, in: [refund]}, {field: voided, present: false}]}}
  members:
    match: [members]
    into: customer_profiles
    fields:
      source_record_id: id
      full_name: name
      birth_date: {from: born, format: german}
      source_updated_at: {from: changed, format: yyyymmdd, zone: Australia/Lord_Howe}
      is_deleted: voided
    fragments:
      - {type: email, from: mail}
  visits:
    match: [visits]
    into: conversions
    fields:
      transaction_id: {join: [id, number]}
      conversion_type: {constant: booking}
      timestamp: {from: created_at, format: "%Y.%m.%d at %H:%M", zone: Asia/Kolkata}
      value: {constant: 1.5}
      quantity: tip
      source_updated_at: {from: changed, format: epoch_us}
    refund: {from: tax}
"""
STREAMS = ("orders", "returns", "members", "visits")

_TIMES = [
    "2024-05-01T07:00:00Z", "2024-05-01 07:00:00", "2024-05-01", "2024-05-01T07:00:00.123456+02:00", "2024-02-30T00:00:00Z",
    "2024-03-10 02:30:00", "2024-11-03 01:30:00", "2024-10-27T02:30:00", "2024-04-07 01:45:00", "0999-01-01T00:00:00",
    "9999-12-31T23:59:59-05:00", "0001-01-01", "2024-05-01T07:00", "2024-05-01t07:00:00z", "2024-05-01 07:00:00 UTC",
    "2024-05-01T07:00:60Z", "2024-05-01T24:00:00", "2024-05-01T07:00:00.1", "2024-05-01T07:00:00.1234567Z", "20240501",
    "20240501T070000", "2024-W18-3", "20240501073000", "20240532", "05/01/2024", "05/01/2024 07:30", "5/1/2024", "05/01/2024 07:30:15",
    "05/01/2024 12:30 AM", "05/01/2024 07:30:15 pm", "01.05.2024", "01.05.2024 07:30:00", "2024.05.01 at 07:30", "0000-00-00 00:00:00",
    "1714564800", "1714564800123", "1714564800.5", "-5", "99999999999999999999", "1.7e9", "1965-06-01T00:00:00", "2055-06-01T00:00:00",
    "2024-05-01T07:00:00+0530", "2024-05-01T07:00:00+05", "2024-05-01T07:00:00-00:00", "2024-05-01T07:00:00+14:59", "2024-05-01T07:00:00+15:30",
]  # fmt: skip
_AMOUNTS = [
    "12.50", "0", "-0", "-3.5", "12", "1,234.50", "1.234,50", "1234,5", "$5", "-$1,000.00", "\u20ac7", "USD 5", "5 \u20ac", "(5.00)", "12.", ".5",
    "1e5", "nan", "inf", "12.1234567891", "12.123456789", "0.00001", "123456789012345678901234567890", "99999999999999999999.999999999",
    "12345678901234567890123", "\u0663", "1,23", "--5", "+5", "5-", "1_000", "1234567890123456789.5", "999999999999999999.999999999",
]  # fmt: skip
_WORDS = [
    "", " ", "\t", "x", " x ", "x\u00a0", "\u2003x", "\u3000", "x\x1c", "\x01x", "\u0130", "\u0130X", "\u03a3", "\u0391\u03a3", "\u00e9", "\u00c9", "\u1e9e", "\u212a",
    "true", "False", "YES", "n", "1", "0", "gone", "S", "b", "draft", "CANCELLED", "closedwon", "Closed Won", "refund", "REFUND", "purchase",
    "usd", "EUR", "JPY", "kwd", "clf", "us", "u\u017fd", "USD ", "null", "a@b.example", "+1 212 555", "'quo\"ted\\", "\u2026", "\u5003", "\U0001f600",
]  # fmt: skip
_TOKENS = [
    "null", "null", "true", "false", "0", "1", "2", "-1", "7", "12.5", "12.50", "12.0", "-0.0", "0.1", "1e3", "1E-7", "1e400",
    "1208925819614629174706176", "9223372036854775807", "9223372036854775808", "1714564800", "1714564800123", "1714564800.25", "20240501", "20240501073000",
    "[]", "{}", '{"a":1}', '["x"]', '"\\u0000"', '"a\\u0000b"', '"\\ud800"', '"\\ud83d\\ude00"', '"caf\\u00e9"', '"\\u00a0"', "NaN", "-Infinity", "0.1234567891",
    '{"email":" Ada@Mail.example "}', '{"email":5}', '[{"name":"Bread","quantity":2,"product_id":"p"},{"quantity":"1.5"}]', '[{"quantity":"bad"}]', '[{"amount":3.5}]',
    '[{"amount":300},{"amount":"1"}]', '{"amount":"50","closedate":"2024-03-01T00:00:00Z","dealstage":"closedwon","firstname":"A"}', '{"id":"006"}',
]  # fmt: skip

TEXTS = st.sampled_from(_TIMES + _AMOUNTS + _WORDS) | st.text(max_size=4)
tokens = st.sampled_from(_TOKENS) | st.builds(json.dumps, TEXTS, ensure_ascii=st.booleans())
"""JSON texts of any value."""

_COLUMNS = (
    tokens,
    st.builds(json.dumps, st.sampled_from(_TIMES)),
    st.builds(json.dumps, st.sampled_from(_AMOUNTS)),
    st.builds(json.dumps, st.sampled_from(_WORDS)),
    st.integers(-(10**12), 10**13).map(str),
    st.decimals(-1000, 1000, places=2).map(str),
    st.sampled_from(["true", "false", "null"]),
)
"""What one column may hold: anything, or values of one kind."""


@st.composite
def records(draw: Any, fields: list[str], most: int) -> list[str]:
    """Encoded records; some lack fields, and in some tables one has a field twice."""
    columns = {field: _COLUMNS[draw(st.integers(0, len(_COLUMNS) - 1))] for field in fields}
    rows = draw(st.lists(st.fixed_dictionaries({}, optional=columns), min_size=1, max_size=most))
    twice = draw(st.sampled_from([0, 0, 0, 1]))
    pairs = [[*row.items(), *list(row.items())[:twice]] for row in rows]
    return ["{" + ",".join(f"{json.dumps(name)}:{value}" for name, value in row) + "}" for row in pairs]


_MOMENTS = st.datetimes(datetime(1969, 1, 1), datetime(2056, 1, 1)) | st.sampled_from(  # noqa: DTZ001
    [datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59, 999999), datetime(2024, 11, 3, 1, 30), datetime(2024, 3, 10, 2, 30)]  # noqa: DTZ001
)  # fmt: skip
_NUMBERS = (
    st.floats()
    | st.floats(-1000, 1000).map(lambda number: round(number, 2))
    | st.integers(-(10**13), 10**13).map(float)
)


def _decimals(precision: int, scale: int) -> Any:
    largest = 10**precision - 1
    return st.integers(-largest, largest).map(lambda digits: Decimal(digits).scaleb(-scale))


typed: dict[str, tuple[pa.DataType, Any]] = {
    "text": (pa.string(), TEXTS | st.just("a\0b")),
    "times": (pa.string(), st.sampled_from(_TIMES)),
    "amounts": (pa.string(), st.sampled_from(_AMOUNTS)),
    "large": (pa.large_string(), TEXTS),
    "json": (
        pa.string(),
        tokens.filter(lambda token: "NaN" not in token and "Inf" not in token and "d800" not in token),
    ),
    "int8": (pa.int8(), st.integers(-128, 127)),
    "int64": (pa.int64(), st.integers(-(2**63), 2**63 - 1) | st.integers(0, 2 * 10**12) | st.just(20240501)),
    "uint64": (pa.uint64(), st.integers(0, 2**64 - 1)),
    "decimal": (pa.decimal128(12, 2), _decimals(12, 2)),
    "digits": (pa.decimal128(10, 0), _decimals(10, 0) | st.just(Decimal(20240501))),
    "precise": (pa.decimal128(38, 12), _decimals(38, 12) | st.decimals(-100, 100, places=4)),
    "wide": (pa.decimal128(38, 0), _decimals(38, 0)),
    "double": (pa.float64(), _NUMBERS),
    "float": (pa.float32(), st.floats(width=32)),
    "bool": (pa.bool_(), st.booleans()),
    "instant": (pa.timestamp("us", "UTC"), _MOMENTS.map(lambda moment: moment.replace(tzinfo=UTC))),
    "local": (pa.timestamp("us"), _MOMENTS),
    "seconds": (pa.timestamp("s"), _MOMENTS.map(lambda moment: moment.replace(microsecond=0))),
    "date": (pa.date32(), st.dates() | st.just(date(2024, 5, 1))),
    "time": (pa.time64("us"), st.times() | st.just(time(7, 30))),
    "binary": (pa.binary(), st.binary(max_size=4)),
    "struct": (
        pa.struct([("email", pa.string()), ("amount", pa.float64())]),
        st.just({"email": " a@b.example ", "amount": 1.5}),
    ),
    "list": (
        pa.list_(pa.struct([("quantity", pa.int32()), ("name", pa.string()), ("amount", pa.decimal128(9, 2))])),
        st.lists(st.just({"quantity": 2, "name": "Bread", "amount": Decimal("3.50")}), max_size=2),
    ),
}
"""Name -> type of a column of a batch file, and its values."""
