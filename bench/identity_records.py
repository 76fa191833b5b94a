"""Canonical conversions with identity fragments, as `resolve-identity` gets them: for its bench and its tests.

Three identifiers a record. People come back: a record is of a known person six times in ten, uses one of that person's
e-mail addresses, phones and cards, and now and then a new one, so people first seen apart turn out to be one.
`python bench/identity_records.py 1000000 > file` writes a whole Singer stream.
"""

from __future__ import annotations

import random
import sys
from typing import TYPE_CHECKING

import msgspec

from pipe import messages
from pipe.keys import record_key
from pipe.streams import CONVERSIONS

if TYPE_CHECKING:
    from collections.abc import Iterator

TENANT = "bench"
STATE_EVERY = 10_000


def records(count: int, seed: int = 1, tenant: str = TENANT) -> Iterator[dict[str, object]]:
    """`count` purchases of about 18 filled columns, with three identifiers each; the same ones for the same seed."""
    dice = random.Random(seed)
    people: list[int] = []
    for number in range(count):
        if people and dice.random() < 0.59:
            person = dice.choice(people)
        else:
            person = len(people)
            people.append(person)
        yield {
            "conversion_id": record_key(tenant, "pos", "orders", str(number)),
            "customer_id": tenant,
            "connector": "pos",
            "source_stream": "orders",
            "transaction_id": f"T-{number:08d}",
            "conversion_type": "purchase",
            "timestamp": f"2024-{1 + number % 12:02d}-{1 + number % 28:02d}T09:30:00.000000Z",
            "value": f"{dice.randrange(100, 20000) / 100:.2f}",
            "currency": "USD",
            "quantity": str(1 + number % 5),
            "subtotal": f"{dice.randrange(100, 20000) / 100:.2f}",
            "tax": "1.25",
            "status": "paid",
            "channel": "instore",
            "product_id": f"P{number % 997}",
            "product_name": "Sourdough loaf",
            "location_id": f"L{number % 40}",
            "user_id": f"U{person}",
            "source_updated_at": "2024-05-01T09:30:00.000000Z",
            "identity_fragments": _fragments(dice, person),
        }


def _fragments(dice: random.Random, person: int) -> list[dict[str, object]]:
    mailbox = f"person{person}" if dice.random() < 0.85 else f"p{person}.{dice.randrange(3)}"
    phone = 2_000_000_000 + person * 7919 % 7_900_000_000 if dice.random() < 0.9 else dice.randrange(2 * 10**9, 10**10)
    card = f"fp{person * 2 + dice.randrange(2):014x}"
    third = ("customer_id", f"U{person}") if dice.random() < 0.5 else ("hashed_cc", card)
    values = (
        ("email", f"{mailbox}@mail{person % 50}.example"),
        ("phone", f"({phone // 10**7:03d}) {phone // 10**4 % 1000:03d}-{phone % 10**4:04d}"),
        third,
    )
    return [{"type": kind, "value": value, "source_system": "pos", "confidence": 1.0} for kind, value in values]


def lines(count: int, seed: int = 1, tenant: str = TENANT) -> Iterator[bytes]:
    """The Singer messages: SCHEMA, records, a STATE every `STATE_EVERY` records and at the end."""
    head, tail = messages.record_frame(CONVERSIONS.name)
    yield messages.encode(CONVERSIONS.schema_message())
    for number, record in enumerate(records(count, seed, tenant), 1):
        yield head + msgspec.json.encode(record) + tail.rstrip()
        if number % STATE_EVERY == 0 or number == count:
            yield messages.encode({"type": "STATE", "value": {"bookmarks": {"orders": {"row": number}}}})


if __name__ == "__main__":
    for line in lines(int(sys.argv[1])):
        sys.stdout.buffer.write(line + b"\n")
