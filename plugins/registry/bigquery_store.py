"""The registry in BigQuery: for several machines."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from google.api_core.exceptions import Forbidden, GoogleAPICallError, ServerError, TooManyRequests, Unauthorized
from google.cloud.bigquery import Client, Dataset, QueryJobConfig, ScalarQueryParameter

from pipe import bigquery
from pipe.errors import ConfigurationError, CredentialsError, PipeError, RetriableError
from plugins.registry import store
from plugins.registry.tables import DATASET, TABLES

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
        try:
            job = self._client.query(statement, job_config=QueryJobConfig(query_parameters=parameters))
            job.result(timeout=_SECONDS)
        except GoogleAPICallError as error:
            raise _ours(error) from None
        return job


def _count(job: Any) -> int:
    return job.num_dml_affected_rows or 0  # None for a statement that is no DML, and on some failures (F029)


def _ours(error: GoogleAPICallError) -> PipeError:
    """The error as ours, without the service's text: it quotes the statement."""
    what = f"the registry in BigQuery cannot be used ({type(error).__name__})"
    if isinstance(error, Forbidden | Unauthorized):
        return CredentialsError(what, remedy=f"Grant the right to edit the dataset {DATASET}")
    if isinstance(error, ServerError | TooManyRequests):
        return RetriableError(what, remedy="Run again in a moment")
    return ConfigurationError(what, remedy="Check project and location of the registry in meltano.yml")
