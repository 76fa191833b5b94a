"""tap-square: locations in tens, cursors that expire, deletions of the catalog, ways to sign in, the sandbox."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from contract.rest_runs import Runner, run_tap
from servers import square
from servers.rest import Fault
from servers.square import Square

from pipe.errors import ConfigurationError, CredentialsError
from taps.square.tap import HOSTS, TapSquare

GRANT = {"client_id": "sq0idp-1", "client_secret": square.CLIENT_SECRET, "refresh_token": square.REFRESH}


RUNNER = Runner(TapSquare, {"access_token": square.TOKEN, "start_date": "2023-11-14"})
sync = RUNNER.sync


@pytest.fixture
def seller() -> Iterator[Square]:
    """A seller with 23 locations."""
    service = Square(square.make(700, 23))
    with service.serving():
        yield service


def test_orders_are_asked_for_ten_locations_at_once(seller: Square):
    run = sync(seller, ["orders"])
    assert len(run.rows("orders")) == 100
    asked = [len(call.body["location_ids"]) for call in seller.calls if call.path == "/v2/orders/search"]
    assert asked[:3] == [10, 10, 3]
    assert [call.path for call in seller.calls].count("/v2/locations") == 1


def test_payments_are_asked_for_each_location(seller: Square):
    assert len(sync(seller, ["payments"]).rows("payments")) == 100
    asked = {call.params["location_id"] for call in seller.calls if call.path == "/v2/payments"}
    assert asked == {row["id"] for row in seller.corpus["locations"]}


def test_many_locations_make_no_window_shorter():
    start = datetime.now(UTC) - timedelta(days=200)
    with Square(square.make(10, 110)).serving() as url:
        config = {"access_token": square.TOKEN, "api_url": url, "start_date": start.isoformat(), "max_api_calls": 400}
        run = run_tap(TapSquare, config, None, ["payments"])
    assert run.error is None, run.error  # windows of 30, 60 and 110 days for each location


@pytest.mark.parametrize("times", [1, 2])
def test_a_list_whose_cursor_expired_is_read_from_its_start(seller: Square, times: int):
    full = sync(seller, ["customers"])
    seller.forget()
    seller.faults.append(Fault("change", 1, times, "/v2/customers", Square.expire))
    again = sync(seller, ["customers"])
    assert seller.counts["change"] == times
    assert again.rows("customers") == full.rows("customers")
    assert "cursor" not in json.dumps(again.state)


def test_a_thousand_rows_of_one_moment_survive_a_cut(seller: Square):
    moment = square.stamp(4)
    seller.corpus["customers"] = [square.customer(number, updated_at=moment) for number in range(1000)]
    seller.faults.append(Fault("status", 5, 10_000, "/v2/customers", 500))
    config = {"access_token": square.TOKEN, "api_url": seller.url, "start_date": "2023-11-14"}
    cut = run_tap(TapSquare, config, None, ["customers"])
    assert cut.error is not None
    assert 0 < len(cut.rows("customers")) < 1000
    seller.faults.clear()
    rest = sync(seller, ["customers"], cut.states[-1] if cut.states else None)
    assert len(cut.rows("customers") | rest.rows("customers")) == 1000


def test_deleted_objects_of_the_catalog_are_marked(seller: Square):
    first = sync(seller, ["catalog"])
    gone = seller.corpus["catalog"][4]
    assert not first.rows("catalog")[(gone["id"],)].get("_sdc_deleted_at")
    gone |= {"is_deleted": True, "updated_at": square.stamp(30)}
    seller.touch()
    second = sync(seller, ["catalog"], first.state, lookback_days=0)
    marked = {key for key, row in second.rows("catalog").items() if row.get("_sdc_deleted_at")}
    assert (gone["id"],) in marked
    assert second.rows("catalog")[(gone["id"],)]["_sdc_deleted_at"] == square.stamp(30).replace("Z", "000Z")
    assert len(second.rows("catalog")) == 2  # it, and the newest before it


def test_an_old_payment_refunded_a_year_later_comes_alone(seller: Square):
    first = sync(seller, ["payments", "refunds"])
    old = seller.corpus["payments"][0]
    old |= {"refunded_money": square.money(400), "updated_at": square.stamp(0, timedelta(), days=400)}
    refund = square.refund(900, created_at=old["updated_at"], updated_at=old["updated_at"], payment_id=old["id"])
    seller.corpus["refunds"].append(refund)
    seller.touch()
    second = sync(seller, ["payments", "refunds"], first.state, lookback_days=0)
    assert second.rows("payments")[(old["id"],)]["refunded_money"]["amount"] == 400
    assert len(second.rows("payments")) == 2  # it, and the newest before it
    assert (refund["id"],) in second.rows("refunds")


def test_a_refresh_token_gives_new_access_tokens(seller: Square, tmp_path: Path):
    file = tmp_path / "credentials" / "square.json"
    config = {**GRANT, "credentials_file": str(file), "api_url": seller.url, "start_date": "2023-11-14"}
    seller.faults.append(Fault("expire_token", 2, 1, "/v2/customers"))
    run = run_tap(TapSquare, config, None, ["customers"])
    assert run.error is None, run.error
    assert len(run.rows("customers")) == 700
    assert [call.path for call in seller.calls].count("/oauth2/token") == 2
    for secret in (square.TOKEN, square.CLIENT_SECRET, square.REFRESH):
        assert secret not in run.log + run.output  # STATE is in the output


def test_a_refused_refresh_token_fails_without_showing_it(seller: Square):
    config = {**GRANT, "refresh_token": "EQAA_other_canary", "api_url": seller.url}
    run = run_tap(TapSquare, config, None, ["locations"])
    assert isinstance(run.error, CredentialsError)
    assert "EQAA_other_canary" not in f"{run.error}{run.log}"


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({}, "access_token is missing"),
        ({"client_id": "a", "refresh_token": "b"}, "client_secret"),
        ({"access_token": "a", **GRANT}, "exclude each other"),
        ({"access_token": "a", "environment": "staging"}, "environment"),
        ({"access_token": "a", "api_version": "latest"}, "api_version"),
        ({"access_token": ""}, "access_token"),
    ],
)
def test_mistakes_in_settings_are_named(settings: dict[str, Any], problem: str):
    run = run_tap(TapSquare, settings)
    assert isinstance(run.error, ConfigurationError)
    assert problem in str(run.error)
    assert not run.messages


def test_the_sandbox_has_an_address_of_its_own():
    for environment, host in HOSTS.items():
        tap = TapSquare(config={"access_token": "a", "environment": environment})
        assert tap.client.base_url == host
