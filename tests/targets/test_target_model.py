"""Random streams against a model of six lines, whatever the commits, and cut anywhere and resumed."""

import json
import tempfile
from pathlib import Path
from typing import Any

import duckdb
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support import record, run_inside, schema, state

from targets.duckdb.target import TargetDuckDB

FIELDS = ["k", "l", "v", "w"]
TEXTS = st.one_of(st.none(), st.text(alphabet='ab"\\é😀\x00\n', max_size=3))
KEYS = st.sampled_from(["a", "b", "c", "d"])
RECORDS = st.builds(
    lambda stream, first, second, rest: record(stream, k=first, l=second, **rest),
    st.sampled_from(["one", "two"]),
    KEYS,
    KEYS,
    st.dictionaries(st.sampled_from(["v", "w"]), TEXTS),
)
EVENTS = st.lists(st.one_of(RECORDS, RECORDS, RECORDS, st.just("STATE")), max_size=40)
KEY_OF = {"one": ["k"], "two": ["k", "l"]}
Rows = dict[str, dict[tuple[str, ...], tuple[Any, ...]]]
INPUT = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))


def lines_of(events: list[Any]) -> list[Any]:
    lines: list[Any] = [schema(stream, FIELDS, keys) for stream, keys in KEY_OF.items()]
    return lines + [state(n=number) if event == "STATE" else event for number, event in enumerate(events)]


def model(lines: list[Any]) -> Rows:
    """The last record of a key is its row; NUL is stripped."""
    rows: Rows = {"one": {}, "two": {}}
    for line in lines:
        if line["type"] == "RECORD":
            values = tuple(line["record"].get(field) for field in FIELDS)
            plain = tuple(value and value.replace("\0", "") for value in values)
            rows[line["stream"]][tuple(line["record"][key] for key in KEY_OF[line["stream"]])] = plain
    return rows


def stored(database: Path) -> Rows:
    rows: Rows = {}
    with duckdb.connect(str(database), read_only=True) as connection:
        for stream, keys in KEY_OF.items():
            found = connection.execute(f"SELECT k, l, v, w FROM {stream}").fetchall()
            rows[stream] = {tuple(dict(zip(FIELDS, row, strict=True))[key] for key in keys): row for row in found}
            assert len(rows[stream]) == len(found), "one row a key"
    return rows


def load(database: Path, lines: list[Any], rows: int) -> list[Any]:
    """Load lines; the STATE values printed."""
    done = run_inside(TargetDuckDB, {"filepath": str(database), "batch_size_rows": rows}, lines)
    assert done.code == 0, done.log
    return [json.loads(line) for line in done.lines]


@INPUT
@given(EVENTS, st.integers(1, 20))
def test_rows_equal_the_model_whatever_the_commits(events: list[Any], rows: int) -> None:
    lines = lines_of(events)
    with tempfile.TemporaryDirectory() as directory:
        database = Path(directory) / "m.duckdb"
        states = load(database, lines, rows)
        assert stored(database) == model(lines)
    sent = [line["value"] for line in lines if line["type"] == "STATE"]
    assert states == sorted(states, key=lambda each: each["n"])
    assert states[-1:] == sent[-1:]


@INPUT
@given(EVENTS, st.integers(1, 20), st.integers(0, 40))
def test_a_run_cut_anywhere_and_resumed_equals_an_unbroken_one(events: list[Any], rows: int, cut: int) -> None:
    """The tap dies after `cut` lines; the next run starts from the last STATE printed, as a tap would."""
    lines = lines_of(events)
    with tempfile.TemporaryDirectory() as directory:
        database = Path(directory) / "m.duckdb"
        printed = load(database, lines[: 2 + cut], rows)
        resumed = lines.index({"type": "STATE", "value": printed[-1]}) + 1 if printed else 2
        load(database, lines[:2] + lines[resumed:], rows)
        assert stored(database) == model(lines)


VERSIONED = st.lists(
    st.tuples(st.dictionaries(KEYS, st.sampled_from(["x", "y"]), max_size=4), st.booleans()), min_size=1, max_size=4
)


@INPUT
@given(VERSIONED, st.booleans(), st.booleans(), st.integers(1, 5))
def test_row_34_versions_leave_what_the_last_one_has(
    loads: list[tuple[dict[str, str], bool]], announced_first: bool, hard: bool, rows: int
) -> None:
    """Each full load is a version; a row that the last complete one lacks is deleted, one that returns is not."""
    alive: dict[str, str] = {}
    every: set[str] = set()
    with tempfile.TemporaryDirectory() as directory:
        database = Path(directory) / "m.duckdb"
        for version, (content, complete) in enumerate(loads, 1):
            activate = {"type": "ACTIVATE_VERSION", "stream": "s", "version": version}
            sent: list[Any] = [{**record("s", k=key, v=value), "version": version} for key, value in content.items()]
            if complete and announced_first:
                sent = [activate, *sent, state(n=version)]
            elif complete and content:
                sent = [*sent, activate, state(n=version)]
            elif announced_first:
                sent = [state(n=version), activate, *sent]  # the tap dies before its STATE
            load_done = run_inside(
                TargetDuckDB,
                {"filepath": str(database), "batch_size_rows": rows, "hard_delete": hard},
                [schema("s", ["k", "v"], ["k"]), *sent],
            )
            assert load_done.code == 0, load_done.log
            every |= content.keys()
            activated = complete and (announced_first or bool(content))
            alive = dict(content) if activated else {**alive, **content}
        with duckdb.connect(str(database), read_only=True) as connection:
            columns = [name for name, *_ in connection.execute("DESCRIBE s").fetchall()]
            living = "_sdc_deleted_at IS NULL" if "_sdc_deleted_at" in columns else "true"
            assert dict(connection.execute(f"SELECT k, v FROM s WHERE {living}").fetchall()) == alive
            if not hard:
                assert {key for (key,) in connection.execute("SELECT k FROM s").fetchall()} == every
