"""tap-shopify through the whole pipe, three times: all, nothing new, and one row in a hundred changed."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import duckdb
from pipeline import Pipeline
from servers import shopify, shopify_rows
from servers.shopify import Shopify
from servers.shopify_rows import money

COLUMNS = "transaction_id, value::VARCHAR, refund_amount::VARCHAR, user_id, global_customer_id, currency"
REFUNDED = (7, 107, 207)


def test_a_refund_changes_its_conversion_and_nothing_else(tmp_path: Path):
    orders = [shopify_rows.order(number) for number in range(300)]
    orders[1] |= {name: money("1200.0", "JPY") for name in ("totalReceivedSet", "totalPriceSet")}
    orders[2] |= {name: money("1.001", "KWD") for name in ("totalReceivedSet", "totalPriceSet")}
    orders[4] |= {"test": True}
    orders[5] |= {"displayFinancialStatus": "PENDING", "totalReceivedSet": money("0.0")}
    orders[6] |= {"email": None, "phone": None}
    store = shopify.service(corpus=shopify_rows.make(50) | {"orders": orders})
    with store.serving() as url:
        pipe = Pipeline(
            tmp_path,
            {"shop": "flowers", "access_token": shopify.TOKEN, "api_url": url, "start_date": "2023-11-14"},
            [{"preset": "shopify", "connector": "shopify-main"}],
            source="tap-shopify",
        )
        before, after, _ = done = pipe.thrice(lambda: edit(store))
    assert not store.problems
    with duckdb.connect(str(pipe.database), read_only=True) as connection:
        found = connection.execute(f'SELECT {COLUMNS} FROM "{pipe.schema}".conversions').fetchall()
    sold = {int(key) - 1000: rest for key, *rest in found}
    assert len(sold) == len(after["conversions"]) == len(before["conversions"]) == 298
    assert not {4, 5} & set(sold)
    assert sold[1][0] == "1200.000000000"
    assert sold[1][4] == "JPY"
    assert sold[2][0] == "1.001000000"
    assert sold[7][:2] == ["15.000000000", "2.500000000"]
    assert {key for key, row in sold.items() if float(row[1] or 0)} == set(REFUNDED)
    assert done.changed("conversions") == (len(REFUNDED), len(REFUNDED))
    assert done.changed("customer_profiles") == (1, 1)
    guests = {row[3] for key, row in sold.items() if key % 3 == 0}
    assert len(guests) == 100  # each has an e-mail of its own, and one has none
    assert all(sold[number][2] is None for number in sold if number % 3 == 0)
    assert sold[8][3] == sold[58][3]  # orders of one customer
    assert shopify.TOKEN not in pipe.leavings()


def edit(store: Shopify) -> None:
    """Three refunds and a customer's new name."""
    now = shopify_rows.stamp_of(datetime.now(UTC))
    for number in REFUNDED:
        row = store.corpus["orders"][number]
        row |= shopify_rows.refund(row, "2.50", now)
    store.corpus["customers"][20] |= {"lastName": "Changed", "firstName": "Ann", "updatedAt": now}
    store.touch()
