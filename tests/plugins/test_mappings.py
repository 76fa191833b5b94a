"""Rows 39 to 41: a tenant's own mapping over the preset's, shown before it is used, and what follows when it changes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml
from operating import GROWTHNAV, Ended
from test_same_tables import KEY, call
from test_same_tables import project as shipped

from plugins import mappings
from plugins.project import Project, open_project

ORDERS = """id,total,net,created_at,customer_id,customer_email
o1,10.00,9.00,2024-05-01T10:00:00Z,u1,anna@mail.example
o2,20.00,18.00,2024-05-02T10:00:00Z,u2,bert@mail.example
"""
CONTACTS = """contact_id,first_name,email,phone,updated_at
c1,Anna,anna@mail.example,+12125551000,2024-01-01T00:00:00Z
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    inputs = tmp_path_factory.mktemp("inputs")
    (inputs / "orders.csv").write_text(ORDERS)
    (inputs / "contacts.csv").write_text(CONTACTS)
    return shipped(tmp_path_factory.mktemp("project"), inputs)


def set_overrides(root: Path, overrides: dict[str, str], tenant: str = "acme") -> Project:
    """Write a tenant whose shop maps some fields otherwise."""
    path = root / "tenants/acme.meltano.yml"
    content = yaml.safe_load(path.read_text())
    content["environments"][0]["name"] = tenant
    for mapper in content["environments"][0]["config"]["plugins"]["mappers"]:
        if mapper["name"] == "map-conversions":
            mapper["config"]["sources"][0]["field_overrides"] = overrides
    (root / f"tenants/{tenant}.meltano.yml").write_text(yaml.safe_dump(content))
    return open_project(root)


def changed(project: Project, tenant: str, directory: Path) -> list[str]:
    return list(mappings.Memory(directory).changed(mappings.of(project, project.tenant(tenant))))


def test_row_39_a_tenants_override_is_its_own(root: Path, tmp_path: Path) -> None:
    project = set_overrides(root, {}, "globex")
    before = {name: mappings.of(project, project.tenant(name)) for name in ("acme", "globex")}
    assert before["acme"] == before["globex"]
    project = set_overrides(root, {"net": "value"}, "globex")
    after = {name: mappings.of(project, project.tenant(name)) for name in ("acme", "globex")}
    assert after["acme"] == before["acme"]
    memory = mappings.Memory(tmp_path)
    memory.keep(before["globex"])
    assert list(memory.changed(after["globex"])) == ["shop/orders"]
    (root / "tenants/globex.meltano.yml").unlink()


def test_what_does_not_change_a_row_changes_no_fingerprint(root: Path, tmp_path: Path) -> None:
    project = set_overrides(root, {})
    mappings.Memory(tmp_path).keep(mappings.of(project, project.tenant("acme")))
    path = root / "tenants/acme.meltano.yml"
    path.write_text("# a comment\n" + path.read_text())
    assert changed(open_project(root), "acme", tmp_path) == []
    assert changed(set_overrides(root, {"net": "value"}), "acme", tmp_path) == ["shop/orders"]
    assert changed(project, "acme", tmp_path / "before_the_first_run") == []
    set_overrides(root, {})


def test_row_40_a_preview_shows_rows_before_and_after_masked(root: Path) -> None:
    code, text = call(root, GROWTHNAV, "map", "preview", "acme", "--rows", "1")
    assert code == 0, text
    assert "orders #1" in text
    assert "contacts #1" in text
    assert "-> conversions" in text
    assert "value                        10.00" in text
    assert "aaaa@aaaa.aaaaaaa" in text
    assert "anna@" not in text
    assert "Anna" not in text
    assert not (root / ".state").exists()
    assert not (root / "warehouse.duckdb").exists()


def run(root: Path) -> dict[str, Any]:
    code, text = call(root, GROWTHNAV, "run", "acme", "files", "--json")
    ended = Ended(code, next(line for line in text.splitlines() if line.startswith("{")), "")
    assert ended.code == 0, text
    return ended.result


