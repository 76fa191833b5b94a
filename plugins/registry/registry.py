"""The registry itself, over a database."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pipe import times
from pipe.errors import EXIT_FAILED
from plugins.registry.rows import Connector, Customer, Onboarding
from plugins.registry.tables import CONNECTORS, CUSTOMERS, ONBOARDINGS, RUNS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from plugins.registry.store import Store
    from plugins.registry.tables import Table

HISTORY = 50
"""Runs shown unless asked for more."""


class Registry:
    """Tenants, connectors, runs and onboardings. Rows are put whole; `created_at` stays what it was."""

    def __init__(self, store: Store) -> None:
        """Use a database."""
        self._store = store

    def customers(self) -> list[Customer]:
        """Every tenant, inactive ones too, by id."""
        return [Customer(**row) for row in self._store.select(CUSTOMERS, {})]

    def customer(self, customer_id: str) -> Customer | None:
        """The tenant of that id."""
        found = self._store.select(CUSTOMERS, {"customer_id": customer_id})
        return Customer(**found[0]) if found else None

    def put_customer(self, customer: Customer) -> None:
        """Insert or replace a tenant."""
        self._put(CUSTOMERS, customer.as_dict())

    def remove_customer(self, customer_id: str) -> bool:
        """Remove a tenant's row; returns whether there was one."""
        return self._store.delete(CUSTOMERS, {"customer_id": customer_id}) > 0

    def connectors(self, customer_id: str | None = None) -> list[Connector]:
        """The data sources of a tenant, or of all, inactive ones too."""
        where = {"customer_id": customer_id} if customer_id else {}
        return [Connector(**row) for row in self._store.select(CONNECTORS, where)]

    def connector(self, customer_id: str, connector_id: str) -> Connector | None:
        """One data source."""
        found = self._store.select(CONNECTORS, {"customer_id": customer_id, "connector_id": connector_id})
        return Connector(**found[0]) if found else None

    def put_connector(self, connector: Connector) -> None:
        """Insert or replace a data source."""
        self._put(CONNECTORS, connector.as_dict())

    def remove_connector(self, customer_id: str, connector_id: str) -> bool:
        """Remove a data source's row; returns whether there was one."""
        return self._store.delete(CONNECTORS, {"customer_id": customer_id, "connector_id": connector_id}) > 0

    def record_run(self, result: Mapping[str, Any], connector_ids: Iterable[str] = ()) -> None:
        """Keep a run's result (`RunResult.as_dict()`), and what it means for the connectors that took part."""
        columns = {column.name for column in RUNS.columns}
        self._store.merge(
            RUNS, [{name: item for name, item in result.items() if name in columns} | {"result": dict(result)}]
        )
        for connector_id in connector_ids:
            known = self._store.select(CONNECTORS, {"customer_id": result["customer_id"], "connector_id": connector_id})
            if known:
                self._store.merge(CONNECTORS, [_after(known[0], result)])

    def runs(self, customer_id: str | None = None, limit: int = HISTORY) -> list[dict[str, Any]]:
        """Results of a tenant's runs, or of all tenants', the newest first."""
        where = {"customer_id": customer_id} if customer_id else {}
        rows = self._store.select(RUNS, where, "started_at DESC, run_id", limit)
        return [row["result"] for row in rows]

    def remove_runs(self, customer_id: str) -> int:
        """Forget a tenant's runs; returns how many."""
        return self._store.delete(RUNS, {"customer_id": customer_id})

    def onboardings(self, customer_id: str | None = None) -> list[Onboarding]:
        """Onboardings, the newest first."""
        where = {"customer_id": customer_id} if customer_id else {}
        return [Onboarding(**row) for row in self._store.select(ONBOARDINGS, where, "started_at DESC, onboarding_id")]

    def put_onboarding(self, onboarding: Onboarding) -> None:
        """Insert or replace an onboarding."""
        self._store.merge(ONBOARDINGS, [onboarding.as_dict()])

    def remove_onboardings(self, customer_id: str) -> int:
        """Forget a tenant's onboardings; returns how many."""
        return self._store.delete(ONBOARDINGS, {"customer_id": customer_id})

    def _put(self, table: Table, row: dict[str, Any]) -> None:
        now = times.now_text()
        row["updated_at"] = row["updated_at"] or now
        if row["created_at"] is None:
            known = self._store.select(table, {name: row[name] for name in table.key})
            row["created_at"] = known[0]["created_at"] if known else now
        self._store.merge(table, [row])


def _after(row: Mapping[str, Any], result: Mapping[str, Any]) -> dict[str, Any]:
    """A connector's columns after a run; a failed one leaves time and cursor as they were."""
    changed = {key: row[key] for key in ("customer_id", "connector_id")} | {
        "error_message": result.get("error"),
        "updated_at": result.get("completed_at"),
    }
    if result.get("exit_code") == EXIT_FAILED:
        return changed
    cursor = json.dumps(result.get("cursor") or {}, sort_keys=True)
    return changed | {"last_sync": result.get("completed_at"), "last_sync_cursor": cursor}
