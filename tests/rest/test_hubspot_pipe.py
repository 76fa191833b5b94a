"""HubSpot into a warehouse: the whole pipe, run again, run after edits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

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
        first = pipe.run()
        assert set(first.codes.values()) == {0}, first.log
        before = _tables(pipe)
        second = pipe.run(first.state)
        assert set(second.codes.values()) == {0}, second.log
        assert _tables(pipe) == before
        edited = [hubspot.change(service, "deals", deals[place]["id"], amount="1.25")["id"] for place in (4, 100, 250)]
        third = pipe.run(second.state)
        assert set(third.codes.values()) == {0}, third.log
        after = _tables(pipe)
    assert not service.problems
    assert len(before["conversions"]) == 200  # two of three deals are won
    assert len(before["customer_profiles"]) == 100
    changed = set(after["conversions"]) - set(before["conversions"])
    assert len(changed) == len(set(before["conversions"]) - set(after["conversions"])) == len(edited)
    assert after["customer_profiles"] == before["customer_profiles"]
    assert pipe.people() == (133, 67)  # of 200 deals; those without a contact are never linked
    left = pipe.leavings()
    assert hubspot.TOKEN not in left + first.log + third.log
    assert "person1@example.com" not in first.log + third.log


def _tables(pipe: Pipeline) -> dict[str, Any]:
    """All but what is read in full each time, whose rows say which read they are of."""
    return {name: rows for name, rows in pipe.tables().items() if name != "owners" and "pipelines" not in name}
