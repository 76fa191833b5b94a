"""Two customers that their source has merged stay one person: only the deleted one says so, and it is no record."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from identity_pipe import conversion, profile, record, schema, state
from identity_world import World, world_input

MANY = world_input(people=40, kiosk=0)
KEPT = profile("kept", ("customer_id", "crm/B"), ("email", "b@mail.example"), first_name="Bea", last_name="Baker",
               email="b@mail.example", connector="crm", source_stream="contacts")  # fmt: skip
LOST = profile("lost", ("customer_id", "crm/A"), ("email", "a@mail.example"), first_name="Ann", last_name="Abbot",
               email="a@mail.example", connector="crm", source_stream="contacts")  # fmt: skip
OLDER = profile("older", ("customer_id", "crm/O"), first_name="Olga", connector="crm", source_stream="contacts")
SALES = [
    conversion(f"sale {owner}", ("customer_id", f"crm/{owner}"), connector="crm", source_stream="deals")
    for owner in "ABO"
]


def lines(profiles: list[dict[str, Any]], conversions: list[dict[str, Any]]) -> list[bytes]:
    return [
        schema("customer_profiles"), *(record("customer_profiles", row) for row in profiles),
        schema("conversions"), *(record("conversions", row) for row in conversions), state(1),
    ]  # fmt: skip


def merged(row: dict[str, Any], own: str, into: str) -> dict[str, Any]:
    """What a source sends of a customer that it has merged into another."""
    name = row["source_record_id"]
    return profile(name, ("customer_id", f"crm/{own}"), ("customer_id", f"crm/{into}"), connector="crm",
                   source_stream="contacts", is_deleted=True)  # fmt: skip


@pytest.mark.parametrize("others", [MANY.profiles, []], ids=["scored", "by identifiers"])
def test_what_their_source_has_merged_is_one_person(others: list[dict[str, Any]], tmp_path: Path) -> None:
    world = World(tmp_path)
    world.load(lines([*others, KEPT, LOST, OLDER], SALES))
    world.reconcile()
    sales = [sale["conversion_id"] for sale in SALES]
    assert len({world.people()[sale] for sale in sales}) == 3

    world.load(lines([merged(OLDER, "O", "A"), merged(LOST, "A", "B")], []))
    world.reconcile()
    people = world.people()
    assert {people[sale] for sale in sales} == {people[KEPT["profile_id"]]}
    assert not world.rows("SELECT 1 FROM identity_merges WHERE event = 'split'")

    world.reconcile(incremental=False)
    assert world.people() == people
    other = world.rows("SELECT count(DISTINCT global_customer_id) FROM identity_map WHERE valid_to IS NULL")
    world.store.unlink()
    world.state = {}
    world.reconcile()
    assert world.people() == people
    assert world.rows("SELECT count(DISTINCT global_customer_id) FROM identity_map WHERE valid_to IS NULL") == other
