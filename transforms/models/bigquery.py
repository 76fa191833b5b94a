"""Runs the SQL models in a tenant's BigQuery dataset.

BigQuery has no transaction over the making of tables. So every model is computed into a table of its own first, which
expires by itself; only when all are there and right do they take the place of the old ones, one copy each.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from google.api_core.exceptions import BadRequest, Forbidden, NotFound, RetryError, ServerError, TooManyRequests
from google.auth.exceptions import GoogleAuthError
from sqlglot import exp

from pipe.errors import ConfigurationError, CredentialsError, InternalError, RetriableError
from pipe.streams import CANONICAL
from transforms.models import queries
from transforms.models.queries import MADE_BY_US, MODELS, Parameters

if TYPE_CHECKING:
    from collections.abc import Iterator

    from google.cloud.bigquery import Client

_SECONDS = 600
_PASSING = "expiration_timestamp = TIMESTAMP_ADD(CURRENT_TIMESTAMP(), INTERVAL 6 HOUR), "


def run(client: Client, dataset: str, parameters: Parameters | None = None) -> dict[str, int]:
    """Make every model's table in the dataset anew, all or none; returns model -> rows.

    Args:
        client: with the project of the dataset.
        dataset: its name.
        parameters: of the models.

    Raises:
        ConfigurationError: no such dataset or stream, or a table that is not ours has a model's name.
        CredentialsError: there is no right to do this.
        DataError: the purchases are in several currencies.
        InternalError: BigQuery does not take a query of ours.
        RetriableError: BigQuery does not answer.
    """
    try:
        return _Run(client, dataset, parameters or Parameters()).rows()
    except NotFound:
        raise ConfigurationError(f"the dataset '{dataset}' does not exist", remedy="Run the tenant once") from None
    except BadRequest as error:
        reason = error.errors[0].get("reason", "") if error.errors else ""
        raise InternalError(f"BigQuery does not take the query of a model ({reason})") from None
    except (Forbidden, GoogleAuthError):
        raise CredentialsError(
            f"BigQuery does not let these credentials make tables in '{dataset}'",
            remedy="Give them the roles BigQuery Job User and BigQuery Data Editor",
        ) from None
    except (ServerError, TooManyRequests, RetryError, OSError) as error:
        raise RetriableError(f"BigQuery did not do it ({type(error).__name__})", remedy="Run it again later") from None


class _Run:
    def __init__(self, client: Client, dataset: str, parameters: Parameters) -> None:
        self._client = client
        self._dataset = dataset
        self._parameters = parameters
        self._mark = secrets.token_hex(4)

    def rows(self) -> dict[str, int]:
        self._client.get_dataset(self._dataset)
        present, ours = self._look()
        queries.check_streams(present, self._dataset)
        queries.refuse_foreign([name for name in MODELS if name in present and name not in ours], self._dataset)
        try:
            rows = {model: self._compute(model, present) for model in MODELS}
            found = self._query(queries.currencies(self._staging("rfm_purchases")).sql("bigquery"))
            queries.check_currencies(code for (code,) in found)
            for model in MODELS:
                self._publish(model)
            return rows
        finally:
            for model in MODELS:
                self._client.delete_table(self._id(self._staging(model)), not_found_ok=True)

    def _look(self) -> tuple[dict[str, set[str]], set[str]]:
        """Table -> its columns, and which tables are ours."""
        columns: dict[str, set[str]] = {}
        ours = set()
        for listed in self._client.list_tables(self._dataset):
            if listed.table_id not in {*CANONICAL, *MODELS}:
                continue
            table = self._client.get_table(listed.reference)
            columns[table.table_id] = {field.name for field in table.schema}
            if table.description == MADE_BY_US:
                ours.add(table.table_id)
        return columns, ours

    def _compute(self, model: str, present: dict[str, set[str]]) -> int:
        query = queries.bound(model, present, self._final, self._staging)
        staging = self._staging(model)
        self._make("CREATE TABLE", staging, queries.filled(query, self._parameters), _PASSING)
        return int(self._client.get_table(self._id(staging)).num_rows or 0)

    def _publish(self, model: str) -> None:
        self._make("CREATE OR REPLACE TABLE", self._final(model), exp.select("*").from_(self._staging(model)), "")

    def _make(self, verb: str, table: exp.Table, query: exp.Expr, options: str) -> None:
        options = f"OPTIONS ({options}description = '{MADE_BY_US}')"
        self._query(f"{verb} {table.sql('bigquery')} {options} AS {query.sql('bigquery', comments=False)}")

    def _query(self, sql: str) -> Iterator[tuple[Any, ...]]:
        rows = self._client.query(sql).result(timeout=_SECONDS)
        return (tuple(row.values()) for row in rows)

    def _final(self, name: str) -> exp.Table:
        return exp.table_(name, db=self._dataset, catalog=self._client.project, quoted=True)

    def _staging(self, name: str) -> exp.Table:
        return self._final(f"{name}_{self._mark}")

    @staticmethod
    def _id(table: exp.Table) -> str:
        return f"{table.catalog}.{table.db}.{table.name}"
