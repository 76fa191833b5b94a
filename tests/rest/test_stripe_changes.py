"""tap-stripe and what changes after it was read: refunds, edits and deletions come by events, for 30 days."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
from contract.rest_runs import Run, Runner, run_tap
from servers import stripe
from servers.rest import Fault, Service
from support import BIN, run_inside

from pipe.times import to_text
from taps.stripe.tap import TapStripe
from targets.duckdb.target import TargetDuckDB

DAY = 86_400


def ago(days: float) -> str:
    """The time so many days ago, as the settings take it."""
    return to_text(datetime.fromtimestamp(time.time() - days * DAY, UTC))


START = ago(40)


RUNNER = Runner(TapStripe, {"api_key": stripe.KEY, "start_date": START})
sync = RUNNER.sync


@pytest.fixture
def account() -> Iterator[Service]:
    """An account that sold something every six hours until an hour ago, for 25 days."""
    now = int(time.time())
    charges = [stripe.charge(number, created=now - 3600 - number * 6 * 3600) for number in range(100)]
    customers = [stripe.customer(number) | {"created": now - 20 * DAY} for number in range(10)]
    products = [stripe.made(stripe.OTHERS["products"], number) for number in range(3)]
    corpus = stripe.make(1) | {"charges": charges, "customers": customers, "products": products, "events": []}
    service = stripe.service(corpus=corpus)
    with service.serving():
        yield service


def days_ago(state: dict[str, Any], days: float) -> dict[str, Any]:
    """A state as it was that many days ago."""
    for mark in state["bookmarks"].values():
        mark["changes"] = ago(days)
    return state


def test_an_old_charge_refunded_twenty_days_later_comes_without_a_full_read(account: Service):
    first = sync(account, ["charges"])
    old = account.corpus["charges"][-1]  # 25 days old
    happened = stripe.event("charge.refunded", dict(old), int(time.time()) - 60, amount_refunded=0)
    old |= {"amount_refunded": 400}
    account.corpus["events"].append(happened)
    account.touch()
    account.forget()
    second = sync(account, ["charges"], days_ago(first.state, 5))
    assert second.rows("charges")[(old["id"],)]["amount_refunded"] == 400  # as it is, not as the event has it
    assert len(second.records("charges")) <= 2  # the newest ties with the bookmark
    assert [call.path for call in account.calls][-2:] == ["/v1/events", f"/v1/charges/{old['id']}"]
    assert len(account.calls) <= 3


def test_refunds_and_disputes_change_their_charge(account: Service):
    first = sync(account, ["charges"])
    refunded, disputed, other = account.corpus["charges"][50:53]
    now = int(time.time())
    account.corpus["events"] += [
        stripe.event("refund.failed", stripe.refund(1, charge=refunded["id"]), now - 50),
        stripe.event("charge.dispute.created", {"id": "dp_1", "object": "dispute", "charge": disputed["id"]}, now - 40),
        stripe.event("refund.updated", stripe.refund(2, charge=None), now - 30),
        stripe.event("customer.updated", stripe.customer(1), now - 20),
        stripe.event("charge.updated", {"id": other["id"], "object": "something_else"}, now - 10),
    ]
    account.touch()
    second = sync(account, ["charges"], days_ago(first.state, 1))
    newest = account.corpus["charges"][0]["id"]
    assert set(second.rows("charges")) == {(refunded["id"],), (disputed["id"],), (newest,)}


def test_deleted_customers_and_products_are_marked(account: Service):
    first = sync(account, ["customers", "products"])
    now = int(time.time())
    gone = account.corpus["customers"][3]
    account.corpus["customers"][3] = {
        "id": gone["id"],
        "object": "customer",
        "deleted": True,
        "created": gone["created"],
    }
    product = account.corpus["products"].pop()
    account.corpus["events"] += [
        stripe.event("customer.deleted", gone, now - 100),
        stripe.event("product.deleted", product, now - 90),
    ]
    account.touch()
    second = sync(account, ["customers", "products"], days_ago(first.state, 2))
    assert (
        second.rows("customers")[(gone["id"],)]["_sdc_deleted_at"] == second.state["bookmarks"]["customers"]["changes"]
    )
    assert second.rows("products")[(product["id"],)]["_sdc_deleted_at"]
    assert not [row for row in second.records("customers") if row["id"] != gone["id"] and row.get("_sdc_deleted_at")]


def test_where_events_no_longer_reach_everything_is_read_again(account: Service):
    first = sync(account, ["charges"])
    account.corpus["charges"][-1]["amount_refunded"] = 1
    account.touch()
    second = sync(account, ["charges"], days_ago(first.state, 30))
    assert len(second.rows("charges")) == 100
    assert "all rows are read again" in second.log
    assert datetime.fromisoformat(second.state["bookmarks"]["charges"]["changes"]).timestamp() > time.time() - 60


def test_a_run_that_is_cut_among_events_reads_them_again(account: Service):
    first = sync(account, ["charges"])
    changed = account.corpus["charges"][40:60]
    now = int(time.time())
    for row in changed:
        row["amount_refunded"] = 7
        account.corpus["events"].append(stripe.event("charge.refunded", row, now - 300))
    account.touch()
    state = days_ago(first.state, 1)
    account.faults.append(Fault("status", after=10, times=1000, value=500, path="/v1/charges/"))
    config = {"api_key": stripe.KEY, "api_url": account.url, "start_date": START}
    broken = run_tap(TapStripe, config, state, ["charges"])
    assert broken.error is not None
    account.faults.clear()
    again = sync(account, ["charges"], broken.states[-1] if broken.states else state)
    assert {(row["id"],) for row in changed} <= set(again.rows("charges"))


def test_what_changed_while_a_first_run_was_cut_is_not_lost(account: Service):
    account.faults.append(Fault("status", after=1, times=1000, value=500))
    config = {"api_key": stripe.KEY, "api_url": account.url, "start_date": START}
    cut = run_tap(TapStripe, config, None, ["charges"])
    assert cut.error is not None
    account.faults.clear()
    read = next(iter(cut.rows("charges")))[0]
    row = next(row for row in account.corpus["charges"] if row["id"] == read)
    row["amount_refunded"] = 9
    account.corpus["events"].append(stripe.event("charge.refunded", row, int(time.time())))
    account.touch()
    time.sleep(1.1)  # so that the event is not of the second in which the next run begins
    rest = sync(account, ["charges"], cut.states[-1])
    assert rest.rows("charges")[(read,)]["amount_refunded"] == 9


def test_events_of_the_last_minutes_are_seen_by_the_next_run_too(account: Service):
    first = sync(account, ["charges"])
    late = account.corpus["charges"][30]
    late["amount_refunded"] = 5
    account.corpus["events"].append(stripe.event("charge.refunded", late, int(time.time()) - 200))
    account.touch()
    second = sync(account, ["charges"], first.state)  # the event is older than the first run and showed up after it
    assert second.rows("charges")[(late["id"],)]["amount_refunded"] == 5


def test_a_key_that_may_not_read_events_is_told_so(account: Service, capsys: pytest.CaptureFixture[str]):
    account.forbidden = {"events"}
    first = sync(account, ["charges", "balance_transactions"])  # which has all there is, so no events are asked for
    second = sync(account, ["charges", "balance_transactions"], days_ago(first.state, 1))
    assert "It needs read rights for charges and for events" in second.log
    TapStripe(config={"api_key": stripe.KEY, "api_url": account.url}).test()
    said = capsys.readouterr().out
    assert "charges: not allowed: status 403, forbidden; needs read rights for charges and for events" in said
    assert "1 of 11 streams can be read" in said


def test_a_list_is_read_from_its_start_when_the_row_it_stood_at_is_gone(account: Service):
    def delete(service: Service) -> None:
        gone = service.calls[-1].params["starting_after"]
        service.corpus["charges"] = [row for row in service.corpus["charges"] if row["id"] != gone]

    created = int(time.time()) - DAY
    account.corpus["charges"] = [stripe.charge(number, created=created) for number in range(250)]  # of one second
    account.faults.append(Fault("change", after=1, value=delete, path="/v1/charges"))
    run = sync(account, ["charges"], start_date=ago(2))
    assert len(run.rows("charges")) == 250
    asked = [call.params.get("starting_after") for call in account.calls]
    assert asked.count(None) == 2
    assert len(asked) == 5


def test_a_signal_ends_a_run_that_waits(account: Service, tmp_path: Path):
    account.faults.append(Fault("rate_seconds", after=3, times=1000, value=600))
    config = {"api_key": stripe.KEY, "api_url": account.url, "start_date": ago(100), "retry_seconds": 900}
    (tmp_path / "config.json").write_text(json.dumps(config))
    command = [str(BIN / "tap-stripe"), "--config", str(tmp_path / "config.json")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as tap:
        assert tap.stderr is not None
        while "waiting 600 s" not in (line := tap.stderr.readline()):
            assert line, "the tap ended"
        tap.send_signal(signal.SIGTERM)
        output, log = tap.communicate(timeout=10)
    assert tap.returncode == 128 + signal.SIGTERM
    assert json.loads(output.splitlines()[-1])["type"] == "STATE"
    assert "Traceback" not in log


def test_a_connected_account_and_a_lookback(account: Service):
    first = sync(account, ["charges"], account_id="acct_1")
    assert {call.headers["stripe-account"] for call in account.calls} == {"acct_1"}
    second = sync(account, ["charges"], first.state, lookback_days=2)
    assert len(second.rows("charges")) == 9  # the newest, and two days of four


def test_row_29_a_week_read_again_makes_no_duplicates_and_applies_late_edits(account: Service, tmp_path: Path):
    """A late edit that no event tells of: two and a half days old, and one outside of the window."""
    database = tmp_path / "w.duckdb"

    def load(run: Run) -> dict[str, int]:
        done = run_inside(TargetDuckDB, {"filepath": str(database)}, run.messages)
        assert done.code == 0, done.log
        with duckdb.connect(str(database), read_only=True) as connection:
            rows = connection.execute("SELECT id, amount FROM charges").fetchall()
        assert len({key for key, _ in rows}) == len(rows)
        return dict(rows)

    first = sync(account, ["charges"])
    before = load(first)
    late, too_late = account.corpus["charges"][10], account.corpus["charges"][60]
    late |= {"amount": late["amount"] + 7}
    too_late |= {"amount": too_late["amount"] + 7}
    account.touch()
    second = sync(account, ["charges"], first.state, lookback_days=7)
    assert 28 <= len(second.rows("charges")) <= 30
    assert load(second) == before | {late["id"]: before[late["id"]] + 7}
