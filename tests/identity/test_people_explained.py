"""Why, in words and pictures; the same people from Parquet; settings; a store of the version before."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from identity_pipe import config, conversion, conversions, run
from identity_world import SCHEMA, World, reconciled, world_input

from identity.reconcile import settings, tap
from identity.reconcile.assign import assign
from identity.reconcile.explain import Explainer
from identity.reconcile.identities import weakest_links
from identity.reconcile.warehouse import opened, stage
from pipe.errors import ConfigurationError
from plugins.people import pages, words

INPUT = world_input(people=60, kiosk=12)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return reconciled(tmp_path_factory.mktemp("acme"), INPUT)


@pytest.fixture(scope="module")
def explainer(world: World) -> Iterator[Explainer]:
    given = {
        "tenant": "acme",
        "store": str(world.store),
        "warehouse": {"database": str(world.database), "schema": SCHEMA},
    }
    chosen = settings.read(given)
    with tap.work_space(chosen) as db, tap.open_ledger(chosen) as (ledger, _):
        with opened(db, chosen.warehouse) as source:
            stage(db, source)
        yield Explainer(db, ledger)


def test_the_id_goes_with_most_records_and_of_equals_with_the_oldest() -> None:
    import numpy as np

    groups = np.array([0, 0, 0, 1, 1, 2, 2, 3])
    previous = np.array([5, 5, 2, 5, 7, 4, 3, 0])
    found = assign(groups, previous)
    assert found.person.tolist() == [5, 7, 3, 0]
    assert found.retired == {2: 0, 4: 2}
    assert found.split == {}
    assert assign(np.array([0, 0, 1]), np.array([9, 9, 9])).split == {1: 9}


def test_the_weakest_link_is_one_that_cannot_be_done_without() -> None:
    import numpy as np

    left, right = np.array([0, 1, 0, 3]), np.array([1, 2, 2, 4])
    nodes, found = weakest_links(5, left, right, np.array([0.9, 0.8, 0.3, 0.6]))
    assert sorted(found.round(3).tolist()) == [0.6, 0.8, 0.9]
    assert len(nodes) == 3


def test_it_says_why_two_records_are_one_person(world: World, explainer: Explainer) -> None:
    scored = explainer._ledger.rows("SELECT left_key, right_key FROM edge WHERE kind = 'model' ORDER BY ALL LIMIT 1")
    left, right = (key.partition("#")[0] for key in scored[0])
    told = "\n".join(words.of_pair(explainer, left, right))
    assert "They are one person" in told
    assert re.search(r"probability 0\.\d{4}|equal \w+", told)
    people = world.people()
    stranger = next(key for key in sorted(people) if people[key] != people[left])
    told = "\n".join(words.of_pair(explainer, left, stranger))
    assert "They are two people" in told


def test_a_kiosk_is_named_as_what_joins_nobody(world: World, explainer: Explainer) -> None:
    kiosk = sorted(row["profile_id"] for row in INPUT.profiles if row.get("email") == "kiosk@shop.example")[:2]
    assert "both have the same email, but too many share it" in "\n".join(words.of_pair(explainer, *kiosk))


def test_values_are_masked_unless_they_are_asked_for(world: World, explainer: Explainer) -> None:
    row = next(row for row in INPUT.profiles if row.get("email") and row["email"] != "kiosk@shop.example")
    person = explainer.person(explainer.person_of(row["profile_id"]))
    hidden, shown = ("\n".join(words.of_person(person, values=values)) for values in (False, True))
    assert row["email"] not in hidden
    assert row["email"] in shown
    assert row["email"] not in pages.of_person(person, values=False)
    assert row["email"] in pages.of_person(person, values=True)


def test_pages_load_nothing_and_hold_their_pictures(world: World, explainer: Explainer) -> None:
    biggest = max(world.partition(), key=lambda group: (len(group), sorted(group)))
    person = explainer.person(explainer.person_of(min(biggest)))
    page = pages.of_person(person, values=False)
    assert page.count("<circle") == len({record.unit for record in person.records})
    assert page.count("<line") >= len({record.unit for record in person.records}) - 1
    tenant = pages.of_tenant(explainer._ledger, "acme")
    for text in (page, tenant):
        assert not re.search(r"(src|href)=\"(?!data:)", text)
        assert "Content-Security-Policy" in text
    assert "Expected matches" in tenant
    assert "first_name: equal" in tenant, "a level that kept the shipped figures"
    ((digest,),) = explainer._ledger.rows("SELECT hash FROM blocked")
    assert digest in tenant


def test_nobody_is_said_to_be_nobody(explainer: Explainer) -> None:
    with pytest.raises(ConfigurationError, match="no such person or record"):
        explainer.person_of("p_nobody")


def test_the_same_people_from_parquet_files(world: World, tmp_path: Path) -> None:
    files, other = tmp_path / "files", World(tmp_path / "other")
    (files / "conversions").mkdir(parents=True)
    other.home.mkdir()
    with duckdb.connect(str(world.database), read_only=True) as db:
        db.execute(f"USE {SCHEMA}")
        db.execute(f"COPY customer_profiles TO '{files}/customer_profiles.parquet'")
        db.execute(f"COPY conversions TO '{files}/conversions/one.parquet'")
    other.load(INPUT.lines(8))
    found = other.reconcile(land=False, warehouse={"directory": str(files)})
    groups: dict[str, set[str]] = {}
    for message in found:
        if message["type"] == "RECORD" and message["stream"] == "identity_map":
            row = message["record"]
            if row.get("valid_to") is None and len(row["source_key"]) == 32:
                groups.setdefault(row["global_customer_id"], set()).add(row["source_key"])
    assert {frozenset(group) for group in groups.values()} == world.partition()


@pytest.mark.parametrize(
    ("change", "words_of_it"),
    [
        ({"warehouse": {}}, "warehouse must name one of database, directory and project"),
        ({"warehouse": {"database": "x"}}, "warehouse.schema is missing"),
        ({"linking": {"treshold": 0.5}}, "linking.treshold is not a setting (did you mean threshold?)"),
        ({"linking": {"threshold": 7.5}}, "threshold must lie between 0 and 1"),
        ({"large_person": 0}, "large_person must be at least 1"),
        ({"default_region": "XX"}, "default_region is not a country"),
        ({"key": "s3cret"}, "key must be 64 hexadecimal digits"),
        ({"tenant": None}, "tenant is missing"),
        ({"sotre": "x"}, "sotre is not a setting (did you mean store?)"),
    ],
)
def test_a_wrong_setting_is_named_and_not_quoted(change: dict[str, object], words_of_it: str) -> None:
    good = {"tenant": "acme", "store": "x", "warehouse": {"database": "x", "schema": "y"}}
    with pytest.raises(ConfigurationError, match=re.escape(words_of_it)) as caught:
        settings.read({**good, **change})
    assert "s3cret" not in str(caught.value)


def test_a_store_of_the_version_before_goes_on(tmp_path: Path) -> None:
    lines = conversions(
        *(conversion(n, ("loyalty_id", f"L-{n // 2}"), ("customer_id", f"shop/{n}")) for n in range(30))
    )
    before = run(lines, config(tmp_path))
    with duckdb.connect(str(tmp_path / "identity.duckdb")) as db:
        for table in (
            "held",
            "blocked",
            "mapping",
            "event",
            "told",
            "decision",
            "forgotten",
            "erased",
            "edge",
            "reconcile",
        ):
            db.execute(f"DROP TABLE {table}")
        db.execute("ALTER TABLE person DROP COLUMN minted")
        for column in ("rule", "weight", "model", "reconcile"):
            db.execute(f"ALTER TABLE merge DROP COLUMN {column}")
        db.execute("UPDATE meta SET value = '2' WHERE name = 'version'")
    again = run(lines, config(tmp_path))
    told = [
        [m["record"] for m in found if m["type"] == "RECORD" and m["stream"] == "conversions"]
        for found in (before, again)
    ]
    assert told[0] == told[1]
    with duckdb.connect(str(tmp_path / "identity.duckdb"), read_only=True) as db:
        assert db.execute("SELECT count(*) FROM person WHERE minted IS NULL").fetchall() == [(0,)]
        assert db.execute("SELECT value FROM meta WHERE name = 'version'").fetchall() == [("3",)]
