"""The warehouse in BigQuery: its tables read whole, by the Storage Read API where there is one."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from google.api_core.exceptions import GoogleAPIError, NotFound

from pipe.bigquery import connect, endpoint_of, is_loopback
from pipe.columnar import quoted
from pipe.errors import ConfigurationError, RetriableError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import duckdb

    from pipe.streams import Stream


class BigQueryTables:
    """Tables of a dataset, each copied into the connection they are staged in."""

    def __init__(self, db: duckdb.DuckDBPyConnection, client: Any, dataset: str, *, storage: bool) -> None:
        """Read with `client`; with `storage` by the Storage Read API."""
        self._db = db
        self._client = client
        self._dataset = dataset
        self._storage = storage

    @classmethod
    @contextmanager
    def connected(cls, db: duckdb.DuckDBPyConnection, settings: Mapping[str, Any]) -> Iterator[BigQueryTables]:
        """A client for the settings, closed at the end.

        Raises:
            CredentialsError: there are no credentials.
            ConfigurationError: there is no such dataset.
            RetriableError: the service does not answer.
        """
        endpoint = endpoint_of(settings)
        client = connect(settings)
        try:
            client.get_dataset(settings["dataset"])
            yield cls(db, client, settings["dataset"], storage=not (endpoint and is_loopback(endpoint)))
        except NotFound:
            raise ConfigurationError(
                "there is no such dataset", field="warehouse.dataset", remedy="Run the tenant once, or check the name"
            ) from None
        except GoogleAPIError as error:
            raise RetriableError(f"BigQuery does not answer as it should ({type(error).__name__})") from None
        finally:
            client.close()  # type: ignore[no-untyped-call]

    def relation(self, stream: Stream, columns: tuple[str, ...]) -> tuple[str, set[str]] | None:
        """A copy of the columns; None when there is no table."""
        try:
            table = self._client.get_table(f"{self._dataset}.{stream.name}")
        except NotFound:
            return None
        fields = [field for field in table.schema if field.name in columns]
        rows = self._client.list_rows(table, selected_fields=fields).to_arrow(create_bqstorage_client=self._storage)
        name = f"copy_{stream.name}"
        self._db.register("copied", _plain(rows))
        self._db.execute(f"CREATE OR REPLACE TEMP TABLE {quoted(name)} AS SELECT * FROM copied")  # noqa: S608  quoted
        self._db.unregister("copied")
        return quoted(name), {field.name for field in fields}


def _plain(rows: pa.Table) -> pa.Table:
    """The same without the extension types that BigQuery marks JSON with."""
    columns = [
        pa.chunked_array([chunk.storage for chunk in column.chunks], column.type.storage_type)
        if isinstance(column.type, pa.BaseExtensionType)
        else column
        for column in rows.columns
    ]
    return pa.table(dict(zip(rows.column_names, columns, strict=True)))
