"""What every REST tap must do, as one test class. A tap's own test file has a few lines of data:

class TestStripe(RESTContract):
    tap = TapStripe
    config = {"api_key": TOKEN}
    secrets = (TOKEN,)
    service = staticmethod(stripe_service)     # makes a fresh stand-in
    page_stream = "charges"                    # a stream of several pages, on which faults are tried
"""

from __future__ import annotations

import ast
import inspect
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

import pytest
from contract.rest_runs import Run, run_tap, stored
from contract.sdk import run_all
from servers.rest import Fault, Service

from pipe.errors import CredentialsError, DataError, PipeError, RetriableError
from taps.base.rest.resource import DELETED_AT, EXTRA
from taps.base.rest.tap import RESTTap

FAULTS = {
    "rate limit in seconds": Fault("rate_seconds", value=7),
    "rate limit as a date": Fault("rate_date", value=30),
    "three rate limits": Fault("rate_seconds", times=3, value=1),
    "500": Fault("status", value=500),
    "502 twice": Fault("status", times=2, value=502),
    "503 twice": Fault("status", times=2, value=503),
    "connection reset": Fault("reset"),
    "short body": Fault("short"),
    "HTML with status 200": Fault("html"),
    "empty body with status 200": Fault("empty"),
    "cut JSON": Fault("cut"),
    "error object with status 200": Fault("error_object"),
    "no list in the answer": Fault("no_records"),
    "page served twice": Fault("duplicate_page", after=1),
}
LASTING: dict[str, tuple[str, type[PipeError]]] = {
    "HTML": ("html", DataError),
    "empty": ("empty", DataError),
    "cut JSON": ("cut", DataError),
    "error object": ("error_object", DataError),
    "no list": ("no_records", DataError),
    "503": ("status", RetriableError),
    "rate limit": ("rate_seconds", RetriableError),
    "reset": ("reset", RetriableError),
    "next page leads back": ("token_loop", DataError),
}
MOVING = ("changes", "table_version")
"""Parts of a bookmark that say when a run was, not how far it came."""


