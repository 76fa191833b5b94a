"""Tables of the dataset: what columns they have, and making or widening them for what is about to be merged."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from google.api_core.exceptions import NotFound, PreconditionFailed
from google.cloud.bigquery import SchemaField, Table, TimePartitioning

from pipe.errors import ConfigurationError, DataError
from targets.bigquery.client import CALL_SECONDS, RETRY
from targets.bigquery.columns import BigQueryColumn, type_of
from targets.bigquery.names import table_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from google.cloud.bigquery import Client

    from targets.bigquery.jobs import Jobs

logger = logging.getLogger(__name__)

WIDER = {
    "INT64": {"NUMERIC", "BIGNUMERIC", "FLOAT64"},
    "NUMERIC": {"BIGNUMERIC", "FLOAT64"},
}
"""What the service can change a column's type to in place."""

EVERY = "*"
PARTITION_BY = "timestamp:month"
GRANULARITIES = ("hour", "day", "month", "year")
_PARTITIONED = {"TIMESTAMP", "DATE", "DATETIME"}
_CLUSTERED = {"STRING", "INT64", "NUMERIC", "BIGNUMERIC", "BOOL", "DATE", "TIMESTAMP", "DATETIME"}
MOST_CLUSTERED = 4
_CHANGES = 5
"""How often a change is tried when somebody else changes the table at the same time."""


class Tables:
    """The tables of one dataset."""

    def __init__(self, client: Client, dataset: str, jobs: Jobs, config: Mapping[str, Any]) -> None:
        """See to the tables of `dataset`, which is there."""
        self._client = client
        self._dataset = dataset
        self._jobs = jobs
        self._partition_by = config.get("partition_by") or {}
        self._cluster_by = config.get("cluster_by") or {}
        self._live: dict[str, list[SchemaField]] = {}

    def name(self, stream: str) -> str:
        """The full name of a stream's table."""
        return f"{self._dataset}.{table_name(stream)}"

    def columns(self, stream: str) -> list[SchemaField]:
        """The columns of a stream's table, in order; none when there is no such table. Looked up once a run."""
        if stream not in self._live:
            try:
                self._live[stream] = self._get(stream).schema
            except NotFound:
                self._live[stream] = []
        return self._live[stream]

    def prepare(
        self, stream: str, wanted: Sequence[BigQueryColumn], keys: Sequence[str], labels: dict[str, str], job_id: str
    ) -> None:
        """Make or widen a stream's table for the columns `wanted`.

        Raises:
            DataError: a column must become what the service cannot make of it.
            ConfigurationError: the table is to be partitioned or clustered by what it does not have.
        """
        live = self.columns(stream)
        if not live:
            self._make(stream, wanted, keys, labels)
            return
        there = {field.name: type_of(field) for field in live}
        for column in wanted:
            before = there.get(column.name, column.table_type)
            if before != column.table_type:
                self._widen(stream, column, before, labels, f"{job_id}_{column.name}_{column.table_type}".lower())
        if added := [column.field() for column in wanted if column.name not in there]:
            self._add(stream, added)

    def _make(self, stream: str, wanted: Sequence[BigQueryColumn], keys: Sequence[str], labels: dict[str, str]) -> None:
        table = Table(self.name(stream), [column.field() for column in wanted])
        by_property = {column.origin.name: column for column in wanted}
        table.time_partitioning = self._partitioning(stream, by_property)
        table.clustering_fields = self._clustering(stream, by_property, keys)
        table.labels = labels
        self._client.create_table(table, exists_ok=True, retry=RETRY, timeout=CALL_SECONDS)
        self._live[stream] = self._get(stream).schema

    def _partitioning(self, stream: str, columns: Mapping[str, BigQueryColumn]) -> TimePartitioning | None:
        own = self._partition_by.get(stream)
        wanted = own if own is not None else self._partition_by.get(EVERY, PARTITION_BY)
        name, _, size = wanted.partition(":")
        size = size or "month"
        if not name:
            return None
        if size not in GRANULARITIES:
            raise ConfigurationError(
                "partition_by must be a column and, after a colon, hour, day, month or year",
                stream=stream,
                field="partition_by",
            )
        column = columns.get(name)
        fits = (
            column is not None and column.table_type in _PARTITIONED and (column.table_type, size) != ("DATE", "hour")
        )
        if column and fits:
            return TimePartitioning(type_=size.upper(), field=column.name)
        if own is None:
            return None  # the rule for all streams, which does not fit this one
        raise ConfigurationError(
            f"its table cannot be partitioned by {name}: it is no time or date of the stream",
            stream=stream,
            field="partition_by",
        )

    def _clustering(self, stream: str, columns: Mapping[str, BigQueryColumn], keys: Sequence[str]) -> list[str] | None:
        own = self._cluster_by.get(stream)
        wanted = own if own is not None else self._cluster_by.get(EVERY, keys)
        fitting = [name for name in wanted if name in columns and columns[name].table_type in _CLUSTERED]
        if own is not None and fitting != list(own):
            raise ConfigurationError(
                "its table cannot be clustered by a column that it does not have, or of such a type",
                stream=stream,
                field="cluster_by",
            )
        return [columns[name].name for name in fitting[:MOST_CLUSTERED]] or None

    def _widen(self, stream: str, column: BigQueryColumn, before: str, labels: dict[str, str], job_id: str) -> None:
        if column.table_type not in WIDER.get(before, ()):
            raise DataError(
                f"its column {column.name} is {before}, its records now need {column.table_type}, and BigQuery cannot "
                "change the one into the other",
                stream=stream,
                field=column.origin.name,
                remedy="Copy the table into one with the new type under the same name, or load into a new dataset",
            )
        name = self.name(stream)
        logger.info("Column %s of %s becomes %s (it was %s)", column.name, name, column.table_type, before)
        self._jobs.query(
            job_id, f"ALTER TABLE `{name}` ALTER COLUMN `{column.name}` SET DATA TYPE {column.table_type}", labels
        )
        self._live[stream] = self._get(stream).schema

    def _add(self, stream: str, added: list[SchemaField]) -> None:
        """Add columns to what the table has now, not to what it had when this run began."""
        for number in range(_CHANGES):
            table = self._get(stream)
            there = {field.name.lower() for field in table.schema}
            missing = [field for field in added if field.name.lower() not in there]
            table.schema = [*table.schema, *missing]
            try:
                changed = self._client.update_table(table, ["schema"], retry=RETRY, timeout=CALL_SECONDS)
            except PreconditionFailed:
                if number == _CHANGES - 1:
                    raise
                continue
            self._live[stream] = changed.schema
            return

    def _get(self, stream: str) -> Table:
        return self._client.get_table(self.name(stream), retry=RETRY, timeout=CALL_SECONDS)
