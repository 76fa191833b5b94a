"""BigQuery through its own clients: the REST interface for jobs, the Storage Read API for rows."""

from __future__ import annotations

import math
import os
import time
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from google.cloud.bigquery import QueryJobConfig, ScalarQueryParameter
from google.cloud.bigquery.retry import DEFAULT_RETRY

from pipe import bigquery_storage
from pipe.bigquery import connect, label
from pipe.mapper import RUN_ID_VARIABLE
from taps.base.sql.engine import BAD, Column, Condition, Read, Table, bad_bits, expanded, refused
from taps.base.sql.slices import sliced
from taps.bigquery import types
from taps.bigquery.faults import SERVICE_ERRORS, TIMED_OUT, too_slow, translated

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

_START = ":start"
_EASTMOST = "Pacific/Kiritimati"
_DAY = 86_400
_CALL_SECONDS = 60
"""How long one answer may take."""


class BigQueryEngine:
    """Two clients; every job says whose it is in its labels."""

    excluded_schemas: frozenset[str] = frozenset()

    def __init__(self, config: Mapping[str, Any], wants_table: Callable[[str], bool]) -> None:
        """Take a checked config, and what says whether a table may be a stream: each costs a call to describe."""
        self._config = config
        self._wants_table = wants_table
        self._project = config.get("data_project") or config["project"]
        self._client: Any = None
        self._rows: Any = None
        self._stream: str | None = None
        self._retry = DEFAULT_RETRY.with_timeout(float(config["retry_seconds"]))

    @contextmanager
    def connect(self) -> Iterator[None]:
        """Make the clients; the first call tells whether they may enter."""
        if self._client:  # within another `with`
            yield
            return
        with self.errors():
            self._client = connect(self._config)
            self._rows = bigquery_storage.reader(self._config, self._client)
        try:
            yield
        finally:
            client, self._client = self._client, None
            rows, self._rows = self._rows, None
            rows.close()
            client.close()

    @contextmanager
    def errors(self, stream: str | None = None) -> Iterator[None]:
        """Turn the clients' errors into ours; jobs within are labelled with the stream."""
        before, self._stream = self._stream, stream or self._stream
        try:
            yield
        except SERVICE_ERRORS as error:
            raise translated(error, self._stream) from None
        finally:
            self._stream = before

    def schemas(self) -> list[str]:
        """Names of the datasets this account may look into."""
        with self.errors():
            found = self._client.list_datasets(self._project, retry=self._retry, timeout=_CALL_SECONDS)
            return sorted(each.dataset_id for each in found)

    def tables(self, schema: str, zone_of: Callable[[str], str | None]) -> Iterator[Table]:
        """The tables and views of a dataset; keys are the primary key as declared, which BigQuery does not enforce."""
        dataset = f"{self._project}.{schema}"
        with self.errors():
            listed = list(self._client.list_tables(dataset, retry=self._retry, timeout=_CALL_SECONDS))
        for name in sorted(each.table_id for each in listed if self._wants_table(each.table_id)):
            with self.errors():
                found = self._client.get_table(f"{dataset}.{name}", retry=self._retry, timeout=_CALL_SECONDS)
            constraints = found.table_constraints
            key = constraints.primary_key.columns if constraints and constraints.primary_key else ()
            source = f"{self.quote(self._project)}.{self.quote(schema)}.{self.quote(name)} AS t"
            rows = found.num_rows if found.table_type == "TABLE" else None
            yield Table(schema, name, self._columns(found.schema, zone_of(name)), tuple(key), source, estimate=rows)

    def query(self, name: str, sql: str, zone: str | None) -> Table:
        """The result of a SELECT as if it were a table; a dry run tells what it is, and costs nothing."""
        starts = sql.count(_START)
        source = f"({self.verbatim(sql).replace(_START, '%s')}) AS t"
        with self.errors(name):
            described = self._job(f"SELECT * FROM {source}", [None] * starts, dry_run=True)  # noqa: S608
        return Table("", name, self._columns(described.schema or (), zone), (), source, starts)

    def quote(self, name: str) -> str:
        """An identifier, whatever is in it."""
        return self.verbatim("`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`")

    def verbatim(self, sql: str) -> str:
        """SQL of the user's, in which nothing is taken for a parameter."""
        return sql.replace("%", "%%")

    def now(self, column: Column) -> str:
        """SQL for this moment as a value of the column; in the eastmost zone if theirs is unknown."""
        if column.cast == "TIMESTAMP":
            return "CURRENT_TIMESTAMP()"
        return f"{column.cast}(CURRENT_TIMESTAMP(), '{column.zone or _EASTMOST}')"

    def place(self, column: Column) -> str:
        """SQL for a parameter, all of which are STRING; a constant expression, so partitions are pruned by it."""
        return f"CAST(%s AS {column.cast})"

    def earlier(self, column: Column, value: str, days: float, numbers: int) -> str:
        """SQL for a value moved back."""
        if column.is_time and days:
            unit, amount = ("DAY", math.ceil(days)) if column.cast == "DATE" else ("SECOND", math.ceil(days * _DAY))
            return f"{column.cast}_SUB({value}, INTERVAL {amount} {unit})"
        return f"({value} - {numbers})" if numbers and not column.is_time else value

    def text(self, column: Column, value: str) -> str:
        """SQL for the text of a value."""
        return f"CAST({value} AS STRING)"

    def compare(self, columns: Sequence[Column], operator: str, position: Sequence[str]) -> Condition:
        """Whether a row lies before or behind a position; BigQuery does not compare rows."""
        return expanded(self, columns, operator, position)

    def ordering(self, name: str, columns: Sequence[Column]) -> Column:
        """A column that orders rows by the first of `columns` that is not NULL, read as text."""
        first = columns[0]
        raw = f"COALESCE({', '.join(f'CAST({each.raw} AS {first.cast})' for each in columns)})"
        raw = raw if columns[1:] else first.raw
        nullable = all(column.nullable for column in columns)
        text = self.text(first, raw)
        return replace(first, name=name, sql=text, type=pa.string(), bad=None, raw=raw, nullable=nullable, zone=None)

    def unreadable(self, tables: Iterable[Table]) -> list[str]:
        """Tables whose rows this account may not read, though it may list them; asking bills no bytes."""
        return refused(self, tables)

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """The rows of a small query."""
        with self.errors():
            return [tuple(row.values()) for row in self._ran(sql, parameters)()]

    def read(self, read: Read, chunk_rows: int) -> Iterator[pa.Table]:
        """The rows as Arrow tables of `chunk_rows`."""
        selects = [f"{column.sql} AS {self.quote(column.name)}" for column in read.columns]
        if conditions := [column.bad for column in read.columns if column.bad]:
            selects.append(f"{bad_bits(conditions, 'IF({}, 1, 0)')} AS {BAD}")
        order = ", ".join(f"{column.raw}{' NULLS FIRST' if column.nullable else ''}" for column in read.order)
        select = (
            f"SELECT {', '.join(selects)} FROM {read.table.source} "  # noqa: S608
            f"WHERE {' AND '.join(read.conditions) or 'TRUE'}"
            f"{f' ORDER BY {order}' if order else ''}{f' LIMIT {read.limit}' if read.limit else ''}"
        )
        batches = self._rows.batches(self._ran(select, read.parameters), ordered=bool(order))
        typed = (types.typed(pa.Table.from_batches([batch]), read.columns) for batch in batches)
        yield from sliced(typed, chunk_rows)

    def _columns(self, fields: Sequence[Any], zone: str | None) -> tuple[Column, ...]:
        return tuple(types.column(field, f"t.{self.quote(field.name)}", zone) for field in fields)

    def _ran(self, sql: str, parameters: Sequence[Any]) -> Callable[[], Any]:
        """Run a query to its end; what is returned gives its rows."""
        timeout = self._config.get("statement_timeout")
        deadline = time.monotonic() + timeout if timeout else math.inf
        try:
            job = self._job(sql, parameters)
            job.result(retry=self._retry, job_retry=None, timeout=timeout)
        except TIMED_OUT:
            if time.monotonic() < deadline:
                raise
            raise too_slow(self._stream) from None
        return partial(job.result, retry=self._retry, job_retry=None)

    def _job(self, sql: str, parameters: Sequence[Any], *, dry_run: bool = False) -> Any:
        if self._client is None:
            raise AssertionError("connect first")
        timeout, ceiling = self._config.get("statement_timeout"), self._config.get("maximum_bytes_billed")
        config = QueryJobConfig(
            query_parameters=[ScalarQueryParameter(None, "STRING", value) for value in parameters],
            labels=self._labels(),
            use_legacy_sql=False,
            dry_run=dry_run,
        )
        if timeout:
            config.job_timeout_ms = math.ceil(timeout * 1000)
        if ceiling:
            config.maximum_bytes_billed = ceiling
        return self._client.query(
            sql % tuple("?" for _ in parameters),
            config,
            retry=self._retry,
            job_retry=None,  # it goes on for ten minutes, whatever the limits
            timeout=min(timeout or _CALL_SECONDS, _CALL_SECONDS),
        )

    def _labels(self) -> dict[str, str]:
        told = {"tenant": self._config.get("tenant"), "stream": self._stream, "run": os.environ.get(RUN_ID_VARIABLE)}
        return {"tool": "growthnav", **{name: label(value) for name, value in told.items() if value}}
