"""What `resolve-identity` says: ids, merges, the map, and everything it leaves alone."""

import json
from pathlib import Path

import duckdb
import pytest
from identity_pipe import (
    TENANT,
    aliases,
    config,
    conversion,
    conversions,
    encode,
    fragment,
    living,
    messages,
    opened,
    partition,
    process,
    profile,
    record,
    records,
    run,
    run_bytes,
    schema,
    state,
)

from pipe.outbox import Outbox
from pipe.streams import CONVERSIONS

ANN = ("email", "ann@mail.example")
ANN_PHONE = ("phone", "(212) 555-0100")
BOB = ("email", "bob@mail.example")
ANN_SHOP = ("customer_id", "shop/7")


def test_records_that_share_an_identifier_are_of_one_person(tmp_path: Path) -> None:
    found = run(
        conversions(
            conversion(1, ANN),
            conversion(2, ("email", " ANN@mail.example"), ANN_PHONE),
            conversion(3, ("phone", "+1 212 555 0100")),
            conversion(4, BOB),
        ),
        config(tmp_path),
    )
    ann, *others, bob = [row["global_customer_id"] for row in records(found, "conversions")]
    assert others == [ann, ann]
    assert bob != ann
    assert len(ann) == 26
    assert ann.startswith("p_")
    assert records(found, "identity_merges") == []


def test_fragments_leave_as_keyed_hashes_without_what_cannot_link(tmp_path: Path) -> None:
    shown = conversion(1, ANN, ("email", "noreply@mail.example"), ("phone", "none"), ("email", "ANN@mail.example"))
    shown["identity_fragments"] += [
        {"type": "twitter", "value": "@ann"},
        {"type": "loyalty_id", "value": None},
        {"type": "loyalty_id", "value": " 17 ", "metadata": {"secret": "x"}},
        {"type": "customer_id", "value": "7"},
    ]
    (row,) = records(run(conversions(shown), config(tmp_path)), "conversions")
    first, second = row["identity_fragments"]
    assert first == {"type": "email", "value": first["value"], "source_system": "pos", "confidence": 1.0}
    assert second == {"type": "loyalty_id", "value": second["value"], "source_system": None}
    assert all(len(bytes.fromhex(value)) == 15 for value in (first["value"], second["value"]))


def test_persons_that_turn_out_to_be_one_merge_to_the_oldest(tmp_path: Path) -> None:
    lines = conversions(
        conversion(1, ANN), conversion(2, ANN_PHONE), conversion(3, BOB, ANN_PHONE, ANN), conversion(4, BOB)
    )
    found = run(lines, config(tmp_path))
    oldest, younger, third, fourth = [row["global_customer_id"] for row in records(found, "conversions")]
    (event,) = records(found, "identity_merges")
    assert third == fourth == oldest
    assert (event["from_id"], event["to_id"]) == (younger, oldest)
    assert event["reason"] == "email, phone"
    assert event["record_id"] == conversion(3)["conversion_id"]
    assert (event["event"], event["rule"], event["customer_id"]) == ("merge", "deterministic", TENANT)
    assert event["effective_at"].endswith("Z")


def test_three_persons_merge_in_one_record(tmp_path: Path) -> None:
    loyalty = ("loyalty_id", "L-17")
    found = run(
        conversions(
            conversion(1, ANN), conversion(2, ANN_PHONE), conversion(3, loyalty), conversion(4, loyalty, ANN_PHONE, ANN)
        ),
        config(tmp_path),
    )
    one, two, three, four = [row["global_customer_id"] for row in records(found, "conversions")]
    assert four == one
    assert aliases(found) == {two: one, three: one}
    assert [event["reason"] for event in records(found, "identity_merges")] == ["email, phone", "email, loyalty_id"]


def test_a_customer_id_counts_within_its_source_system(tmp_path: Path) -> None:
    found = run(
        conversions(
            conversion(1, ANN_SHOP), conversion(2, ("customer_id", "crm/7")), conversion(3, ("customer_id", "shop/ 7 "))
        ),
        config(tmp_path),
    )
    shop, crm, again = [row["global_customer_id"] for row in records(found, "conversions")]
    assert shop == again != crm


def test_the_map_tells_who_a_source_customer_is_since_when_and_until_when(tmp_path: Path) -> None:
    crm = ("customer_id", "crm/9")
    found = run(
        conversions(conversion(1, ANN_SHOP), conversion(2, crm), conversion(3, crm, ANN_SHOP)), config(tmp_path)
    )
    ann, other, _ = [row["global_customer_id"] for row in records(found, "conversions")]
    latest = {row["identity_map_id"]: row for row in records(found, "identity_map")}
    rows = {(row["source_system"], row["global_customer_id"]): row for row in latest.values()}
    assert rows.keys() == {("shop", ann), ("crm", other), ("crm", ann)}
    merged_at = records(found, "identity_merges")[0]["effective_at"]
    assert rows["shop", ann]["valid_to"] is None
    assert rows["crm", other]["valid_from"] <= rows["crm", other]["valid_to"] == merged_at
    assert rows["crm", ann]["valid_from"] == merged_at
    assert rows["crm", ann]["valid_to"] is None
    hashes = [row["identity_fragments"][0]["value"] for row in records(found, "conversions")]
    assert rows["shop", ann]["source_key"] == hashes[0]


