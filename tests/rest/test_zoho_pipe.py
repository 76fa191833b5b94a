"""Zoho CRM into a warehouse: the whole pipe, run again, run after edits."""

from __future__ import annotations

from pathlib import Path

from pipeline import Pipeline
from servers import zoho


def test_the_whole_pipe_twice_and_after_edits(tmp_path: Path):
    service = zoho.service(300, others=300)
    deals = service.corpus["Deals"]
    with service.serving() as url:
        tap = {**zoho.LOGIN, "api_url": url, "start_date": "2024-01-01", "modules": ["Deals", "Contacts", "Leads"]}
        pipe = Pipeline(tmp_path, tap, [{"preset": "zoho"}], source="tap-zoho")

        def edit():
            return [zoho.change(service, "Deals", deals[place]["id"], Amount=1.25) for place in (4, 100, 250)]

        before, after, log = done = pipe.thrice(edit)
    assert not service.problems
    assert len(before["conversions"]) == 200 + 300  # won deals, and leads
    assert len(before["customer_profiles"]) == 300
    assert done.changed("conversions") == (3, 3)
    assert after["customer_profiles"] == before["customer_profiles"]
    assert pipe.people() == (100, 100)  # every other deal has a contact; those without are never linked
    left = pipe.leavings()
    for secret in (zoho.TOKEN, zoho.CLIENT_SECRET, zoho.REFRESH):
        assert secret not in left
    assert "person1@example.com" not in log
