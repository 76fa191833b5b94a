"""The bakery: the CDNOW purchases, as three systems of one chain of shops would have recorded them.

| file                 | system                | a record is                                              |
|----------------------|-----------------------|----------------------------------------------------------|
| thanx_purchases.csv  | till and loyalty      | a purchase at the counter; knows cards and members       |
| online_orders.jsonl  | online ordering (Olo) | a purchase on the web; knows e-mail, phone, account      |
| crm_contacts.csv     | CRM                   | a contact; knows name, birth date, address, membership   |
| truth/truth.csv      | nobody                | who was behind each record: for measuring, never loaded  |

Every purchase is in exactly one of the first two files, with its value, on its day in UTC.
"""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any, NamedTuple

from pipe import messages
from pipe.files import keep
from plugins.demo_data import cdnow, contacts, counter, online
from plugins.demo_data.deal import deal
from plugins.demo_data.dice import Dice

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

SEED = 1997
TRUTH_FILE = "truth/truth.csv"
TRUTH_COLUMNS = ("source_stream", "source_id", "person")


class Files(NamedTuple):
    """Where the files are."""

    purchases: Path
    orders: Path
    contacts: Path
    truth: Path


def prepare(directory: Path, seed: int = SEED) -> Files:
    """Write the three sources and the truth into `directory`; what is right already stays untouched."""
    people, counter_sales, online_sales = deal(cdnow.purchases(), seed)
    tills = counter.purchases(counter_sales, Dice(seed + 2))
    orders = online.orders(online_sales, Dice(seed + 3))
    crm = contacts.contacts(people, Dice(seed + 4))
    files = Files(
        *(directory / name for name in ("thanx_purchases.csv", "online_orders.jsonl", "crm_contacts.csv", TRUTH_FILE))
    )
    truth = [
        *(("thanx_purchases", row[0], sale.person.number) for row, sale in zip(tills, counter_sales, strict=True)),
        *(("online_orders", row["id"], sale.person.number) for row, sale in zip(orders, online_sales, strict=True)),
        *(("crm_contacts", row[0], person) for person, row in crm),
    ]
    keep(files.purchases, _csv(counter.COLUMNS, tills))
    keep(files.orders, _json_lines(orders))
    keep(files.contacts, _csv(contacts.COLUMNS, [row for _, row in crm]))
    keep(files.truth, _csv(TRUTH_COLUMNS, truth))
    return files


def _csv(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue().encode()


def _json_lines(rows: Iterable[dict[str, Any]]) -> bytes:
    return b"".join(messages.encode(row) + b"\n" for row in rows)
