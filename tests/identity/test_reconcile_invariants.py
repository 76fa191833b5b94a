"""The twelve promises of people's ids; each has a fault that its test must notice."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from identity_pipe import conversion, conversions, messages, records, run_bytes, schema, state
from identity_world import World, world_input

import identity.keys
from identity.reconcile import changes, restore, tap, tell, work
from identity.reconcile.ledger import Decision, Ledger
from identity.resolve import ResolveIdentity
from identity.store_file import Hold
from pipe.errors import RetriableError

INPUT = world_input(people=40, kiosk=12)
FAST = {"linking": {"method": "deterministic"}}


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tenant whose pipe has run; nothing is reconciled yet."""
    home = tmp_path_factory.mktemp("loaded")
    World(home).load(INPUT.lines())
    return home


@pytest.fixture
def world(loaded: Path, tmp_path: Path) -> World:
    shutil.copytree(loaded, tmp_path / "acme")
    return World(tmp_path / "acme", FAST)


def news(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [message["record"] for message in found if message["type"] == "RECORD"]


def decide(world: World, decision: str, left: str, right: str) -> None:
    config = {"tenant": "acme", "store": str(world.store), "warehouse": {"database": "x", "schema": "y"}}
    with tap.open_ledger(tap.settings.read(config)) as (ledger, _):
        pair = sorted((left, right))
        ledger.decide(Decision(pair[0], pair[1], decision, "because", ledger.now()))
        ledger.store.commit()


def two_of_one(world: World) -> tuple[str, str]:
    """Two records of one person with nobody else in it: their parting leaves two people."""
    group = min((group for group in world.partition() if len(group) >= 3), key=sorted)
    return min(group), max(group)


def rerun(world: World) -> None:
    world.reconcile()
    before = world.map(), world.rows("SELECT * FROM identity_merges ORDER BY ALL"), world.ledger("FROM person")
    assert len(before[0]) > 50
    assert not news(world.reconcile())
    world.load(INPUT.lines(3, purchases_first=True), 700)
    assert not news(world.reconcile())
    assert (
        world.map(),
        world.rows("SELECT * FROM identity_merges ORDER BY ALL"),
        world.ledger("FROM person"),
    ) == before


def rebuilt_from_the_map(world: World) -> None:
    world.reconcile()
    part_and_join(world)
    before, people = world.map(), world.people()
    world.store.unlink()
    world.state = {}
    world.reconcile()
    assert world.map() == before
    world.load(INPUT.lines(5), 900)
    assert not news(world.reconcile())
    assert (world.map(), world.people()) == (before, people)


def part_and_join(world: World) -> None:
    one, other = two_of_one(world)
    decide(world, "unlink", one, other)
    world.reconcile()
    assert world.people()[one] != world.people()[other]


def order_is_nothing(world: World) -> None:
    world.reconcile()
    for number, (flush, first) in enumerate([(2000, True), (None, True), (5000, False)]):
        again = World(world.home.parent / f"order{number}", FAST)
        again.home.mkdir()
        again.load(INPUT.lines(number + 11, purchases_first=first), flush)
        again.reconcile()
        assert again.partition() == world.partition()


def ids_are_used_once(world: World) -> None:
    """Parted, joined and parted again, the same records get another new id."""
    world.reconcile()
    one, other = two_of_one(world)
    seen = set(world.people().values())
    for _ in range(2):
        decide(world, "unlink", one, other)
        world.reconcile()
        fresh = {world.people()[one], world.people()[other]} - {None}
        assert len(fresh) == 2
        assert len(fresh - seen) == 1, "the part that left has an id that was used before"
        seen |= fresh
        decide(world, "link", one, other)
        world.reconcile()
    minted = [uid for (uid,) in world.rows("SELECT to_id FROM identity_merges WHERE event = 'mint'")]
    assert len(minted) == len(set(minted))
    became = dict(world.rows("SELECT from_id, to_id FROM identity_merges WHERE event = 'merge'"))
    for uid in minted:
        last = uid
        while last in became:
            last = became[last]
        assert last in minted


def aliases_lead_to_the_living(world: World) -> None:
    world.reconcile()
    one, other = two_of_one(world)
    strangers = [min(group) for group in sorted(world.partition(), key=min)][:6]
    for pair in zip(strangers, [*strangers[1:], one], strict=True):
        if world.people()[pair[0]] != world.people()[pair[1]]:
            decide(world, "link", *pair)
            world.reconcile()
            world.load(INPUT.lines(2))
    became = dict(world.rows("SELECT from_id, to_id FROM identity_merges WHERE event = 'merge'"))
    assert len(became) >= 3
    for start in list(became):
        seen, uid = set(), start
        while (onward := became.get(uid)) is not None:
            assert uid not in seen, "a circle"
            seen.add(uid)
            uid = onward
    assert not set(world.people().values()) & set(became), "a record belongs to a retired id"
    assert len({retired for (retired,) in world.ledger("SELECT retired FROM merge")}) == len(
        world.ledger("SELECT retired FROM merge")
    )
    assert other in world.people()


def pipe_merges_lead_to_the_living(world: World) -> None:
    """Between two reconciles the pipe merges the one with more records away; its id does not come back."""
    world.reconcile()
    few, many = INPUT.profiles[0], next(row for row in INPUT.profiles if row["source_record_id"].startswith("P2-"))
    bridge = conversion("bridge", ("email", few["email"]), ("phone", many["phone"]), connector="till")
    world.load(conversions(bridge))
    merged = {uid for (uid,) in world.ledger("SELECT uid FROM person JOIN merge ON retired = id")}
    assert world.people()[many["profile_id"]] in merged
    world.reconcile()
    assert world.people()[many["profile_id"]]
    assert not set(world.people().values()) & merged, "a record belongs to a retired id"


def history_can_be_read(world: World) -> None:
    """Whose a record was at any moment follows from the map alone."""
    world.reconcile()
    one, other = two_of_one(world)
    told = [(world.rows("SELECT max(valid_from) FROM identity_map")[0][0], world.people())]
    for decision in ("unlink", "link", "unlink"):
        decide(world, decision, one, other)
        world.reconcile()
        told.append((world.rows("SELECT max(valid_from) FROM identity_map")[0][0], world.people()))
    assert len({tuple(sorted(people.items())) for _, people in told}) >= 3
    for moment, people in told:
        then = world.rows(
            "SELECT source_key, global_customer_id FROM identity_map WHERE length(source_key) = 32"
            " AND valid_from <= $1 AND (valid_to IS NULL OR valid_to > $1)",
            moment,
        )
        assert len(then) == len(people)
        assert dict(then) == people


def lost_output_is_told_again(world: World) -> None:
    """The process dies after its commit and before a line of it is loaded; the records come again in another order."""
    world.reconcile(land=False)
    world.load(INPUT.lines(9), 400)
    world.reconcile()
    stored = world.ledger(
        "SELECT key, uid FROM mapping JOIN person ON person.id = person WHERE until IS NULL ORDER BY ALL"
    )
    landed = world.rows("SELECT source_key, global_customer_id FROM identity_map WHERE valid_to IS NULL ORDER BY ALL")
    assert set(stored) <= set(landed)
    assert len(world.rows("FROM identities WHERE NOT is_deleted")) == len(set(world.people().values()))
    world.load(INPUT.lines(4))
    assert not news(world.reconcile())


def one_at_a_time(world: World) -> None:
    before = world.store.read_bytes()
    held = Hold(world.store)
    try:
        with pytest.raises(RetriableError):
            world.reconcile()
        assert world.store.read_bytes() == before
    except BaseException as error:
        raise AssertionError("two runs worked on one store") from error
    finally:
        held.release()


def tenants_share_nothing(world: World) -> None:
    stranger = World(world.home.parent / "other", FAST)
    first = World(world.home.parent / "first", FAST)
    for each in (first, stranger):
        each.home.mkdir()
        each.load(INPUT.lines())
        each.reconcile()
    assert not set(first.people().values()) & set(stranger.people().values())
    hashes = [{digest for (digest,) in each.ledger("SELECT hash FROM ident")} for each in (first, stranger)]
    assert not hashes[0] & hashes[1]
    keys = [(each.home / "identity.key").read_bytes() for each in (first, stranger)]
    assert keys[0] != keys[1]


def nothing_personal_is_kept(world: World) -> None:
    """In the store, and with `personal_data: hash` in no stream either."""
    found = world.reconcile(personal_data="hash")
    told = b"".join(json.dumps(message).encode() for message in found).lower()
    kept = b"".join(path.read_bytes() for path in world.home.glob("identity.*")).lower()
    values = {
        str(row[name]) for row in INPUT.profiles for name in ("email", "phone", "birth_date", "street") if row.get(name)
    }
    assert len(values) > 100
    for value in values:
        assert value.lower().encode() not in told, "a personal value in a stream"
        assert value.lower().encode() not in kept, "a personal value in the store"


def others_pass_untouched(world: World) -> None:
    strange = [
        b'{"type":"SCHEMA","stream":"orders","schema":{"properties":{"a":{"type":"string"}}},"key_properties":["a"]}',
        b'{"type":"RECORD","stream":"orders","record":{"a" : "x"},"odd":1}',
        b'{"type":"SOMETHING","else":true}',
    ]
    shape = json.loads(schema("conversions"))
    del shape["schema"]["properties"]["global_customer_id"]
    lines = [*strange, json.dumps(shape).encode(), state(1)]
    output = run_bytes(lines, {"tenant": "acme", "store": str(world.store)}).splitlines()
    assert [line for line in output if line in strange] == strange
    (declared,) = [m for m in messages(b"\n".join(output)) if m["type"] == "SCHEMA" and m["stream"] == "conversions"]
    assert "global_customer_id" in declared["schema"]["properties"]


def large_people_are_told(world: World) -> None:
    found = world.reconcile(large_person=3)
    units = world.ledger("SELECT count(*) FROM edge")[0][0]
    assert units
    told = {row["to_id"] for row in records(found, "identity_merges") if row["event"] == "oversized"}
    sizes: dict[str, int] = {}
    for person in world.people().values():
        sizes[person] = sizes.get(person, 0) + 1
    large = {person for person, size in sizes.items() if size > 4}
    assert large
    assert large <= told


def forget_who_was_who(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(work, "_previous", lambda db, ledger, living, uids: np.zeros(len(db.sql("FROM record")), np.int64))


def never_restore(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(restore, "is_needed", lambda db, ledger: False)


def forget_what_landed_last(patch: pytest.MonkeyPatch) -> None:
    def stage(db: Any, source: Any, real: Callable[..., None] = tap.stage) -> None:
        real(db, source)
        db.execute(
            "DELETE FROM fragment WHERE place = (SELECT place FROM record JOIN profile ON profile_id = key"
            " WHERE place IN (SELECT place FROM fragment WHERE kind = 'phone') ORDER BY profile.rowid DESC LIMIT 1)"
        )

    patch.setattr(tap, "stage", stage)


def same_id_again(patch: pytest.MonkeyPatch) -> None:
    real = Ledger.rows
    patch.setattr(
        Ledger,
        "rows",
        lambda self, query, parameters=(): [] if query == "SELECT uid FROM person" else real(self, query, parameters),
    )


def do_not_canonicalise(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Ledger, "living", lambda self: np.arange(self.store.persons() + 1))


def leave_records_with_the_retired(patch: pytest.MonkeyPatch) -> None:
    real, calls = changes.map_records, count()
    patch.setattr(changes, "map_records", lambda context: False if next(calls) else real(context))


def never_close(patch: pytest.MonkeyPatch) -> None:
    real = Ledger.run

    def run(self: Ledger, statement: str, **tables: Any) -> None:
        if not statement.startswith("UPDATE mapping"):
            real(self, statement, **tables)

    patch.setattr(Ledger, "run", run)


def think_it_was_told(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(tell.Teller, "known", lambda self, mark: self.bookmark())


def do_not_lock(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("identity.store_file.fcntl.flock", lambda *_: None)


def one_key_for_all(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("identity.keys.secrets.token_bytes", lambda count: b"k" * count)
    assert identity.keys.secrets.token_bytes(1) == b"k"


def send_in_clear(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(tell.Teller, "_hidden", lambda self, table, name, personal: table.column(name))


def touch_every_schema(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ResolveIdentity, "on_schema", lambda self, message, line: [line.replace(b"orders", b"orders ")])


def ignore_size(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(changes, "_note_large", lambda *_: None)


INVARIANTS: dict[str, tuple[Callable[[World], None], Callable[[pytest.MonkeyPatch], None]]] = {
    "1 a re-run makes no new id and no event": (rerun, forget_who_was_who),
    "2 rebuilt from the map, the same ids": (rebuilt_from_the_map, never_restore),
    "3 order, sources and block size are nothing": (order_is_nothing, forget_what_landed_last),
    "4 an id is used once and resolves for ever": (ids_are_used_once, same_id_again),
    "5 aliases lead to the living, in no circle": (aliases_lead_to_the_living, leave_records_with_the_retired),
    "5 merges of the pipe lead to the living": (pipe_merges_lead_to_the_living, do_not_canonicalise),
    "6 every record's history can be read": (history_can_be_read, never_close),
    "7 lost output is told again, nothing contradicts": (lost_output_is_told_again, think_it_was_told),
    "8 one run at a time": (one_at_a_time, do_not_lock),
    "9 tenants share nothing": (tenants_share_nothing, one_key_for_all),
    "10 nothing personal is kept": (nothing_personal_is_kept, send_in_clear),
    "11 other streams pass untouched": (others_pass_untouched, touch_every_schema),
    "12 nobody grows large in silence": (large_people_are_told, ignore_size),
}


@pytest.mark.parametrize("name", INVARIANTS)
def test_invariant_holds(name: str, world: World) -> None:
    INVARIANTS[name][0](world)


@pytest.mark.parametrize("name", INVARIANTS)
def test_its_fault_is_noticed(name: str, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    holds, fault = INVARIANTS[name]
    fault(monkeypatch)
    with pytest.raises((AssertionError, KeyError)):
        holds(world)
