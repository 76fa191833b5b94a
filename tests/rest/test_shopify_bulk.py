"""tap-shopify in bulk: families put together in bounded memory, the life of an operation, and what goes wrong in it."""

from __future__ import annotations

import io
import json
import random
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from contract.rest_runs import Runner
from servers import shopify, shopify_rows
from servers.rest import Fault
from servers.shopify import Shopify

from pipe import messages
from pipe.errors import CredentialsError, DataError, RetriableError
from taps.base.rest.bulk import LostJobError
from taps.shopify.families import PARENT, families
from taps.shopify.tap import TapShopify

RUNNER = Runner(TapShopify, {"shop": "flowers", "access_token": shopify.TOKEN, "start_date": "2023-11-14"})
attempt, sync = RUNNER.attempt, RUNNER.sync


@pytest.fixture
def store() -> Iterator[Shopify]:
    service = shopify.service(60)
    with service.serving():
        yield service


def read(file: io.BytesIO, part_bytes: int) -> list[dict[str, Any]]:
    """The families as they are sent."""
    found = [row for rows in families(file, "lineItems", part_bytes=part_bytes) for row in rows]
    return list(json.loads(messages.encode(found)))


def lines(roots: int, seed: int) -> tuple[bytes, dict[str, list[str]]]:
    """A file of orders with up to five lines each, and what belongs to whom; children come anywhere behind parents."""
    dice = random.Random(seed)
    expected: dict[str, list[str]] = {}
    placed: list[tuple[float, dict[str, Any]]] = []
    for number in range(roots):
        key, at = f"gid://shopify/Order/{number}", dice.random()
        placed.append((at, {"id": key, "note": "x" * dice.randrange(40)}))
        expected[key] = []
        for place in range(dice.randrange(6)):
            child = f"gid://shopify/LineItem/{number}-{place}"
            at = at + (1 - at) * dice.random() / 2
            placed.append((at, {"id": child, PARENT: key}))
            expected[key].append(child)
    placed.sort(key=lambda pair: pair[0])
    return b"".join(json.dumps(row).encode() + b"\n" for _, row in placed), expected


@pytest.mark.parametrize("part_bytes", [1 << 20, 3000, 100])
@pytest.mark.parametrize("seed", range(5))
def test_families_are_whole_whatever_the_order_of_lines(part_bytes: int, seed: int):
    content, expected = lines(300, seed)
    found = read(io.BytesIO(content), part_bytes)
    assert {row["id"]: [line["id"] for line in row["lineItems"]] for row in found} == expected
    assert len(found) == len(expected)
    assert not any(PARENT in json.dumps(row) for row in found)


@pytest.mark.parametrize("damage", [lambda content: content[:-30], lambda content: content.split(b"\n", 1)[1]])
@pytest.mark.parametrize("part_bytes", [1 << 20, 3000])
def test_a_file_that_is_not_whole_is_a_lost_one(damage: Any, part_bytes: int):
    head = b'{"id": "gid://shopify/Order/1"}\n'
    child = b'{"id": "gid://shopify/LineItem/1", "__parentId": "gid://shopify/Order/1"}\n'
    with pytest.raises(LostJobError):
        read(io.BytesIO(damage(head + child)), part_bytes)


