"""Jobs that run once, however often they are asked for.

The id of a job says what it does: run, table, rows. The service takes an id once, so a job whose answer was lost is
found again by its id instead of being run twice. An id that a failed job has used up gets a number behind it.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

from google.api_core.exceptions import Conflict, NotFound
from google.cloud.bigquery import (
    LoadJobConfig,
    QueryJobConfig,
    SourceFormat,
    WriteDisposition,
)

from pipe.errors import RetriableError
from targets.bigquery.client import CALL_SECONDS, RETRY
from targets.bigquery.errors import ANY, JobFailedError, is_answer, is_passing

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from google.cloud.bigquery import Client, Table

logger = logging.getLogger(__name__)

FORMATS = {"parquet": SourceFormat.PARQUET, "ndjson": SourceFormat.NEWLINE_DELIMITED_JSON}
TRIES = 6
PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 1.0, 20.0
"""Between tries: 1, 2, 4, 8, 16 s."""

POLL_SECONDS, LONGEST_POLL_SECONDS = 0.2, 5.0
UPLOAD_SECONDS = 600
USED_IDS = 50


class Jobs:
    """Starts jobs and waits for them."""

    def __init__(self, client: Client, location: str, seconds: int) -> None:
        """Jobs run in `location` and may take so many seconds each."""
        self._client = client
        self._location = location
        self._seconds = seconds

    def load(self, job_id: str, path: Path, form: str, table: Table, labels: dict[str, str]) -> Any:
        """Load a file into a table in place of what is in it; the job that did it."""
        config = LoadJobConfig(
            source_format=FORMATS[form],
            schema=table.schema,
            write_disposition=WriteDisposition.WRITE_TRUNCATE,
            labels=labels,
        )
        config.job_timeout_ms = self._seconds * 1000

        def submit(wanted_id: str) -> Any:
            with path.open("rb") as file:
                return self._client.load_table_from_file(
                    file,
                    table.reference,
                    size=path.stat().st_size,
                    num_retries=3,
                    job_id=wanted_id,
                    location=self._location,
                    job_config=config,
                    timeout=UPLOAD_SECONDS,
                )

        return self._once(job_id, submit)

    def query(self, job_id: str, sql: str, labels: dict[str, str]) -> Any:
        """Run a statement or a script; the job that did it."""
        config = QueryJobConfig(labels=labels, use_legacy_sql=False)
        config.job_timeout_ms = self._seconds * 1000

        def submit(wanted_id: str) -> Any:
            return self._client.query(
                sql,
                job_config=config,
                job_id=wanted_id,
                location=self._location,
                retry=None,  # type: ignore[arg-type]
                job_retry=None,
                timeout=CALL_SECONDS,
            )

        return self._once(job_id, submit)

    def _once(self, base: str, submit: Callable[[str], Any]) -> Any:
        """See that one job of this id, or of one with a number behind it, has succeeded.

        Raises:
            JobFailedError: it failed, and would again.
        """
        used = tries = 0
        while True:
            job_id = f"{base}_{used}" if used else base
            try:
                job, found = self._started(job_id, submit)
                self._wait(job)
            except (JobFailedError, *ANY) as error:
                if not is_passing(error) or (tries := tries + 1) >= TRIES:
                    raise
                used += isinstance(error, JobFailedError)
                pause = min(PAUSE_SECONDS * 2 ** (tries - 1), LONGEST_PAUSE_SECONDS)
                logger.warning("Job %s: %s; trying again in %.0f s", job_id, type(error).__name__, pause)
                time.sleep(pause)
                continue
            if job.error_result is None:
                return job
            reason = str(job.error_result.get("reason", ""))
            used += 1
            if not (found and used < USED_IDS):  # one that failed in an earlier try of the run says nothing of this one
                raise JobFailedError(job_id, reason)

    def _started(self, job_id: str, submit: Callable[[str], Any]) -> tuple[Any, bool]:
        """The job of this id, and whether it had been there before."""
        try:
            return submit(job_id), False
        except Conflict:
            return self._client.get_job(job_id, location=self._location, retry=RETRY, timeout=CALL_SECONDS), True
        except ANY as error:
            # The service may have taken the job all the same: only the answer was lost.
            if is_answer(error):
                raise
            try:
                job = self._client.get_job(job_id, location=self._location, retry=RETRY, timeout=CALL_SECONDS)
            except NotFound:
                raise error from None
            logger.info("Job %s was taken although its answer was lost", job_id)
            return job, True

    def _wait(self, job: Any) -> None:
        """Wait until the job is done.

        Raises:
            JobFailedError: it failed in a way that passes.
            RetriableError: it takes too long.
        """
        deadline = time.monotonic() + self._seconds
        pause = POLL_SECONDS
        while job.state != "DONE":
            if time.monotonic() > deadline:
                raise RetriableError(
                    f"job {job.job_id} has not ended within {self._seconds} s",
                    remedy="Raise job_timeout_seconds, or lower batch_size_rows",
                )
            time.sleep(pause)
            pause = min(pause * 1.5, LONGEST_POLL_SECONDS)
            job.reload(retry=RETRY, timeout=CALL_SECONDS)
        if job.error_result:
            failed = JobFailedError(job.job_id, str(job.error_result.get("reason", "")))
            if is_passing(failed):
                raise failed