class RESTContract:
    """The tests. A subclass says of what."""

    tap: ClassVar[type[RESTTap]]
    config: ClassVar[dict[str, Any]]
    secrets: ClassVar[tuple[str, ...]] = ()
    service: ClassVar[Callable[[], Service]]
    page_stream: ClassVar[str]
    """A stream of at least three pages of keyed rows."""
    declarations: ClassVar[tuple[ModuleType, tuple[str, ...]]]
    """Module of the streams, and names of the functions that declare one."""
    allow_empty: ClassVar[frozenset[str]] = frozenset()
    """Fields, as `stream.field`, that no row of the stand-in has, each with a reason beside it."""
    skip_faults: ClassVar[frozenset[str]] = frozenset()
    """Names in FAULTS and LASTING that cannot happen here, each with a reason beside it."""

    @pytest.fixture
    def standin(self) -> Iterator[Service]:
        """A fresh stand-in that runs."""
        service = type(self).service()
        with service.serving():
            yield service

    def run(self, standin: Service, state: Any = None, streams: list[str] | None = None, **settings: Any) -> Run:
        """Sync once."""
        return run_tap(self.tap, self.settings(standin) | settings, state, streams)

    def settings(self, standin: Service) -> dict[str, Any]:
        """The settings for that stand-in."""
        return {**self.config, "api_url": standin.url}

    def whole(self, standin: Service, streams: list[str] | None = None) -> Run:
        """A full read without faults."""
        run = self.run(standin, streams=streams)
        assert run.error is None, run.error
        assert not standin.problems, standin.problems
        standin.forget()
        return run

    # What a tap says of itself.

    def test_streams_are_unique_and_discovery_gives_the_same_bytes_twice(self, standin: Service):
        first, second = (self.tap(config=self.settings(standin)).catalog_json_text for _ in range(2))
        assert first == second
        names = [stream["tap_stream_id"] for stream in json.loads(first)["streams"]]
        assert names
        assert len(names) == len(set(names))

    def test_keys_and_replication_keys_are_declared_fields(self, standin: Service):
        for stream in self.tap(config=self.settings(standin)).streams.values():
            fields = stream.schema["properties"]
            assert set(stream.primary_keys or []) <= set(fields), stream.name
            assert stream.primary_keys, stream.name
            assert stream.replication_key is None or stream.replication_key in fields, stream.name
            assert all(schema.get("type") for schema in fields.values()), stream.name

    def test_unknown_settings_are_refused_before_anything_is_sent(self, standin: Service):
        run = self.run(standin, no_such_setting=1)
        assert run.error is not None
        assert run.error.kind == "configuration"
        assert "no_such_setting is not a setting" in str(run.error)
        assert not run.messages
        assert not standin.calls

    def test_settings_have_title_and_description(self):
        for name, schema in self.tap.config_jsonschema["properties"].items():
            assert schema["title"], name
            assert schema["description"].endswith("."), name

    @pytest.mark.filterwarnings(
        "ignore:Fields in transformed catalog but not in records"
    )  # `_extra`, marks: rightly few
    def test_the_sdks_own_tests_pass(self, standin: Service):
        streams = len(self.tap(config=self.settings(standin)).streams)
        assert run_all(self.tap, self.settings(standin), {EXTRA, DELETED_AT, *self.allow_empty}) > 5 * streams

    def test_a_stream_is_at_most_twelve_lines_beside_its_schema(self):
        module, declarers = self.declarations
        lengths = _declaration_lengths(module, declarers)
        assert lengths
        assert {place: lines for place, lines in lengths.items() if lines > 12} == {}

    # What it reads.

    def test_every_row_of_every_stream_comes_with_its_key(self, standin: Service):
        run = self.whole(standin)
        tables = stored(run.messages)
        for name, stream in self.tap(config=self.settings(standin)).streams.items():
            expected = self.expected(standin, name)
            assert len(tables.get(name, {})) == expected, name
            assert expected, f"the stand-in has no rows for {name}"
            for record in run.records(name):
                assert all(record.get(key) not in (None, "") for key in stream.primary_keys or []), name
        assert not standin.faults

    def expected(self, standin: Service, stream: str) -> int:
        """How many rows a stream has; a subclass says so where it is not the corpus of that name."""
        return len(standin.corpus[stream])

    def test_every_declared_field_is_in_at_least_one_row(self, standin: Service):
        run = self.whole(standin)
        for name, stream in self.tap(config=self.settings(standin)).streams.items():
            filled = {field for record in run.records(name) for field, value in record.items() if value is not None}
            missing = set(stream.schema["properties"]) - filled - {EXTRA, DELETED_AT}
            assert {f"{name}.{field}" for field in missing} <= self.allow_empty, name

    def test_two_full_reads_are_equal(self, standin: Service):
        first, second = self.whole(standin), self.whole(standin)
        assert _records(first) == _records(second)

    def test_a_second_run_reads_only_what_ties_and_ends_where_the_first_did(self, standin: Service):
        first = self.whole(standin)
        second = self.run(standin, first.state)
        assert second.error is None, second.error
        assert _still(second.state) == _still(first.state)
        for name, rows in stored(second.messages).items():
            before = first.rows(name)
            assert all(before[key] == row for key, row in rows.items()), name
        assert _incremental(second, self.tap(config=self.settings(standin))) < len(_records(first))

    def test_a_run_from_every_state_ever_sent_completes_the_set(self, standin: Service):
        first = self.whole(standin, [self.page_stream])
        everything = stored(first.messages)
        assert len(first.states) >= 3, "the page stream must send states on the way"
        for place, message in enumerate(first.messages):
            if message["type"] == "STATE":
                rest = self.run(standin, message["value"], [self.page_stream])
                assert rest.error is None, rest.error
                assert stored(first.messages[: place + 1], rest.messages) == everything

    def test_a_bookmark_in_the_future_gives_nothing_and_stays(self, standin: Service):
        state = {"bookmarks": {}}
        for name, mark in self.whole(standin).state["bookmarks"].items():
            if mark.get("replication_key_value"):
                state["bookmarks"][name] = {**mark, "replication_key_value": "2999-01-01T00:00:00.000000Z"}
        run = self.run(standin, state, list(state["bookmarks"]))
        assert run.error is None, run.error
        assert not [message for message in run.messages if message["type"] == "RECORD"]
        for name, mark in state["bookmarks"].items():
            assert run.state["bookmarks"][name]["replication_key_value"] == mark["replication_key_value"]
        assert "future" in run.log

    def test_a_state_of_something_else_is_refused(self, standin: Service):
        run = self.run(standin, {"bookmarks": {self.page_stream: {"file": "a.csv"}}})
        assert isinstance(run.error, DataError)
        assert not standin.calls

    # What happens while it reads.

    corpus_name: ClassVar[str] = ""
    """Name of the corpus behind `page_stream`, where it is another."""
    row_key: ClassVar[str] = "id"
    """The key in the corpus."""

    @pytest.mark.parametrize("after", [1, 2, 3])
    @pytest.mark.parametrize("share", [1, 2, 7])
    def test_rows_deleted_while_it_reads_cost_none_of_the_others(self, standin: Service, after: int, share: int):
        name = self.corpus_name or self.page_stream

        def delete(service: Service) -> None:
            rows = sorted(service.corpus[name], key=lambda row: str(row[self.row_key]))
            gone = {row[self.row_key] for row in (rows[90:110] if share == 1 else rows[::share])}
            service.corpus[name] = [row for row in service.corpus[name] if row[self.row_key] not in gone]

        full = self.whole(standin, [self.page_stream])
        before = {str(row[self.row_key]) for row in standin.corpus[name]}
        standin.faults.append(Fault("change", after, 1, self.fault_path, delete))
        run = self.run(standin, streams=[self.page_stream])
        assert run.error is None, run.error
        assert standin.counts["change"] == 1
        kept = before & {str(row[self.row_key]) for row in standin.corpus[name]}
        assert kept < before
        assert kept <= {str(key[0]) for key in run.rows(self.page_stream)}
        assert set(run.rows(self.page_stream)) <= set(full.rows(self.page_stream))

    # What it does when something goes wrong.

    @pytest.mark.parametrize("name", FAULTS)
    @pytest.mark.parametrize("after", [0, 2])
    def test_a_passing_fault_costs_no_row(self, standin: Service, name: str, after: int):
        if name in self.skip_faults:
            pytest.skip(f"{name} cannot happen here")
        full = self.whole(standin, [self.page_stream])
        fault = FAULTS[name]
        path = self.fault_path
        standin.faults.append(Fault(fault.kind, fault.after + after, fault.times, path, fault.value))
        run = self.run(standin, streams=[self.page_stream])
        assert run.error is None, run.error
        assert standin.counts[fault.kind] == fault.times, "the fault did not happen"
        assert run.rows(self.page_stream) == full.rows(self.page_stream)
        if fault.kind == "rate_seconds":
            assert fault.value in run.waits
        if fault.kind == "rate_date":
            assert any(fault.value - 5 <= wait <= fault.value for wait in run.waits), run.waits

    fault_path: ClassVar[str] = ""
    """Faults meet only calls of paths that hold this."""

    @pytest.mark.parametrize("name", LASTING)
    def test_a_lasting_fault_ends_the_run_with_its_name(self, standin: Service, name: str):
        if name in self.skip_faults:
            pytest.skip(f"{name} cannot happen here")
        kind, expected = LASTING[name]
        standin.faults.append(Fault(kind, 2, 10_000, self.fault_path))
        run = self.run(standin, streams=[self.page_stream], retry_seconds=120)
        assert isinstance(run.error, expected), run.error
        assert run.error.stream == self.page_stream
        assert "page" in str(run.error)
        assert sum(run.waits) <= 150
        self.assert_discreet(run, standin)

    def test_more_than_retry_seconds_is_not_waited_for(self, standin: Service):
        standin.faults.append(Fault("rate_seconds", 0, 10_000, self.fault_path, 3600))
        run = self.run(standin, streams=[self.page_stream], retry_seconds=60)
        assert isinstance(run.error, RetriableError)
        assert "rate limit" in str(run.error)
        assert run.waits == []

    def test_a_service_that_nobody_runs_is_told_from_a_slow_one(self, standin: Service):
        run = self.run(standin, api_url="http://127.0.0.1:9", retry_seconds=5)
        assert isinstance(run.error, RetriableError), run.error
        assert "no connection" in str(run.error)

    def test_a_stream_without_the_right_is_left_out_and_the_others_go_on(self, standin: Service):
        full = self.whole(standin)
        standin.forbidden = {self.corpus_name or self.page_stream}
        run = self.run(standin)
        assert run.error is None, run.error
        assert run.count("skipped_stream_count", self.page_stream) == 1
        assert not run.records(self.page_stream)
        for name in stored(full.messages):
            if name not in {self.page_stream, *self.depends}:
                assert run.rows(name) == full.rows(name), name

    depends: ClassVar[tuple[str, ...]] = ()
    """Streams that cannot be read without `page_stream`."""

    def test_no_right_at_all_fails(self, standin: Service):
        standin.forbidden = set(standin.corpus)
        run = self.run(standin)
        assert isinstance(run.error, CredentialsError)

    def test_refused_credentials_fail_without_showing_them(self, standin: Service):
        self.refuse(standin)
        run = self.run(standin)
        assert isinstance(run.error, CredentialsError), run.error
        self.assert_discreet(run, standin)

    def refuse(self, standin: Service) -> None:
        """Have the stand-in refuse the credentials; where it also gives out tokens, a subclass says how."""
        standin.token = "another"

    renews: ClassVar[bool] = False
    """Whether the tap can get a new token when the old one has expired."""

    @pytest.mark.parametrize("after", [0, 1, 3])
    def test_a_token_that_expires_in_mid_run(self, standin: Service, after: int):
        full = self.whole(standin, [self.page_stream])
        standin.faults.append(Fault("expire_token", after, 1, self.fault_path))
        run = self.run(standin, streams=[self.page_stream])
        assert standin.counts["expire_token"] == 1
        if self.renews:
            assert run.error is None, run.error
            assert run.rows(self.page_stream) == full.rows(self.page_stream)
        else:
            assert isinstance(run.error, CredentialsError)

    def test_fields_nobody_declared_are_kept_apart(self, standin: Service):
        standin.faults.append(Fault("new_field", 0, 10_000, self.fault_path))
        run = self.run(standin, streams=[self.page_stream])
        assert run.error is None, run.error
        kept = [record[EXTRA]["brand_new"] for record in run.records(self.page_stream) if record.get(EXTRA)]
        assert kept
        assert set(kept) == {"value"}

    def test_a_value_of_another_type_stops_nothing(self, standin: Service):
        full = self.whole(standin, [self.page_stream])
        standin.faults.append(Fault("wrong_type", 0, 10_000, self.fault_path))
        run = self.run(standin, streams=[self.page_stream])
        assert run.error is None, run.error
        assert run.rows(self.page_stream).keys() == full.rows(self.page_stream).keys()

    def test_calls_are_counted_and_can_be_limited(self, standin: Service):
        run = self.run(standin, streams=[self.page_stream])
        assert run.count("http_request_count") == len(standin.calls)
        limited = self.run(standin, streams=[self.page_stream], max_api_calls=2)
        assert isinstance(limited.error, RetriableError)
        assert "max_api_calls" in str(limited.error)

    def test_secrets_are_nowhere_in_what_a_run_leaves(self, standin: Service):
        self.assert_discreet(self.whole(standin), standin)

    def assert_discreet(self, run: Run, standin: Service) -> None:
        """No secret and no value of a row in the log."""
        for secret in self.secrets:
            assert secret not in run.log
            assert secret not in run.output
            assert secret not in str(run.error)
        assert "Traceback" not in run.log


def _records(run: Run) -> list[Any]:
    return [(message["stream"], message["record"]) for message in run.messages if message["type"] == "RECORD"]


def _still(state: dict[str, Any]) -> dict[str, Any]:
    marks = state["bookmarks"]
    return {name: {key: mark[key] for key in mark if key not in MOVING} for name, mark in marks.items()}


def _incremental(run: Run, tap: RESTTap) -> int:
    return sum(len(run.records(name)) for name, stream in tap.streams.items() if stream.replication_key)


def _declaration_lengths(module: ModuleType, declarers: tuple[str, ...]) -> dict[str, int]:
    """Place of each declaration -> its lines, without those of the schema."""
    tree = ast.parse(Path(inspect.getfile(module)).read_text())
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
    return {
        f"{call.func.id} in line {call.lineno}": _lines(call)
        - sum(_lines(inner) for inner in ast.walk(call) if _is_shape(inner))
        for call in calls
        if isinstance(call.func, ast.Name) and call.func.id in declarers
    }


def _lines(node: ast.AST) -> int:
    return (node.end_lineno or 0) - node.lineno + 1  # type: ignore[attr-defined]


def _is_shape(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "shape"
