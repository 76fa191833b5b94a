"""tap-shopify: ways to sign in, cost, hidden orders, deletions, inner lists, versions, and mistakes in settings."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from contract.rest_runs import Runner, run_tap
from servers import shopify, shopify_rows
from servers.rest import Answer, Fault
from servers.shopify import Shopify

from pipe.errors import ConfigurationError, CredentialsError, DataError
from taps.base.rest import graphql
from taps.shopify.tap import TapShopify

APP = {"access_token": None, "client_id": "app", "client_secret": shopify.CLIENT_SECRET}


RUNNER = Runner(
    TapShopify,
    {"shop": "flowers", "access_token": shopify.TOKEN, "start_date": "2023-11-14", "first_load": "pages"},
)
attempt, sync = RUNNER.attempt, RUNNER.sync


@pytest.fixture
def store() -> Iterator[Shopify]:
    service = shopify.service(250)
    with service.serving():
        yield service


# Signing in.


def signed_in(store: Shopify) -> int:
    """How often."""
    return [call.path for call in store.calls].count("/admin/oauth/access_token")


def test_an_app_signs_in_by_itself_and_again_when_its_token_expires(store: Shopify):
    store.faults.append(Fault("expire_token", 2, 1, "graphql.json"))
    run = sync(store, ["customers"], **APP)
    assert len(run.rows("customers")) == 250
    assert signed_in(store) == 2
    for secret in (shopify.TOKEN, shopify.CLIENT_SECRET):
        assert secret not in run.log + run.output


def test_refresh_tokens_are_used_once_and_kept(store: Shopify, tmp_path: Path):
    file = tmp_path / "credentials" / "shopify.json"
    app = {**APP, "refresh_token": shopify.REFRESH, "credentials_file": str(file)}
    store.faults.append(Fault("expire_token", 2, 1, "graphql.json"))
    first = sync(store, ["customers"], **app)
    assert signed_in(store) == 2
    assert store.refresh.endswith("_3")
    assert store.refresh in file.read_text()
    assert file.stat().st_mode & 0o077 == 0
    second = sync(store, ["locations"], first.state, **app)  # the token of the settings is long used
    assert store.refresh.endswith("_4")
    assert "shprt_refresh_canary" not in first.log + first.output + second.log + second.output


@pytest.mark.parametrize("change", [{"client_secret": "wrong_canary"}, {"refresh_token": "stale_canary"}])
def test_refused_credentials_fail_without_showing_them(store: Shopify, change: dict[str, str], tmp_path: Path):
    kept = {"credentials_file": str(tmp_path / "shopify.json")}
    run = attempt(store, ["locations"], **{**APP, **kept, "refresh_token": shopify.REFRESH, **change})
    assert isinstance(run.error, CredentialsError)
    assert "_canary" not in f"{run.error}{run.log}{run.output}"


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"shop": "flowers"}, "access_token is missing (or, instead of it, client_id, client_secret)"),
        ({"shop": "flowers", "client_id": "a"}, "client_secret"),
        ({"shop": "flowers", "refresh_token": "a"}, "client_id, client_secret"),
        ({"shop": "flowers", **APP, "refresh_token": "a"}, "credentials_file is missing, which refresh_token needs"),
        ({"shop": "flowers", "access_token": "a", "client_id": "b"}, "exclude each other"),
        ({"access_token": "a"}, "shop"),
        ({"shop": "https://flowers.example/", "access_token": "a"}, "shop"),
        ({"shop": "evil.example", "access_token": "a"}, "shop"),
        ({"shop": "flowers", "access_token": "a", "api_version": "2026-11"}, "api_version"),
        ({"shop": "flowers", "access_token": "a", "first_load": "query"}, "first_load"),
        ({"shop": "flowers", "access_token": ""}, "access_token"),
    ],
)
def test_mistakes_in_settings_are_named(settings: dict[str, Any], problem: str):
    run = run_tap(TapShopify, settings)
    assert isinstance(run.error, ConfigurationError)
    assert problem in str(run.error)
    assert not run.messages


@pytest.mark.parametrize("shop", ["flowers", "flowers.myshopify.com"])
def test_a_shop_is_known_by_its_name_or_its_address(shop: str):
    assert TapShopify(config={"shop": shop, "access_token": "a"}).client.base_url == "https://flowers.myshopify.com"


# Cost.


def test_an_empty_bucket_is_waited_for(store: Shopify):
    store.points = 100.0
    run = sync(store, ["customers"])
    assert len(run.rows("customers")) == 250
    assert run.waits[0] == (502 - 100) / 100
    assert store.calls[0].body == store.calls[1].body


def test_points_that_do_not_suffice_for_another_page_are_waited_for(store: Shopify):
    store.points = 2000.0
    run = sync(store, ["customers"])
    assert run.waits[0] == (502 - 494) / 100  # three pages were paid
    assert len({call.raw for call in store.calls[:4]}) == 4


@pytest.mark.parametrize("content", [b"", b"<html>", b'{"data": {}}', b'{"extensions": {"cost": 7}}', b"[1]"])
def test_an_answer_without_cost_lets_the_next_call_go_at_once(content: bytes):
    assert graphql.CostRate().wait({}, content) is None


def test_a_query_that_shopify_does_not_know_fails_at_once(store: Shopify):
    store.error = lambda status, code: shopify.failure(200, "undefinedField")
    store.faults.append(Fault("error_object", 0, 100, "graphql.json"))
    run = attempt(store, ["customers"])
    assert isinstance(run.error, DataError)
    assert "undefinedField" in str(run.error)
    assert not run.waits


# What Shopify hides.


def test_hidden_orders_are_told_of(store: Shopify):
    recent = datetime.now(UTC) - timedelta(days=10)
    store.corpus["orders"][5] |= {
        "createdAt": shopify_rows.stamp_of(recent),
        "updatedAt": shopify_rows.stamp_of(recent),
    }
    store.scopes.remove("read_all_orders")
    store.touch()
    run = sync(store, ["orders", "customers"])
    assert len(run.rows("orders")) == 1
    assert run.log.count("orders: only those of the last 60 days are shown") == 1
    assert "lacks the scope read_all_orders" in run.log


def test_nothing_is_said_where_all_orders_are_shown(store: Shopify):
    assert "60 days" not in sync(store, ["orders"]).log


def test_orders_are_read_where_shopify_does_not_tell_the_scopes(store: Shopify, monkeypatch: pytest.MonkeyPatch):
    def denied(*_: Any) -> Answer:
        return Answer(shopify.failure(200, "ACCESS_DENIED"))

    monkeypatch.setitem(shopify._FIELDS, "currentAppInstallation", denied)
    run = sync(store, ["orders"])
    assert len(run.rows("orders")) == 100
    assert not run.count("skipped_stream_count")


def test_a_call_that_shopify_takes_for_an_attack_is_made_again(store: Shopify):
    store.faults.append(Fault("status", 1, 2, "graphql.json", 430))
    assert len(sync(store, ["customers"]).rows("customers")) == 250
    assert store.counts["status"] == 2


def test_the_test_says_what_is_hidden(store: Shopify, capsys: pytest.CaptureFixture[str]):
    store.scopes.remove("read_all_orders")
    config = {"shop": "flowers", "access_token": shopify.TOKEN, "api_url": store.url}
    TapShopify(config=config).test()
    told = capsys.readouterr().out
    assert "orders: 0 rows on the first page; only those of the last 60 days" in told
    assert "connected; 5 of 5 streams can be read" in told
    assert not store.operations  # a test starts none


def test_another_version_than_asked_for_is_told_once(store: Shopify):
    store.served = "2027-01"
    log = sync(store, ["customers"]).log
    assert log.count("no longer serves version 2026-10 and answers with 2027-01") == 1


# What changes.


def test_deleted_objects_are_marked_with_their_number(store: Shopify):
    names = ["orders", "customers", "products"]
    first = sync(store, names)
    gone = {name: store.corpus[name][7] for name in names}
    for name in names:
        shopify_rows.destroy(store, name, 7)
    second = sync(store, names, first.state)
    for name, row in gone.items():
        marked = [record for record in second.records(name) if record.get("_sdc_deleted_at")]
        assert [record["id"] for record in marked] == [row["id"]], name
        assert marked[0]["legacyResourceId"] == row["legacyResourceId"]
    third = sync(store, names, second.state, lookback_days=0)
    assert len([1 for name in names for record in third.records(name) if record.get("_sdc_deleted_at")]) == 3  # the lag


@pytest.mark.parametrize("count", [5, 6, 105, 106, 250])
def test_an_order_has_all_of_its_lines(store: Shopify, count: int):
    long = shopify_rows.order(0, lineItems=[shopify_rows.line("LineItem", 0, place) for place in range(count)])
    store.corpus["orders"] = [long]
    [record] = sync(store, ["orders"]).records("orders")
    assert [line["id"] for line in record["lineItems"]] == [line["id"] for line in long["lineItems"]]


@pytest.mark.parametrize("first_load", ["bulk", "pages"])
@pytest.mark.parametrize("count", [0, 1, 10, 11, 120])
def test_a_refund_has_all_of_its_lines(store: Shopify, count: int, first_load: str):
    for row in store.corpus["orders"][:25]:
        row.update(shopify_rows.refund(row, "2.50", row["updatedAt"], lines=count))
    found = sync(store, ["orders"], first_load=first_load).rows("orders")
    for row in store.corpus["orders"]:
        [*refunds] = found[(row["id"],)]["refunds"]
        wanted = [[line["id"] for line in refund["refundLineItems"]] for refund in row["refunds"]]
        assert [[line["id"] for line in refund["refundLineItems"]] for refund in refunds] == wanted
    assert not store.problems


def test_a_refund_that_goes_away_has_no_lines(store: Shopify):
    row = store.corpus["orders"][3]
    row |= shopify_rows.refund(row, "2.50", row["updatedAt"])
    store.faults.append(Fault("change", 2, 1, "graphql.json", lambda service: service.corpus["orders"].clear()))
    store.corpus["orders"] = [row]
    [record] = sync(store, ["orders"], first_load="pages").records("orders")
    assert record["refunds"][0]["refundLineItems"] == []


def test_an_order_that_goes_away_while_its_lines_are_read_keeps_those_that_came(store: Shopify):
    store.corpus["orders"] = [shopify_rows.order(40)]
    store.faults.append(Fault("change", 2, 1, "graphql.json", lambda service: service.corpus["orders"].clear()))
    [record] = sync(store, ["orders"], start_date="2023-11-20").records("orders")
    assert store.counts["change"] == 1
    assert len(record["lineItems"]) == 5


def test_a_thousand_customers_of_one_moment_survive_a_cut(store: Shopify):
    store.corpus["customers"] = [
        shopify_rows.customer(number, updatedAt=shopify_rows.stamp(4)) for number in range(1000)
    ]
    store.faults.append(Fault("status", 5, 10_000, "graphql.json", 500))
    cut = attempt(store, ["customers"])
    assert cut.error is not None
    assert 0 < len(cut.rows("customers")) < 1000
    store.faults.clear()
    rest = sync(store, ["customers"], cut.states[-1] if cut.states else None)
    assert len(cut.rows("customers") | rest.rows("customers")) == 1000
