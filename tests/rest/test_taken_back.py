"""What a source deletes or no longer counts as sold is taken back in the warehouse; no column of it is emptied."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import duckdb
from contract.rest_runs import run_tap
from pipeline import Pipeline
from servers import hubspot, salesforce, shopify, shopify_rows, stripe, zoho
from support import Finished, run_inside

from identity.resolve import ResolveIdentity
from taps.base.rest.tap import RESTTap
from taps.hubspot.tap import TapHubSpot
from taps.salesforce.tap import TapSalesforce
from taps.shopify.tap import TapShopify
from taps.stripe.tap import TapStripe
from taps.zoho.tap import TapZoho
from targets.duckdb.target import TargetDuckDB
from transforms.map_conversions import MapConversions


class Landing:
    """The whole pipe in this process, run again and again."""

    def __init__(self, home: Path, tap: type[RESTTap], preset: str, config: dict[str, Any]) -> None:
        self.home, self.tap, self.preset, self.config = home, tap, preset, config
        self.state: Any = None

    def run(self) -> Finished:
        """Read, map, resolve and load; what the mapper said."""
        read = run_tap(self.tap, self.config, self.state)
        assert read.error is None, read.log
        self.state = read.state
        mapped = run_inside(MapConversions, {"tenant": "acme", "sources": [{"preset": self.preset}]}, read.messages)
        store = {"tenant": "acme", "store": str(self.home / "identity.duckdb")}
        resolved = run_inside(ResolveIdentity, store, mapped.lines)
        done = run_inside(TargetDuckDB, {"filepath": str(self.home / "w.duckdb")}, resolved.lines)
        assert (mapped.code, resolved.code, done.code) == (0, 0, 0), mapped.log + resolved.log + done.log
        return mapped

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """From the warehouse."""
        with duckdb.connect(str(self.home / "w.duckdb"), read_only=True) as connection:
            return connection.execute(sql).fetchall()

    def count(self, table: str) -> int:
        """Rows, marked or not."""
        return int(self.query(f"SELECT count(*) FROM {table}")[0][0])

    def gone(self, table: str, key: str) -> set[str]:
        """Keys of the rows that are marked."""
        return {row for (row,) in self.query(f"SELECT {key} FROM {table} WHERE _sdc_deleted_at IS NOT NULL")}


def test_zoho_deals_and_contacts_that_are_deleted_or_lost(tmp_path: Path):
    service = zoho.service(12, others=12)
    deals, contacts = ([row["id"] for row in service.corpus[name]] for name in ("Deals", "Contacts"))
    with service.serving() as url:
        config = {**zoho.LOGIN, "api_url": url, "start_date": "2024-01-01", "modules": ["Deals", "Contacts"]}
        landing = Landing(tmp_path, TapZoho, "zoho", config)
        landing.run()
        before = landing.query("SELECT COLUMNS('^[^_]') FROM customer_profiles ORDER BY 1")
        zoho.delete(service, "Deals", deals[1])
        zoho.delete(service, "Deals", deals[3])  # was never won
        zoho.delete(service, "Contacts", contacts[1])
        zoho.change(service, "Deals", deals[2], Stage="Closed Lost")
        told = [row for row in landing.run().records("conversions") if "transaction_id" not in row]
        assert len(told) == 3
        assert landing.gone("conversions", "transaction_id") == {deals[1], deals[2]}
        assert landing.gone("customer_profiles", "source_record_id") == {contacts[1]}
        assert landing.query("SELECT COLUMNS('^[^_]') FROM customer_profiles ORDER BY 1") == before
        assert landing.count("conversions") == 8
        zoho.change(service, "Deals", deals[2], Stage="Closed Won", Amount=5)
        landing.run()
    assert landing.gone("conversions", "transaction_id") == {deals[1]}
    assert landing.query(f"SELECT value FROM conversions WHERE transaction_id = '{deals[2]}'")[0][0] == 5
    assert not service.problems


def people(landing: Landing, *customers: str) -> int:
    """How many the purchases of these customers of a source are of."""
    listed = ", ".join(f"'{each}'" for each in customers)
    found = landing.query(f"""
        SELECT count(DISTINCT coalesce(to_id, global_customer_id)) FROM conversions
        LEFT JOIN identity_merges ON from_id = global_customer_id AND event = 'merge' WHERE user_id IN ({listed})""")
    return int(found[0][0])


def test_hubspot_deals_that_are_lost_and_contacts_that_are_merged(tmp_path: Path):
    service = hubspot.service(12)
    deals, contacts = service.corpus["deals"], service.corpus["contacts"]
    for deal, contact in zip(deals, contacts, strict=True):
        hubspot.link(service, "deals", deal["id"], "contacts", contact["id"])
    with service.serving() as url:
        config = {"access_token": hubspot.TOKEN, "api_url": url, "start_date": "2024-01-01"}
        landing = Landing(tmp_path, TapHubSpot, "hubspot", {**config, "objects": ["contacts", "deals"]})
        landing.run()
        sold = {key for (key,) in landing.query("SELECT transaction_id FROM conversions")}
        lost, archived = sorted(sold)[:2]
        hubspot.change(service, "deals", lost, hs_is_closed_won="false", dealstage="closedlost")
        hubspot.archive(service, "deals", archived)
        bought = "SELECT DISTINCT user_id FROM conversions WHERE user_id IS NOT NULL ORDER BY 1"
        loser, winner = (key for (key,) in landing.query(bought)[:2])
        assert people(landing, loser, winner) == 2
        contacts.remove(next(row for row in contacts if row["id"] == loser))
        hubspot.change(service, "contacts", winner, hs_merged_object_ids=f"{loser};{winner}")
        landing.run()
        assert landing.gone("conversions", "transaction_id") == {lost}
        assert landing.query("SELECT transaction_id FROM conversions WHERE is_deleted") == [(archived,)]
        assert landing.query("SELECT source_record_id FROM customer_profiles WHERE is_deleted") == [(loser,)]
        assert people(landing, loser, winner) == 1
        hubspot.change(service, "deals", lost, hs_is_closed_won="true", dealstage="closedwon")
        landing.run()
    assert not landing.gone("conversions", "transaction_id")
    assert landing.count("conversions") == len(sold) < len(deals)


def test_salesforce_opportunities_that_are_lost_and_contacts_that_are_merged(tmp_path: Path):
    service = salesforce.service(12, others=12)
    with service.serving() as url:
        config = {**salesforce.LOGIN, "api_url": url, "objects": ["Opportunity", "Contact"]}
        landing = Landing(tmp_path, TapSalesforce, "salesforce", config)
        landing.run()
        lost = salesforce.key("Opportunity", 5)
        salesforce.change(service, "Opportunity", lost, IsWon=False, StageName="Negotiation")
        merged, master = salesforce.key("Contact", 7), salesforce.key("Contact", 11)

        assert people(landing, merged, master) == 2
        salesforce.delete(service, "Contact", merged, MasterRecordId=master)
        landing.run()
        assert landing.gone("conversions", "transaction_id") == {lost}
        assert people(landing, merged, master) == 1
        salesforce.change(service, "Opportunity", lost, IsWon=True, StageName="Closed Won")
        landing.run()
    assert not landing.gone("conversions", "transaction_id")
    assert not service.problems


def test_shopify_orders_and_customers_that_are_deleted(tmp_path: Path):
    store = shopify.service(30)
    with store.serving() as url:
        config = {"shop": "flowers", "access_token": shopify.TOKEN, "api_url": url, "start_date": "2023-11-14"}
        landing = Landing(tmp_path, TapShopify, "shopify", config)
        landing.run()
        rows = landing.count("conversions"), landing.count("customer_profiles")
        order, customer = store.corpus["orders"][7], store.corpus["customers"][7]
        shopify_rows.destroy(store, "orders", 7)
        shopify_rows.destroy(store, "customers", 7)
        landing.run()
    assert landing.gone("conversions", "transaction_id") == {str(order["legacyResourceId"])}
    assert landing.gone("customer_profiles", "source_record_id") == {str(customer["legacyResourceId"])}
    assert (landing.count("conversions"), landing.count("customer_profiles")) == rows
    assert landing.query("SELECT count(*) FROM conversions WHERE value IS NULL") == [(0,)]


def test_stripe_customers_that_are_deleted_keep_what_is_known(tmp_path: Path):
    account, now = stripe.service(30), int(time.time())
    with account.serving() as url:
        config = {"api_key": stripe.KEY, "api_url": url, "start_date": "2023-01-01"}
        landing = Landing(tmp_path, TapStripe, "stripe", config)
        landing.run()
        before = landing.query("SELECT COLUMNS('^[^_]') FROM customer_profiles ORDER BY 1")
        gone = account.corpus["customers"][3]
        account.corpus["customers"][3] = {key: gone[key] for key in ("id", "object", "created")} | {"deleted": True}
        account.corpus["events"].append(stripe.event("customer.deleted", gone, now - 100))
        account.touch()
        landing.state = json.loads(json.dumps(landing.state))
        for mark in landing.state["bookmarks"].values():
            mark["changes"] = mark["changes"] and "2000-01-01T00:00:00.000000Z"
        landing.run()
    assert landing.gone("customer_profiles", "source_record_id") == {gone["id"]}
    assert landing.query("SELECT COLUMNS('^[^_]') FROM customer_profiles ORDER BY 1") == before


def test_the_real_pipe_in_blocks(tmp_path: Path):
    service = zoho.service(30, others=30)
    deals = [row["id"] for row in service.corpus["Deals"]]
    with service.serving() as url:
        tap = {**zoho.LOGIN, "api_url": url, "start_date": "2024-01-01", "modules": ["Deals", "Contacts"]}
        pipe = Pipeline(tmp_path, tap, [{"preset": "zoho"}], source="tap-zoho")
        step = {"emit": "batches", "batch_directory": str(pipe.batches)}
        pipe.settings |= {"map-conversions": step, "resolve-identity": step}
        first = pipe.run()
        zoho.delete(service, "Deals", deals[1])
        zoho.change(service, "Deals", deals[2], Stage="Closed Lost")
        second = pipe.run(first.state)
    assert set((first.codes | second.codes).values()) == {0}, second.log
    with duckdb.connect(str(pipe.database), read_only=True) as connection:
        found = connection.execute(
            f"SELECT transaction_id, _sdc_deleted_at IS NOT NULL, value IS NOT NULL FROM {pipe.schema}.conversions"
        ).fetchall()
    assert len(found) == 20
    assert {key for key, gone, _ in found if gone} == {deals[1], deals[2]}
    assert all(valued for *_, valued in found)
