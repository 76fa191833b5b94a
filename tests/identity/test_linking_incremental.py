"""New records against a base: the same people as when all is made again, the base untouched, and when it is not done."""

from __future__ import annotations

import dataclasses

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from bench.customers import customers
from identity.evaluate import evaluate
from identity.linking import Linked, LinkSettings, judge, link, score
from identity.linking.known import Known, Memory

TRAINED, RECORDS, ONE_IN = 2_500, 400, 16
HOW = LinkSettings()


@pytest.fixture(scope="module")
def many() -> pa.Table:
    """Enough for training."""
    return customers(TRAINED).drop_columns(["person"])


@pytest.fixture(scope="module")
def given() -> pa.Table:
    return customers(RECORDS).drop_columns(["person"])


def early(given: pa.Table) -> pa.Array:
    """Ids of all but one in so many records: the others come later."""
    ids = given.column("record_id").combine_chunks()
    return ids.filter(pa.array([number % ONE_IN != 0 for number in range(len(ids))]))


@pytest.fixture(scope="module")
def base(given: pa.Table) -> pa.Array:
    return early(given)


@pytest.fixture(scope="module")
def first(given: pa.Table, base: pa.Array) -> Linked:
    return link(of(given, base), settings=HOW, memory=Memory())


def of(given: pa.Table, ids: pa.Array) -> pa.Table:
    return given.filter(pc.is_in(given.column("record_id"), value_set=ids))


def remembered(found: Linked) -> Known:
    """What a store gives back of it."""
    assert found.known
    return Known.of(found.known.figures(), found.known.pairs)


