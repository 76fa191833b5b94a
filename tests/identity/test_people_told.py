"""What the streams say: a person's row, the reason and weight of a merge, an identifier that is free again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb
import pytest
from click.testing import CliRunner
from identity_pipe import record, records, schema, state
from identity_world import World, reconciled, world_input

from identity.linking.model import load
from identity.linking.prepare import COLUMNS
from identity.reconcile import settings, tap
from identity.reconcile.explain import Explainer
from identity.reconcile.warehouse import opened, stage
from plugins.cli import growthnav

INPUT = world_input(people=60, kiosk=12)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return reconciled(tmp_path_factory.mktemp("acme"), INPUT)


def test_a_persons_row_says_what_their_records_say(world: World) -> None:
    of, row_of = world.people(), {row["profile_id"]: row for row in INPUT.profiles}
    columns = "global_customer_id, emails, phones, sources, profiles, conversions, match_probability, fragment_types"
    rows = world.rows(f"SELECT {columns} FROM identities WHERE NOT is_deleted")
    assert {row[0] for row in rows} == set(of.values())
    found = {uid: rest for uid, *rest in rows}
    uid = of[next(row["profile_id"] for row in INPUT.profiles if row["source_record_id"] == "P2-0")]
    keys = [key for key, person in of.items() if person == uid]
    theirs = [row_of[key] for key in keys if key in row_of]
    emails, phones, sources, profiles, conversions, probability, kinds = found[uid]
    assert json.loads(emails) == sorted({row["email"] for row in theirs if row.get("email")})
    assert json.loads(phones) == sorted({row["phone"] for row in theirs if row.get("phone")})
    assert set(json.loads(sources)) == {row["connector"] for row in theirs} | {"till"}
    assert (int(profiles), int(conversions)) == (len(theirs), len(keys) - len(theirs))
    assert 0 < float(probability) <= 1
    assert {"email", "phone"} <= set(json.loads(kinds))
    scored = [float(row[6]) for row in rows if float(row[6]) < 1]
    assert scored, "a person held together by the model has its probability"


def test_with_dropped_values_no_row_has_any(world: World, tmp_path: Path) -> None:
    other = World(tmp_path / "other")
    other.home.mkdir()
    other.load(INPUT.lines())
    rows = records(other.reconcile(personal_data="drop"), "identities")
    assert rows
    assert {(row["emails"], row["phones"]) for row in rows} == {(None, None)}


def test_a_merge_has_its_reason_weight_model_and_run(world: World) -> None:
    found = world.rows(
        "SELECT reason, rule, match_weight, model_version, from_id, to_id, record_id FROM identity_merges WHERE event = 'merge'"
    )
    by_model = [row for row in found if row[1] == "model" and row[2] is not None]
    assert by_model
    for reason, _, weight, version, before, after, key in by_model:
        assert set(reason.split(", ")) <= {one["name"] for one in load(None, COLUMNS).comparisons}
        assert float(weight) > -2, "above the threshold, in bits"
        assert version == "person-1"
        assert world.people()[key] != before
        assert before != after


def test_a_retired_id_still_names_its_person(world: World) -> None:
    before, after = world.rows("SELECT from_id, to_id FROM identity_merges WHERE event = 'merge' ORDER BY ALL LIMIT 1")[
        0
    ]
    given = {
        "tenant": "acme",
        "store": str(world.store),
        "warehouse": {"database": str(world.database), "schema": "growthnav_acme"},
    }
    chosen = settings.read(given)
    with tap.work_space(chosen) as db, tap.open_ledger(chosen) as (ledger, _):
        with opened(db, chosen.warehouse) as source:
            stage(db, source)
        explainer = Explainer(db, ledger)
        assert explainer.person_of(before) == explainer.person_of(after)
        assert before in explainer.person(explainer.person_of(after)).former


def test_an_identifier_that_is_free_again_is_told(tmp_path: Path) -> None:
    """Where most of a kiosk's records are deleted, its address is somebody's."""
    world = World(tmp_path, {"linking": {"method": "deterministic"}})
    world.load(INPUT.lines())
    world.reconcile()
    ((kind, digest, until),) = world.rows("SELECT type, identifier, valid_to FROM blocked_identifiers")
    assert (kind, until) == ("email", None)
    kiosk = [row for row in INPUT.profiles if row["source_record_id"].startswith("K")]
    gone = [{**row, "is_deleted": True} for row in kiosk[3:]]
    world.load([schema("customer_profiles"), *(record("customer_profiles", row) for row in gone), state(1)])
    told = records(world.reconcile(), "identity_merges")
    assert [(row["identifier"], row["reason"]) for row in told if row["event"] == "unblock"] == [
        (digest, "email: no longer shared")
    ]
    assert world.rows("SELECT valid_to IS NOT NULL FROM blocked_identifiers") == [(True,)]
    assert not [message for message in world.reconcile() if message["type"] == "RECORD"]


def judged(name: str, left: dict[str, Any], right: dict[str, Any]) -> str:
    """The level of a comparison that two records meet."""
    model = load(None, COLUMNS)
    sides = ", ".join(f"${n}_{side}::VARCHAR AS {n}_{side}" for n in COLUMNS for side in "lr")
    values = {f"{n}_{side}": row.get(n) for n in COLUMNS for side, row in (("l", left), ("r", right))}
    with duckdb.connect() as db:
        return str(db.execute(f"SELECT {model.label_sql(name)} FROM (SELECT {sides})", values).fetchall()[0][0])


@pytest.mark.parametrize(
    ("left", "right", "level"),
    [
        (("robert", "robert"), ("robert", "robert"), "equal"),
        (("bob", "robert"), ("robert", "robert"), "familiar form"),
        (("roebrt", "roebrt"), ("robert", "robert"), "typing error"),
        (("meyer", "meyer"), ("robert", "robert"), "swapped with the family name"),
        (("anna", "anna"), ("robert", "robert"), "different"),
    ],
)
def test_given_names_have_levels(left: tuple[str, str], right: tuple[str, str], level: str) -> None:
    one, other = ({"first_name": first, "name_root": root} for first, root in (left, right))
    swapped = level.startswith("swapped")
    assert (
        judged("first_name", {**one, "last_name": "robert" if swapped else "x"}, {**other, "last_name": "meyer"})
        == level
    )


@pytest.mark.parametrize(
    ("left", "right", "vetoed"),
    [
        ({"first_name": "anna", "birth_date": "19700101"}, {"first_name": "peter", "birth_date": "19720505"}, True),
        ({"first_name": "anna", "birth_date": "19700101"}, {"first_name": "peter", "birth_date": "19700101"}, False),
        ({"loyalty_id": "L-1"}, {"loyalty_id": "L-2"}, True),
        ({"loyalty_id": "L-1"}, {"loyalty_id": None}, False),
    ],
)
def test_conflicts_are_vetoed(left: dict[str, Any], right: dict[str, Any], vetoed: bool) -> None:
    model = load(None, COLUMNS)
    sides = ", ".join(f"${n}_{side}::VARCHAR AS {n}_{side}" for n in COLUMNS if n != "birth_day" for side in "lr")
    sides += ", NULL::INTEGER AS birth_day_l, NULL::INTEGER AS birth_day_r"
    values = {f"{n}_{s}": row.get(n) for n in COLUMNS if n != "birth_day" for s, row in (("l", left), ("r", right))}
    with duckdb.connect() as db:
        found = db.execute(f"SELECT coalesce({model.veto_sql()}, false) FROM (SELECT {sides})", values).fetchall()
    assert found == [(vetoed,)]


def test_the_help_of_the_group_names_every_command() -> None:
    text = CliRunner().invoke(growthnav, ["identity", "--help"]).output
    for name in ("evaluate", "reconcile", "link", "unlink", "explain", "show", "page", "forget", "rotate"):
        assert f"  {name} " in text