def test_memory_holds_a_part_of_the_file_only():
    content, _ = lines(20_000, 1)
    file = io.BytesIO(content)
    tracemalloc.start()
    try:
        for _ in families(file, "lineItems", part_bytes=len(content) // 50):
            pass
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < len(content)  # the rows of the whole file are some times its size


def test_bulk_and_pages_give_the_same_records(store: Shopify):
    names = ["orders", "customers", "products", "abandoned_checkouts"]
    bulk, pages = sync(store, names), sync(store, names, first_load="pages")
    assert len(store.operations) == 4
    for name in names:
        assert bulk.rows(name) == pages.rows(name), name
        assert len(bulk.rows(name)) == len(store.corpus[name])
    assert any(len(row["lineItems"]) > 5 for row in pages.rows("orders").values())


def test_after_the_first_load_rows_come_by_pages(store: Shopify):
    now = datetime.now(UTC)
    store.corpus["orders"][-1]["updatedAt"] = shopify_rows.stamp_of(now - timedelta(days=2))
    store.touch()
    first = sync(store, ["orders"])
    store.corpus["orders"][3] |= shopify_rows.refund(store.corpus["orders"][3], "5.00", shopify_rows.stamp_of(now))
    store.touch()
    store.forget()
    second = sync(store, ["orders"], first.state)
    assert len(store.operations) == 1
    assert second.rows("orders").keys() == {(shopify_rows.gid("Order", number),) for number in (3, 99)}
    assert second.rows("orders")[(shopify_rows.gid("Order", 3),)]["refunds"][0][
        "totalRefundedSet"
    ] == shopify_rows.money("5.00")


def test_a_long_gap_is_read_in_bulk_again(store: Shopify):
    first = sync(store, ["orders"])  # the newest is years old
    again = sync(store, ["orders"], first.state)
    assert len(store.operations) == 2
    assert len(again.rows("orders")) == 1


def test_a_store_without_rows_has_no_file(store: Shopify):
    store.corpus["orders"] = []
    assert not sync(store, ["orders"]).rows("orders")


@pytest.mark.parametrize("end", [("FAILED", "INTERNAL_SERVER_ERROR"), ("EXPIRED", None), ("CANCELED", None)])
def test_a_failed_operation_is_submitted_again(store: Shopify, end: tuple[str, str | None]):
    store.plan.append(end)
    assert len(sync(store, ["orders"]).rows("orders")) == 100
    assert len(store.operations) == 2


@pytest.mark.parametrize("status", [400, 403, 404])
def test_an_operation_whose_file_is_no_longer_kept_is_submitted_again(store: Shopify, status: int):
    store.faults.append(Fault("status", times=1000, value=503, path="/bulk/"))
    broken = attempt(store, ["orders"], retry_seconds=0)
    job = broken.state["bookmarks"]["orders"]["job"]["id"].rpartition("/")[2]
    store.faults[:] = [Fault("status", times=1000, value=status, path=f"/bulk/{job}.jsonl")]
    assert len(sync(store, ["orders"], broken.state).rows("orders")) == 100
    assert len(store.operations) == 2


def test_operations_that_fail_again_and_again_end_the_run(store: Shopify):
    store.plan.extend([("FAILED", "INTERNAL_SERVER_ERROR")] * 10)
    run = attempt(store, ["orders"])
    assert isinstance(run.error, RetriableError)
    assert len(store.operations) == 3
    assert not run.states or run.state["bookmarks"]["orders"]["replication_key_value"] is None


def test_an_operation_that_takes_too_long_is_parted(store: Shopify):
    store.plan.extend([("FAILED", "TIMEOUT")] * 2)
    assert len(sync(store, ["orders"]).rows("orders")) == 100
    spans = [operation["query"].partition("updated_at")[2][:70] for operation in store.operations.values()]
    assert len(set(spans)) == len(spans) == 5  # all, the first half, its two quarters, the second half


def test_operations_of_an_hour_that_take_too_long_end_the_run(store: Shopify):
    store.plan.extend([("FAILED", "TIMEOUT")] * 100)
    run = attempt(store, ["orders"])
    assert isinstance(run.error, RetriableError)
    assert "hour" in str(run.error)


def test_a_forbidden_operation_skips_the_stream(store: Shopify):
    store.forbidden = {"orders"}
    run = sync(store, ["orders", "locations"])
    assert run.count("skipped_stream_count", "orders") == 1
    assert run.rows("locations")
    assert isinstance(attempt(store, ["orders"]).error, CredentialsError)


def test_other_operations_are_waited_for(store: Shopify):
    store.busy = 3
    run = sync(store, ["orders"])
    assert run.waits.count(30.0) == 3
    assert len(run.rows("orders")) == 100


def test_an_operation_that_is_not_taken_fails(store: Shopify, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(shopify, "_bulk_problem", lambda query: "no")
    assert isinstance(attempt(store, ["orders"]).error, DataError)


@pytest.mark.parametrize("kind", ["rate_seconds", "status", "reset", "short"])
def test_a_download_that_breaks_off_is_asked_for_again(store: Shopify, kind: str):
    full = sync(store, ["orders"])
    store.faults.append(Fault(kind, 0, 2, "/bulk/"))
    again = sync(store, ["orders"])
    assert store.counts[kind] == 2
    assert again.rows("orders") == full.rows("orders")
    assert len(store.operations) == 2


@pytest.mark.parametrize("kind", ["html", "cut", "empty"])
def test_a_damaged_file_is_made_again(store: Shopify, kind: str):
    full = sync(store, ["orders"])
    if kind == "cut":
        whole = shopify.bulk_lines

        def cut(*given: Any) -> list[bytes]:
            monkey.undo()
            return whole(*given)[:-20]

        monkey = pytest.MonkeyPatch()
        monkey.setattr(shopify, "bulk_lines", cut)
    else:
        store.faults.append(Fault(kind, 0, 1, "/bulk/"))
    again = sync(store, ["orders"])
    assert again.rows("orders") == full.rows("orders")
    assert len(store.operations) == 3


@pytest.mark.parametrize("kind", ["rate_seconds", "status", "html", "empty", "cut", "error_object", "no_records"])
@pytest.mark.parametrize("after", [1, 2, 3])
def test_faults_while_an_operation_runs_cost_nothing(store: Shopify, kind: str, after: int):
    full = sync(store, ["customers"])
    store.faults.append(Fault(kind, after, 1, "graphql.json"))
    again = sync(store, ["customers"])
    assert store.counts[kind] == 1
    assert again.rows("customers") == full.rows("customers")


def test_a_cut_run_goes_on_with_its_operation(store: Shopify):
    store.running = 4
    store.faults.append(Fault("status", 4, 10_000, "graphql.json", 500))
    cut = attempt(store, ["orders"])
    assert isinstance(cut.error, RetriableError)
    assert cut.state["bookmarks"]["orders"]["job"]["id"] == "gid://shopify/BulkOperation/1"
    store.faults.clear()
    rest = sync(store, ["orders"], cut.state)
    assert len(store.operations) == 1
    assert len(rest.rows("orders")) == 100
    assert rest.state["bookmarks"]["orders"]["job"] is None


def test_an_operation_nobody_knows_any_more_is_submitted_again(store: Shopify):
    store.faults.append(Fault("status", 2, 10_000, "graphql.json", 500))
    cut = attempt(store, ["customers"])
    store.faults.clear()
    store.operations.clear()
    assert len(sync(store, ["customers"], cut.state).rows("customers")) == 60
