"""Starts bqemulator so that it works without network and does what the real service does where tests look.

Run by the Python of the emulator's own environment with the number of a descriptor, into which it writes its addresses
as JSON once it answers. It ends when its standard input does. Patched, because 1.4.0 as it comes...

- wants DuckDB's `spatial` extension, which has to be downloaded (GEOGRAPHY is lost);
- does not unpack gzip uploads, and refuses the content type that the Python client sends with small ones;
- cannot qualify a column in `MERGE ... UPDATE SET t.column =`;
- fails on an object for a JSON column in `insertAll`;
- gives uploads an id of its own and runs a job of a known id again, where the service answers 409;
- forgets a query's labels and time limit;
- keeps a copy of a table after every change, so that half a million rows fill two gigabytes (time travel is lost);
- answers a load into a table that it does not have with an internal error, which clients repeat for minutes;
- casts to NUMERIC with three digits after the point;
- keeps BIGNUMERIC as DECIMAL(76, 38), which DuckDB does not have: here it has 38 digits, 20 of them after the point;
- names a table for the result of a query, which its Storage Read API does not have;
- lets `tables.patch` and `ALTER COLUMN ... SET DATA TYPE` change what it says of a table or the table, not both.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import re
import sys
import tempfile
import threading
import uuid
from pathlib import Path
from typing import Any

from bqemulator.api.routes import jobs, tabledata, upload
from bqemulator.catalog.memory_repository import MemoryCatalogRepository
from bqemulator.config import LogLevel, Settings
from bqemulator.domain.errors import AlreadyExistsError
from bqemulator.domain.events import TableDataChanged
from bqemulator.domain.result import Ok
from bqemulator.jobs import executor
from bqemulator.scripting import interpreter
from bqemulator.server import EmulatorServer
from bqemulator.sql.translator import SQLTranslator
from bqemulator.storage import type_map
from bqemulator.storage.engine import DuckDBEngine
from bqemulator.storage.sql_identifiers import quoted_table_ref
from bqemulator.versioning.snapshots import SnapshotManager

GZIP = b"\x1f\x8b"
JOB = "growthnavJob"
"""Under this name the id that a client wants travels from the start of an upload to its end."""

BIGNUMERIC = "DECIMAL(38, 20)"


def _start_offline() -> None:
    DuckDBEngine._load_spatial = lambda _: None


def _unpack_uploads() -> None:
    load = executor._load_path_into_target

    def unpacked(path: str, job: Any, ctx: Any) -> None:
        file = Path(path)
        data = file.read_bytes() if file.read_bytes()[:2] == GZIP else b""
        if data:
            file.write_bytes(gzip.decompress(data))
        load(path, job, ctx)

    executor._load_path_into_target = unpacked
    upload._PERMITTED_MEDIA_CONTENT_TYPES = (*upload._PERMITTED_MEDIA_CONTENT_TYPES, "*/*")


def _translate_better() -> None:
    translate = SQLTranslator.translate
    update = re.compile(r"(\bUPDATE\s+SET\s)(.*?)(?=\bWHEN\b|$)", re.IGNORECASE | re.DOTALL)
    qualifier = re.compile(r"(^|,)\s*`?\w+`?\.(`[^`]+`|\w+)\s*=")

    numeric = re.compile(r"\bDECIMAL\b(?!\s*\()")

    def plain(self: Any, sql: str, **more: Any) -> Any:
        if sql.lstrip().upper().startswith("MERGE"):
            sql = update.sub(lambda found: found[1] + qualifier.sub(r"\1 \2 =", found[2]), sql)
        result = translate(self, sql, **more)
        if isinstance(result, Ok):
            result = Ok(numeric.sub("DECIMAL(38, 9)", result.value).replace("DECIMAL(38, 5)", BIGNUMERIC))
        return result

    SQLTranslator.translate = plain


def _take_objects_in_rows() -> None:
    convert = tabledata.bq_rows_to_arrow

    def converted(rows: list[dict[str, Any]], schema: Any) -> Any:
        texts = {field.name for field in schema if str(field.type) in {"string", "large_string"}}
        for row in rows:
            for name, value in row.get("json", {}).items():
                if name in texts and isinstance(value, dict | list):
                    row["json"][name] = json.dumps(value)
        return convert(rows, schema)

    tabledata.bq_rows_to_arrow = converted


def _keep_job_ids() -> None:
    configuration, load, query = upload._load_configuration_from_envelope, upload._run_load, jobs._handle_query_job
    new_id = upload._new_job_id
    wanted: list[str] = []

    def with_id(envelope: dict[str, Any]) -> dict[str, Any]:
        return {**configuration(envelope), JOB: (envelope.get("jobReference") or {}).get("jobId")}

    async def once(*, project_id: str, configuration: dict[str, Any], media_path: str, ctx: Any) -> Any:
        job_id = configuration.pop(JOB, None)
        if job_id:
            _refuse_known(ctx, project_id, job_id)
            wanted.append(job_id)  # read by the very next call of `_new_job_id`, before anything else can run
        return await load(project_id=project_id, configuration=configuration, media_path=media_path, ctx=ctx)

    async def query_once(project_id: str, job_id: str, config: dict[str, Any], **more: Any) -> Any:
        _refuse_known(more["ctx"], project_id, job_id)
        found = await query(project_id, job_id, config, **more)
        if not isinstance(found, dict):  # so it is for a dry run
            found.configuration.update({name: config[name] for name in ("labels", "jobTimeoutMs") if name in config})
        return found

    upload._load_configuration_from_envelope = with_id
    upload._run_load = once
    upload._new_job_id = lambda: wanted.pop() if wanted else new_id()
    jobs._handle_query_job = query_once


def _refuse_known(ctx: Any, project_id: str, job_id: str) -> None:
    if ctx.catalog.get_job(project_id, job_id) is not None:
        raise AlreadyExistsError(f"Already Exists: Job {project_id}:US.{job_id}")


def _keep_no_copies() -> None:
    def publish(self: Any, project_id: str, dataset_id: str, table_id: str) -> None:
        self._events.publish(TableDataChanged(project_id, dataset_id, table_id))

    SnapshotManager.record_change = publish


def _narrow_bignumeric() -> None:
    type_map._BQ_TO_DUCKDB["BIGNUMERIC"] = BIGNUMERIC


def _keep_results() -> None:
    fetch = DuckDBEngine.fetch_arrow
    result = re.compile(r'"[^"]*_bqemu_anonymous"\."anon(\w+)"')

    def fetched(self: Any, sql: str, parameters: Any = None) -> Any:
        named = result.search(sql)
        if not named:
            return fetch(self, sql, parameters)
        table = executor.JOB_RESULTS[str(uuid.UUID(named[1]))]
        return table.select(re.findall(r'"(\w+)"', sql[: named.start()]) or table.column_names)

    DuckDBEngine.fetch_arrow = fetched


def _alter_both() -> None:
    update, sync = MemoryCatalogRepository.update_table, executor.sync_created_table
    change = re.compile(
        r"ALTER\s+TABLE\s+(\S+)\s+ALTER\s+COLUMN\s+`?(\w+)`?\s+SET\s+DATA\s+TYPE\s+(\w+)", re.IGNORECASE
    )

    def updated(self: Any, table: Any) -> Any:
        place = (table.project_id, table.dataset_id, table.table_id)
        known = self.get_table(*place)
        had = {field.name for field in known.schema_.fields} if known else set()
        for field in table.schema_.fields if had else ():
            if field.name not in had:
                ((name, kind),) = type_map.bq_schema_to_duckdb_columns([field.model_dump()])
                self._engine.execute(f'ALTER TABLE {quoted_table_ref(*place)} ADD COLUMN "{name}" {kind}')
        return update(self, table)

    def synced(sql: str, project_id: str, ctx: Any) -> None:
        for name, column, kind in change.findall(sql):
            place = name.replace("`", "").split(".")
            table = ctx.catalog.get_table(*(place if len(place) == 3 else [project_id, *place]))
            fields = tuple(
                field.model_copy(update={"type": kind.upper()}) if field.name == column else field
                for field in table.schema_.fields
            )
            schema = table.schema_.model_copy(update={"fields": fields})
            ctx.catalog.update_table(table.model_copy(update={"schema_": schema}))
        sync(sql, project_id, ctx)

    MemoryCatalogRepository.update_table = updated
    executor.sync_created_table = interpreter.sync_created_table = synced


def _end_with_the_parent() -> None:
    """A test run that is killed leaves no server behind."""

    def wait() -> None:
        sys.stdin.buffer.read()
        os._exit(0)

    threading.Thread(target=wait, daemon=True).start()


async def main() -> None:
    """Serve until told to end."""
    for patch in (
        _start_offline,
        _unpack_uploads,
        _translate_better,
        _take_objects_in_rows,
        _keep_job_ids,
        _keep_no_copies,
        _narrow_bignumeric,
        _keep_results,
        _alter_both,
        _end_with_the_parent,
    ):
        patch()
    with tempfile.TemporaryDirectory(prefix="bigquery-uploads-") as uploads:
        settings = Settings(
            rest_port=0,
            grpc_port=0,
            log_level=LogLevel.ERROR,
            upload_staging_dir=Path(uploads),
            metrics_enabled=False,
            enable_format_extensions=False,
        )
        server = EmulatorServer(settings)
        await server.start()
        with os.fdopen(int(sys.argv[1]), "w") as answer:
            json.dump({"rest": server.rest_url, "grpc": server.grpc_endpoint}, answer)
        await asyncio.Event().wait()


asyncio.run(main())
