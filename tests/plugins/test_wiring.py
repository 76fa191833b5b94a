"""Mistakes in meltano.yml and the tenant files: all at once, with file and line."""

from __future__ import annotations

import pytest
from stub_project import Project

from pipe.errors import ConfigurationError
from plugins.project import open_project
from plugins.wiring import expand, references


def mistakes(project: Project) -> str:
    with pytest.raises(ConfigurationError) as caught:
        open_project(project.root)
    return str(caught.value)


def write(project: Project, name: str, text: str) -> None:
    (project.root / "tenants" / f"{name}.meltano.yml").write_text(text)


def test_broken_yaml_names_file_and_line(project: Project) -> None:
    write(project, "acme", "environments:\n- name: acme\n  config: {a: [1, 2\n")
    assert mistakes(project).startswith("tenants/acme.meltano.yml:4: not YAML: ")
    ended = project.call("run", "acme")
    assert ended.code == 2
    assert "tenants/acme.meltano.yml:4" in ended.out


def test_broken_main_file(project: Project) -> None:
    with (project.root / "meltano.yml").open("a") as file:
        file.write("jobs: [\n")
    assert mistakes(project).startswith("meltano.yml:")
    (project.root / "meltano.yml").write_text("- a\n")
    assert mistakes(project) == "meltano.yml:1: must be a mapping"
    (project.root / "meltano.yml").write_bytes(b"\xff\xfe\x00")
    assert mistakes(project) == "meltano.yml cannot be read (UnicodeDecodeError)"


def test_every_mistake_is_told(project: Project) -> None:
    write(
        project,
        "acme",
        """\
environments:
- name: Ac me
- name: acme
  config:
    plugins:
      extractors:
      - name: tap-stup
      mappers:
      - name: map-stub
        mappings: [{name: mapping, config: {a: 1}}]
schedules:
- {name: daily, interval: '@daily', job: row, env: {MELTANO_ENVIRONMENT: acme}}
- {name: stray, interval: '@daily', job: rows}
""",
    )
    write(project, "again", "environments:\n- name: acme\n")
    write(project, "odd", "environment:\n- name: odd\n")
    assert mistakes(project) == "tenants/odd.meltano.yml:1: 'environment' may only stand in meltano.yml"
    (project.root / "tenants/odd.meltano.yml").unlink()
    found = mistakes(project)
    assert found.splitlines()[0] == "6 mistakes"
    for text in (
        "tenants/acme.meltano.yml:2: 'Ac me' cannot be a tenant's id",
        "tenants/acme.meltano.yml:7: there is no extractor 'tap-stup'. Did you mean 'tap-stub'?",
        "tenants/acme.meltano.yml:10: Meltano ignores 'mappings' in an environment",
        "tenants/acme.meltano.yml:12: there is no job 'row'. Did you mean 'rows'?",
        "tenants/acme.meltano.yml:13: the schedule belongs to no tenant",
        "tenants/again.meltano.yml:2: tenant 'acme' is already in acme.meltano.yml:3",
    ):
        assert text in found


def test_a_variant_is_an_environment_of_a_tenant_and_no_tenant(project: Project) -> None:
    write(project, "acme", "environments:\n- name: acme-bq\n- name: acme\n")
    assert list(open_project(project.root).tenants) == ["acme"]
    plugins = "{plugins: {loaders: [{name: target-stup}]}}"
    write(project, "acme", f"environments:\n- name: acme-bq\n  config: {plugins}\n")
    found = mistakes(project)
    assert "tenants/acme.meltano.yml:2: 'acme-bq' is a variant of no tenant: there is no 'acme'" in found
    assert "tenants/acme.meltano.yml:3: there is no loader 'target-stup'. Did you mean 'target-stub'?" in found


def test_empty_tenant_file_is_none(project: Project) -> None:
    write(project, "empty", "# nothing yet\n")
    assert open_project(project.root).tenants == {}


def test_scheduled_jobs_are_the_default(project: Project) -> None:
    schedule = "{name: a, interval: '@daily', job: rows, env: {MELTANO_ENVIRONMENT: acme}}"
    write(project, "acme", f"environments:\n- name: acme\nschedules:\n- {schedule}\n")
    found = open_project(project.root)
    assert found.jobs_for(found.tenant("acme"), None) == ["rows"]
    assert [plugin.name for plugin in found.plugins_of(["rows"])] == ["tap-stub", "map-stub", "target-stub"]


def test_all_unset_variables_are_told_before_meltano_starts(project: Project) -> None:
    project.add("acme", tap={"api_key": "${ACME_KEY}", "say": "\\${KEPT} $ACME_WORD ${MELTANO_ENVIRONMENT}"})
    ended = project.call("run", "acme", "--json")
    assert ended.code == 2
    assert ended.result["error"].splitlines() == [
        "2 mistakes",
        "  tenants/acme.meltano.yml:6: environment variable ACME_KEY is not set",
        "  tenants/acme.meltano.yml:7: environment variable ACME_WORD is not set",
    ]
    assert ended.result["duration_seconds"] < 1


def test_references_as_meltano_reads_them() -> None:
    text = r"a ${B_1} $C_2 \${D} $e ${f}"
    assert [name for _, name in references({"x": [text]})] == ["B_1", "C_2", "f"]
    assert expand(text, {"B_1": "1", "f": "2"}) == r"a 1  ${D} $e 2"
