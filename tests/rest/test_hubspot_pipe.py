"""HubSpot into a warehouse: the whole pipe, run again, run after edits."""

from __future__ import annotations

from pathlib import Path

from pipeline import Pipeline
from servers import hubspot


def test_the_whole_pipe_twice_and_after_edits(tmp_path: Path):
    service = hubspot.service(100)
    deals = [hubspot._object("deals", number, hubspot.timedelta(hours=9)) for number in range(300)]
    service.corpus["deals"] = deals
    for number, deal in enumerate(deals[:200]):  # the others are of nobody that is known
        hubspot.link(service, "deals", deal["id"], "contacts", str(1_000_000 + number // 2))
    with service.serving() as url:
        tap = {
            "access_token": hubspot.TOKEN,
            "api_url": url,
            "start_date": "2024-01-01",
            "objects": ["contacts", "deals"],
        }
        pipe = Pipeline(tmp_path, tap, [{"preset": "hubspot"}], source="tap-hubspot")

        def edit():
            return [hubspot.change(service, "deals", deals[place]["id"], amount="1.25") for place in (4, 100, 250)]

        before, after, log = done = pipe.thrice(edit)
    assert not service.problems
    assert len(before["conversions"]) == 200  # two of three deals are won
    assert len(before["customer_profiles"]) == 100
    assert done.changed("conversions") == (3, 3)
    assert after["customer_profiles"] == before["customer_profiles"]
    assert pipe.people() == (133, 67)  # of 200 deals; those without a contact are never linked
    left = pipe.leavings()
    assert hubspot.TOKEN not in left + log
    assert "person1@example.com" not in log
