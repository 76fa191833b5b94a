"""What no emulator can show: the same on the service itself, in datasets that are removed afterwards.

    RUN_CONNECTOR_INTEGRATION_TESTS=1 TEST_BIGQUERY_PROJECT=my-project pytest tests/bigquery/test_bigquery_live.py

Credentials are the application default ones; they need roles/bigquery.user on the project. TEST_BIGQUERY_LOCATION says
where (US unless set). It costs less than a cent.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
import test_target_bigquery as emulated
import test_target_bigquery_deletions as deletions
from bigquery_place import Place, Service
from google.cloud.bigquery import Dataset
from support import record, schema, state

from pipe.mapper import RUN_ID_VARIABLE

SWITCH, PROJECT, LOCATION = "RUN_CONNECTOR_INTEGRATION_TESTS", "TEST_BIGQUERY_PROJECT", "TEST_BIGQUERY_LOCATION"
LINES = [schema("log", ["id"]), *(record("log", id=str(number)) for number in range(50)), state(n=1)]

SAME = (
    emulated.test_the_last_of_equal_keys_wins_and_a_second_run_changes_nothing,
    emulated.test_without_a_key_rows_are_added,
    emulated.test_new_columns_are_added_to_the_table_that_is_there,
    emulated.test_a_property_that_comes_no_more_is_null_in_rows_that_come_again,
    emulated.test_columns_are_widened_where_bigquery_can,
    emulated.test_columns_are_refused_where_bigquery_cannot_widen_them,
    emulated.test_bad_rows_go_to_rejects_and_the_rest_is_loaded,
    deletions.test_a_new_version_marks_what_is_gone_and_revives_what_is_back,
    deletions.test_hard_delete,
    deletions.test_a_deletion_with_its_key_alone_marks_its_row_and_no_more,
    emulated.test_partitions_and_clusters_as_set,
    emulated.test_canonical_streams_get_their_types,
    emulated.test_metadata_columns,
)


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Place]:
    if os.environ.get(SWITCH) != "1":
        pytest.skip(f"{SWITCH} is not 1: the service itself is not asked")
    if not (project := os.environ.get(PROJECT)):
        pytest.fail(f"{PROJECT} is not set: it names the project in which datasets may be made")
    service = Service(project)
    place = Place(service, f"growthnav_live_{uuid.uuid4().hex[:12]}", tmp_path, project)
    with service.client() as client:
        dataset = Dataset(f"{project}.{place.dataset}")
        dataset.location = os.environ.get(LOCATION, "US")
        client.create_dataset(dataset)
        try:
            yield place
        finally:
            client.delete_dataset(place.dataset, delete_contents=True, not_found_ok=True)


@pytest.mark.parametrize("same", SAME, ids=lambda test: test.__name__.removeprefix("test_"))
def test_the_service_does_what_the_emulator_does(same: Callable[[Place], None], live: Place) -> None:
    same(live)


@pytest.mark.parametrize("form", ["parquet", "ndjson"])
def test_every_type_exactly(form: str, live: Place) -> None:
    emulated.test_every_type_exactly(form, live)


def test_decimals_of_38_digits_before_and_after_the_point(live: Place) -> None:
    """The emulator's BIGNUMERIC is shorter."""
    values = ["9" * 38, f"-{'9' * 38}.{'9' * 38}", "0.12345678901234567890123456789012345678", "-1e-38"]
    money = {"type": ["null", "string"], "format": "x-singer.decimal"}
    lines = [emulated.schema("s", {"id": emulated.TEXT, "money": money}, "id")]
    lines += [record("s", id=str(number), money=text) for number, text in enumerate(values)]
    done = live.load(*lines)
    assert done.code == 0, done.log
    assert live.rows("SELECT money FROM {}.s ORDER BY id") == [(Decimal(text),) for text in values]


def test_a_run_of_the_same_id_loads_nothing_twice(live: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """The service takes an id of a job once, and both jobs of a stream keep their labels."""
    run = f"live-{uuid.uuid4().hex}"
    monkeypatch.setenv(RUN_ID_VARIABLE, run)
    for _ in range(2):
        done = live.load(*LINES, tenant="acme")
        assert (done.code, done.lines) == (0, [b'{"n": 1}']), done.log
    assert live.rows("SELECT count(*) FROM {}.log") == [(50,)]
    with live.emulator.client() as client:
        since = datetime.now(UTC) - timedelta(hours=1)
        found = [job for job in client.list_jobs(min_creation_time=since) if job.labels.get("run") == run]
    wanted = {"tool": "growthnav", "tenant": "acme", "stream": "log", "run": run}
    merges = [job.labels for job in found if job.job_type == "query" and not job.parent_job_id]
    assert merges == [wanted]


def test_a_dataset_is_made_and_labelled(live: Place) -> None:
    with live.emulator.client() as client:
        client.delete_dataset(live.dataset)
        assert live.load(*LINES, location="EU", tenant="acme").code == 0
        made = client.get_dataset(live.dataset)
    assert (made.location, made.labels) == ("EU", {"tool": "growthnav", "tenant": "acme"})


def test_an_account_that_may_not_be_used(live: Place) -> None:
    account = f"nobody@{live.project}.iam.gserviceaccount.com"
    done = live.load(*LINES, impersonate_service_account=account)
    assert (done.code, done.lines) == (77, [])
    assert "the credentials are refused" in done.log
