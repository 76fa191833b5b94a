"""What a child gets of our environment: what any program needs, and what its own tenant's files name."""

from __future__ import annotations

import pytest
from stub_project import CANARY, Project

from plugins import inherited
from plugins.project import open_project

COMMON = {
    "PATH": "/bin",
    "HOME": "/home/op",
    "LC_ALL": "C.UTF-8",
    "https_proxy": "http://proxy.example",
    "HTTP_PROXY": "http://proxy.example",
    "SSL_CERT_FILE": "/etc/certs.pem",
    "GOOGLE_APPLICATION_CREDENTIALS": "/etc/key.json",
    "AWS_PROFILE": "ops",
    "MELTANO_STATE_BACKEND_URI": "gs://states",
    "GROWTHNAV_DEBUG": "1",
    "BIGQUERY_EMULATOR_HOST": "localhost:1",
}
OPERATORS = {
    "TILL_PASSWORD": CANARY,
    "PGPASSWORD": CANARY,
    "ANTHROPIC_API_KEY": CANARY,
    "PATHS": CANARY,
    "MY_GOOGLE_KEY": CANARY,
    "GROWTHNAV_ACME_CONNECTOR_STUB_TILL": CANARY,
    "GROWTHNAV_GLOBEX_CONNECTOR_STUB_TILL": CANARY,
}


def test_a_tenant_gets_what_any_program_needs_and_what_its_own_file_names(project: Project) -> None:
    project.add("acme", tap={"api_key": "${ACME_KEY}", "say": "${BOTH}"})
    project.add("globex", tap={"api_key": "${GLOBEX_KEY}", "say": "${BOTH}"})
    found = open_project(project.root)
    own = {"ACME_KEY": "1", "BOTH": "2", "TAP_STUB_ROWS": "3"}
    given = {**COMMON, **OPERATORS, **own, "GLOBEX_KEY": CANARY}
    assert inherited.for_tenant(found, found.tenant("acme"), given) == {**COMMON, **own}
    assert inherited.common(given) == COMMON


def test_a_shared_tap_gets_no_secret_by_its_own_name(project: Project) -> None:
    """`meltano config set` keeps one tenant's secret under the tap's name, for all tenants."""
    project.add("acme", tap={"say": "hello"})
    named = project.add("globex", tap={"api_key": "${TAP_STUB_API_KEY}"})
    found = open_project(project.root)
    given = {"TAP_STUB_API_KEY": CANARY, "TAP_STUB_SAY": "hello", "TARGET_STUB_FILEPATH": "out"}
    plain = {"TAP_STUB_SAY": "hello", "TARGET_STUB_FILEPATH": "out"}
    assert inherited.for_tenant(found, found.tenant("acme"), given) == plain
    assert inherited.for_tenant(found, found.tenant("globex"), given) == given
    assert named.exists()


def test_variables_of_another_tenant_in_the_same_file_and_of_annotations_stay(project: Project) -> None:
    path = project.add("acme", tap={"api_key": "${ACME_KEY}"})
    more = """
- name: globex
  config: {plugins: {extractors: [{name: tap-stub, config: {api_key: '${GLOBEX_KEY}'}}]}}
  annotations: {growthnav: {run: {webhook: {url: 'https://hooks.example', secret: '${GLOBEX_HOOK}'}}}}
"""
    path.write_text(path.read_text() + more.lstrip("\n"))
    found = open_project(project.root)
    given = {"ACME_KEY": "1", "GLOBEX_KEY": "2", "GLOBEX_HOOK": "3"}
    assert inherited.for_tenant(found, found.tenant("acme"), given) == {"ACME_KEY": "1"}
    assert inherited.for_tenant(found, found.tenant("globex"), given) == {"GLOBEX_KEY": "2"}


def test_a_run_tells_its_plugins_nothing_else(project: Project) -> None:
    project.add("acme", tap={"api_key": "${ACME_KEY}", "peek": True})
    ended = project.call("run", "acme", "--json", ACME_KEY="acme-secret-1", ACME_OTHER=CANARY, COMMON_SECRET=CANARY)
    assert ended.code == 0, ended.out
    assert "sees ACME_KEY" in project.log(ended.result)
    assert project.files_with(CANARY) == []


@pytest.mark.parametrize(
    "mistake", ["environments: [", "environments:\n- name: globex\n  annotations: {growthnav: 1}\n"]
)
def test_mistakes_of_one_tenant_do_not_stop_another(project: Project, mistake: str) -> None:
    project.add("acme")
    (project.root / "tenants" / "globex.meltano.yml").write_text(mistake)
    assert project.call("run", "acme", "--json").code == 0


def test_a_tenant_whose_parts_stand_in_several_files_is_read_whole(project: Project) -> None:
    project.add("acme")
    (project.root / "tenants" / "jobs.meltano.yml").write_text(
        "jobs: [{name: again, tasks: [tap-stub mapping target-stub]}]\n"
    )
    (project.root / "tenants" / "plans.meltano.yml").write_text(
        "schedules:\n- {name: a, interval: '@daily', job: again, env: {MELTANO_ENVIRONMENT: acme}}\n"
        "- {name: g, interval: '@daily', job: again, env: {MELTANO_ENVIRONMENT: globex}}\n"
    )
    project.add("globex")
    found = open_project(project.root, tenant="acme")
    assert found.tenant("acme").schedules == [("@daily", "again")]
    assert [*open_project(project.root, tenant="acm").tenants] == ["acme", "globex"]
