"""Rows 47 to 53, with the SDK's own client, in memory."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import anyio
import duckdb
import pytest
import yaml
from mcp import Client
from mcp.shared.exceptions import MCPError
from mcp_asking import ALL, READ, ask, call, said
from mcp_types import CallToolResult
from stub_project import CANARY, Project

from pipe.errors import ConfigurationError
from plugins.mcp_server import query
from plugins.mcp_server.access import Access
from plugins.mcp_server.server import AUDIT, build


@pytest.fixture
def project(project: Project) -> Project:
    project.add("acme")
    project.add("globex")
    return project


def trail(root: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (root / AUDIT).read_text().splitlines()]


def test_rows_47_48_and_49_tools_and_resources_with_schemas_and_hints(project: Project) -> None:
    async def listed(client: Client) -> Any:
        return (
            (await client.list_tools()).tools,
            (await client.list_resources()).resources,
            (await client.list_resource_templates()).resource_templates,
        )

    tools, resources, templates = ask(project.root, listed, scope="admin")
    assert sorted(tool.name for tool in tools) == sorted(ALL)
    assert [str(resource.uri) for resource in resources] == ["industries://list"]
    assert [template.uri_template for template in templates] == ["customer://{customer_id}"]
    for tool in tools:
        hints = tool.annotations
        assert None not in {
            hints.read_only_hint,
            hints.destructive_hint,
            hints.idempotent_hint,
            hints.open_world_hint,
        }
        assert hints.read_only_hint == (tool.name in READ)
        assert tool.output_schema["properties"]
        assert tool.input_schema["additionalProperties"] is False
        for name in tool.input_schema["properties"]:
            assert not {"password", "secret", "key", "credentials"} & {name, *name.split("_")}, name


@pytest.mark.parametrize(("scope", "tools"), [("read", READ), ("write", [*READ, "sync_data_source"]), ("admin", ALL)])
def test_row_50_a_scope_offers_its_tools_and_no_others(project: Project, scope: str, tools: list[str]) -> None:
    async def names(client: Client) -> list[str]:
        return [tool.name for tool in (await client.list_tools()).tools]

    assert ask(project.root, names, scope=scope) == tools
    if scope == "read":
        refused = call(project.root, "sync_data_source", {"customer_id": "acme"}, scope="read")
        assert (refused.is_error, said(refused)) == (True, "there is no such tool")


def test_row_50_a_tenant_that_is_not_served_is_as_one_that_is_not(project: Project) -> None:
    only = frozenset({"acme"})
    texts = {
        said(call(project.root, "run_history", {"customer_id": name}, tenants=only)) for name in ("globex", "nobody")
    }
    assert len(texts) == 1
    assert "this server serves no such tenant" in texts.pop()
    listed = call(project.root, "list_connectors", {}, tenants=only).structured_content
    assert listed["customers"] == ["acme"]
    fine = call(project.root, "run_history", {"customer_id": "acme"}, tenants=only)
    assert fine.structured_content == {"customer_id": "acme", "runs": []}


@pytest.mark.parametrize(
    ("tool", "arguments"), [("sync_data_source", {"job": CANARY}), ("discover_schema", {"extractor": CANARY})]
)
def test_row_50_what_is_not_there_is_told_without_the_jobs_and_taps_of_others(
    project: Project, tool: str, arguments: dict[str, Any]
) -> None:
    path = project.root / "tenants" / "globex.meltano.yml"
    path.write_text(
        path.read_text() + "plugins: {extractors: [{name: globex--shop, inherit_from: tap-stub}]}\n"
        "jobs: [{name: globex-shop, tasks: [globex--shop mapping target-stub]}]\n"
    )
    for name in (CANARY, "globex-shop", "globex--shop"):
        given = {"customer_id": "acme", **dict.fromkeys(arguments, name)}
        told = said(call(project.root, tool, given, tenants=frozenset({"acme"})))
        assert told.startswith("configuration error: ")
        assert "globex" not in told
        assert CANARY not in told
        assert told.endswith(("There is: rows", "There is: tap-stub"))


@pytest.mark.parametrize("tool", ALL)
def test_row_48_an_unknown_argument_is_refused_without_being_repeated(project: Project, tool: str) -> None:
    refused = call(project.root, tool, {"customer_id": "acme", "password": CANARY, CANARY: 1})
    assert refused.is_error
    assert "there are arguments that" in said(refused)
    assert CANARY not in said(refused)
    assert "password" not in said(refused)


def test_row_48_an_argument_of_the_wrong_kind_is_refused_without_being_repeated(project: Project) -> None:
    warehouse(project)
    for tool, arguments, told in (
        ("query_warehouse", {"customer_id": "acme", "sql": {"password": CANARY}}, "sql: string type"),
        ("run_history", {"customer_id": "acme", "limit": CANARY}, "limit: int parsing"),
        ("run_history", {"customer_id": "acme", "limit": 5000}, "limit: less than equal"),
        ("run_history", {}, "customer_id: missing"),
        ("query_warehouse", {"customer_id": "acme", "sql": f"'{CANARY}"}, "not SQL that can be understood"),
        ("sync_data_source", {"customer_id": "acme", "since": CANARY}, "field 'since': it must be a moment"),
        ("explain_identity", {"customer_id": "acme", "global_customer_id": CANARY}, "it is an id such as"),
        ("discover_schema", {"customer_id": CANARY}, "this server serves no such tenant"),
    ):
        refused = call(project.root, tool, arguments)
        assert refused.is_error
        assert told in said(refused), said(refused)
        assert CANARY not in said(refused)
    assert CANARY not in (project.root / AUDIT).read_text()


def warehouse(project: Project) -> Path:
    """The shipped target's warehouse in place of the stub's, with some rows."""
    path = project.root / "meltano.yml"
    path.write_text(path.read_text().replace("target-stub", "target-duckdb").replace("jsonl'", "duckdb'"))
    text = path.read_text().replace(
        "    - {name: filepath,",
        "    - {name: schema, value: 'growthnav_${MELTANO_ENVIRONMENT}'}\n    - {name: filepath,",
    )
    path.write_text(text)
    for tenant in (project.root / "tenants").iterdir():
        tenant.write_text(tenant.read_text().replace("target-stub", "target-duckdb"))
    database = project.root / "out" / "acme.duckdb"
    database.parent.mkdir()
    with duckdb.connect(str(database)) as connection:
        connection.execute("CREATE SCHEMA growthnav_acme")
        connection.execute("USE growthnav_acme")
        connection.execute(
            "CREATE TABLE conversions AS SELECT range AS conversion_id, 1.10::DECIMAL(18,6) AS value, "
            "TIMESTAMPTZ '2026-01-02 03:04:05+00' AS timestamp FROM range(1001)"
        )
        connection.execute(
            "CREATE TABLE identity_map AS SELECT 'm1' AS identity_map_id, 'acme' AS customer_id, 'till' AS source_system,"
            " 'k' AS source_key, 'p_1' AS global_customer_id, TIMESTAMP '2026-01-01' AS valid_from, NULL AS valid_to"
        )
    return database


def test_row_52_a_query_is_read_only_and_bounded(project: Project) -> None:
    database = warehouse(project)

    def query(sql: str, **more: Any) -> CallToolResult:
        return call(project.root, "query_warehouse", {"customer_id": "acme", "sql": sql, **more}, scope="read")

    answer = query("SELECT * FROM conversions ORDER BY 1", limit=1000).structured_content
    assert (len(answer["rows"]), answer["truncated"]) == (1000, True)
    assert answer["columns"] == ["conversion_id", "value", "timestamp"]
    assert answer["rows"][0][:2] == [0, "1.100000"]
    whole = query("SELECT count(*) AS n FROM growthnav_acme.conversions").structured_content
    assert (whole["rows"], whole["truncated"]) == ([[1001]], False)
    before = database.read_bytes()
    (project.root / "secret.csv").write_text("a\n1\n")
    for sql in (
        "INSERT INTO conversions VALUES (1)",
        "WITH gone AS (DELETE FROM conversions RETURNING *) SELECT * FROM gone",
        "ATTACH 'other.duckdb'",
        "COPY conversions TO 'out.csv'",
        "CREATE TABLE x AS SELECT 1",
        "SELECT 1; DROP TABLE conversions",
        "PRAGMA database_list",
        "SET threads = 1",
        "SELECT * FROM read_csv('secret.csv')",
        "SELECT * FROM 'secret.csv'",
        "SELECT * FROM growthnav_globex.conversions",
        "SELECT getenv('HOME')",
        "SELECT * FROM json_execute_serialized_sql(json_serialize_sql('SELECT * FROM duckdb_settings()'))",
        "SELECT no_such_column FROM conversions",
    ):
        refused = query(sql)
        assert refused.is_error, sql
        assert said(refused).startswith("configuration error: "), said(refused)
    assert database.read_bytes() == before
    assert not (project.root / "out.csv").exists()


def test_row_52_the_engine_itself_refuses_what_no_parser_has_seen(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = warehouse(project)
    before = database.read_bytes()
    (project.root / "secret.csv").write_text("a\n1\n")
    monkeypatch.setattr(query, "check", lambda sql, *_: sql)
    for sql in (
        "INSERT INTO conversions VALUES (1, 1, now())",
        "DROP TABLE conversions",
        f"COPY conversions TO '{project.root}/out.csv'",
        f"SELECT * FROM read_csv('{project.root}/secret.csv')",
        f"ATTACH '{project.root}/other.duckdb'",
        "SET enable_external_access = true",
        "SET memory_limit = '100GB'",
    ):
        refused = call(project.root, "query_warehouse", {"customer_id": "acme", "sql": sql}, scope="read")
        assert "the warehouse refuses the query" in said(refused), sql
    assert database.read_bytes() == before
    assert not (project.root / "out.csv").exists()


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM growthnav_beta.some_rows(1)",
        "SELECT * FROM TABLE(growthnav_beta.rows)",
        "SELECT growthnav_beta.total()",
        "SELECT p.growthnav_acme.total()",
        "SELECT `growthnav_beta.total`()",
    ],
)
def test_row_52_functions_of_another_dataset_are_refused(sql: str) -> None:
    with pytest.raises(ConfigurationError, match=r"only the tenant's own|functions"):
        query.check(sql, "bigquery", "growthnav_acme")


def test_row_52_functions_of_the_engine_and_of_the_dataset_are_not() -> None:
    sql = "SELECT growthnav_acme.f(1), SAFE.SUBSTR('a.b', 1), hll_count.extract(x), TO_JSON(x).a FROM t"
    assert "growthnav_acme.f(1)" in query.check(sql, "bigquery", "growthnav_acme")
    assert "'a'.upper()" in query.check("SELECT 'a'.upper()", "duckdb", "growthnav_acme").lower()


def test_a_query_without_an_end_is_ended(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    warehouse(project)
    monkeypatch.setattr(query, "SECONDS", 0.3)
    sql = "SELECT count(*) FROM conversions a, conversions b, conversions c, conversions d"
    ended = call(project.root, "query_warehouse", {"customer_id": "acme", "sql": sql})
    assert said(ended).startswith("retriable error: the query takes longer than")


def test_an_identity_is_explained_from_the_warehouse(project: Project) -> None:
    warehouse(project)
    arguments = {"customer_id": "acme", "global_customer_id": "p_1"}
    found = call(project.root, "explain_identity", arguments, scope="read").structured_content
    assert found["known"]
    assert [member["source_system"] for member in found["members"]] == ["till"]
    assert found["events"] == []


def test_a_sync_runs_the_tenant_reports_progress_and_is_in_the_history(project: Project) -> None:
    project.add("acme", tap={"rows": 30, "api_key": CANARY})
    told: list[tuple[float, str | None]] = []

    async def progress(rows: float, total: float | None, message: str | None) -> None:
        told.append((rows, message))

    async def work(client: Client) -> Any:
        synced = await client.call_tool(
            "sync_data_source", {"customer_id": "acme", "job": "rows"}, progress_callback=progress
        )
        return synced, await client.call_tool("run_history", {"customer_id": "acme"})

    synced, history = ask(project.root, work, scope="write")
    assert not synced.is_error, said(synced)
    assert (synced.structured_content["status"], synced.structured_content["records_loaded"]) == ("success", 30)
    assert history.structured_content["runs"] == [synced.structured_content]
    assert told[0] == (0, "starting")
    assert CANARY not in said(synced) + said(history)


def test_a_sync_that_is_cancelled_ends_its_run(project: Project) -> None:
    release = project.root / "go"
    project.add("acme", tap={"rows": 10, "hang": str(release)})

    async def main() -> None:
        async with Client(build(project.root, Access("write"))) as client:
            with anyio.move_on_after(60) as scope:
                async with anyio.create_task_group() as group:
                    group.start_soon(client.call_tool, "sync_data_source", {"customer_id": "acme", "job": "rows"})
                    while not release.with_name("go.reached").exists():
                        await anyio.sleep(0.05)
                    group.cancel_scope.cancel()
            assert not scope.cancelled_caught
            with anyio.fail_after(40):
                while not (project.root / ".growthnav/acme/runs.jsonl").exists():
                    await anyio.sleep(0.05)

    anyio.run(main)
    [run] = [json.loads(line) for line in (project.root / ".growthnav/acme/runs.jsonl").read_text().splitlines()]
    assert run["error_class"] == "interrupted"
    assert "stopped by cancelled" in run["error"]
    assert [line["outcome"] for line in trail(project.root)] == ["cancelled"]


def test_row_48_a_secret_that_got_into_the_data_is_masked_in_the_answer(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACME_KEY", CANARY)
    project.add("acme", tap={"api_key": "${ACME_KEY}"})
    warehouse(project)
    sql = "SELECT 'key " + CANARY[:6] + "' || '" + CANARY[6:] + "' AS said"
    answer = call(project.root, "query_warehouse", {"customer_id": "acme", "sql": sql}, scope="read")
    assert answer.structured_content["rows"] == [["key ***"]]
    assert CANARY not in said(answer)


def test_an_error_is_masked_and_has_its_class(project: Project) -> None:
    project.add("acme", tap={"exit": 77, "say": f"credentials error: {CANARY} was refused", "api_key": CANARY})
    failed = call(project.root, "sync_data_source", {"customer_id": "acme", "job": "rows"})
    assert failed.structured_content["error_class"] == "credentials"
    assert failed.structured_content["error"] == "tap-stub: *** was refused"
    assert CANARY not in said(failed)


def test_an_unforeseen_error_tells_its_kind_and_nothing_else(
    project: Project, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    from plugins.mcp_server import looking

    def broken(*_: Any) -> None:
        raise RuntimeError(f"boom {CANARY}")

    monkeypatch.setattr(looking, "run_history", broken)
    failed = call(project.root, "run_history", {"customer_id": "acme"})
    assert said(failed) == "unexpected RuntimeError in run_history. Please report it"
    assert CANARY not in "".join(capfd.readouterr())
    assert trail(project.root)[-1]["outcome"] == "bug"


def test_row_53_each_call_is_in_the_trail(project: Project) -> None:
    call(project.root, "run_history", {"customer_id": "acme", "limit": 3})
    call(project.root, "run_history", {"customer_id": "acme", "limit": 3})
    call(project.root, "run_history", {"customer_id": "nobody"})
    call(project.root, "no_such_tool", {"password": CANARY})
    ask(project.root, lambda client: client.read_resource("customer://acme"), scope="read")
    lines = trail(project.root)
    assert [(line["tool"], line["customer_id"], line["outcome"]) for line in lines] == [
        ("run_history", "acme", "ok"),
        ("run_history", "acme", "ok"),
        ("run_history", None, "configuration"),
        ("", None, "refused"),
        ("resource customer", "acme", "ok"),
    ]
    assert lines[0]["arguments_sha256"] == lines[1]["arguments_sha256"] != lines[2]["arguments_sha256"]
    assert all(line["seconds"] >= 0 and line["at"].endswith("Z") for line in lines)
    assert (project.root / AUDIT).stat().st_mode & 0o077 == 0
    assert CANARY not in (project.root / AUDIT).read_text()


def test_resources(project: Project) -> None:
    async def read(client: Client) -> list[Any]:
        found = [await client.read_resource(uri) for uri in ("customer://acme", "industries://list")]
        return [json.loads(each.contents[0].text) for each in found]

    customer, industries = ask(project.root, read, scope="read")
    assert (customer["customer_id"], customer["dataset"], customer["last_run"]) == ("acme", "growthnav_acme", None)
    assert {"golf", "medical", "restaurant"} <= set(industries)

    async def refused(client: Client) -> str:
        with pytest.raises(MCPError) as caught:
            await client.read_resource("customer://globex")
        return str(caught.value)

    told = ask(project.root, refused, tenants=frozenset({"acme"}))
    assert told == ask(project.root, refused, tenants=frozenset({"nobody"}))
    assert "this server serves no such tenant" in told


def test_mistakes_in_the_files_of_others_are_not_told(project: Project) -> None:
    project.add("globex").write_text("environments: {")
    failed = said(call(project.root, "run_history", {"customer_id": "acme"}))
    assert failed.startswith("configuration error: the project's files have mistakes")
    assert "globex" not in failed


def test_the_doctor_looks_at_a_tenant_and_shows_no_value(project: Project) -> None:
    path = project.add("acme", tap={"api_key": "${ACME_KEY}"})
    schedule = {"name": "s", "interval": "@daily", "job": "rows", "env": {"MELTANO_ENVIRONMENT": "acme"}}
    path.write_text(path.read_text() + yaml.safe_dump({"schedules": [schedule]}))
    warehouse(project)
    sick = call(project.root, "doctor", {"customer_id": "acme"}, scope="read").structured_content
    assert not sick["ok"]
    [told] = [check["detail"] for check in sick["checks"] if check["name"] == "variables"]
    assert "ACME_KEY is not set" in told
