"""Which warehouse a tenant's jobs fill."""

from __future__ import annotations

from pathlib import Path

import pytest

from plugins.project import open_project
from plugins.warehouse import loader_of

WIRING = """
version: 1
plugins:
  extractors: [{name: tap-a}]
  loaders: [{name: target-duckdb}, {name: target-bigquery}]
jobs:
- {name: here, tasks: [tap-a target-duckdb]}
- {name: there, tasks: [tap-a target-bigquery]}
environments:
- name: plain
- name: configured
  config: {plugins: {loaders: [{name: target-bigquery, config: {project: p}}]}}
- name: scheduled
  config: {plugins: {loaders: [{name: target-duckdb, config: {schema: s}}]}}
schedules:
- {name: nightly, interval: "@daily", job: there, env: {MELTANO_ENVIRONMENT: scheduled}}
"""


@pytest.mark.parametrize(
    ("tenant", "loader"),
    [("plain", "target-duckdb"), ("configured", "target-bigquery"), ("scheduled", "target-bigquery")],
)
def test_the_loader_of_a_tenant(tmp_path: Path, tenant: str, loader: str) -> None:
    (tmp_path / "meltano.yml").write_text(WIRING)
    project = open_project(tmp_path)
    assert loader_of(project, project.tenant(tenant)).name == loader
