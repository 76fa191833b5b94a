"""Erasing a person; and what a reconcile parted stays parted in the pipe."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from identity_pipe import conversion, conversions, profile, record, records, schema, state
from identity_world import World, world_input

from identity.reconcile import rotate, settings, tap
from identity.reconcile.explain import Explainer
from identity.reconcile.forget import forget
from identity.reconcile.ledger import Decision
from identity.reconcile.warehouse import opened, stage
from pipe.errors import ConfigurationError

INPUT = world_input(people=20, kiosk=10)
FAST = {"linking": {"method": "deterministic"}}


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path, FAST)
    made.load(INPUT.lines())
    made.reconcile()
    return made


def chosen(world: World) -> settings.Settings:
    warehouse = {"database": str(world.database), "schema": "growthnav_acme"}
    return settings.read({"tenant": "acme", "store": str(world.store), "warehouse": warehouse})


def erase(world: World, key: str) -> str:
    with tap.work_space(chosen(world)) as db, tap.open_ledger(chosen(world)) as (ledger, hasher):
        with opened(db, chosen(world).warehouse) as source:
            stage(db, source)
        explainer = Explainer(db, ledger)
        person = explainer.person_of(key)
        uid = explainer.person(person).uid
        forget(ledger, hasher, person, "request 17")
        ledger.store.commit()
    return uid


def of_person(found: list[dict[str, Any]], keys: set[str]) -> list[dict[str, Any]]:
    rows = [*records(found, "customer_profiles"), *records(found, "conversions")]
    return [row for row in rows if (row.get("profile_id") or row.get("conversion_id")) in keys]


def test_a_forgotten_person_is_gone_and_old_files_do_not_bring_them_back(world: World) -> None:
    group = max(world.partition(), key=lambda group: (len(group), sorted(group)))
    people, uid = world.people(), world.people()[min(group)]
    values = [row["email"] for row in INPUT.profiles if row["profile_id"] in group and "email" in row]
    assert values
    assert erase(world, min(group)) == uid
    world.reconcile()
    assert not set(world.people()) & group
    assert world.rows("SELECT is_deleted, emails, fragments FROM identities WHERE global_customer_id = ?", uid) == [
        (True, None, None)
    ]
    assert not world.rows("SELECT 1 FROM identity_map WHERE global_customer_id = ?", uid)
    replay = of_person(world.load(INPUT.lines(4)), set(group))
    assert len(replay) == len(group)
    for row in replay:
        assert (row["global_customer_id"], row["identity_fragments"]) == (None, [])
        assert not set(values) & set(map(str, row.values()))
    assert not [m for m in world.reconcile() if m["type"] == "RECORD"]
    assert {key: who for key, who in people.items() if key not in group} == world.people()
    assert uid not in json.dumps([str(row) for row in world.rows("FROM conversions")])


def test_new_data_make_a_new_person(world: World) -> None:
    row = next(row for row in INPUT.profiles if row.get("email"))
    uid = erase(world, row["profile_id"])
    world.reconcile()
    fresh = conversion("new", ("email", row["email"]), connector="till", timestamp="2026-02-01T00:00:00Z")
    (sold,) = records(world.load(conversions(fresh)), "conversions")
    assert sold["global_customer_id"]
    assert sold["global_customer_id"] != uid
    changed = {**row, "source_updated_at": "2999-01-01T00:00:00Z"}
    lines = [schema("customer_profiles"), record("customer_profiles", changed), state(1)]
    (back,) = records(world.load(lines), "customer_profiles")
    assert back["global_customer_id"] == sold["global_customer_id"]
    stale = {**row, "source_updated_at": "2001-01-01T00:00:00Z"}
    lines = [schema("customer_profiles"), record("customer_profiles", stale), state(1)]
    assert records(world.load(lines), "customer_profiles")[0]["global_customer_id"] is None


def test_what_was_parted_stays_parted_in_the_pipe(world: World) -> None:
    """Two records with one e-mail address, parted by hand: replayed, each is who it is; a third one does not join them."""
    group = min((group for group in world.partition() if len(group) >= 3), key=sorted)
    one, other = min(group), max(group)
    with tap.open_ledger(chosen(world)) as (ledger, _):
        ledger.decide(Decision(one, other, "unlink", "twins", ledger.now()))
        ledger.store.commit()
    world.reconcile()
    people = world.people()
    assert people[one] != people[other]
    for shuffle in (1, 2):
        found = world.load(INPUT.lines(shuffle), 600)
        told = {
            row.get("profile_id") or row.get("conversion_id"): row["global_customer_id"]
            for row in of_person(found, set(people))
        }
        assert told == people
    assert len({people[one], people[other]}) == 2


def test_a_kiosk_joins_nobody_after_it_is_blocked(world: World) -> None:
    """Two strangers with the kiosk's address and nothing else are two people, and not the kiosk's."""
    assert world.rows("SELECT type, reason, names FROM blocked_identifiers")[0][:2] == ("email", "names")
    strangers = [profile(f"S{n}", ("email", "kiosk@shop.example"), connector="crm0") for n in range(2)]
    lines = [schema("customer_profiles"), *(record("customer_profiles", row) for row in strangers), state(2)]
    found = [row["global_customer_id"] for row in records(world.load(lines), "customer_profiles")]
    assert len(set(found)) == 2
    assert not set(found) & set(world.people().values())
    world.reconcile()
    assert [world.people()[row["profile_id"]] for row in strangers] == found


def test_a_new_key_keeps_the_people(world: World) -> None:
    people, before = world.people(), {digest for (digest,) in world.ledger("SELECT hash FROM ident")}
    old_key = (world.home / "identity.key").read_bytes()
    gone = next(row for row in INPUT.profiles if row.get("email"))["profile_id"]
    erase(world, gone)
    world.reconcile()
    people = world.people()
    with tap.work_space(chosen(world)) as db, tap.open_ledger(chosen(world)) as (ledger, hasher):
        with opened(db, chosen(world).warehouse) as source:
            stage(db, source)
        assert rotate.rotate(db, ledger, hasher, chosen(world)) == 0
    rotate.swap(chosen(world))
    assert (world.home / "identity.key").read_bytes() != old_key
    told = world.load(INPUT.lines(6), 800)
    assert {row["profile_id"]: row["global_customer_id"] for row in records(told, "customer_profiles")}[gone] is None
    for row in [*records(told, "customer_profiles"), *records(told, "conversions")]:
        key = row.get("profile_id") or row["conversion_id"]
        assert row["global_customer_id"] == people.get(key)
    world.reconcile()
    assert world.people() == people
    assert not {digest for (digest,) in world.ledger("SELECT hash FROM ident")} & before
    assert not world.ledger("SELECT 1 FROM held WHERE rule = 'pinned'")
    world.load(INPUT.lines(7))
    assert not [m for m in world.reconcile() if m["type"] == "RECORD"]
    with pytest.raises(ConfigurationError, match="rotation before"), tap.open_ledger(chosen(world)) as (ledger, hasher):
        rotate.rotate(None, ledger, hasher, chosen(world))
