"""tap-stripe killed with -9 in mid-read: the next run completes the tables, to the row."""

from __future__ import annotations

from pathlib import Path

import pytest
from pipeline import Kill, Pipeline
from servers import stripe

SOURCES = [{"preset": "stripe", "connector": "stripe-main"}]


@pytest.mark.chaos
def test_a_killed_tap_costs_no_row_and_doubles_none(tmp_path: Path):
    account = stripe.service(1500)
    with account.serving() as url:
        config = {"api_key": stripe.KEY, "api_url": url, "start_date": "2023-11-14"}
        whole = Pipeline(tmp_path / "whole", config, SOURCES, source="tap-stripe")
        assert set(whole.run().codes.values()) == {0}
        expected = _plain(whole)
        for states, records in ((0, 50), (2, 30), (4, 100), (6, 0)):
            cut = Pipeline(tmp_path / f"cut-{states}", config, SOURCES, source="tap-stripe")
            broken = cut.run(kill=Kill("tap-stripe", states, records))
            assert broken.codes["tap-stripe"] == -9
            assert set(cut.run(broken.state).codes.values()) == {0}
            assert _plain(cut) == expected


def _plain(pipe: Pipeline) -> dict[str, list[str]]:
    """Keys and values of the tables, without ids of people (each run's store has a key of its own)."""
    import duckdb

    with duckdb.connect(str(pipe.database), read_only=True) as connection:
        return {
            name: [
                str(row)
                for row in connection.execute(f'SELECT {columns} FROM "{pipe.schema}".{name} ORDER BY 1').fetchall()
            ]
            for name, columns in {
                "conversions": "transaction_id, value, refund_amount, timestamp, user_id",
                "customer_profiles": "source_record_id, email, phone",
            }.items()
        }
