"""The registry, in DuckDB and in BigQuery: the same tests for both."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from servers.bigquery import PROJECT, server_or_skip

from pipe.errors import RetriableError
from plugins.registry import Connector, Customer, Onboarding, Registry
from plugins.registry.bigquery_store import BigQueryStore
from plugins.registry.duckdb_store import DuckDBStore
from plugins.registry.store import Store
from plugins.registry.tables import CONNECTORS

F028 = [
    ("connector_id", "STRING", True, None),
    ("customer_id", "STRING", True, None),
    ("connector_type", "STRING", True, None),
    ("name", "STRING", True, None),
    ("connection_params", "JSON", False, None),
    ("field_overrides", "JSON", False, None),
    ("sync_mode", "STRING", False, "'incremental'"),
    ("sync_schedule", "STRING", False, "'daily'"),
    ("last_sync", "TIMESTAMP", False, None),
    ("last_sync_cursor", "STRING", False, None),
    ("credentials_secret_path", "STRING", False, None),
    ("is_active", "BOOL", False, "TRUE"),
    ("error_message", "STRING", False, None),
    ("created_at", "TIMESTAMP", False, None),
    ("updated_at", "TIMESTAMP", False, None),
]
ACME = Customer("acme", 'Acme\'s "Bakery"', "restaurant", None, ["123-456-7890"], [], ["a", "ü"])
THANX = Connector("snowflake-thanx", "acme", "snowflake", "thanx", {"account": "X-Y", "n": 1.5}, {"ID": "value"})


@pytest.fixture(scope="module", params=["duckdb", "bigquery"])
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    if request.param == "duckdb":
        yield DuckDBStore(tmp_path_factory.mktemp("registry") / "deep" / "registry.duckdb")
        return
    with server_or_skip() as emulator:
        yield BigQueryStore({"project": PROJECT, "api_endpoint": emulator.url})


@pytest.fixture
def registry(store: Store) -> Registry:
    registry = Registry(store)
    for customer in registry.customers():
        registry.remove_customer(customer.customer_id)
        registry.remove_runs(customer.customer_id)
    for connector in registry.connectors():
        registry.remove_connector(connector.customer_id, connector.connector_id)
    return registry


def test_row_16_columns_of_a_connector() -> None:
    assert [(c.name, c.type, c.required, c.default) for c in CONNECTORS.columns] == F028
    assert [field.name for field in dataclasses.fields(Connector)] == [name for name, *_ in F028]


def test_row_16_both_databases_have_them(store: Store) -> None:
    store.merge(CONNECTORS, [{"connector_id": "a-b", "customer_id": "x", "connector_type": "a", "name": "b"}])
    (row,) = store.select(CONNECTORS, {"customer_id": "x"})
    assert list(row) == [name for name, *_ in F028]
    defaults = {"sync_mode": "incremental", "sync_schedule": "daily", "is_active": True}
    assert {name: row[name] for name in defaults} == defaults
    assert store.delete(CONNECTORS, {"customer_id": "x"}) == 1


def test_rows_come_back_as_they_were_put(registry: Registry) -> None:
    registry.put_customer(ACME)
    registry.put_connector(THANX)
    (customer,), (connector,) = registry.customers(), registry.connectors()
    assert customer.created_at is not None
    assert connector.updated_at is not None
    assert dataclasses.replace(customer, created_at=None, updated_at=None) == ACME
    assert dataclasses.replace(connector, created_at=None, updated_at=None) == THANX
    assert (registry.customer("acme"), registry.connector("acme", "snowflake-thanx")) == (customer, connector)
    assert (registry.customer("other"), registry.connector("other", "snowflake-thanx")) == (None, None)


def test_a_second_put_replaces_and_keeps_when_it_was_created(registry: Registry) -> None:
    registry.put_customer(ACME)
    before = registry.customer("acme")
    registry.put_customer(dataclasses.replace(ACME, is_active=False, error_message="left"))
    after = registry.customer("acme")
    assert before is not None
    assert after is not None
    assert (after.is_active, after.error_message, after.created_at) == (False, "left", before.created_at)
    assert len(registry.customers()) == 1


def test_two_tenants_may_name_a_connector_alike(registry: Registry) -> None:
    registry.put_connector(THANX)
    registry.put_connector(dataclasses.replace(THANX, customer_id="beta", sync_schedule="hourly"))
    assert [c.sync_schedule for c in registry.connectors("acme")] == ["daily"]
    assert registry.remove_connector("acme", "snowflake-thanx")
    assert not registry.remove_connector("acme", "snowflake-thanx")
    assert [c.customer_id for c in registry.connectors()] == ["beta"]


def test_a_run_is_kept_and_told_to_its_connector(registry: Registry) -> None:
    registry.put_customer(ACME)
    registry.put_connector(THANX)
    good = {
        "run_id": "1",
        "customer_id": "acme",
        "started_at": "2026-01-01T00:00:00.000000Z",
        "completed_at": "2026-01-01T00:00:09.000000Z",
        "status": "success",
        "exit_code": 0,
        "error": None,
        "cursor": {"rows": 7},
        "records_loaded": 12,
    }
    bad = {**good, "run_id": "2", "started_at": "2026-01-02T00:00:00.000000Z", "exit_code": 2, "error": "no way in"}
    registry.record_run(good, ["snowflake-thanx"])
    registry.record_run(bad, ["snowflake-thanx", "unknown"])
    registry.record_run(bad, [])
    assert registry.runs("acme") == [bad, good]
    assert registry.runs("acme", limit=1) == [bad]
    assert registry.runs("beta") == []
    connector = registry.connector("acme", "snowflake-thanx")
    assert connector is not None
    assert connector.last_sync == "2026-01-01T00:00:09.000000Z"
    assert (connector.last_sync_cursor, connector.error_message) == ('{"rows": 7}', "no way in")
    assert connector.connection_params == THANX.connection_params


def test_onboardings(registry: Registry) -> None:
    first = Onboarding("1", "acme", "PENDING", started_at="2026-01-01T00:00:00.000000Z")
    registry.put_onboarding(first)
    registry.put_onboarding(dataclasses.replace(first, status="FAILED", error="why", error_class="data"))
    (row,) = registry.onboardings("acme")
    assert (row.status, row.error, row.error_class, row.started_at) == ("FAILED", "why", "data", first.started_at)
    assert registry.remove_onboardings("acme") == 1


def test_reading_makes_no_file(tmp_path: Path) -> None:
    registry = Registry(DuckDBStore(tmp_path / "registry.duckdb"))
    assert (registry.customers(), registry.remove_customer("acme")) == ([], False)
    assert list(tmp_path.iterdir()) == []


def test_runs_that_end_together_are_all_kept(tmp_path: Path) -> None:
    """Threads of this process and processes beside it, each with the file open for one statement."""
    path = tmp_path / "registry.duckdb"
    code = (
        "import sys; from pathlib import Path; from plugins.registry import Registry\n"
        "from plugins.registry.duckdb_store import DuckDBStore\n"
        "registry = Registry(DuckDBStore(Path(sys.argv[1])))\n"
        "for n in range(10): registry.record_run({'run_id': f'{sys.argv[2]}-{n}', 'customer_id': 'acme'})\n"
    )
    others = [subprocess.Popen([sys.executable, "-c", code, str(path), str(number)]) for number in range(2)]

    def record(number: int) -> None:
        Registry(DuckDBStore(path)).record_run({"run_id": f"thread-{number}", "customer_id": "acme"})

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(record, range(20)))
    assert [other.wait() for other in others] == [0, 0]
    assert len(Registry(DuckDBStore(path)).runs("acme")) == 40


def test_a_registry_open_elsewhere(tmp_path: Path) -> None:
    path = tmp_path / "registry.duckdb"
    Registry(DuckDBStore(path)).put_customer(ACME)
    code = f"import duckdb; c = duckdb.connect({str(path)!r}); print('open', flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "open\n"
        with pytest.raises(RetriableError, match="is open elsewhere"):
            Registry(DuckDBStore(path)).customers()
        holder.communicate("\n")
    assert [row.customer_id for row in Registry(DuckDBStore(path)).customers()] == ["acme"]
