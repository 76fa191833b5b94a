"""tap-snowflake: who may enter, what goes wrong, and what is said of it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from servers import snowflake
from servers.snowflake import PASSWORD, SECRET, TOKEN, Server, private_key
from sql_runs import run_tap, with_state
from support import Finished

Tap = Callable[..., Finished]
OAUTH = {"oauth_client_id": "reader-client", "oauth_client_secret": SECRET, "oauth_token_request_url": "{oauth}"}
ROWS = 60_000
MANY = (
    "CREATE TABLE {0}.S.MANY (ID number PRIMARY KEY, NAME text)",
    "INSERT INTO {0}.S.MANY SELECT SEQ4(), 'n' || SEQ4() FROM TABLE(GENERATOR(ROWCOUNT => {1}))",
)


def many(database: str) -> list[str]:
    """Statements that make a large table."""
    return [each.format(database, ROWS) for each in MANY]


@pytest.fixture(scope="module")
def database(snowflake_server: Server) -> str:
    """A database with one small table."""
    snowflake_server.execute(
        "FAULTS",
        "CREATE SCHEMA FAULTS.S",
        "CREATE TABLE FAULTS.S.EVENTS (ID number PRIMARY KEY)",
        "INSERT INTO FAULTS.S.EVENTS VALUES (1), (2)",
    )
    return "FAULTS"


@pytest.fixture
def tap(snowflake_server: Server, database: str, tmp_path: Path) -> Tap:
    """Runs the tap over that database; a setting that is None is left out."""

    def call(*more: str, **settings: Any) -> Finished:
        config = {**snowflake_server.login, "database": database, "schema": "S", **settings}
        config = {name: value for name, value in config.items() if value is not None}
        return run_tap("taps.snowflake.tap", config, tmp_path, *more)

    return call


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ({"password": PASSWORD}, {"password": "s3cr3t-wrong"}),
        ({"token": TOKEN}, {"token": "s3cr3t-wrong"}),
        ({"private_key": private_key()}, {"private_key": private_key(right=False)}),
        (
            {"private_key": private_key("s3cr3t"), "private_key_passphrase": "s3cr3t"},
            {"private_key": private_key("s3cr3t"), "private_key_passphrase": "s3cr3t-wrong"},
        ),
        (OAUTH, {**OAUTH, "oauth_client_secret": "s3cr3t-wrong"}),
    ],
    ids=["password", "token", "key", "encrypted key", "oauth"],
)
def test_each_way_to_sign_in(snowflake_server: Server, tap: Tap, right: dict[str, str], wrong: dict[str, str]) -> None:
    for given, code in ((right, 0), (wrong, 77)):
        settings = {name: value.format(oauth=snowflake_server.oauth_url) for name, value in given.items()}
        done = tap(**{"password": None, **settings})
        assert done.code == code, done.log
        assert "s3cr3t" not in done.log
        assert "Traceback" not in done.log
        assert bool(done.messages("STATE")) == (code == 0)


def test_a_key_in_a_file(tap: Tap, tmp_path: Path) -> None:
    path = tmp_path / "key.p8"
    path.write_text(private_key())
    assert tap(password=None, private_key_path=str(path)).code == 0
    path.write_text("no key")
    done = tap(password=None, private_key_path=str(path))
    assert (done.code, "Traceback" in done.log) == (77, False), done.log


@pytest.mark.parametrize(
    ("settings", "code", "words"),
    [
        ({"user": "nobody"}, 77, "Snowflake refused the login"),
        ({"port": 1}, 75, "cannot be reached"),
        ({"streams": {"nothing": {}}}, 78, "streams names what is no table here: nothing"),
        ({"queries": {"q": {"sql": "SELECT * FROM FAULTS.S.NOTHING"}}}, 78, "stream 'q': Snowflake does not know"),
        ({"streams": {"events": {"where": "oops ="}}}, 78, "cannot parse it"),
        ({"streams": {"events": {"replication_key": "nope"}}}, 78, "no column 'nope'"),
        ({"streams": {"events": {"colour": "red"}}}, 78, "colour"),
        ({"password": None}, 78, "password must be set"),
        ({"authenticator": "EXTERNALBROWSER"}, 78, "needs a person at a terminal"),
        ({"schemas": ["S"], "timestamp_column": "ID"}, 78, "schema and schemas exclude each other; timestamp_column"),
        (
            {
                "queries": {"slow": {"sql": "SELECT SUM(a.ID * b.ID + c.ID) AS n FROM S.MANY a, S.MANY b, S.EVENTS c"}},
                "tables": ["none"],
                "statement_timeout": 1,
            },
            75,
            "stream 'slow': a statement took longer than statement_timeout",
        ),
    ],
)
def test_faults_are_told_clearly(
    snowflake_server: Server, tap: Tap, settings: dict[str, Any], code: int, words: str
) -> None:
    if "slow" in settings.get("queries", {}):
        snowflake_server.execute("FAULTS", *many("FAULTS"))
    done = tap(**settings, retry_seconds=2)
    assert (done.code, done.messages("STATE")) == (code, []), done.log
    assert words in done.log
    assert "Traceback" not in done.log


def test_statements_are_tagged_and_in_utc(snowflake_server: Server, tap: Tap, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "GROWTHNAV_RUN_ID", "run-7")
    before = len(snowflake_server.control()["statements"])
    assert tap(tenant="bakery", statement_timeout=90, tables=["EVENTS"]).code == 0
    statements = snowflake_server.control()["statements"][before:]
    read = next(each for each in statements if 't."ID" AS "ID"' in each["sql"])["parameters"]
    assert json.loads(read["QUERY_TAG"]) == {"tenant": "bakery", "stream": "S-EVENTS", "run": "run-7"}
    assert (read["TIMEZONE"], int(read["STATEMENT_TIMEOUT_IN_SECONDS"])) == ("UTC", 90)
    assert all(
        {"tenant": "bakery"}.items() <= json.loads(each["parameters"]["QUERY_TAG"]).items() for each in statements
    )


def test_the_test_option_says_what_is_seen(tap: Tap) -> None:
    done = tap("--test", tables=["EVENTS"])
    assert done.code == 0, done.log
    assert done.lines == [
        b"tap-snowflake: connected; 1 streams",
        b"  S-EVENTS: 1 columns, key ID, about 2 rows, FULL_TABLE",
    ]


def test_the_test_option_says_what_may_not_be_read(snowflake_server: Server, tap: Tap) -> None:
    """INFORMATION_SCHEMA shows a role every table that it has any right to."""
    snowflake_server.control(forbidden='"S"."EVENTS"')
    try:
        done = tap("--test", tables=["EVENTS"])
        refused = tap(tables=["EVENTS"])
    finally:
        snowflake_server.control(forbidden="")
    assert done.lines[2:] == [b"  S-EVENTS: this user may not read it"], done.log
    assert (refused.code, refused.messages("STATE")) == (77, [])
    assert "stream 'S-EVENTS': the role may not read it. GRANT USAGE on its schema and SELECT on it" in refused.log


def test_a_connection_lost_mid_read_leaves_a_state_to_go_on_from(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    with snowflake.server() as server:
        server.execute("LOST", "CREATE SCHEMA LOST.S", *many("LOST"))
        server.control(chunks_left=5)
        config = {**server.login, "database": "LOST", "schema": "S"}
        cut = run_tap("taps.snowflake.tap", {**config, "chunk_rows": 5000, "retry_seconds": 2}, tmp_path)
    assert cut.code == 75, cut.log
    assert "connection to Snowflake was lost" in cut.log
    assert "Traceback" not in cut.log
    assert not cut.messages("ACTIVATE_VERSION")
    sent = [row["ID"] for row in cut.records("S-MANY")]
    assert sent == list(range(len(sent)))
    assert 0 < len(sent) < ROWS
    with snowflake.server() as server:
        server.execute("LOST", "CREATE SCHEMA LOST.S", *many("LOST"))
        config |= server.place
        rest = run_tap(
            "taps.snowflake.tap", config, tmp_path, *with_state(tmp_path, cut.messages("STATE")[-1]["value"])
        )
    assert rest.code == 0, rest.log
    assert [row["ID"] for row in rest.records("S-MANY")] == list(range(len(sent), ROWS))
    assert len(rest.messages("ACTIVATE_VERSION")) == 1
