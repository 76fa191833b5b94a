"""tap-salesforce killed with -9 in mid-read, by query and by job: the next run completes the tables, to the row."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import duckdb
import pytest
from pipeline import Kill, Pipeline
from servers import salesforce

ROWS = 10_000
"""Three pages of a job's result."""


@pytest.mark.chaos
@pytest.mark.parametrize(("way", "states", "records"), [("rest", 0, 300), ("bulk", 1, 50), ("bulk", 2, 3000)])
def test_a_killed_tap_costs_no_row_and_doubles_none(tmp_path: Path, way: str, states: int, records: int):
    service = salesforce.service(ROWS, step=timedelta())  # all changed at the same moment
    won = [(row["Id"], row["Amount"]) for row in service.corpus["Opportunity"] if row["IsWon"]]
    with service.serving() as url:
        config = {**salesforce.LOGIN, "api_url": url, "objects": ["Opportunity"], "api_type": way, "page_size": 200}
        pipe = Pipeline(tmp_path, config, [{"preset": "salesforce"}], source="tap-salesforce")
        broken = pipe.run(kill=Kill("tap-salesforce", states, records))
        assert broken.codes["tap-salesforce"] == -9
        assert set(pipe.run(broken.state).codes.values()) == {0}
    with duckdb.connect(str(pipe.database), read_only=True) as connection:
        query = f"SELECT transaction_id, value::DOUBLE FROM {pipe.schema}.conversions ORDER BY 1"
        assert connection.execute(query).fetchall() == won
    assert not service.problems