def test_a_chain_of_merges_closes_every_link_of_an_untouched_customer(tmp_path: Path) -> None:
    """The customer of the youngest person is never seen again, yet the map follows it through both merges."""
    crm = ("customer_id", "crm/9")
    found = run(
        conversions(
            conversion(1, ANN),
            conversion(2, BOB),
            conversion(3, ANN_PHONE, crm),
            conversion(4, BOB, ANN_PHONE),
            conversion(5, ANN, BOB),
        ),
        config(tmp_path),
    )
    one, two, three, *_ = [row["global_customer_id"] for row in records(found, "conversions")]
    latest = {row["identity_map_id"]: row for row in records(found, "identity_map")}
    times = {row["global_customer_id"]: (row["valid_from"], row["valid_to"]) for row in latest.values()}
    assert times.keys() == {one, two, three}
    assert times[three][1] == times[two][0]
    assert times[two][1] == times[one][0]
    assert times[one][1] is None


def test_a_second_run_changes_nothing_and_says_the_same(tmp_path: Path) -> None:
    """Invariant 1: no new ids, no new merges; the old merges and map rows are told again, word for word."""
    lines = conversions(conversion(1, ANN_SHOP), conversion(2, BOB), conversion(3, BOB, ANN_SHOP), conversion(4))
    first = run(lines, config(tmp_path))
    for _ in range(2):
        again = run(lines, config(tmp_path))
        assert records(again, "identity_merges") == records(first, "identity_merges")
        current = {
            row["conversion_id"]: living(row["global_customer_id"], aliases(first))
            for row in records(first, "conversions")
        }
        assert {row["conversion_id"]: row["global_customer_id"] for row in records(again, "conversions")} == current
        told = {row["identity_map_id"]: row for row in records(again, "identity_map")}
        assert told == {row["identity_map_id"]: row for row in records(first, "identity_map")}


