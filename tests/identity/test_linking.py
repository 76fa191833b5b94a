"""Linking: what is one person, what must not be, and that nothing depends on the order of records."""

from __future__ import annotations

import subprocess
import sys

import duckdb
import pyarrow as pa
import pytest

from bench.customers import customers
from identity.hashing import Hasher
from identity.linking import BLOCKED, CLUSTERS, EDGES, Linked, LinkSettings, link
from identity.linking.prepare import prepare
from pipe.errors import ConfigurationError, DataError

RECORDS = 600


@pytest.fixture(scope="module")
def given() -> pa.Table:
    return customers(RECORDS)


@pytest.fixture(scope="module")
def linked(given: pa.Table) -> Linked:
    return link(given)


def table(*rows: dict[str, str | None]) -> pa.Table:
    names = sorted({name for row in rows for name in row})
    return pa.table({name: pa.array([row.get(name) for row in rows], pa.string()) for name in names})


def people(found: Linked) -> set[frozenset[str]]:
    clusters: dict[int, set[str]] = {}
    for record, cluster in zip(*(column.to_pylist() for column in found.clusters.columns), strict=True):
        clusters.setdefault(cluster, set()).add(record)
    return {frozenset(one) for one in clusters.values()}


def certain(*rows: dict[str, str | None], **settings: object) -> Linked:
    return link(table(*rows), settings=LinkSettings(method="deterministic", **settings))  # type: ignore[arg-type]


def test_the_tables_have_their_form_and_every_record_is_in_once(given: pa.Table, linked: Linked) -> None:
    assert linked.report.method == "probabilistic"
    assert linked.clusters.schema == CLUSTERS
    assert linked.blocked.schema == BLOCKED
    assert linked.edges.schema.names[: len(EDGES)] == EDGES.names
    assert linked.clusters.column("record_id").to_pylist() == sorted(given.column("record_id").to_pylist())
    assert linked.report.people == len(people(linked))


def test_weights_of_the_comparisons_and_the_prior_add_up(linked: Linked) -> None:
    edges = linked.edges.filter(pa.compute.equal(linked.edges.column("kind"), "model")).to_pylist()
    names = [name for name in linked.edges.schema.names if name.startswith("mw_")]
    shares = {round(edge["match_weight"] - sum(edge[name] for name in names), 2) for edge in edges}
    assert edges
    assert len(shares) == 1, "what is left is the prior"
    assert all(edge["gamma_first_name"] >= 0 for edge in edges if edge["mw_first_name"])


def test_links_join_what_is_in_one_cluster(linked: Linked) -> None:
    cluster = dict(zip(*(column.to_pylist() for column in linked.clusters.columns), strict=True))
    pairs = list(zip(linked.edges.column("left").to_pylist(), linked.edges.column("right").to_pylist(), strict=True))
    assert all(cluster[left] == cluster[right] and left < right for left, right in pairs)
    # ... and all of it: no member without a link.
    assert {one for pair in pairs for one in pair} == {
        one for person in people(linked) if len(person) > 1 for one in person
    }


def test_order_of_records_and_of_columns_and_the_engine_do_not_matter(given: pa.Table, linked: Linked) -> None:
    turned = given.select(given.column_names[::-1]).take(pa.array(range(len(given) - 1, -1, -1)))
    with duckdb.connect() as db:
        db.execute("SET threads = 1; CREATE SCHEMA own; USE own; CREATE TABLE kept AS SELECT 1")
        other = link(turned, connection=db)
        assert db.execute("SHOW TABLES").fetchall() == [("kept",)]
        assert db.execute("SELECT current_schema()").fetchall() == [("own",)]
    assert other.clusters.equals(linked.clusters)
    assert (
        other.edges.drop_columns(["match_weight", "match_probability"])
        .select(EDGES.names[:2])
        .equals(linked.edges.select(EDGES.names[:2]))
    )


