"""Whatever the order, the blocks and the runs: the people are those of a plain union-find, and ids keep their promises."""

import json
import tempfile
from itertools import pairwise
from pathlib import Path
from typing import Any

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
    partition,
    record,
    records,
    run,
    schema,
    state,
)

POOL = [
    *(("email", f"p{n}@mail.example") for n in range(6)),
    *(("phone", f"(212) 555-010{n}") for n in range(5)),
    *(("loyalty_id", f"L-{n}") for n in range(5)),
    *(("customer_id", f"{system}/{n}") for system in ("shop", "crm") for n in (7, 8, 9)),
]
FRAGMENTS = st.lists(st.sampled_from(POOL), max_size=3, unique=True)
INPUT = st.lists(FRAGMENTS, min_size=1, max_size=24)
KEY = "5c" * 32


def stream(rows: list[dict[str, Any]]) -> list[bytes]:
    lines = [schema("conversions")]
    for number, row in enumerate(rows):
        lines.append(record("conversions", row))
        if number % 4 == 3:
            lines.append(state(number))
    return lines


@settings(max_examples=60, deadline=None)
@given(
    fragments=INPUT,
    shuffle=st.randoms(use_true_random=False),
    flush=st.sampled_from([1, 400, 1 << 20]),
    cuts=st.integers(1, 3),
    low_memory=st.booleans(),
)
def test_the_people_do_not_depend_on_order_blocks_or_runs(
    fragments: list[list[tuple[str, str]]], shuffle: Any, flush: int, cuts: int, low_memory: bool
) -> None:
    """Invariants 3, 4 and 5: the same groups; nobody's id is used twice; aliases end at one living id, for ever."""
    rows = [conversion(number, *pairs) for number, pairs in enumerate(fragments)]
    expected = expected_partition(
        {row["conversion_id"]: tuple(pairs) for row, pairs in zip(rows, fragments, strict=True)}
    )
    with tempfile.TemporaryDirectory() as directory:
        chosen = config(Path(directory), key=KEY, low_memory=low_memory)
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


@settings(max_examples=30, deadline=None)
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
