"""Purchases for the benchmark: 18 columns, seeded, with the gaps and the sharing that real exports have."""

from __future__ import annotations

import csv
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

COLUMNS = (
    "purchase_id",
    "user_id",
    "email",
    "phone",
    "first_name",
    "last_name",
    "purchased_at",
    "amount",
    "currency",
    "quantity",
    "product_id",
    "product_name",
    "product_category",
    "location_id",
    "location_name",
    "utm_source",
    "utm_campaign",
    "gclid",
)
_FIRST = ("Zoë", "Jürgen", "Ada", "Łukasz", "Mia", "Noah", "José", "Chloé", "Omar", "Yui")
_LAST = ("Müller", "O'Neil", "García", "Smith", "Nguyễn", "Rossi", "Žižek", "Brown", "Kim", "Dubois")
_PRODUCTS = ("Croissant", "Crème brûlée", "Bread", "Latte", "Bundt cake", "Macaron", "Cookie")
_START = datetime(2024, 1, 1, tzinfo=UTC)
_ROWS_A_USER = 2.5


def write(path: Path, rows: int, seed: int = 7) -> None:
    """Write `rows` purchases of about `rows / 2.5` customers as CSV, unless the file is there already."""
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    draw = random.Random(seed)
    users = max(1, int(rows / _ROWS_A_USER))
    partial = path.with_suffix(".partial")
    with partial.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for number in range(rows):
            writer.writerow(_row(number, draw.randrange(users), draw))
    partial.rename(path)


def _row(number: int, user: int, draw: random.Random) -> tuple[object, ...]:
    at = _START + timedelta(seconds=draw.randrange(60 * 60 * 24 * 500))
    product = draw.randrange(len(_PRODUCTS))
    shop = draw.randrange(40)
    phone = f"+1 {212 + user % 5 * 101} {200 + user // 10_000 % 700}-{user % 10_000:04d}"
    return (
        f"P{number:09d}",
        f"U{user:07d}" if draw.random() < 0.7 else "",
        f"User.{user}@Mail.example" if draw.random() < 0.91 else "",
        phone if draw.random() < 0.8 else "",
        _FIRST[user % 10],
        _LAST[user // 10 % 10],
        at.isoformat(),
        f"{draw.randrange(100, 10_000) / 100:.2f}",
        "usd",
        draw.randrange(1, 5),
        f"SKU-{product:03d}",
        _PRODUCTS[product],
        "bakery",
        f"L{shop:02d}",
        f"Shop No. {shop}",
        "newsletter" if draw.random() < 0.5 else "",
        f"week-{at.isocalendar().week}" if draw.random() < 0.5 else "",
        f"Cj0{draw.getrandbits(160):040x}" if draw.random() < 0.17 else "",
    )