def test_a_manual_unlink_holds_and_a_manual_link_joins(given: pa.Table, linked: Linked) -> None:
    largest = sorted(max(people(linked), key=lambda one: (len(one), min(one))))
    alone = sorted(min(one) for one in people(linked) if len(one) == 1)
    decided = table(
        {"left": largest[0], "right": largest[-1], "decision": "unlink"},
        {"left": alone[1], "right": alone[0], "decision": "link"},
        {"left": alone[0], "right": "not there", "decision": "link"},
    )
    found = link(given, manual=decided)
    cluster = dict(zip(*(column.to_pylist() for column in found.clusters.columns), strict=True))
    assert cluster[largest[0]] != cluster[largest[-1]]
    assert cluster[alone[0]] == cluster[alone[1]]
    manual = found.edges.filter(pa.compute.equal(found.edges.column("kind"), "manual"))
    assert manual.select(["left", "right"]).to_pylist() == [{"left": alone[0], "right": alone[1]}]
    assert any("not there" in one for one in found.report.warnings)


def test_manual_decisions_also_hold_without_scores_and_for_equal_records() -> None:
    rows = [{"record_id": name, "email": "ann@mail.org", "first_name": "Ann"} for name in "abc"]
    decided = table({"left": "a", "right": "c", "decision": "unlink"})
    decided = decided.cast(pa.schema([(name, pa.large_string()) for name in decided.column_names]))
    found = link(table(*rows), settings=LinkSettings(method="deterministic"), manual=decided)
    cluster = dict(zip(*(column.to_pylist() for column in found.clusters.columns), strict=True))
    assert cluster["a"] != cluster["c"]


def test_contradicting_decisions_are_refused() -> None:
    rows = [{"record_id": name, "email": "ann@mail.org"} for name in "abc"]
    decided = table(
        {"left": "a", "right": "b", "decision": "link"},
        {"left": "b", "right": "c", "decision": "link"},
        {"left": "c", "right": "a", "decision": "unlink"},
    )
    with pytest.raises(DataError, match=r"^field 'decision': a and c were .* Take back one"):
        link(table(*rows), manual=decided)


def test_a_household_is_not_a_person() -> None:
    home = {"last_name": "Meyer", "street": "12 Oak Street", "phone": "212 555 0142", "email": "meyer@mail.org"}
    rows = [{"record_id": f"{name}{n}", "first_name": name, **home} for name in ("Anna", "Peter") for n in range(2)]
    found = certain(*rows)
    assert people(found) == {frozenset({"Anna0", "Anna1"}), frozenset({"Peter0", "Peter1"})}


def test_what_many_share_links_nobody_and_is_audited() -> None:
    names = ["Ann", "Bob", "Carl", "Dora", "Emil", "Fritz", "Gerd"]
    rows = [{"record_id": name, "first_name": name, "email": "kiosk@bakery.org"} for name in names]
    rows += [{"record_id": f"{name}2", "first_name": name, "email": f"{name}@mail.org"} for name in names]
    rows.append({"record_id": "nameless", "email": "kiosk@bakery.org"})
    key = bytes(range(32))
    found = certain(*rows, hash_key=key)
    assert found.report.largest_cluster == 1
    expected = {"kind": "email", "reason": "names", "records": 8, "names": 7}
    identifier = Hasher(key).identifiers("email")("kiosk@bakery.org")
    assert found.blocked.to_pylist() == [{**expected, "identifier": identifier}]
    assert certain(*rows, names_per_identifier=10).blocked.num_rows == 0


@pytest.mark.parametrize("value", ["test@test.com", "noreply@store.com", "n/a"])
def test_placeholders_link_nobody(value: str) -> None:
    assert certain(*({"record_id": name, "first_name": "Ann", "email": value} for name in "ab")).report.people == 2


