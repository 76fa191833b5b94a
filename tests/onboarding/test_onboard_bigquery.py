"""Onboarding where warehouse and registry are in BigQuery and secrets in Google Secret Manager: local stand-ins."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import anyio
import pytest
from mcp import Client
from onboarding_place import PASSWORD, Place
from onboarding_runs import PATH, Watch, onboard
from servers import secret_manager
from servers.bigquery import PROJECT, Emulator, server_or_skip
from servers.secret_manager import SecretManager

from pipe.errors import RetriableError
from plugins import warehouse
from plugins.mcp_server.access import Access
from plugins.mcp_server.server import build

OURS = """
annotations:
  growthnav:
    registry: {{kind: bigquery, project: {project}}}
    secrets: {{kind: google, project: ops, api_endpoint: '{url}'}}
"""


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    with server_or_skip() as found:
        yield found


@pytest.fixture
def manager() -> Iterator[SecretManager]:
    with secret_manager.server() as found:
        yield found


def test_row_6_in_the_cloud_too(
    place: Place, emulator: Emulator, manager: SecretManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", emulator.url)
    with (place.root / "meltano.yml").open("a") as wiring:
        wiring.write(OURS.format(project=PROJECT, url=manager.url))

    def datasets() -> set[str]:
        with emulator.client() as client:
            return {dataset.dataset_id for dataset in client.list_datasets()} - {"growthnav_registry"}

    assert place.registry.customers() == []
    before = place.files(), datasets()
    with pytest.raises(OSError, match="canary"):
        onboard(place, Watch(fail_at="file"), gcp_project_id=PROJECT)
    assert (place.files(), datasets(), manager.secrets, place.registry.connectors()) == (*before, {}, [])
    (row,) = place.registry.customers()
    assert (row.is_active, row.error_message) == (False, "unexpected OSError")
    onboard(place, gcp_project_id=PROJECT)
    assert datasets() - before[1] == {"growthnav_acme"}
    assert place.vault.read("acme", PATH) == {"user": "reader", "password": PASSWORD}
    (connector,) = place.registry.connectors("acme")
    assert connector.credentials_secret_path == PATH
    project = place.project
    found = warehouse.of_tenant(project, project.tenant("acme"))
    assert {"conversions", "customer_profiles", "rejects"} <= found.tables()
    assert found.query(f"SELECT COUNT(*) FROM {found.place}.conversions") == [(0,)]
    place.registry.put_connector(dataclasses.replace(connector, is_active=False))
    done = place.call("offboard", "acme", "--purge")
    assert done.code == 0, done.err
    assert (datasets(), manager.secrets, place.registry.connectors()) == (before[1], {}, [])


def test_row_52_a_query_of_bigquery_is_read_only_and_bounded(
    place: Place, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", emulator.url)
    onboard(place, gcp_project_id=PROJECT)
    table = "growthnav_acme.rows"
    emulator.execute(
        "CREATE SCHEMA growthnav_beta",
        "CREATE TABLE growthnav_beta.rows AS SELECT 7 AS n",
        f"CREATE TABLE {table} AS SELECT n, NUMERIC '1.10' AS value, TIMESTAMP '2026-01-02 03:04:05+00' AS at, "
        "[n, n + 1] AS pair FROM UNNEST(GENERATE_ARRAY(0, 1000)) AS n",
    )

    def query(sql: str, **more: Any) -> Any:
        async def main() -> Any:
            async with Client(build(place.root, Access("read"))) as client:
                return await client.call_tool("query_warehouse", {"customer_id": "acme", "sql": sql, **more})

        return anyio.run(main)

    answer = query("SELECT * FROM rows ORDER BY n", limit=1000)
    assert not answer.is_error, answer.content
    found = answer.structured_content
    assert (len(found["rows"]), found["truncated"], found["columns"]) == (1000, True, ["n", "value", "at", "pair"])
    assert found["rows"][5][0] == 5
    assert (Decimal(found["rows"][5][1]), found["rows"][5][3]) == (Decimal("1.1"), [5, 6])
    assert found["rows"][5][2].startswith("2026-01-02T03:04:05")
    assert query("SELECT SAFE.SUBSTR('a.b', 1) AS n, UPPER('a.b') AS m").structured_content["rows"] == [["a.b", "A.B"]]
    whole = query(f"SELECT COUNT(*) AS n FROM {table}").structured_content
    assert (whole["rows"], whole["truncated"]) == ([[1001]], False)
    for sql in (
        f"INSERT INTO {table} (n) VALUES (1)",
        f"DELETE FROM {table} WHERE TRUE",
        f"DROP TABLE {table}",
        "CREATE TABLE growthnav_acme.x AS SELECT 1 AS n",
        "EXPORT DATA OPTIONS (uri='gs://out/*.csv', format='CSV') AS SELECT 1",
        f"SELECT 1; DROP TABLE {table}",
        "CALL growthnav_acme.anything()",
        "SELECT * FROM growthnav_beta.rows",
        f"SELECT * FROM `{PROJECT}.growthnav_beta.rows`",
        f"SELECT * FROM `{PROJECT}`.growthnav_beta.rows",
        "SELECT * FROM `growthnav_beta.INFORMATION_SCHEMA.TABLES`",
        "SELECT * FROM EXTERNAL_QUERY('somewhere', 'SELECT 1')",
        "SELECT no_such_column FROM rows",
    ):
        refused = query(sql)
        assert refused.is_error, sql
        assert refused.content[0].text.startswith("configuration error: "), (sql, refused.content)
    assert emulator.rows(f"SELECT COUNT(*), SUM(n) FROM {table}") == [(1001, 500_500)]
    place.registry.put_connector(dataclasses.replace(place.registry.connectors("acme")[0], is_active=False))


def test_row_52_what_a_query_of_bigquery_may_cost_is_bounded(
    place: Place, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The emulator bills nothing: what it is asked is looked at instead."""
    from google.cloud.bigquery import Client as BigQuery

    from plugins.mcp_server import query

    asked: list[Any] = []
    send = BigQuery.query

    def listen(self: BigQuery, sql: str, job_config: Any) -> Any:
        asked.append(job_config)
        return send(self, sql, job_config=job_config)

    monkeypatch.setattr(BigQuery, "query", listen)
    monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", emulator.url)
    config = {"project": PROJECT, "dataset": "growthnav_acme"}
    assert query._bigquery(config, "SELECT 1 AS n", 10) == (["n"], [[1]], False)
    assert (asked[0].maximum_bytes_billed, int(asked[0].job_timeout_ms)) == (query.BYTES_BILLED, query.SECONDS * 1000)

    def late(*_: Any, **__: Any) -> Any:
        raise TimeoutError("canary")

    monkeypatch.setattr(BigQuery, "query", late)
    with pytest.raises(RetriableError) as caught:
        query._bigquery(config, "SELECT 1 AS n", 10)
    assert "canary" not in str(caught.value)
