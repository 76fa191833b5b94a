"""Whatever the order, the blocks and the runs: the people are those of a plain union-find, and ids keep their promises."""

import json
import tempfile
from decimal import Decimal
from itertools import cycle, pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import given, settings
from hypothesis import strategies as st
from identity_pipe import (
    TENANT,
    aliases,
    config,
    conversion,
    conversions,
    expected_partition,
    living,
    opened,
    partition,
    record,
    records,
    run,
    schema,
    state,
)
from trials import examples

from pipe.outbox import Outbox

POOL = [
    *(("email", f"p{n}@mail.example") for n in range(6)),
    *(("phone", f"(212) 555-010{n}") for n in range(5)),
    *(("loyalty_id", f"L-{n}") for n in range(5)),
    *(("customer_id", f"{system}/{n}") for system in ("shop", "crm") for n in (7, 8, 9)),
]
FRAGMENTS = st.lists(st.sampled_from(POOL), max_size=3, unique=True)
INPUT = st.lists(FRAGMENTS, min_size=1, max_size=24)
KEY = "5c" * 32
TEXT = pa.string()
MARK = pa.struct([("type", TEXT), ("value", TEXT), ("source_system", TEXT), ("confidence", pa.float64())])
SHAPE = pa.schema(
    [
        ("conversion_id", TEXT),
        ("customer_id", TEXT),
        ("transaction_id", TEXT),
        ("value", pa.decimal128(38, 9)),
        ("identity_fragments", pa.list_(MARK)),
        ("global_customer_id", TEXT),
    ]
)


def stream(rows: list[dict[str, Any]]) -> list[bytes]:
    lines = [schema("conversions")]
    for number, row in enumerate(rows):
        lines.append(record("conversions", row))
        if number % 4 == 3:
            lines.append(state(number))
    return lines