def test_one_value_in_many_forms_is_one() -> None:
    rows = [
        {"record_id": "a", "first_name": "Robert", "phone": "(212) 555-0142"},
        {"record_id": "b", "first_name": "Bob", "phone": "+1 212.555.0142", "email": "Bob@Mail.org"},
        {"record_id": "c", "first_name": None, "email": " bob@mail.ORG "},
    ]
    assert people(certain(*rows)) == {frozenset("abc")}


def test_umlauts_written_as_two_letters_are_the_same_name() -> None:
    """Where both spellings are there; a name that only looks so stays as it is."""
    pairs = [("J\u00fcrgen", "M\u00fcller", "Gro\u00dfe Stra\u00dfe 5"), ("Juergen", "MUELLER", "Grosse Strasse 5")]
    pairs += [("S\u00f6ren", "Gro\u00df-B\u00e4cker", "\u00d6lweg 1"), ("Soeren", "Gross Baecker", "Oelweg 1")]
    pairs += [("Samuel", "Manuel", "Joel Street 1")]
    rows = [
        {
            "record_id": f"{number}",
            "first_name": first,
            "last_name": last,
            "street": street,
            "full_name": f"{last}, {first}",
        }
        for number, (first, last, street) in enumerate(pairs)
    ]
    columns = ("first_name", "last_name", "street")
    with duckdb.connect() as db:
        prepare(db, table(*rows), "DE")
        forms = db.execute(f"SELECT {', '.join(columns)} FROM person ORDER BY record_id").fetchall()
    assert forms[0] == forms[1]
    assert forms[2] == forms[3]
    assert forms[4] == ("samuel", "manuel", "joel")
    whole = [{"record_id": row["record_id"], "full_name": row["full_name"]} for row in rows]
    with duckdb.connect() as db:
        prepare(db, table(*whole), "DE")
        forms = db.execute("SELECT first_name, last_name FROM person ORDER BY record_id").fetchall()
    assert forms[0] == forms[1]
    assert forms[2] == forms[3]


def test_a_regular_guest_is_compared_once(given: pa.Table) -> None:
    first = {name: given.column(name)[0].as_py() for name in given.column_names if name != "person"}
    twins = [{**first, "record_id": f"x{number}", "email": "regular@mail.org"} for number in range(400)]
    found = link(pa.concat_tables([given.drop_columns(["person"]), table(*twins)], promote_options="default"))
    twin_ids = {f"x{number}" for number in range(400)}
    assert any(twin_ids <= person for person in people(found))
    assert found.report.pairs_scored < 20_000, "400 equal records alone have 80,000 pairs"


def test_few_records_and_single_columns_are_linked_by_identifiers_only(given: pa.Table) -> None:
    assert "fewer than 50" in link(given.slice(0, 40)).report.reason
    assert "only one thing" in link(given.select(["record_id", "email"])).report.reason


@pytest.mark.parametrize(
    ("ids", "message"), [(["a", "a"], "1 are repeated"), (["a", None], "1 are empty"), (None, "no such column")]
)
def test_record_ids_must_be_there_and_unique(ids: list[str | None] | None, message: str) -> None:
    records = pa.table({"email": ["x", "y"]} if ids is None else {"record_id": pa.array(ids, pa.string())})
    with pytest.raises(DataError, match=message):
        link(records)


def test_no_record_is_no_person() -> None:
    found = link(table({"record_id": "a"}).slice(0, 0))
    assert len(found.clusters) == len(found.edges) == found.report.people == 0


def test_settings_are_checked_all_at_once() -> None:
    with pytest.raises(ConfigurationError) as error:
        LinkSettings(clustering="best", threshold=2.0, names_per_identifier=0)  # type: ignore[arg-type]
    assert all(name in str(error.value) for name in ("clustering", "threshold", "names_per_identifier"))


def test_importing_is_cheap() -> None:
    code = "import sys, identity.linking, identity.resolve; print([m for m in ('splink', 'scipy.sparse') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
