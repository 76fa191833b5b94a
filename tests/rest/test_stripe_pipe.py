"""tap-stripe through the whole pipe, three times: all, nothing new, and one charge in a hundred changed."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipeline import Pipeline
from servers import stripe
from servers.rest import Service

from pipe.times import to_text

DAY = 86_400
EDITED = ("ch_00000007", "ch_00000107", "ch_00000207")


def test_a_refund_changes_its_conversion_and_nothing_else(tmp_path: Path):
    now = int(time.time())
    charges = [stripe.charge(number, created=now - 7200 - number * 7200) for number in range(300)]
    charges[0] |= {"currency": "jpy"}
    charges[1] |= {"currency": "kwd"}
    charges[2] |= {"status": "failed", "captured": False}
    account = stripe.service(
        corpus=stripe.make(1) | {"charges": charges, "customers": [stripe.customer(n) for n in range(100)]}
    )
    with account.serving() as url:
        pipe = Pipeline(
            tmp_path,
            {"api_key": stripe.KEY, "api_url": url, "start_date": "2023-01-01"},
            [{"preset": "stripe", "connector": "stripe-main"}],
            source="tap-stripe",
        )
        before, after, _ = done = pipe.thrice(lambda: edit(account, now), again=_a_day_ago)
    sold = _conversions(pipe)
    assert len(sold) == 299
    assert sold["ch_00000000"]["value"] == "1000.000000000"
    assert sold["ch_00000001"]["value"] == "1.001000000"
    assert len(after["conversions"]) == len(before["conversions"]) == 299
    assert done.changed("conversions") == (len(EDITED), len(EDITED))
    assert {key for key, row in sold.items() if float(row["refund_amount"] or 0)} == set(EDITED)
    assert sold["ch_00000007"]["value"] == "7.570000000"
    guests = [row for key, row in sold.items() if row["user_id"] is None]
    assert guests
    assert all(row["global_customer_id"] for row in guests)
    assert after["customer_profiles"] == before["customer_profiles"]
    left = b"".join(
        path.read_bytes() for path in tmp_path.rglob("*") if path.is_file() and path.name != "tap-stripe.json"
    )
    assert stripe.KEY.encode() not in left
    assert b"secret_canary" not in left


def _a_day_ago(state: dict[str, Any] | None) -> dict[str, Any]:
    """The state with the feed of events a day further back."""
    changed = json.loads(json.dumps(state))
    for mark in changed["bookmarks"].values():
        if mark["changes"]:
            mark["changes"] = to_text(datetime.fromtimestamp(time.time() - DAY, UTC))
    return changed


def _conversions(pipe: Pipeline) -> dict[str, dict[str, str | None]]:
    import duckdb

    with duckdb.connect(str(pipe.database), read_only=True) as connection:
        found = connection.execute(
            "SELECT transaction_id, value::VARCHAR, refund_amount::VARCHAR, user_id, global_customer_id, currency "
            f'FROM "{pipe.schema}".conversions'
        ).fetchall()
    names = ("value", "refund_amount", "user_id", "global_customer_id", "currency")
    return {key: dict(zip(names, rest, strict=True)) for key, *rest in found}


def edit(account: Service, now: int) -> None:
    """Three refunds."""
    for row in account.corpus["charges"]:
        if row["id"] in EDITED:
            row["amount_refunded"] = 250
            account.corpus["events"].append(stripe.event("charge.refunded", row, now - 60))
    account.touch()
