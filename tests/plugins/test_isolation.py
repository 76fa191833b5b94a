"""Tenants that start together share nothing: no bookmark, catalog, configuration or row."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from operating import Ended
from stub_project import Project
from trials import kills

TRIALS = kills(2)


def together(project: Project, names: list[str], gap: float) -> dict[str, Ended]:
    """Start a run of each tenant, `gap` seconds apart."""

    def run(index: int) -> Ended:
        time.sleep(index * gap)
        return project.call("run", names[index], "--json", ACME_KEY="acme-secret-1", GLOBEX_KEY="globex-secret-2")

    with ThreadPoolExecutor(len(names)) as pool:
        return dict(zip(names, pool.map(run, range(len(names))), strict=True))


def check(project: Project, trials: int) -> None:
    sizes = {"acme": 7, "globex": 12}
    for name, size in sizes.items():
        project.add(name, tap={"rows": size, "api_key": f"${{{name.upper()}_KEY}}"})
    for trial in range(trials):
        ended = together(project, list(sizes), gap=0.5 * trial / trials)
        for name, size in sizes.items():
            other = next(iter(set(sizes) - {name}))
            result = ended[name].result
            assert ended[name].code == 0, ended[name].out
            start = trial * size // 2 * 2 if size % 2 == 0 else trial * (size - 1)
            previous = name if trial else "nobody"
            assert f"starts at {start} as {name} with state of {previous}" in project.log(result)
            assert result["records_loaded"] == size
            assert {row["tenant"] for row in project.rows(name)} == {name}
            assert project.ids(name) == list(range(start + size))
            assert project.bookmark(name) == result["cursor"]["rows"]
            assert f"{other}-secret" not in project.log(result)
            catalog = project.root / ".meltano/tenants" / name / "run/tap-stub/tap.properties.json"
            assert catalog.exists()


def test_row_33_two_tenants_within_half_a_second(project: Project) -> None:
    check(project, 2)


@pytest.mark.chaos
def test_two_tenants_within_half_a_second_many_times(project: Project) -> None:
    check(project, max(TRIALS, 2))


def test_a_tenant_does_not_get_the_secrets_of_another(project: Project) -> None:
    project.add("acme", tap={"api_key": "${ACME_KEY}"})
    project.add("globex", tap={"api_key": "${ACME_TOKEN}"})
    ended = project.call("run", "globex", "--json", ACME_KEY="acme-secret-1")
    assert ended.code == 2
    assert ended.result["error_class"] == "configuration"
    assert ended.result["error"] == "tenants/globex.meltano.yml:6: environment variable ACME_TOKEN is not set"


def test_a_plugin_sees_no_variable_of_another_tenant(project: Project) -> None:
    project.add("acme", tap={"api_key": "${ACME_KEY}", "say": "${ACME_WORD}"})
    project.add("globex", tap={"api_key": "${GLOBEX_KEY}", "peek": True})
    (project.root / ".env").write_text("ACME_KEY=acme-secret-1\nGLOBEX_KEY=globex-secret-2\nCOMMON=everybodys\n")
    ended = project.call("run", "globex", "--json", ACME_WORD="acme-word")
    assert ended.code == 0, ended.out
    seen = project.log(ended.result)
    assert "sees GLOBEX_KEY" in seen
    assert "connecting with ***" in seen
    assert "ACME" not in seen