def test_row_41_a_changed_mapping_has_its_stream_read_in_full_and_no_other(root: Path) -> None:
    assert run(root)["records_fetched"] == 3
    assert "no mapping has changed" in call(root, GROWTHNAV, "map", "changes", "acme")[1]
    set_overrides(root, {"net": "value"})
    told = call(root, GROWTHNAV, "map", "changes", "acme")[1]
    assert told == "shop/orders: changed; the next run reads *order* in full\n"
    result = run(root)
    assert (result["resynced_streams"], result["records_fetched"]) == (["orders"], 2)
    with duckdb.connect(str(root / "warehouse.duckdb"), read_only=True) as warehouse:
        rows = warehouse.execute("SELECT value FROM growthnav_acme.conversions ORDER BY 1").fetchall()
    assert [float(value) for (value,) in rows] == [9.0, 18.0]
    history = json.loads(call(root, GROWTHNAV, "runs", "acme", "--json")[1])
    assert [item["resynced_streams"] for item in history] == [["orders"], []]


def test_row_41_a_full_refresh_of_another_job_that_fails_leaves_nothing_with_its_old_mapping(root: Path) -> None:
    set_overrides(root, {"total": "value"})
    code, text = call(root, GROWTHNAV, "run", "acme", "postgres", "--full-refresh", "--json")
    assert code == 2, text
    assert run(root)["records_fetched"] == 2
    with duckdb.connect(str(root / "warehouse.duckdb"), read_only=True) as warehouse:
        rows = warehouse.execute("SELECT value FROM growthnav_acme.conversions ORDER BY 1").fetchall()
    assert [float(value) for (value,) in rows] == [10.0, 20.0]


def test_an_agent_sees_fields_and_what_they_seem_to_be_and_no_values(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from importlib.util import find_spec

    from plugins.mcp_server import looking
    from plugins.mcp_server.access import Access
    from plugins.mcp_server.server import build

    monkeypatch.setenv("ACME_KEY", KEY)
    schema = looking.discover_schema(build(root, Access()), "acme", None, 50)
    streams = {stream.stream: stream for stream in schema.streams}
    assert {name: stream.records_seen for name, stream in streams.items()} == {"orders": 2, "contacts": 1}
    fields = {field.name: field for field in streams["orders"].fields}
    assert list(fields) == ["id", "total", "net", "created_at", "customer_id", "customer_email"]
    text = schema.model_dump_json()
    assert "anna@" not in text
    assert "2024-05-01" not in text
    if find_spec("discovery.propose"):  # the engine is a room of its own; without it, names and types are all
        assert fields["created_at"].suggested_target == "timestamp"
    else:
        assert {field.suggested_target for field in fields.values()} == {None}


def test_an_agent_is_told_why_records_are_one_person(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from plugins.mcp_server import looking
    from plugins.mcp_server.access import Access
    from plugins.mcp_server.server import build

    path = root / "tenants/acme.meltano.yml"
    content = yaml.safe_load(path.read_text())
    warehouse_of = {"database": str(root / "warehouse.duckdb"), "schema": "growthnav_acme"}
    tap = {"name": "tap-identity", "config": {"key": "${ACME_KEY}", "warehouse": warehouse_of}}
    content["environments"][0]["config"]["plugins"]["extractors"].append(tap)
    path.write_text(yaml.safe_dump(content))
    code, text = call(root, GROWTHNAV, "run", "acme", "files")
    assert code == 0, text
    code, text = call(root, GROWTHNAV, "identity", "reconcile", "acme")
    assert code == 0, text
    with duckdb.connect(str(root / "warehouse.duckdb"), read_only=True) as warehouse:
        [(person,)] = warehouse.execute(
            "SELECT DISTINCT global_customer_id FROM growthnav_acme.customer_profiles"
        ).fetchall()
    monkeypatch.setenv("ACME_KEY", KEY)
    found = looking.explain_identity(build(root, Access()), "acme", person, None)
    assert found.known
    assert found.members
    told = "\n".join(found.explanation)
    assert f"person {person}" in told
    assert "crm:c1" in told
    assert "anna@" not in told
