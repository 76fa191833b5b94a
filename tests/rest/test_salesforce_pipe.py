"""Salesforce into a warehouse: the whole pipe, run again, run after edits, deletions and merges."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
from pipeline import Pipeline
from servers import salesforce
from servers.salesforce import change, delete, key


def test_the_whole_pipe_twice_and_after_edits(tmp_path: Path):
    service = salesforce.service(300, others=300)
    objects = ["Opportunity", "Contact", "Lead", "Account"]
    with service.serving() as url:
        tap = {**salesforce.LOGIN, "api_url": url, "objects": objects, "bulk_threshold": 299}
        pipe = Pipeline(tmp_path, tap, [{"preset": "salesforce"}], source="tap-salesforce")
        first = pipe.run()
        assert set(first.codes.values()) == {0}, first.log
        before = pipe.tables()
        second = pipe.run(first.state)
        assert set(second.codes.values()) == {0}, second.log
        assert pipe.tables() == before
        for place in (4, 100, 250):
            change(service, "Opportunity", key("Opportunity", place), Amount=1.25)
        delete(service, "Opportunity", key("Opportunity", 7))
        third = pipe.run(second.state)
        assert set(third.codes.values()) == {0}, third.log
        after = pipe.tables()
    assert not service.problems
    assert len(service.jobs) == 4  # the first run's alone
    assert len(before["conversions"]) == 200 + 300  # won opportunities, and leads
    assert len(before["customer_profiles"]) == 300  # contacts: no account is a person's own
    changed = set(after["conversions"]) - set(before["conversions"])
    assert len(changed) == len(set(before["conversions"]) - set(after["conversions"])) == 4
    assert after["customer_profiles"] == before["customer_profiles"]
    assert _deleted(pipe) == [(key("Opportunity", 7),)]
    assert pipe.people() == (100, 100)  # every other opportunity has a contact; those without are never linked
    left = pipe.leavings()
    for secret in (salesforce.TOKEN, salesforce.SECRET, salesforce.REFRESH):
        assert secret not in left
    assert "person1@example.com" not in first.log + third.log


def _deleted(pipe: Pipeline) -> list[Any]:
    with duckdb.connect(str(pipe.database), read_only=True) as connection:
        return connection.execute(f"SELECT transaction_id FROM {pipe.schema}.conversions WHERE is_deleted").fetchall()