@settings(max_examples=examples(25), deadline=None)
@given(
    fragments=INPUT,
    shuffle=st.randoms(use_true_random=False),
    flush=st.sampled_from([1, 400, 1 << 20]),
    cuts=st.integers(1, 3),
)
def test_the_people_do_not_depend_on_order_blocks_or_runs(
    fragments: list[list[tuple[str, str]]], shuffle: Any, flush: int, cuts: int
) -> None:
    """Invariants 3, 4 and 5: the same groups; nobody's id is used twice; aliases end at one living id, for ever."""
    rows = [conversion(number, *pairs) for number, pairs in enumerate(fragments)]
    expected = expected_partition(
        {row["conversion_id"]: tuple(pairs) for row, pairs in zip(rows, fragments, strict=True)}
    )
    with tempfile.TemporaryDirectory() as directory:
        chosen = config(Path(directory), key=KEY)
        found: list[dict[str, Any]] = []
        shuffle.shuffle(rows)
        size = -(-len(rows) // cuts)
        for start in range(0, len(rows), size):
            found += run(stream(rows[start : start + size]), chosen, flush)
        assert partition(found) == expected
        again = run(stream(rows), chosen, flush)
    became = aliases(found)
    now = {row["conversion_id"]: living(row["global_customer_id"], became) for row in records(found, "conversions")}
    assert {row["conversion_id"]: row["global_customer_id"] for row in records(again, "conversions")} == now
    assert aliases(again).items() <= became.items()
    survivors = set(now.values())
    assert not survivors & became.keys()
    assert len(survivors) == len(expected)
    check_map(found, now)


@settings(max_examples=examples(25), deadline=None)
@given(fragments=INPUT, sizes=st.lists(st.integers(1, 9), min_size=1, max_size=4))
def test_blocks_of_any_size_say_what_single_records_say(
    fragments: list[list[tuple[str, str]]], sizes: list[int]
) -> None:
    """Invariant 3 to the letter: the same ids in the same rows, the same merges, whatever came in one block."""
    rows = [conversion(number, *pairs) for number, pairs in enumerate(fragments)]
    with tempfile.TemporaryDirectory() as directory:
        one = run(stream(rows), config(Path(directory) / "one", key=KEY), flush_bytes=1)
        all_at_once = run(stream(rows), config(Path(directory) / "all", key=KEY))
        chosen = {"key": KEY, "emit": "batches", "batch_directory": directory}
        in_files = opened(run(files(rows, sizes, directory), config(Path(directory) / "files", **chosen)))
    assert said(one) == said(all_at_once) == said(in_files)


def files(rows: list[dict[str, Any]], sizes: list[int], directory: str) -> list[bytes]:
    """The rows in Parquet files of these sizes in turn."""
    lines, outbox, turn = [schema("conversions")], Outbox(directory), cycle(sizes)
    while rows:
        size = next(turn)
        path = outbox.new_file()
        chosen = [{**row, "value": Decimal(row["value"])} for row in rows[:size]]
        pq.write_table(pa.Table.from_pylist(chosen, SHAPE), path)
        lines.append(outbox.message("conversions", [path]))
        rows = rows[size:]
    return lines


def said(found: list[dict[str, Any]]) -> dict[str, Any]:
    """What a run says of people, without its times."""
    people = {row["conversion_id"]: row["global_customer_id"] for row in records(found, "conversions")}
    marks = {
        row["conversion_id"]: [(mark["type"], mark["value"]) for mark in row["identity_fragments"]]
        for row in records(found, "conversions")
    }
    merges = [
        (row["from_id"], row["to_id"], row["reason"], row["record_id"]) for row in records(found, "identity_merges")
    ]
    latest = {
        (row["source_system"], row["source_key"], row["global_customer_id"]): row
        for row in records(found, "identity_map")
    }
    links = {key: (row["global_customer_id"], row.get("valid_to") is None) for key, row in latest.items()}
    return {"people": people, "marks": marks, "merges": sorted(merges), "links": links}


def check_map(found: list[dict[str, Any]], now: dict[str, str]) -> None:
    """Each source customer belongs to one person at a time, without a gap, and today to the one its records say."""
    latest = {row["identity_map_id"]: row for row in records(found, "identity_map")}
    history: dict[str, list[dict[str, Any]]] = {}
    for row in latest.values():
        assert row["customer_id"] == TENANT
        history.setdefault(row["source_key"], []).append(row)
    today = {}
    for key, rows in history.items():
        rows.sort(key=lambda row: (row["valid_to"] is None, row["valid_to"], row["valid_from"]))
        for earlier, later in pairwise(rows):
            assert earlier["valid_to"] == later["valid_from"]
        assert [row["valid_to"] is None for row in rows] == [False] * (len(rows) - 1) + [True]
        today[key] = rows[-1]["global_customer_id"]
    for row in records(found, "conversions"):
        for fragment in row["identity_fragments"]:
            if fragment["type"] == "customer_id":
                assert today[fragment["value"]] == now[row["conversion_id"]]


@settings(max_examples=examples(15), deadline=None)
@given(fragments=INPUT, cut=st.integers(0, 24), shuffle=st.randoms(use_true_random=False))
def test_what_was_said_before_a_crash_holds_after_a_replay_in_another_order(
    fragments: list[list[tuple[str, str]]], cut: int, shuffle: Any
) -> None:
    """Invariant 7 without the processes: the output of a first run is lost or kept, the records come again anyhow."""
    rows = [conversion(number, *pairs) for number, pairs in enumerate(fragments)]
    with tempfile.TemporaryDirectory() as directory:
        chosen = config(Path(directory), key=KEY)
        lost = run(conversions(*rows[:cut]), chosen)
        shuffle.shuffle(rows)
        kept = run(conversions(*rows), chosen)
    became = aliases(kept)
    for key, uid in ((row["conversion_id"], row["global_customer_id"]) for row in records(lost, "conversions")):
        (now,) = {row["global_customer_id"] for row in records(kept, "conversions") if row["conversion_id"] == key}
        assert living(uid, became) == living(now, became)
    assert aliases(lost).items() <= became.items()
    merged = {row["identity_map_id"] for row in records(lost, "identity_map")}
    assert merged <= {row["identity_map_id"] for row in records(kept, "identity_map")}


def test_a_value_shared_by_thousands_makes_no_deep_recursion() -> None:
    rows = [conversion(n, ("loyalty_id", f"L-{n}")) for n in range(1500)]
    chain = [conversion(f"c{n}", ("loyalty_id", f"L-{n}"), ("loyalty_id", f"L-{n - 1}")) for n in range(1499, 0, -1)]
    with tempfile.TemporaryDirectory() as directory:
        found = run(conversions(*rows, *chain), config(Path(directory)))
        again = run(conversions(*rows), config(Path(directory)))
    assert len(partition(found)) == 1
    assert len(aliases(found)) == 1499
    assert len({row["global_customer_id"] for row in records(again, "conversions")}) == 1
    assert json.dumps(aliases(again), sort_keys=True) == json.dumps(aliases(found), sort_keys=True)
