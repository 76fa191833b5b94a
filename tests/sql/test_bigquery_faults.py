"""tap-bigquery: what goes wrong, what is said of it, and which way the rows come."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import pyarrow as pa
import pytest
from google.api_core import exceptions as api
from google.auth.exceptions import DefaultCredentialsError, RefreshError, TransportError
from google.cloud.bigquery import SchemaField
from servers import bigquery_proxy
from servers.bigquery import PROJECT, Emulator, server_or_skip
from servers.bigquery_proxy import Refusal
from sql_runs import run_tap, unpacked
from support import Finished

from pipe.errors import ConfigurationError, CredentialsError, DataError, PipeError, RetriableError
from taps.bigquery import faults, types

Tap = Callable[..., Finished]
ROWS = 23_000
TABLES = (
    "CREATE TABLE faults.events (id INT64 NOT NULL)",
    "INSERT INTO faults.events VALUES (1), (2)",
    f"""CREATE TABLE faults.many AS SELECT n AS id, CONCAT('n', CAST(n AS STRING)) AS name,
      IF(MOD(n, 3) = 0, NULL, TIMESTAMP_ADD(TIMESTAMP '2024-01-01', INTERVAL n SECOND)) AS moment
      FROM UNNEST(GENERATE_ARRAY(1, {ROWS})) AS n""",
)


@pytest.fixture(scope="module")
def emulator(bigquery_server: Emulator) -> Emulator:
    """With a small table and a large one."""
    with bigquery_server.client() as client:
        client.create_dataset("faults")
    bigquery_server.execute(*TABLES)
    return bigquery_server


@pytest.fixture
def tap(emulator: Emulator, tmp_path: Path) -> Tap:
    """Runs the tap over that dataset; a setting that is None is left out."""
    place = {"project": PROJECT, "api_endpoint": emulator.url, "storage_endpoint": emulator.grpc}

    def call(*more: str, **settings: Any) -> Finished:
        config = {**place, "schemas": ["faults"], "tables": ["events"], "retry_seconds": 2, **settings}
        config = {name: value for name, value in config.items() if value is not None}
        return run_tap("taps.bigquery.tap", config, tmp_path, *more)

    return call


@pytest.mark.parametrize(
    ("settings", "code", "words"),
    [
        ({"api_endpoint": "http://127.0.0.1:1"}, 75, "cannot be reached"),
        ({"storage_endpoint": "127.0.0.1:1", "tables": ["many"]}, 75, "stream 'faults-many': BigQuery is busy or"),
        ({"api_endpoint": "127.0.0.1:1"}, 78, "api_endpoint must start with http"),
        ({"credentials_file": "nowhere.json"}, 77, "credentials_file cannot be used"),
        ({"queries": {"q": {"sql": "SELECT * FROM faults.nothing"}}}, 78, "stream 'q': BigQuery does not know"),
        ({"streams": {"events": {"where": "oops ="}}}, 78, "stream 'faults-events': BigQuery does not know"),
        ({"streams": {"events": {"replication_key": "nope"}}}, 78, "no column 'nope'"),
        ({"streams": {"nothing": {}}}, 78, "streams names what is no table here: nothing"),
        ({"project": None, "colour": "red", "maximum_bytes_billed": 0}, 78, "colour"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)
def test_faults_are_told_clearly(tap: Tap, settings: dict[str, Any], code: int, words: str) -> None:
    done = tap(**settings)
    assert (done.code, done.messages("STATE")) == (code, []), done.log
    assert words in done.log
    assert "Traceback" not in done.log


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (api.Forbidden("secret", errors=[{"reason": "accessDenied"}]), CredentialsError, "a right is missing"),
        (api.Forbidden("secret", errors=[{"reason": "quotaExceeded"}]), RetriableError, "quota"),
        (api.Forbidden("secret", errors=[{"reason": "rateLimitExceeded"}]), RetriableError, "busy"),
        (
            api.InternalServerError("secret", errors=[{"reason": "bytesBilledLimitExceeded"}]),
            ConfigurationError,
            "maximum_bytes_billed",
        ),
        (api.BadRequest("secret", errors=[{"reason": "resourcesExceeded"}]), ConfigurationError, "max_rows"),
        (api.BadRequest("secret", errors=[{"reason": "stopped"}]), RetriableError, "statement_timeout"),
        (api.ServiceUnavailable("secret"), RetriableError, "busy"),
        (api.Unauthorized("secret"), CredentialsError, "refused"),
        (RefreshError("secret"), CredentialsError, "refused"),
        (DefaultCredentialsError("secret"), CredentialsError, "refused"),
        (TransportError("secret"), RetriableError, "cannot be reached"),
        (api.Conflict("secret"), DataError, "Conflict"),
    ],
)
def test_each_answer_has_a_class_and_keeps_its_text(error: Exception, kind: type[PipeError], words: str) -> None:
    told = faults.translated(error, "s")
    assert type(told) is kind
    assert words in str(told)
    assert "secret" not in str(told)


def test_sizes_and_places_that_the_emulator_does_not_tell() -> None:
    price = types.column(SchemaField("price", "NUMERIC", precision=12, scale=2), "t.`price`", None)
    assert (price.type, price.schema["precision"], price.schema["scale"]) == (pa.decimal128(12, 2), 12, 2)
    came = pa.table({"price": pa.array(["12.500000000"]).cast(pa.decimal128(38, 9))})
    assert str(types.typed(came, [price]).column("price")[0].as_py()) == "12.50"
    place = types.column(SchemaField("place", "GEOGRAPHY"), "t.`place`", None)
    assert (place.sql, place.type) == ("ST_ASTEXT(t.`place`)", pa.string())
    several = types.column(SchemaField("floats", "FLOAT", "REPEATED"), "t.`floats`", None)
    assert (several.bad, several.schema["type"]) == (None, ["array", "null"])


def test_the_test_option_says_what_is_seen(tap: Tap) -> None:
    done = tap("--test", streams={"events": {"key_properties": ["id"]}})
    assert done.code == 0, done.log
    assert done.lines[0] == b"tap-bigquery: connected; 1 streams"
    # The emulator counts no rows of a table that SQL has filled.
    assert done.lines[1:] == [b"  faults-events: 1 columns, key id, about 0 rows, FULL_TABLE"]


def test_the_test_option_says_what_may_not_be_read(emulator: Emulator, tap: Tap) -> None:
    """Who may list a dataset's tables may not always read them."""
    with bigquery_proxy.proxy(emulator.url) as way:
        way.before = lambda _: Refusal(403, "accessDenied") if "`events`" in str(way.inserted[-1]) else None
        done = tap("--test", api_endpoint=way.url, tables=["events", "many"])
        refused = tap(api_endpoint=way.url)
    assert done.code == 0, done.log
    assert done.lines[3:] == [b"  faults-events: this user may not read it"]
    assert (refused.code, refused.messages("STATE")) == (77, [])
    assert "stream 'faults-events': a right is missing. Grant roles/bigquery.dataViewer" in refused.log