def test_counts_of_a_second_run(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    lines = conversions(conversion(1, ANN), conversion(2, BOB), conversion(3, BOB, ANN, ("phone", "none")))
    for expected in (
        {"minted_count": 2, "merge_count": 1, "repeated_merge_count": 0},
        {"minted_count": 0, "merge_count": 0, "repeated_merge_count": 1},
    ):
        caplog.clear()
        with caplog.at_level("INFO"):
            run(lines, config(tmp_path))
        points = [json.loads(line.removeprefix("METRIC: ")) for line in caplog.messages if line.startswith("METRIC")]
        counts = {point["metric"]: point["value"] for point in points}
        assert counts == {"resolved_count": 3, "reject_count": 0, "dropped_fragment_count": 1, **expected}
        assert {point["tags"]["stage"] for point in points} == {"resolve-identity"}


def test_a_record_known_by_its_key_alone_finds_itself_again(tmp_path: Path) -> None:
    anonymous = conversions(conversion(1), conversion(2), conversion(3, ("email", "none")))
    first, again = (records(run(anonymous, config(tmp_path)), "conversions") for _ in range(2))
    assert first == again
    assert len({row["global_customer_id"] for row in first}) == 3
    found = run(conversions(conversion(9, ANN), conversion(1, ANN)), config(tmp_path))
    later, with_email = records(found, "conversions")
    assert with_email["global_customer_id"] == first[0]["global_customer_id"]
    assert aliases(found) == {later["global_customer_id"]: first[0]["global_customer_id"]}
    assert records(found, "identity_merges")[0]["reason"] == "email, record"
    assert [len(row["identity_fragments"]) for row in (later, with_email)] == [1, 1]


def test_profiles_and_conversions_meet(tmp_path: Path) -> None:
    found = run(
        [
            schema("customer_profiles"),
            record("customer_profiles", profile(1, ANN, first_name="Ann")),
            *conversions(conversion(1, ANN)),
        ],
        config(tmp_path),
    )
    (person,) = records(found, "customer_profiles")
    (purchase,) = records(found, "conversions")
    assert person["global_customer_id"] == purchase["global_customer_id"]
    assert person["first_name"] == "Ann"


def test_the_schema_gains_the_person_and_the_new_streams_are_announced_once(tmp_path: Path) -> None:
    """Invariant 11."""
    shape = CONVERSIONS.schema_message()
    del shape["schema"]["properties"]["global_customer_id"]
    found = run([encode(shape), encode(shape), schema("conversions")], config(tmp_path))
    shapes = [message for message in found if message["type"] == "SCHEMA"]
    assert [message["stream"] for message in shapes] == [
        "conversions", "identity_map", "identity_merges", "conversions", "conversions"
    ]  # fmt: skip
    assert shapes[0]["schema"]["properties"]["global_customer_id"] == {"type": ["string", "null"]}
    assert shapes[0]["key_properties"] == ["conversion_id"]


def test_everything_else_passes_byte_for_byte(tmp_path: Path) -> None:
    """Invariant 11."""
    lines = [
        b'{"type": "SCHEMA", "stream": "orders", "schema": {"properties": {}}, "key_properties": []}',
        b'{"type": "RECORD", "stream": "orders", "record": {"a" : 1.10, "b":"\\u00e9"}, "version": 3, "x": [1e3]}',
        b'{"type":"SOMETHING_NEW","stream":"conversions","payload":{"a":1}}',
        b'{"type":"ACTIVATE_VERSION","stream":"orders","version":3}',
        b'{"type":"BATCH","stream":"orders","encoding":{"format":"jsonl"},"manifest":["file:///nowhere"]}',
        b'{"type":"SCHEMA","stream":"conversions","schema":{"properties":{"id":{"type":"integer"}}},"key_properties":["id"]}',
        b'{"type":"RECORD","stream":"conversions","record":{"id":  7}}',
        b'{"type": "STATE", "value": {"x": 1}}',
    ]
    assert run_bytes(lines, config(tmp_path)).splitlines() == lines


def test_untouched_columns_keep_their_bytes_and_undeclared_ones_are_not_lost(tmp_path: Path) -> None:
    line = (
        b'{"type":"RECORD","stream":"conversions","record":{"conversion_id":"a","value":1.100000000000000000001,'
        b'"raw":{"n": 1e400, "k" : "\\u00e9"},"identity_fragments":[],"extra-1":"x","class":null,"_sdc_row":7}}'
    )
    output = run_bytes([schema("conversions"), line, line], config(tmp_path)).splitlines()
    for row in output[-2:]:
        assert b'"value":1.100000000000000000001,' in row
        assert b'"raw":{"n": 1e400, "k" : "\\u00e9"}' in row
        assert {"extra-1": "x", "class": None, "_sdc_row": 7}.items() <= json.loads(row.replace(b"1e400", b"1"))[
            "record"
        ].items()


def test_versions_are_not_activated_for_streams_whose_records_carry_none(tmp_path: Path) -> None:
    lines = [schema("conversions"), encode({"type": "ACTIVATE_VERSION", "stream": "conversions", "version": 1})]
    assert all(message["type"] == "SCHEMA" for message in run(lines, config(tmp_path)))


def test_a_state_leaves_after_what_it_covers_and_the_store_before_both(tmp_path: Path) -> None:
    lines = [schema("conversions")]
    for number in range(6):
        lines += [record("conversions", conversion(number, ("loyalty_id", f"L-{number}"))), state(number)]
    found = run(lines, config(tmp_path), flush_bytes=1)
    order = [message.get("stream", message["type"]) for message in found if message["type"] != "SCHEMA"]
    assert order == ["conversions", "STATE"] * 6


@pytest.mark.parametrize("personal", ["keep", "hash", "drop"])
def test_personal_columns_are_what_the_tenant_wants(tmp_path: Path, personal: str) -> None:
    people = [
        profile(1, ANN, first_name="Ann", birth_date="1980-01-02", email="ann@mail.example", nickname="Annie"),
        profile(2, BOB, first_name=" ANN ", birth_date=None, email=""),
    ]
    found = run(
        [
            schema("customer_profiles"),
            *(record("customer_profiles", one) for one in people),
            *conversions(conversion(1, raw={"e": 1})),
        ],
        config(tmp_path, personal_data=personal),
    )
    ann, bob = records(found, "customer_profiles")
    (purchase,) = records(found, "conversions")
    assert purchase["raw"] == ({"e": 1} if personal == "keep" else None)
    assert ann["source_record_id"] == "1"
    if personal == "keep":
        assert (ann["first_name"], ann["birth_date"], ann["nickname"]) == ("Ann", "1980-01-02", "Annie")
        return
    assert ann["birth_date"] is ann["nickname"] is bob["email"] is None
    assert "phone" not in ann
    if personal == "drop":
        assert ann["first_name"] is ann["email"] is None
    else:
        assert ann["first_name"] == bob["first_name"] != ann["email"]
        assert len(ann["first_name"]) == 30


@pytest.mark.parametrize("emit", ["records", "batches"])
def test_batches_are_resolved_like_records(tmp_path: Path, emit: str) -> None:
    rows = [conversion(1, ANN), conversion(2, BOB), conversion(3, ANN, BOB), conversion(4)]
    line = Outbox(str(tmp_path)).write("conversions", [encode(row) for row in rows])
    found = run(
        [schema("conversions"), line, state(4)],
        config(tmp_path, emit=emit, batch_rows=2, batch_directory=str(tmp_path)),
    )
    assert found[-1]["type"] == "STATE"
    assert any(message["type"] == "BATCH" for message in found) == (emit == "batches")
    expected = run(conversions(*rows), config(tmp_path / "records"))
    assert partition(opened(found)) == partition(expected)


def test_nulls_for_fragments_and_a_fragment_list_of_nothing_but_placeholders(tmp_path: Path) -> None:
    rows = [conversion(1), conversion(2), conversion(3, ("email", "none"))]
    rows[0]["identity_fragments"] = None
    del rows[1]["identity_fragments"]
    found = records(run(conversions(*rows), config(tmp_path)), "conversions")
    assert found[0]["identity_fragments"] is None
    assert "identity_fragments" not in found[1]
    assert found[2]["identity_fragments"] == []
    assert all(row["global_customer_id"] for row in found)


def test_a_store_made_again_from_the_same_input_gives_the_same_ids(tmp_path: Path) -> None:
    lines = conversions(conversion(1, ANN), conversion(2, BOB), conversion(3), conversion(4, ANN, BOB))
    one, other = (run(lines, config(tmp_path / name, key="0f" * 32)) for name in ("one", "other"))
    assert records(one, "conversions") == records(other, "conversions")


def test_two_tenants_have_nothing_in_common(tmp_path: Path) -> None:
    """Invariant 9: no file, no key, no id, no hash."""
    outputs = [
        run_bytes(
            conversions({**conversion(1, ANN, ANN_SHOP), "customer_id": tenant}),
            {"tenant": tenant, "store": str(tmp_path / tenant / "identity.duckdb")},
        )
        for tenant in ("acme", "globex")
    ]
    marks = []
    for output in outputs:
        (row,) = records(messages(output), "conversions")
        marks.append({row["global_customer_id"], *(f["value"] for f in row["identity_fragments"])})
    assert not marks[0] & marks[1]
    keys = [(tmp_path / tenant / "identity.key").read_text() for tenant in ("acme", "globex")]
    assert keys[0] != keys[1]
    assert b"globex" not in outputs[0]
    assert b"acme" not in outputs[1]


def test_no_personal_value_in_store_log_or_lineage(tmp_path: Path) -> None:
    """Invariant 10, in a process of its own; the values are looked for in every file and stream."""
    secret = [
        "ann.lee@mail.example",
        "2125550142",
        "LOYAL-777",
        "Leeuwenhoek",
        "1980-01-02",
        "17 Elm Street",
        "deadbeef99",
    ]
    person = profile(
        "R-1",
        ("email", secret[0]), ("phone", "(212) 555-0142"), ("loyalty_id", secret[2]), ("hashed_cc", secret[6]),
        ("customer_id", "crm/C-9"), ("name_zip", "Ann Lee|60601"), ("hashed_cc", "4111111111111111"),
        last_name="Leeuwenhoek", birth_date=secret[4], street=secret[5], email=secret[0], phone=secret[1], raw="Leeuwenhoek",
    )  # fmt: skip
    poison = {**person, "profile_id": "x", "identity_fragments": [{"type": "email", "value": ["ann.lee@mail.example"]}]}
    lines = [schema("customer_profiles"), record("customer_profiles", person), record("customer_profiles", poison)]
    done = process(
        [*lines, b'{"type":"RECORD","stream":"customer_profiles","rec'], config(tmp_path, personal_data="hash")
    )
    assert done.returncode == 65
    assert len(records(messages(done.stdout), "rejects")) == 1
    stored = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    (digest,) = {
        f["value"]
        for f in records(messages(done.stdout), "customer_profiles")[0]["identity_fragments"]
        if f["type"] == "email"
    }
    with duckdb.connect(str(tmp_path / "identity.duckdb"), read_only=True) as store:
        known = [str(value).replace("-", "")[:30] for (value,) in store.execute("SELECT hash FROM ident").fetchall()]
    assert digest in known
    for value in (*secret, "212555", "Ann Lee", "4111111111111111", "C-9"):
        for text in (done.stdout, done.stderr, stored):
            assert value.encode().lower() not in text.lower(), value
    assert b"plain card numbers" in done.stderr


def test_fragments_helper_scopes_customer_ids() -> None:
    assert fragment("customer_id", "shop/7")["source_system"] == "shop"
