"""The BigQuery loader: one load job into a staging table and one statement a stream, and STATE when all are done."""

from __future__ import annotations

import hashlib
import os
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from google.api_core.exceptions import GoogleAPICallError, NotFound
from google.cloud.bigquery import SchemaField, Table

from pipe.bigquery import connect, label
from pipe.errors import DataError, PipeError
from pipe.mapper import RUN_ID_VARIABLE
from targets.bigquery import merge
from targets.bigquery.client import CALL_SECONDS, RETRY, open_dataset
from targets.bigquery.columns import BigQueryColumn, plan
from targets.bigquery.errors import ANY, service_errors
from targets.bigquery.jobs import Jobs
from targets.bigquery.names import table_name
from targets.bigquery.spool import new_spool
from targets.bigquery.staging import LocalStaging, is_mark, loaded_columns
from targets.bigquery.tables import Tables
from targets.core.columns import DELETED_AT, OPTIONAL, TABLE_VERSION, Property
from targets.duckdb.columns import SQL_TYPES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from targets.duckdb.staged import StagedTable

STREAMS_AT_ONCE = 4
STAGING_HOURS = 24
"""After so long the service removes what a killed run has left."""


@dataclass
class _Work:
    """What one commit does for one batch."""

    stream: str
    columns: list[BigQueryColumn]
    """In the file, in order."""
    path: Path
    rows: int
    activate: int | None
    has_marks: bool
    digest: str


