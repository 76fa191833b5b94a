"""tap-square through the whole pipe, three times: all, nothing new, and one row in a hundred changed."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import duckdb
from pipeline import Pipeline
from servers import square
from servers.rest import Service

COLUMNS = "transaction_id, value::VARCHAR, refund_amount::VARCHAR, user_id, global_customer_id, currency"
REFUNDED = ("P00000007", "P00000107", "P00000207")


def test_a_refund_changes_its_conversion_and_nothing_else(tmp_path: Path):
    payments = [square.payment(number, 12) for number in range(300)]
    payments[1] |= {"total_money": square.money(1000, "JPY"), "amount_money": square.money(1000, "JPY")}
    payments[2] |= {"total_money": square.money(1001, "KWD"), "amount_money": square.money(1001, "KWD")}
    payments[1]["tip_money"] = payments[1]["refunded_money"] = square.money(0, "JPY")
    payments[2]["tip_money"] = payments[2]["refunded_money"] = square.money(0, "KWD")
    payments[4] |= {"status": "FAILED"}
    seller = square.service(
        corpus=square.make(100, 12) | {"payments": payments, "customers": [square.customer(n) for n in range(100)]}
    )
    with seller.serving() as url:
        pipe = Pipeline(
            tmp_path,
            {"access_token": square.TOKEN, "api_url": url, "start_date": "2023-11-14"},
            [{"preset": "square", "connector": "square-main"}],
            source="tap-square",
        )
        before, after, _ = done = pipe.thrice(lambda: edit(seller))
    assert not seller.problems
    with duckdb.connect(str(pipe.database), read_only=True) as connection:
        found = connection.execute(f'SELECT {COLUMNS} FROM "{pipe.schema}".conversions').fetchall()
    sold = {key: rest for key, *rest in found}
    assert len(sold) == len(after["conversions"]) == len(before["conversions"]) == 299
    assert sold["P00000001"][0] == "1000.000000000"
    assert sold["P00000002"][0] == "1.001000000"
    assert sold["P00000007"][:2] == ["8.570000000", "2.500000000"]
    assert {key for key, row in sold.items() if float(row[1] or 0)} == set(REFUNDED)
    assert done.changed("conversions") == (len(REFUNDED), len(REFUNDED))
    assert done.changed("customer_profiles") == (1, 1)
    walk_ins = {row[3] for key, row in sold.items() if int(key[1:]) % 3 == 0}
    others = {row[3] for key, row in sold.items() if int(key[1:]) % 3}
    assert len(walk_ins) == 100  # cash, without a customer: none is linked to another
    assert len(others) == 199  # guests by e-mail and card, customers by their id
    assert not walk_ins & others
    left = b"".join(
        path.read_bytes() for path in tmp_path.rglob("*") if path.is_file() and path.name != "tap-square.json"
    )
    assert square.TOKEN.encode() not in left


def edit(seller: Service) -> None:
    """Three refunds and a customer's new name."""
    now = square.at(datetime.now(UTC))
    for row in seller.corpus["payments"]:
        if row["id"] in REFUNDED:
            row |= {"refunded_money": square.money(250), "refund_ids": ["R1"], "updated_at": now}
    seller.corpus["customers"][50] |= {"family_name": "Changed", "given_name": "Ann", "updated_at": now}
    seller.touch()