def test_in_parts_or_again_from_nothing_the_people_are_the_same(
    many: pa.Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    given, base = many, early(many)
    first = link(of(given, base), settings=HOW, memory=Memory())
    assert any(one.name == "u" and one.outcome == "kept" for one in first.report.sessions)
    new = given.filter(pc.invert(pc.is_in(given.column("record_id"), value_set=base)))
    half = pa.concat_arrays([base, new.column("record_id").slice(0, len(new) // 2).combine_chunks()])
    again = link(given, settings=HOW, memory=Memory(base=base))
    assert "judged again" in again.report.scope
    with monkeypatch.context() as patch:
        patch.setattr(judge.Judged, "__init__", lambda *_: pytest.fail("the base was scored"))
        part = link(of(given, half), settings=HOW, memory=Memory(base=base, known=remembered(first)))
        whole = link(given, settings=HOW, memory=Memory(base=base, known=remembered(part)))
    assert part.report.arrivals == len(new) // 2
    assert whole.report.scope == f"{len(new)} new records against {len(base)}"
    assert whole.clusters.equals(again.clusters)
    columns = ["left", "right", "kind", "rule", "match_weight", "match_probability"]
    assert whole.edges.select(columns).equals(again.edges.select(columns))
    assert again.known
    assert remembered(first).figures() == again.known.figures()


def test_the_people_are_those_of_linking_everything_anew(given: pa.Table, base: pa.Array, first: Linked) -> None:
    """Not to the last one where there are enough to train: the model then knows the new records, too."""
    whole, anew = link(given, settings=HOW, memory=Memory(base=base, known=remembered(first))), link(given)
    pairs = zip(*(one.clusters.column("cluster").to_pylist() for one in (whole, anew)), strict=True)
    assert evaluate(pairs).f1 > 0.99
    names = set(anew.edges.column_names) - {name for name in anew.edges.column_names if name.startswith("gamma_")}
    assert names <= set(whole.edges.column_names), "links of new records are explained as the others are"


def test_remembering_changes_nothing(given: pa.Table) -> None:
    found, other = link(given, memory=Memory()), link(given)
    assert found.clusters.equals(other.clusters)
    assert found.edges.select(other.edges.column_names).equals(other.edges)


def test_decisions_hold_for_old_and_new(given: pa.Table, base: pa.Array, first: Linked) -> None:
    cluster = dict(zip(*(column.to_pylist() for column in first.clusters.columns), strict=True))
    one, other = next(pair for pair in zip(base.to_pylist(), base.to_pylist()[7:], strict=False)
                      if cluster[pair[0]] != cluster[pair[1]])  # fmt: skip
    stranger = given.column("record_id")[0].as_py()
    assert stranger not in cluster
    decided = pa.table({"left": [one, one], "right": [other, stranger], "decision": ["link", "link"]})
    found = link(given, manual=decided, memory=Memory(base=base, known=remembered(first)))
    now = dict(zip(*(column.to_pylist() for column in found.clusters.columns), strict=True))
    assert found.report.arrivals
    assert now[one] == now[other] == now[stranger]


def test_what_is_closed_to_the_base_is_closed_to_new_records(
    given: pa.Table, base: pa.Array, first: Linked, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else ten thousand new ones would be compared as broadly as a file of ten thousand."""
    monkeypatch.setattr(score, "PAIRS", 0)
    closed = remembered(link(of(given, base), settings=HOW, memory=Memory()))
    rules = [rule for rule, limit in zip(closed.model.blocking, closed.limits, strict=True) if limit == score.CLOSED]
    assert set(rules) == closed.model.broad
    found, more = (
        link(given, settings=HOW, memory=Memory(base=base, known=known)) for known in (closed, remembered(first))
    )
    assert found.report.arrivals == more.report.arrivals > 0
    assert found.report.pairs_scored < more.report.pairs_scored
    assert not set(rules) & set(found.edges.column("rule").to_pylist())


def test_what_nobody_in_the_base_shares_is_open(given: pa.Table) -> None:
    """Nobody had met by it because all were different, not because they were many."""
    alone = given.group_by("email").aggregate([("record_id", "min")]).column("record_id_min").combine_chunks()
    base = of(given, alone).filter(pc.is_valid(of(given, alone).column("email")))
    first = link(base, settings=HOW, memory=Memory())
    ids = base.column("record_id").combine_chunks()
    memory = Memory(base=ids, known=remembered(first))
    stranger = base.slice(8, 1).set_column(base.schema.get_field_index("email"), "email", pa.array(["x@new.example"]))
    place = base.schema.get_field_index("record_id")
    news = [(base.slice(7, 1), "again"), (stranger, "new"), (stranger, "new again")]
    given = pa.concat_tables([base, *(row.set_column(place, "record_id", pa.array([name])) for row, name in news)])
    found = link(given, settings=HOW, memory=memory)
    cluster = dict(zip(*(column.to_pylist() for column in found.clusters.columns), strict=True))
    assert found.report.arrivals == 3
    assert cluster["again"] == cluster[ids[7].as_py()]
    rules = {(edge["left"], edge["right"]): edge["rule"] for edge in found.edges.to_pylist()}
    assert rules["new", "new again"] == "email"


def test_when_everything_is_linked_anew(given: pa.Table, base: pa.Array, first: Linked) -> None:
    known = remembered(first)
    place = given.column("record_id").to_pylist().index(base[5].as_py())
    names = given.column("first_name").to_pylist()
    names[place] = "Somebody"
    other = given.set_column(given.schema.get_field_index("first_name"), "first_name", pa.array(names, pa.string()))
    changed = "earlier ones, the settings or the programs have changed"
    many = pa.concat_arrays([base.slice(0, RECORDS // 2)])
    for records, how, memory, why in (
        (other, HOW, Memory(base=base, known=known), changed),
        (of(given, base).slice(1), HOW, Memory(base=base, known=known), changed),
        (given, LinkSettings(threshold=0.5), Memory(base=base, known=known), changed),
        (given, HOW, Memory(base=base, known=dataclasses.replace(known, fingerprint="of another version")), changed),
        (given, HOW, Memory(base=many, known=known), "are new, more than one in 10 of those before"),
        (given, HOW, Memory(), "nothing to compare new ones with"),
    ):
        found = link(records, settings=how, memory=memory)
        assert found.report.arrivals == 0
        assert why in found.report.scope
        assert found.clusters.equals(link(records, settings=how).clusters)
        assert found.known
        assert found.known.fingerprint != known.fingerprint


def test_nothing_is_remembered_where_nothing_is_scored(given: pa.Table, base: pa.Array) -> None:
    few = given.slice(0, 40)
    found = link(few, memory=Memory(base=few.column("record_id").combine_chunks().slice(0, 38)))
    assert found.known is None
    assert found.report.method == "deterministic"
    assert len(found.clusters) == 40
