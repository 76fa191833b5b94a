"""Zoho CRM into a warehouse: the whole pipe, run again, run after edits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipeline import Pipeline
from servers import zoho


def test_the_whole_pipe_twice_and_after_edits(tmp_path: Path):
    service = zoho.service(300, others=300)
    deals = service.corpus["Deals"]
    with service.serving() as url:
        tap = {**zoho.LOGIN, "api_url": url, "start_date": "2024-01-01", "modules": ["Deals", "Contacts", "Leads"]}
        pipe = Pipeline(tmp_path, tap, [{"preset": "zoho"}], source="tap-zoho")
        first = pipe.run()
        assert set(first.codes.values()) == {0}, first.log
        before = _tables(pipe)
        second = pipe.run(first.state)
        assert set(second.codes.values()) == {0}, second.log
        assert _tables(pipe) == before
        edited = [zoho.change(service, "Deals", deals[place]["id"], Amount=1.25)["id"] for place in (4, 100, 250)]
        third = pipe.run(second.state)
        assert set(third.codes.values()) == {0}, third.log
        after = _tables(pipe)
    assert not service.problems
    assert len(before["conversions"]) == 200 + 300  # won deals, and leads
    assert len(before["customer_profiles"]) == 300
    changed = set(after["conversions"]) - set(before["conversions"])
    assert len(changed) == len(set(before["conversions"]) - set(after["conversions"])) == len(edited)
    assert after["customer_profiles"] == before["customer_profiles"]
    assert pipe.people() == (100, 100)  # every other deal has a contact; those without are never linked
    left = pipe.leavings()
    for secret in (zoho.TOKEN, zoho.CLIENT_SECRET, zoho.REFRESH):
        assert secret not in left
    assert "person1@example.com" not in first.log + third.log


def _tables(pipe: Pipeline) -> dict[str, Any]:
    """All but what is read in full each time, whose rows say which read they are of."""
    return {name: rows for name, rows in pipe.tables().items() if name != "users"}
