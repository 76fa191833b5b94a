"""Salesforce into a warehouse: the whole pipe, run again, run after edits and a deletion."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
from pipeline import Pipeline
from servers import salesforce
from servers.salesforce import Organisation, change, delete, key


def test_the_whole_pipe_twice_and_after_edits(tmp_path: Path):
    service = salesforce.service(300, others=300)
    objects = ["Opportunity", "Contact", "Lead", "Account"]
    with service.serving() as url:
        tap = {**salesforce.LOGIN, "api_url": url, "objects": objects, "bulk_threshold": 299}
        pipe = Pipeline(tmp_path, tap, [{"preset": "salesforce"}], source="tap-salesforce")
        before, after, log = done = pipe.thrice(lambda: edit(service))
    assert not service.problems
    assert len(service.jobs) == 4  # the first run's alone
    assert len(before["conversions"]) == 200 + 300  # won opportunities, and leads
    assert len(before["customer_profiles"]) == 300  # contacts: no account is a person's own
    assert done.changed("conversions") == (4, 4)
    assert after["customer_profiles"] == before["customer_profiles"]
    assert _deleted(pipe) == [(key("Opportunity", 7),)]
    assert pipe.people() == (100, 100)  # every other opportunity has a contact; those without are never linked
    left = pipe.leavings()
    for secret in (salesforce.TOKEN, salesforce.SECRET, salesforce.REFRESH):
        assert secret not in left
    assert "person1@example.com" not in log


def edit(service: Organisation) -> None:
    """One opportunity in a hundred is worth something else, and one is deleted."""
    for place in (4, 100, 250):
        change(service, "Opportunity", key("Opportunity", place), Amount=1.25)
    delete(service, "Opportunity", key("Opportunity", 7))


def _deleted(pipe: Pipeline) -> list[Any]:
    with duckdb.connect(str(pipe.database), read_only=True) as connection:
        return connection.execute(f"SELECT transaction_id FROM {pipe.schema}.conversions WHERE is_deleted").fetchall()
