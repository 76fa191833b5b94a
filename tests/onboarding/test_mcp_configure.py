"""Row 51: a data source added by an agent: a plan, then its application with a token that works once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client
from onboarding_place import PASSWORD, Place
from onboarding_runs import onboard

from plugins.mcp_server import configuring
from plugins.mcp_server.access import Access
from plugins.mcp_server.server import build

SECOND = "second-canary-55aa"
ARGUMENTS: dict[str, Any] = {
    "customer_id": "acme",
    "connector_type": "postgres",
    "name": "shop",
    "connection_params": {"user": "reader", "rows": 3},
    "preset": "pos",
    "extractor": "tap-stub",
    "credential_variables": {"password": "ACME_SHOP_PASSWORD"},
}


def call(place: Place, *calls: dict[str, Any]) -> list[Any]:
    """The replies of one server to calls in turn; a token is that of the reply before."""

    async def main() -> list[Any]:
        replies: list[Any] = []
        async with Client(build(place.root, Access("admin"))) as client:
            for arguments in calls:
                given = dict(arguments)
                if given.get("token") == "the last":
                    given["token"] = tokens(replies)[-1]
                replies.append(await client.call_tool("configure_data_source", given))
        return replies

    return anyio.run(main)


def tokens(replies: list[Any]) -> list[str]:
    """Those issued so far."""
    contents = [reply.structured_content for reply in replies if not reply.is_error]
    return [content["token"] for content in contents if content["token"]]


def text(reply: Any) -> str:
    return "".join(part.text for part in reply.content)


@pytest.fixture
def tenant(place: Place, monkeypatch: pytest.MonkeyPatch) -> Place:
    onboard(place)
    monkeypatch.setenv("ACME_SHOP_PASSWORD", PASSWORD)
    return place


def test_row_51_a_plan_changes_nothing_and_its_token_applies_it_once(tenant: Place) -> None:
    before = tenant.files()
    planned, applied, again = call(
        tenant, ARGUMENTS, {**ARGUMENTS, "token": "the last"}, {**ARGUMENTS, "token": "the last"}
    )
    assert not planned.is_error, text(planned)
    plan = planned.structured_content
    assert (plan["applied"], plan["connector_id"], plan["expires_in_seconds"]) == (False, "postgres-shop", 600)
    assert any("growthnav-acme-connector-postgres-shop" in change for change in plan["changes"])
    assert applied.structured_content["applied"], text(applied)
    assert "the token is not, or no more, for this change" in text(again)
    assert before.keys() < tenant.files().keys()
    assert {row.connector_id for row in tenant.registry.connectors("acme")} == {"postgres-till", "postgres-shop"}
    assert tenant.vault.read("acme", "growthnav-acme-connector-postgres-shop") == {"password": PASSWORD}
    assert tenant.vault.read("acme", "growthnav-acme-connector-postgres-till") is not None
    for reply in (planned, applied, again):
        assert PASSWORD not in text(reply)
    [same] = call(tenant, ARGUMENTS)
    assert (same.structured_content["changes"], same.structured_content["token"]) == ([], None)


def test_a_plan_alone_changes_no_file(tenant: Place) -> None:
    before = tenant.files(".growthnav")
    call(tenant, ARGUMENTS)
    assert tenant.files(".growthnav") == before
    assert [row.connector_id for row in tenant.registry.connectors("acme")] == ["postgres-till"]


def test_a_token_is_for_its_own_arguments_and_of_its_own_server(tenant: Place) -> None:
    other = {**ARGUMENTS, "connection_params": {"user": "reader", "rows": 4}}
    _, changed = call(tenant, ARGUMENTS, {**other, "token": "the last"})
    assert "the token is not" in text(changed)
    for token in ("", "guessed"):
        [refused] = call(tenant, {**ARGUMENTS, "token": token})
        assert "the token is not" in text(refused)
    assert [row.connector_id for row in tenant.registry.connectors("acme")] == ["postgres-till"]


def test_row_51_a_token_whose_change_failed_is_spent(tenant: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACME_SHOP_PASSWORD", SECOND)
    again = {**ARGUMENTS, "token": "the last"}
    _, failed, spent = call(tenant, ARGUMENTS, again, again)
    assert text(failed).startswith("credentials error: ")
    assert SECOND not in text(failed)
    assert "the token is not" in text(spent)
    assert [row.connector_id for row in tenant.registry.connectors("acme")] == ["postgres-till"]


def test_row_51_a_token_grows_old(tenant: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(configuring, "TOKEN_SECONDS", -1)
    _, late = call(tenant, ARGUMENTS, {**ARGUMENTS, "token": "the last"})
    assert "the token is not" in text(late)


def test_the_variables_of_others_and_secrets_in_clear_are_refused(
    tenant: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GLOBEX_PASSWORD", SECOND)
    stolen, clear = call(
        tenant,
        {**ARGUMENTS, "credential_variables": {"password": "GLOBEX_PASSWORD"}},
        {**ARGUMENTS, "connection_params": {"user": "reader", "password": SECOND}},
    )
    assert "its variable must begin with ACME_" in text(stolen)
    assert "is secret: put it under credentials" in text(clear)
    assert SECOND not in text(stolen) + text(clear)


def test_row_51_a_source_without_secret_is_changed_again(place: Place) -> None:
    (place.root / "till.csv").write_text("order_id,closed_at,total\nt1,2026-01-01T10:00:00Z,1.50\n")
    stream = {"stream": "till_orders", "path": "${MELTANO_PROJECT_ROOT}/till.csv", "key_properties": ["order_id"]}
    source = {"connector_type": "csv", "name": "till", "preset": "pos", "connection_params": {"streams": [stream]}}
    onboard(place, data_sources=[source])
    hourly = {"customer_id": "acme", **source, "sync_schedule": "hourly"}
    planned, applied = call(place, hourly, {**hourly, "token": "the last"})
    assert "  sync_schedule: 'daily' -> 'hourly'" in planned.structured_content["changes"]
    assert applied.structured_content["applied"], text(applied)
    assert [row.sync_schedule for row in place.registry.connectors("acme")] == ["hourly"]


def test_what_an_agent_cannot_say_stays_as_it_was(place: Place) -> None:
    (place.root / "till.csv").write_text("order_id,closed_at,total\nt1,2026-01-01T10:00:00Z,1.50\n")
    stream = {"stream": "till_orders", "path": "${MELTANO_PROJECT_ROOT}/till.csv", "key_properties": ["order_id"]}
    source = {"connector_type": "csv", "name": "till", "preset": "pos", "connection_params": {"streams": [stream]}}
    told = {"mapping": {"zone": "America/Chicago"}, "sync_mode": "full"}
    onboard(place, data_sources=[source | told], run={"max_api_calls": 10})
    before = place.project.tenants["acme"].environment
    hourly = {"customer_id": "acme", **source, "sync_schedule": "hourly"}
    _, applied = call(place, hourly, {**hourly, "token": "the last"})
    assert applied.structured_content["applied"], text(applied)
    after = place.project.tenants["acme"].environment
    assert [row.sync_schedule for row in place.registry.connectors("acme")] == ["hourly"]
    assert [row.sync_mode for row in place.registry.connectors("acme")] == ["full"]
    assert after["annotations"]["growthnav"]["run"] == {"max_api_calls": 10}
    assert after["config"] == before["config"]


def test_a_setting_takes_no_variable_of_others(tenant: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GLOBEX_PASSWORD", SECOND)
    for user in ("${GLOBEX_PASSWORD}", "x$GLOBEX_PASSWORD"):
        [stolen] = call(tenant, {**ARGUMENTS, "connection_params": {"user": user}})
        assert stolen.is_error
        assert "field 'connection_params.user': its variable must begin with ACME_" in text(stolen)
    monkeypatch.setenv("ACME_SHOP_X_PASSWORD", SECOND)
    other = {"customer_id": "acme_shop_x", "data_sources": []}
    onboard(tenant, **other)
    [stolen] = call(tenant, {**ARGUMENTS, "credential_variables": {"password": "ACME_SHOP_X_PASSWORD"}})
    assert "its variable must begin with ACME_" in text(stolen)
    [own] = call(tenant, {**ARGUMENTS, "connection_params": {"user": "${ACME_SHOP_PASSWORD}"}})
    assert not own.is_error, text(own)


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        "~/x.csv",
        ".growthnav/secrets/*",
        "${MELTANO_PROJECT_ROOT}/.env",
        "data/../../other/x.csv",
        "file:///etc/passwd",
        ["till.csv", "./a/.hidden/x.csv"],
    ],
)
def test_an_agent_reads_no_file_that_is_hidden_or_elsewhere(place: Place, path: Any) -> None:
    (place.root / "till.csv").write_text("order_id,closed_at,total\nt1,2026-01-01T10:00:00Z,1.50\n")
    stream = {"stream": "till_orders", "path": "till.csv", "key_properties": ["order_id"]}
    source = {"connector_type": "csv", "name": "till", "preset": "pos", "connection_params": {"streams": [stream]}}
    onboard(place, data_sources=[])
    stolen, own = call(
        place,
        {"customer_id": "acme", **source, "connection_params": {"streams": [{**stream, "path": path}]}},
        {"customer_id": "acme", **source},
    )
    assert "an agent names no file that is hidden or outside of the project" in text(stolen)
    assert "connection_params.streams.0.path" in text(stolen)
    assert not own.is_error, text(own)


@pytest.mark.parametrize("setting", ["credentials_file", "private_key_path", "path", "root", "directory"])
def test_a_setting_is_a_place_by_its_name(tenant: Place, setting: str) -> None:
    [stolen] = call(tenant, {**ARGUMENTS, "connection_params": {"tunnel": {setting: "/etc/passwd"}}})
    assert f"field 'connection_params.tunnel.{setting}': an agent names no file" in text(stolen)


def test_a_file_that_a_person_named_may_stay(place: Place, tmp_path: Path) -> None:
    (tmp_path / "till.csv").write_text("order_id,closed_at,total\nt1,2026-01-01T10:00:00Z,1.50\n")
    stream = {"stream": "till_orders", "path": str(tmp_path / "till.csv"), "key_properties": ["order_id"]}
    source = {"connector_type": "csv", "name": "till", "preset": "pos", "connection_params": {"streams": [stream]}}
    onboard(place, data_sources=[source])
    [hourly] = call(place, {"customer_id": "acme", **source, "sync_schedule": "hourly"})
    assert not hourly.is_error, text(hourly)