class BigQueryLoader:
    """One dataset, open for one run."""

    def __init__(self, config: Mapping[str, Any], dataset: str, covering: Callable[[], bytes]) -> None:
        """Open the dataset.

        Args:
            config: the target's settings.
            dataset: its name.
            covering: the STATE that the next commit covers.
        """
        self._labels = {"tool": "growthnav", **{key: label(text) for key, text in config.get("labels", {}).items()}}
        if config["tenant"]:
            self._labels["tenant"] = label(config["tenant"])
        self._client = connect(config)
        self._run = os.environ.get(RUN_ID_VARIABLE, "")
        found = open_dataset(self._client, dataset, config, self._labels)
        self._jobs = Jobs(self._client, found.location, config["job_timeout_seconds"])
        self._dataset = f"{config['project']}.{dataset}"
        self._tables = Tables(self._client, self._dataset, self._jobs, config)
        self._hard_delete = bool(config["hard_delete"])
        self._format = str(config["load_format"])
        self._covering = covering
        self._unique = self._run or uuid.uuid4().hex
        self._seen: Counter[str] = Counter()
        self.spool = new_spool()
        self._staging = LocalStaging(self.spool, config["memory_limit"], config.get("threads"))

    def stage(self, batch: Any) -> StagedTable:
        """Bring a batch into a temporary table of this process and check it."""
        stream = batch.schema.stream
        with service_errors("looking up the table", stream):
            live = self._tables.columns(stream)
        return self._staging.stage(batch, plan(batch.schema, live))

    def commit(self, staged: list[StagedTable], before: int | None) -> None:
        """Load and merge all of it, each stream in one statement, without the records from input line `before` on."""
        by_table: dict[str, list[_Work]] = {}
        for each in staged:
            stream = each.batch.schema.stream
            known = by_table.setdefault(table_name(stream), [])
            if known and known[0].stream != stream:
                raise DataError(
                    f"it would share its table with stream '{known[0].stream}'",
                    stream=stream,
                    remedy="Rename one of the two with a stream alias in the tap",
                )
            known.append(self._export(each, before))
        errors: list[PipeError] = []
        with ThreadPoolExecutor(STREAMS_AT_ONCE) as pool:
            for error in pool.map(self._apply_all, by_table.values()):
                errors += [error] if error else []
        if errors:
            raise errors[0]

    def close(self) -> None:
        """Let go of the service and of the spool."""
        self._staging.close()
        self._client.close()  # type: ignore[no-untyped-call]
        self.spool.close()

    def _export(self, staged: StagedTable, before: int | None) -> _Work:
        loaded = loaded_columns(staged)
        batch, path = staged.batch, self.spool.new_file()
        rows = self._staging.export(staged, before, loaded, path, self._format)
        activate = batch.activate if before is None else None
        digest = hashlib.sha256(f"{self._unique}\n{self._dataset}\n{batch.schema.stream}\n{activate}\n".encode())
        digest.update(self._covering())
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
        # Equal rows under an equal STATE may come twice in a run; without a key both count.
        self._seen[digest.hexdigest()] += 1
        digest.update(b"%d" % self._seen[digest.hexdigest()])
        columns = [column for _, column in loaded]
        return _Work(batch.schema.stream, columns, path, rows, activate, staged.has_marks, digest.hexdigest()[:24])

    def _apply_all(self, works: list[_Work]) -> PipeError | None:
        """Do what there is to do for one table, in order; what went wrong."""
        try:
            for work in works:
                with service_errors("loading", work.stream):
                    self._apply(work)
        except PipeError as error:
            return error
        return None

    def _apply(self, work: _Work) -> None:
        table, labels = self._tables.name(work.stream), self._job_labels(work.stream)
        job = f"growthnav_{table_name(work.stream)[:60]}_{work.digest}"
        stored = [column for column in work.columns if not (self._hard_delete and is_mark(column))]
        wanted = stored + [column for column in self._needed(work) if column.name not in {c.name for c in stored}]
        keys = [column.origin.name for column in work.columns if column.is_key]
        self._tables.prepare(work.stream, wanted, keys, self._labels, f"{job}_widen")
        statements, staging = [], ""
        if work.rows:
            staging = f"{self._dataset}._sdc_staged_{table_name(work.stream)[:60]}_{work.digest}"
            names = {column.name for column in stored}
            emptied = [
                field.name
                for field in self._tables.columns(work.stream)
                if field.name not in names and field.mode != "REQUIRED"
            ]
            rows = merge.Rows(table, staging, work.columns, emptied, self._hard_delete, work.has_marks)
            statements.append(merge.statement(rows))
            self._load(work, staging, job, labels)
        if work.activate is not None:
            statements.append(merge.activation(table, work.activate, hard_delete=self._hard_delete))
        if statements:
            self._jobs.query(f"{job}_merge", merge.together(statements), labels)
        if staging:
            with suppress(*ANY, GoogleAPICallError):  # it goes by itself in a day
                self._client.delete_table(staging, not_found_ok=True, retry=RETRY, timeout=CALL_SECONDS)
        work.path.unlink(missing_ok=True)

    def _needed(self, work: _Work) -> list[BigQueryColumn]:
        """Columns that an activation needs."""
        if work.activate is None:
            return []
        names = [TABLE_VERSION] if self._hard_delete else [TABLE_VERSION, DELETED_AT]
        return [
            BigQueryColumn(
                Property(name, OPTIONAL[name]), name, OPTIONAL[name], SQL_TYPES[OPTIONAL[name]], is_key=False
            )
            for name in names
        ]

    def _load(self, work: _Work, staging: str, job: str, labels: dict[str, str]) -> None:
        """Load the file; every row of it must be in the staging table.

        Raises:
            DataError: some are not.
        """
        schema = [SchemaField(column.name, column.loaded_type) for column in work.columns]
        table = Table(staging, schema)
        table.expires = datetime.now(UTC) + timedelta(hours=STAGING_HOURS)
        table.labels = self._labels
        found = -1
        for number in range(3):  # a job of an earlier try of this run may have been done, and its table removed
            self._client.create_table(table, exists_ok=True, retry=RETRY, timeout=CALL_SECONDS)
            self._jobs.load(f"{job}_load{number}", work.path, self._format, table, labels)
            with suppress(NotFound):
                found = self._client.get_table(staging, retry=RETRY, timeout=CALL_SECONDS).num_rows or 0
            if found == work.rows:
                return
        raise DataError(
            f"BigQuery has stored {found} of {work.rows} rows of a file, so nothing of it was merged",
            stream=work.stream,
            remedy="Run again; if it stays so, set load_format to ndjson",
        )

    def _job_labels(self, stream: str) -> dict[str, str]:
        labels = {**self._labels, "stream": label(stream)}
        return {**labels, "run": label(self._run)} if self._run else labels
