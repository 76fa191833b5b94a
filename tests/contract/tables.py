"""What every tap over the tables of a database must do, as one test class; a tap's subclass says where a table is."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from contract.rest_runs import Message, Run, run_tap, stored
from contract.sdk import run_all
from singer_sdk import Tap

ROWS, TIES, CHUNK = 30, 3, 7
COLUMNS = ("id", "changed_at", "note")
FUTURE = "2999-01-01T00:00:00.000000Z"


def values() -> str:
    """Thirty rows, of which each three changed at one moment, as SQL."""
    rows = (f"({number}, '2024-05-{1 + number // TIES:02} 10:00:00', 'row {number}')" for number in range(ROWS))
    return ", ".join(rows)


@dataclass(frozen=True)
class Table:
    """A table with `values()` in `COLUMNS`, and the tap that reads it."""

    tap: type[Tap]
    config: dict[str, Any]
    stream: str
    columns: tuple[str, ...] = COLUMNS

    def run(self, state: Any = None, **settings: Any) -> Run:
        """Read what is new in it, a few rows at a time."""
        key, changed, _ = self.columns
        new = {"key_properties": [key], "replication_key": changed}
        config = {**self.config, "streams": {self.stream: new}, "chunk_rows": CHUNK, **settings}
        return run_tap(self.tap, config, state)  # type: ignore[arg-type]

    def whole(self, state: Any = None, **settings: Any) -> Run:
        """The same; it must end well."""
        run = self.run(state, **settings)
        assert run.error is None, run.log
        return run

    def keys(self, *runs: list[Message]) -> set[Any]:
        """Keys of the rows that a target would have after those runs."""
        return {key for rows in stored(*runs).values() for (key,) in rows}


class TableContract:
    """The tests. A subclass has the fixture `table`."""

    def test_discovery_gives_the_same_bytes_twice(self, table: Table):
        first, second = (table.tap(config=table.config).catalog_json_text for _ in range(2))
        assert first == second
        names = [stream["tap_stream_id"] for stream in json.loads(first)["streams"]]
        assert names
        assert len(names) == len(set(names))

    def test_unknown_settings_are_refused_before_anything_is_read(self, table: Table):
        run = table.run(no_such_setting=1)
        assert run.error is not None
        assert "no_such_setting is not a setting" in str(run.error)
        assert not run.messages

    def test_the_sdks_own_tests_pass(self, table: Table):
        assert run_all(table.tap, table.config) > 5

    def test_two_full_reads_are_equal(self, table: Table):
        first, second = table.whole(), table.whole()
        assert len(table.keys(first.messages)) == ROWS
        assert stored(first.messages) == stored(second.messages)

    def test_a_second_run_reads_only_what_ties_and_ends_where_the_first_did(self, table: Table):
        first = table.whole()
        second = table.whole(first.state)
        assert len(table.keys(second.messages)) <= TIES
        assert second.state == first.state

    def test_a_run_from_every_state_ever_sent_completes_the_set(self, table: Table):
        first = table.whole()
        places = [place for place, message in enumerate(first.messages) if message["type"] == "STATE"]
        assert len(places) > 1
        for place in places:
            rest = table.whole(first.messages[place]["value"])
            assert len(table.keys(first.messages[: place + 1], rest.messages)) == ROWS

    def test_a_bookmark_in_the_future_gives_nothing_and_stays(self, table: Table):
        state = table.whole().state
        (mark,) = state["bookmarks"].values()
        mark |= {"replication_key_value": FUTURE}
        run = table.whole(state)
        assert not table.keys(run.messages)
        assert next(iter(run.state["bookmarks"].values()))["replication_key_value"] == FUTURE

    def test_a_version_is_activated_after_the_last_row(self, table: Table):
        run = table.whole(streams={})
        kinds = [message["type"] for message in run.messages if message["type"] in {"RECORD", "ACTIVATE_VERSION"}]
        assert kinds[-1] == "ACTIVATE_VERSION"
        assert kinds.count("RECORD") == ROWS
        assert "RECORD" not in kinds[kinds.index("ACTIVATE_VERSION", 1) :]
