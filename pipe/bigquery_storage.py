"""Rows of a query or a table of BigQuery: by the Storage Read API where it can be used, else by REST."""

from __future__ import annotations

import logging
from itertools import chain
from typing import TYPE_CHECKING, Any

import grpc
from google.api_core.client_options import ClientOptions
from google.api_core.exceptions import Forbidden, MethodNotImplemented
from google.cloud.bigquery_storage_v1 import BigQueryReadClient
from google.cloud.bigquery_storage_v1.services.big_query_read.transports import BigQueryReadGrpcTransport

from pipe.bigquery import endpoint_of, is_loopback

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import pyarrow as pa
    from google.cloud.bigquery import Client

logger = logging.getLogger(__name__)

_UNLIMITED = [("grpc.max_receive_message_length", -1)]
"""As the client makes its own channels: a batch of rows may have more than the 4 MB of gRPC's default."""


class Reader:
    """How the rows of queries come."""

    def __init__(self, client: BigQueryReadClient | None) -> None:
        """Without a client all come by REST."""
        self._client = client

    def batches(self, result: Callable[[], Any], *, ordered: bool) -> Iterator[pa.RecordBatch]:
        """The rows of a query or a table; ordered ones come in one stream, so that they stay so.

        Args:
            result: gives a `RowIterator` over the rows, as often as it is called: one is good for one try.
            ordered: whether the query says in which order they come.
        """
        found = result().to_arrow_iterable(self._client, max_stream_count=1 if ordered else None)
        try:
            first = next(found, None)
        except (Forbidden, MethodNotImplemented):
            if not self._client:
                raise
            logger.warning("The Storage Read API may not be used (roles/bigquery.readSessionUser): rows come by REST")
            self.close()
            found = result().to_arrow_iterable()
            first = next(found, None)
        return chain([] if first is None else [first], found)

    def close(self) -> None:
        """Close the channel."""
        client, self._client = self._client, None
        if client:
            client.transport.close()  # type: ignore[no-untyped-call]


def reader(config: Mapping[str, Any], client: Client) -> Reader:
    """The reader for the settings; an emulator without `storage_endpoint` has no Storage Read API."""
    endpoint, rest = config.get("storage_endpoint"), endpoint_of(config)
    if endpoint and is_loopback(f"//{endpoint}"):
        transport = BigQueryReadGrpcTransport(channel=grpc.insecure_channel(endpoint, options=_UNLIMITED))
        return Reader(BigQueryReadClient(transport=transport))  # type: ignore[no-untyped-call]
    if rest and not endpoint and is_loopback(rest):
        return Reader(None)
    told = {"credentials": client._credentials, "client_options": ClientOptions(api_endpoint=endpoint)}
    return Reader(BigQueryReadClient(**told))  # type: ignore[no-untyped-call]
