"""The commands about people, typed as an operator types them; the pages in a browser."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import browser
import pytest
import yaml
from click.testing import CliRunner
from identity_world import SCHEMA, World, world_input

from pipe.errors import ConfigurationError, DataError, PipeError
from plugins.cli import growthnav

ROOT = Path(__file__).parents[2]
INPUT = world_input(people=20, kiosk=12)
FAST = {"linking": {"method": "deterministic"}}

Command = Callable[..., str]


def wire(home: Path) -> None:
    """A project with the shipped wiring, and a tenant whose people are in `home`."""
    shutil.copy(ROOT / "meltano.yml", home)
    (home / "tenants").mkdir()
    own = {
        "store": "${MELTANO_PROJECT_ROOT}/identity.duckdb",
        "warehouse": {"database": "${MELTANO_PROJECT_ROOT}/warehouse.duckdb", "schema": SCHEMA},
        **FAST,
    }
    plugins = {"extractors": [{"name": "tap-identity", "config": own}]}
    tenant = {"environments": [{"name": "acme", "config": {"plugins": plugins}}]}
    (home / "tenants" / "acme.meltano.yml").write_text(yaml.safe_dump(tenant))


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> World:
    world = World(tmp_path_factory.mktemp("project"), FAST)
    wire(world.home)
    world.load(INPUT.lines())
    world.reconcile()
    return world


@pytest.fixture
def world(loaded: World, tmp_path: Path) -> World:
    shutil.copytree(loaded.home, tmp_path / "project")
    return World(tmp_path / "project", FAST, dict(loaded.state))


@pytest.fixture
def identity(world: World) -> Command:
    """Types `growthnav identity ...` and gives what it prints."""

    def typed(*words: str, answer: str | None = None) -> str:
        command = ["--project", str(world.home), "identity", *words]
        done = CliRunner().invoke(growthnav, command, input=answer)
        if isinstance(done.exception, PipeError):
            raise done.exception
        assert done.exit_code == 0, done.output
        return done.output

    return typed


def two_of_one(world: World) -> tuple[str, str]:
    group = min((group for group in world.partition() if len(group) >= 3), key=sorted)
    return min(group), max(group)


def two_strangers(world: World) -> tuple[str, str]:
    """A purchase and a profile whose people have different names."""
    of = world.people()
    apart = {of[key] for key in two_of_one(world)}
    purchase = next(row["conversion_id"] for row in INPUT.purchases if of[row["conversion_id"]] not in apart)
    profile = next(row["profile_id"] for row in INPUT.profiles if of[row["profile_id"]] not in {of[purchase], *apart})
    return purchase, profile


def test_unlink_parts_link_joins_and_both_survive_a_rerun(world: World, identity: Command) -> None:
    left, right = two_of_one(world)
    assert "It holds from the next growthnav identity reconcile acme on" in identity(
        "unlink", "acme", left, right, "--why", "father and son"
    )
    one, other = two_strangers(world)
    identity("link", "acme", one, other, "--why", "she said so")
    for _ in range(2):
        world.reconcile()
        people = world.people()
        assert people[left] != people[right]
        assert people[one] == people[other]
    told = identity("explain", "acme", left, right)
    assert "decided by a person: unlink" in told
    assert "father and son" in told
    assert "They are two people" in told
    assert "linked by hand" in identity("explain", "acme", one, other)
    identity("link", "acme", left, right, "--why", "they are one after all")
    world.reconcile()
    assert world.people()[left] == world.people()[right]


def test_show_masks_values_until_it_is_asked_for_them(world: World, identity: Command) -> None:
    row = next(row for row in INPUT.profiles if row.get("email") and row["email"].endswith("mail.example"))
    person = world.people()[row["profile_id"]]
    hidden = identity("show", "acme", person)
    assert f"person {person}" in hidden
    assert row["email"] not in hidden
    assert row["email"] in identity("show", "acme", person, "--values")
    assert identity("show", "acme", row["profile_id"]) == hidden


def test_forget_asks_first_and_then_forgets(world: World, identity: Command) -> None:
    key, _ = two_of_one(world)
    person = world.people()[key]
    records = [record for record, one in world.people().items() if one == person]
    with pytest.raises(AssertionError, match="Aborted"):
        identity("forget", "acme", person, "--why", "request 17", answer="n\n")
    told = identity("forget", "acme", person, "--why", "request 17", answer="y\n")
    assert f"Forgotten, with {len(records)} records" in told
    world.reconcile()
    assert not set(records) & set(world.people())
    with pytest.raises(ConfigurationError, match="no such person or record"):
        identity("show", "acme", key)


def test_rotate_gives_a_new_key_and_the_same_people(world: World, identity: Command) -> None:
    before, key = world.people(), (world.home / "identity.key").read_bytes()
    assert "growthnav run acme --full-refresh" in identity("rotate", "acme")
    assert (world.home / "identity.key").read_bytes() != key
    assert (world.home / "identity.key.before").read_bytes() == key
    world.load(INPUT.lines())
    world.reconcile()
    assert world.people() == before
    with pytest.raises(ConfigurationError, match="is there from a rotation before"):
        identity("rotate", "acme")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("show", "nobody", "p_1"), "nobody"),
        (("show", "acme", "p_nobody"), "no such person or record"),
        (("explain", "acme", "crm0:none"), "no such person or record"),
        (("link", "acme", "p_nobody", "p_none", "--why", "x"), "no such person or record"),
    ],
)
def test_a_mistake_is_named(identity: Command, words: tuple[str, ...], message: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(message)):
        identity(*words)


def test_one_record_is_not_two(world: World, identity: Command) -> None:
    key, _ = two_of_one(world)
    with pytest.raises(AssertionError, match="that is one record, not two"):
        identity("link", "acme", key, key, "--why", "x")
    with pytest.raises(AssertionError, match="--why"):
        identity("link", "acme", key, key)


def test_a_decision_that_contradicts_others_is_refused_and_can_be_mended(world: World, identity: Command) -> None:
    one, other = two_of_one(world)
    third, _ = two_strangers(world)
    identity("link", "acme", one, other, "--why", "x")
    identity("link", "acme", other, third, "--why", "x")
    low, high = sorted((one, third))
    with pytest.raises(DataError, match=f"{low} and {high} would be linked by hand, through others"):
        identity("unlink", "acme", one, third, "--why", "x")
    identity("unlink", "acme", other, third, "--why", "x")
    identity("unlink", "acme", one, third, "--why", "x")
    world.reconcile()
    assert world.people()[one] == world.people()[other] != world.people()[third]


@pytest.mark.parametrize("command", ["link", "unlink"])
def test_a_reason_says_something(world: World, identity: Command, command: str) -> None:
    with pytest.raises(AssertionError, match="say why"):
        identity(command, "acme", *two_of_one(world), "--why", " ")


@pytest.mark.browser
@browser.NEEDED
def test_both_pages_in_a_browser(world: World, identity: Command, tmp_path: Path) -> None:
    with browser.served(tmp_path / "site") as site:
        key, _ = two_of_one(world)
        for name, words in (("all.html", ("page", "acme")), ("one.html", ("page", "acme", key))):
            assert identity(*words, "--out", str(site.directory / name)).startswith("Open ")
        everybody, one = site.visit("all.html"), site.visit("one.html")
    assert "<h1>People of acme</h1>" in everybody.dom
    assert "email" in everybody.dom, "the kiosk's address is listed, by its hash"
    assert f"<h1>Person {world.people()[key]}</h1>" in one.dom
    assert one.dom.count("<circle") >= 2
    assert one.dom.count("<line") >= 1
    for visit in (everybody, one):
        assert visit.console == []
        assert visit.asked == []
    assert everybody.fetched == ["/all.html"]
    assert one.fetched == ["/all.html", "/one.html"]
