"""Source values of every kind, usual and odd, as JSON texts and as typed columns; and rules that use every feature."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import pyarrow as pa

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
      shipping_amount: {product: [total, tax]}
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
  stays:
    match: [stays]
    into: conversions
    fields:
      transaction_id: id
      conversion_type: {constant: booking}
      timestamp: {from: [created_at, paid_at], format: "%Y-%m-%d %H:%M:%S %Z", zone: Asia/Manila}
      value: {constant: 1}
      source_updated_at: {from: [changed, created_at], format: "%m/%d/%Y %I:%M %p %Z", zone: America/Chicago}
"""
STREAMS = ("orders", "returns", "members", "visits", "stays")

_TIMES = [
    "2024-03-01 10:00:00 EST", "2024-03-01 10:00:00 PST", "2024-11-03 01:30:00 CST", "2024-07-01 10:00:00 CEST",
    "2024-03-01 10:00:00 IST", "2024-03-01 10:00:00 XYZ", "2024-03-01 10:00:00  UTC", "2024-03-01 10:00:00 est",
    "03/01/2024 10:00 AM CST", "03/01/2024 10:00 PM PDT", "3/1/2024 1:00 PM EST", "2024-03-01 10:00:00 (EST)",
    "2024-13-01 10:00:00 EST", "2024-03-01 EST 10:00:00", "EST", "0000-00-00 00:00:00 EST",
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

_LETTERS = "aZ9 .,-\t\u00a0\u00e9\u0130\u03a3\u2028\U0001f600$%+:"


def _text(dice: Random) -> str:
    """Any text."""
    pool = dice.choice([_TIMES, _AMOUNTS, _WORDS, None])
    return dice.choice(pool) if pool else "".join(dice.choices(_LETTERS, k=dice.randrange(5)))


def _token(dice: Random) -> str:
    """The JSON text of any value."""
    return dice.choice(_TOKENS) if dice.random() < 0.5 else json.dumps(_text(dice), ensure_ascii=dice.random() < 0.5)


def _moment(dice: Random) -> datetime:
    edges = [
        (1, 1, 1),
        (9999, 12, 31, 23, 59, 59, 999999),
        (2024, 11, 3, 1, 30),
        (2024, 3, 10, 2, 30),
        (1000, 1, 1),
        (2050, 1, 1),
    ]
    if dice.random() < 0.2:
        return datetime(*dice.choice(edges))  # noqa: DTZ001
    return datetime(1969, 1, 1) + timedelta(microseconds=dice.randrange(87 * 365 * 86_400_000_000))  # noqa: DTZ001


def _double(dice: Random) -> float:
    odd = [
        float("nan"),
        float("inf"),
        -0.0,
        0.0,
        1e300,
        1e-7,
        0.1 + 0.2,
        2.5e15,
        1e22,
        123456789012.12345,
        1714564800.0,
        12.345678901,
    ]
    return dice.choice(
        [dice.choice(odd), round(dice.uniform(-1000, 1000), 2), float(dice.randrange(10**6)), dice.uniform(-1, 1)]
    )


def _decimal(precision: int, scale: int) -> Any:
    def draw(dice: Random) -> Decimal:
        digits = dice.randrange(10 ** dice.randrange(1, precision + 1)) * dice.choice([1, -1])
        return Decimal(f"{digits // 10**scale * 10**scale if dice.random() < 0.3 else digits}E-{scale}")

    return draw


_COLUMNS = (
    _token,
    lambda dice: json.dumps(dice.choice(_TIMES)),
    lambda dice: json.dumps(dice.choice(_AMOUNTS)),
    lambda dice: json.dumps(dice.choice(_WORDS)),
    lambda dice: json.dumps(_text(dice), ensure_ascii=False),
    lambda dice: str(dice.choice([dice.randrange(-9, 99), dice.randrange(10**13), 20240501])),
    lambda dice: f"{dice.uniform(-1000, 1000):.2f}",
    lambda dice: dice.choice(["true", "false", "null"]),
)
"""What one column may hold: anything, or values of one kind."""


def records(seed: int, rows: int, fields: list[str]) -> list[str]:
    """Encoded records; some lack fields, and in some tables one has a field twice."""
    dice = Random(seed)
    columns = {field: dice.choice(_COLUMNS) for field in fields}
    twice = dice.choice([0, 0, 0, 1])
    found = []
    for _ in range(rows):
        row = [(field, draw(dice)) for field, draw in columns.items() if dice.random() < 0.9]
        pairs = [*row, *((field, columns[field](dice)) for field, _ in row[:twice])]
        found.append("{" + ",".join(f"{json.dumps(name)}:{value}" for name, value in pairs) + "}")
    return found


_EASY = [token for token in _TOKENS if "N" not in token and "Inf" not in token and "d800" not in token]
_TYPED: dict[str, tuple[pa.DataType, Any]] = {
    "text": (pa.string(), lambda dice: dice.choice([_text(dice), _text(dice), "a\0b"])),
    "times": (pa.string(), lambda dice: dice.choice(_TIMES)),
    "amounts": (pa.string(), lambda dice: dice.choice(_AMOUNTS)),
    "large": (pa.large_string(), _text),
    "json": (pa.string(), lambda dice: dice.choice([dice.choice(_EASY), json.dumps(_text(dice)), "no JSON"])),
    "int8": (pa.int8(), lambda dice: dice.randrange(-128, 128)),
    "int64": (pa.int64(), lambda dice: dice.choice([-(2**63), 2**63 - 1, 0, 1, 20240501, dice.randrange(2 * 10**12)])),
    "uint64": (pa.uint64(), lambda dice: dice.choice([2**64 - 1, 2**63, 2**63 - 1, dice.randrange(10**6)])),
    "decimal": (pa.decimal128(12, 2), _decimal(12, 2)),
    "digits": (pa.decimal128(10, 0), lambda dice: dice.choice([_decimal(10, 0)(dice), Decimal(20240501)])),
    "precise": (pa.decimal128(38, 12), _decimal(38, 12)),
    "wide": (pa.decimal128(38, 0), _decimal(38, 0)),
    "double": (pa.float64(), _double),
    "float": (pa.float32(), lambda dice: dice.choice([0.1, 12.5, 3.0, float("nan"), 1e30, -0.0])),
    "bool": (pa.bool_(), lambda dice: dice.random() < 0.5),
    "instant": (pa.timestamp("us", "UTC"), lambda dice: _moment(dice).replace(tzinfo=UTC)),
    "local": (pa.timestamp("us"), _moment),
    "seconds": (pa.timestamp("s"), lambda dice: _moment(dice).replace(microsecond=0)),
    "nanoseconds": (pa.timestamp("ns", "UTC"), lambda dice: datetime(2024, 5, 1, tzinfo=UTC)),
    "date": (pa.date32(), lambda dice: _moment(dice).date()),
    "time": (pa.time64("us"), lambda dice: _moment(dice).time()),
    "binary": (pa.binary(), lambda dice: dice.randbytes(dice.randrange(4))),
    "struct": (
        pa.struct([("email", pa.string()), ("amount", pa.float64()), ('a"b', pa.int8())]),
        lambda dice: {"email": " a@b.example ", "amount": dice.choice([1.5, 3.0, None])},
    ),
    "list": (
        pa.list_(pa.struct([("quantity", pa.int32()), ("name", pa.string()), ("amount", pa.decimal128(9, 2))])),
        lambda dice: [{"quantity": 2, "name": "Bread", "amount": Decimal("3.50")}] * dice.randrange(3),
    ),
}
"""Name -> type of a column of a batch file, and what draws its values."""


def table(seed: int, rows: int, fields: list[str]) -> tuple[pa.Table, list[str]]:
    """Rows of a typed batch file, and the names of the columns that hold JSON."""
    dice = Random(seed)
    kinds = {field: dice.choice(sorted(_TYPED)) for field in fields if dice.random() < 0.9}
    columns = {}
    for field, kind in kinds.items():
        arrow_type, draw = _TYPED[kind]
        values = [draw(dice) if dice.random() < 0.85 else None for _ in range(rows)]
        columns[field] = pa.array(values, arrow_type, from_pandas=False)
    nested = [field for field, kind in kinds.items() if kind in {"json", "struct", "list"}]
    return pa.table(columns or {"other": pa.nulls(rows, pa.string())}), nested
