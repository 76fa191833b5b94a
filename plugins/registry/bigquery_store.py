"""The registry in BigQuery: for several machines."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from google.cloud.bigquery import Client, Dataset, QueryJobConfig, ScalarQueryParameter

from pipe import bigquery
from plugins.registry import store
from plugins.registry.tables import DATASET, TABLES
from targets.bigquery.errors import service_errors

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from plugins.registry.store import Row
    from plugins.registry.tables import Table

_SECONDS = 120


class BigQueryStore:
    """A dataset `growthnav_registry`, made on first use."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        """Use `project`, and what else `pipe.bigquery.connect` takes."""
        self._config = config
        place = f"`{config['project']}`.{DATASET}"
        self._sql = store.Dialect(place, "@", "PARSE_JSON({}, wide_number_mode=>'round')")

    def select(self, table: Table, where: Mapping[str, str], order: str = "", limit: int | None = None) -> list[Row]:
        """As `Store.select`."""
        job = self._execute(self._sql.select(table, where, order, limit), where)
        rows = job.result(timeout=_SECONDS)
        return [{column.name: store.value(column, row[column.name]) for column in table.columns} for row in rows]

    def merge(self, table: Table, rows: Sequence[Row]) -> int:
        """As `Store.merge`; each row on its own."""
        changed = 0
        for row in rows:
            values = store.texts(table, row)
            changed += _count(self._execute(self._sql.merge(table, values), values))
        return changed

    def delete(self, table: Table, where: Mapping[str, str]) -> int:
        """As `Store.delete`."""
        return _count(self._execute(self._sql.delete(table, where), where))

    @cached_property
    def _client(self) -> Client:
        client = bigquery.connect(self._config)
        client.create_dataset(Dataset(f"{client.project}.{DATASET}"), exists_ok=True)
        for table in TABLES:
            client.query(table.create(self._sql.place)).result(timeout=_SECONDS)
        return client

    def _execute(self, statement: str, values: Mapping[str, str | None]) -> Any:
        parameters = [ScalarQueryParameter(name, "STRING", value) for name, value in values.items()]
        with service_errors("the registry's statement"):
            job = self._client.query(statement, job_config=QueryJobConfig(query_parameters=parameters))
            job.result(timeout=_SECONDS)
            return job


def _count(job: Any) -> int:
    return job.num_dml_affected_rows or 0  # None for a statement that is no DML, and on some failures (F029)
