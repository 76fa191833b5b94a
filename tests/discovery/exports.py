"""Small exports in the shape of four sources, with the presets a person would write for them. All values are made up."""

from __future__ import annotations

import csv
import gzip
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

DATA = Path(__file__).parents[2] / "plugins" / "demo_data" / "data" / "CDNOW_master.txt.gz"
ROWS = 300

PRESETS: dict[str, dict[str, Any]] = {
    "toast_orders": {
        "into": "conversions",
        "fields": {
            "transaction_id": "Order Id",
            "conversion_type": {"constant": "purchase"},
            "timestamp": {"from": "Opened", "format": "%m/%d/%Y %H:%M:%S"},
            "value": "Total",
            "discount": "Discount Amount",
            "subtotal": "Amount",
            "tax": "Tax",
            "tip": ["Tip"],
            "location_name": "Location",
            "channel": "Order Source",
        },
    },
    "paypal_umsaetze": {
        "into": "conversions",
        "fields": {
            "transaction_id": "Transaktionscode",
            "conversion_type": {"constant": "purchase"},
            "timestamp": {
                "from": {"join": ["Datum", "Uhrzeit"], "separator": " "},
                "format": "german",
            },
            "value": {"from": "Brutto", "number_format": "comma"},
            "currency": "Währung",
            "status": "Status",
        },
        "fragments": [{"type": "email", "from": "Absender E-Mail-Adresse"}],
    },
}
"""Stream -> its rule; CDNOW and Thanx have shipped presets."""
SHIPPED = {"cdnow_purchases": "cdnow", "thanx_purchases": "thanx_purchases"}


def write(folder: Path) -> dict[str, Any]:
    """Write the files; the config of a tap-csv that reads them."""
    with gzip.open(DATA, "rt") as file:
        (folder / "CDNOW_master.txt").write_text("".join(line for line, _ in zip(file, range(ROWS + 1), strict=False)))
    _write(folder / "thanx.csv", _thanx(random.Random(1)), ",")
    _write(folder / "toast.csv", _toast(random.Random(2)), ",")
    _write(folder / "paypal.csv", _paypal(random.Random(3)), ";")
    cdnow = {"path": str(folder / "CDNOW_master.txt"), "format": "csv", "delimiter": "whitespace"}
    return {
        "streams": [
            {"stream": "cdnow_purchases", **cdnow},
            {"stream": "thanx_purchases", "path": str(folder / "thanx.csv")},
            {"stream": "toast_orders", "path": str(folder / "toast.csv")},
            {"stream": "paypal_umsaetze", "path": str(folder / "paypal.csv"), "delimiter": ";"},
        ]
    }


def _write(path: Path, rows: Iterator[dict[str, str]], delimiter: str) -> None:
    first = next(rows)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(first), delimiter=delimiter)
        writer.writeheader()
        writer.writerow(first)
        writer.writerows(rows)


def _thanx(dice: random.Random) -> Iterator[dict[str, str]]:
    for n in range(ROWS):
        amount = f"{dice.randint(300, 9000) / 100:.2f}"
        shop = dice.randint(1, 4)
        yield {
            "purchase_id": str(410000001 + n),
            "purchase_uid": f"{dice.getrandbits(64):016x}",
            "merchant_id": "2207",
            "user_id": str(70000 + dice.randint(0, 60)) if n % 5 else "",
            "card_id": str(dice.randint(10**6, 10**7)),
            "cardfingerprint": f"{dice.randint(0, 80):064x}",
            "order_id": f"o-{n}" if n % 9 == 0 else "",
            "location_id": str(900 + shop),
            "location_name": ("Old Mill", "Harbour", "Station", "Market")[shop - 1],
            "location_street": f"{shop} Main St",
            "location_zip": f"6060{shop}",
            "location_category": "Bakery",
            "authorization_amount": amount,
            "settlement_amount": amount if n % 7 else "",
            "channel": "instore" if n % 3 else "digital",
            "purchased_at": f"2025-{n % 12 + 1:02d}-{n % 28 + 1:02d} {n % 24:02d}:{n % 60:02d}:07 UTC",
            "pos_id": f"{dice.randint(10**8, 10**9)}",
            "pos_provider": "toast",
        }


def _toast(dice: random.Random) -> Iterator[dict[str, str]]:
    for n in range(ROWS):
        amount, tip = dice.randint(500, 20000) / 100, dice.choice((0, 2.0, 5.5, 9.0))
        tax, discount = round(amount * 0.0825, 2), dice.choice((0, 0, 0, 1.5))
        day, minute = f"{n % 12 + 1}/{(n + 14) % 28 + 1}/2025", f"{dice.randint(10, 21)}:{dice.randint(0, 58):02d}"
        yield {
            "Location": ("The Lariat", "The Corral")[n % 2],
            "Order Id": str(987654321000000 + n * 7),
            "Order #": str(n % 150 + 1),
            "Checks": "1",
            "Opened": f"{day} {minute}:05",
            "# of Guests": str(dice.randint(1, 6)),
            "Tab Names": "",
            "Server": ("Ann Example", "Bob Sample", "Cy Test")[n % 3],
            "Table": str(dice.randint(1, 30)),
            "Revenue Center": "Dining Room",
            "Dining Area": ("Patio", "Hall")[n % 2],
            "Service": ("Lunch", "Dinner")[n % 2],
            "Discount Amount": f"{discount:.2f}",
            "Amount": f"{amount:.2f}",
            "Tax": f"{tax:.2f}",
            "Tip": f"{tip:.2f}",
            "Gratuity": "0.00",
            "Total": f"{amount + tax + tip:.2f}",
            "Voided": "false",
            "Paid": f"{day} {minute}:40",
            "Closed": f"{day} {minute}:55",
            "Duration (Opened to Paid)": "0:00:35",
            "Order Source": dice.choice(("In Store", "Online", "Kiosk")),
        }


def _paypal(dice: random.Random) -> Iterator[dict[str, str]]:
    for n in range(ROWS):
        gross = dice.randint(500, 300000)
        fee = round(gross * 0.0249) + 35
        yield {
            "Datum": f"{n % 28 + 1:02d}.{n % 12 + 1:02d}.2025",
            "Uhrzeit": f"{n % 24:02d}:{n % 60:02d}:11",
            "Zeitzone": "Europe/Berlin",
            "Name": f"Kundin {n % 90}",
            "Typ": "Zahlung erhalten" if n % 4 else "Express-Checkout-Zahlung",
            "Status": "Abgeschlossen",
            "Währung": "EUR",
            "Brutto": _comma(gross),
            "Gebühr": _comma(-fee),
            "Netto": _comma(gross - fee),
            "Absender E-Mail-Adresse": f"kundin{n % 90}@post.example",
            "Empfänger E-Mail-Adresse": "kasse@laden.example",
            "Transaktionscode": f"{dice.getrandbits(80):020X}"[:17],
            "Artikelbezeichnung": ("Brot", "Torte", "Kaffee")[n % 3],
            "Rechnungsnummer": f"RE-{n:05d}" if n % 2 else "",
            "Guthaben": _comma(dice.randint(10000, 900000)),
        }


def _comma(cents: int) -> str:
    text = f"{abs(cents) // 100:,}".replace(",", ".") + f",{abs(cents) % 100:02d}"
    return f"-{text}" if cents < 0 else text
