"""The warehouse in BigQuery: its tables read whole, by the Storage Read API where there is one."""

from __future__ import annotations

import itertools
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from google.api_core.exceptions import GoogleAPIError, NotFound

from pipe import bigquery_storage
from pipe.bigquery import connect
from pipe.columnar import quoted
from pipe.errors import ConfigurationError, RetriableError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import duckdb

    from pipe.streams import Stream


class BigQueryTables:
    """Tables of a dataset, each copied into the connection they are staged in."""

    def __init__(self, db: duckdb.DuckDBPyConnection, client: Any, rows: bigquery_storage.Reader, dataset: str) -> None:
        """Describe tables with `client` and read them with `rows`."""
        self._db = db
        self._client = client
        self._rows = rows
        self._dataset = dataset

    @classmethod
    @contextmanager
    def connected(cls, db: duckdb.DuckDBPyConnection, settings: Mapping[str, Any]) -> Iterator[BigQueryTables]:
        """A client for the settings, closed at the end.

        Raises:
            CredentialsError: there are no credentials.
            ConfigurationError: there is no such dataset.
            RetriableError: the service does not answer.
        """
        client = connect(settings)
        rows = bigquery_storage.reader(settings, client)
        try:
            client.get_dataset(settings["dataset"])
            yield cls(db, client, rows, settings["dataset"])
        except NotFound:
            raise ConfigurationError(
                "there is no such dataset", field="warehouse.dataset", remedy="Run the tenant once, or check the name"
            ) from None
        except GoogleAPIError as error:
            raise RetriableError(f"BigQuery does not answer as it should ({type(error).__name__})") from None
        finally:
            rows.close()
            client.close()  # type: ignore[no-untyped-call]

    def relation(self, stream: Stream, columns: tuple[str, ...]) -> tuple[str, set[str]] | None:
        """A copy of the columns; None when there is no table."""
        try:
            table = self._client.get_table(f"{self._dataset}.{stream.name}")
        except NotFound:
            return None
        fields = [field for field in table.schema if field.name in columns]
        batches = self._rows.batches(lambda: self._client.list_rows(table, selected_fields=fields), ordered=False)
        first = next(batches, None)
        if first is None:
            return None
        rows = pa.RecordBatchReader.from_batches(_plain(first).schema, map(_plain, itertools.chain([first], batches)))
        name = f"copy_{stream.name}"
        self._db.register("copied", rows)
        self._db.execute(f"CREATE OR REPLACE TEMP TABLE {quoted(name)} AS SELECT * FROM copied")  # noqa: S608  quoted
        self._db.unregister("copied")
        return quoted(name), {field.name for field in fields}


def _plain(rows: pa.RecordBatch) -> pa.RecordBatch:
    """The same without the extension types that BigQuery marks JSON with."""
    columns = [column.storage if isinstance(column.type, pa.BaseExtensionType) else column for column in rows.columns]
    return pa.record_batch(columns, rows.schema.names)