def test_a_slow_statement_is_given_up(tmp_path: Path) -> None:
    several = "UNNEST(GENERATE_ARRAY(1, 20000)) AS a, UNNEST(GENERATE_ARRAY(1, 20000)) AS b, UNNEST(GENERATE_ARRAY(1, 99)) AS c"
    slow = f"(SELECT COUNTIF(MOD(a * b + c, 7) = 3) FROM {several}) > id"
    with server_or_skip() as busy:  # of its own, as it answers nobody meanwhile
        with busy.client() as client:
            client.create_dataset("faults")
        busy.execute(*TABLES[:2])
        config = {"project": PROJECT, "api_endpoint": busy.url, "retry_seconds": 2, "statement_timeout": 1}
        done = run_tap("taps.bigquery.tap", {**config, "streams": {"events": {"where": slow}}}, tmp_path)
    assert (done.code, done.messages("STATE")) == (75, []), done.log
    assert "stream 'faults-events': a statement took longer than statement_timeout" in done.log


def test_jobs_are_labelled(emulator: Emulator, tap: Tap, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "GROWTHNAV_RUN_ID", "Run 7")
    assert tap(tenant="bakery", statement_timeout=90).code == 0
    with emulator.client() as client:
        jobs = [job for job in client.list_jobs() if job.labels.get("tenant") == "bakery"]
    labels = {"tool": "growthnav", "tenant": "bakery", "stream": "faults-events", "run": "run_7"}
    assert labels in [job.labels for job in jobs]
    assert {job.to_api_repr()["configuration"]["jobTimeoutMs"] for job in jobs} == {"90000"}


@contextmanager
def refusing(status: grpc.StatusCode) -> Iterator[str]:
    """A server that answers every call of the Storage Read API with the status."""

    def refuse(_: bytes, context: grpc.ServicerContext) -> bytes:
        context.abort(status, "no")
        raise AssertionError

    class Handler(grpc.GenericRpcHandler):  # type: ignore[misc]
        def service(self, _: grpc.HandlerCallDetails) -> Any:
            return grpc.unary_unary_rpc_method_handler(refuse)

    server = grpc.server(ThreadPoolExecutor(2), handlers=[Handler()])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(None).wait()


def test_many_rows_come_the_same_each_way(emulator: Emulator, tap: Tap, tmp_path: Path) -> None:
    streams = {"many": {"key_properties": ["id"], "replication_key": "id"}}
    several = {"tables": ["many"], "streams": streams, "chunk_rows": 4000}
    by_storage = tap(**several)
    assert by_storage.code == 0, by_storage.log
    rows = by_storage.records("faults-many")
    assert [row["id"] for row in rows] == list(range(1, ROWS + 1))
    assert (rows[2]["moment"], rows[3]["moment"]) == (None, "2024-01-01T00:00:04.000000Z")
    config = {"storage": {"root": str(tmp_path / "files")}, "batch_size": 7000}
    files = tap(**several, batch_config=config, storage_endpoint=None)
    assert unpacked(files, "faults-many") == rows, files.log


@pytest.mark.parametrize("status", [grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.UNIMPLEMENTED])
def test_rows_come_by_rest_where_storage_is_refused(tap: Tap, status: grpc.StatusCode) -> None:
    with refusing(status) as endpoint:
        done = tap(tables=["many"], storage_endpoint=endpoint)
    assert done.code == 0, done.log
    assert len(done.records("faults-many")) == ROWS
    assert len(done.messages("ACTIVATE_VERSION")) == 1
    assert done.log.count("The Storage Read API may not be used") == 1
