"""`growthnav models`: the customer summary equals the published one, and says so when it does not."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import duckdb
import pytest
from click.testing import CliRunner

from pipe.errors import ConfigurationError, PipeError
from plugins import rfm_check
from plugins.cli import growthnav
from plugins.rfm_check import PUBLISHED, check, lifetimes_summary, warehouse_summary
from tests.warehouses import make, make_cdnow

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result

SCHEMA = "growthnav_cdnow"
WIRING = """
version: 1
plugins:
  loaders:
  - name: target-duckdb
    settings:
    - {name: filepath, value: "${MELTANO_PROJECT_ROOT}/out/${MELTANO_ENVIRONMENT}.duckdb"}
    - {name: schema, value: "growthnav_${MELTANO_ENVIRONMENT}"}
environments:
- name: cdnow
- name: empty
"""


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with one tenant whose purchases are in its warehouse."""
    root = tmp_path_factory.mktemp("project")
    (root / "meltano.yml").write_text(WIRING)
    (root / "out").mkdir()
    make_cdnow(root / "out" / "cdnow.duckdb", SCHEMA)
    make(root / "out" / "empty.duckdb", "growthnav_empty")
    return root


@pytest.fixture
def project(loaded: Path, tmp_path: Path) -> Path:
    return shutil.copytree(loaded, tmp_path / "project")


@pytest.fixture
def without_lifetimes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rfm_check, "_lifetimes_is_here", lambda: False)


def growth(project: Path, *arguments: str) -> Result:
    return CliRunner().invoke(growthnav, ["--project", str(project), "models", *arguments])


@pytest.mark.usefixtures("without_lifetimes")
def test_sums_are_the_published_ones(loaded: Path) -> None:
    checks = check(loaded / "out" / "cdnow.duckdb", SCHEMA)
    assert [(found.horizon, found.what) for found in checks if not found.passed] == []
    assert len(checks) == 5 * len(PUBLISHED)


@pytest.mark.quality
@pytest.mark.parametrize("horizon", PUBLISHED, ids=str)
def test_every_customer_is_as_in_lifetimes(loaded: Path, horizon: object) -> None:
    from datetime import date

    assert isinstance(horizon, date)
    ours = warehouse_summary(loaded / "out" / "cdnow.duckdb", SCHEMA, horizon)
    theirs = lifetimes_summary(horizon)
    assert ours.keys() == theirs.keys()
    assert len(ours) == 23_570
    assert [key for key in ours if ours[key][:3] != theirs[key][:3]] == []
    assert max(abs(ours[key][3] - theirs[key][3]) for key in ours) <= 1e-9


@pytest.mark.quality
def test_the_command_compares_with_lifetimes_too(loaded: Path) -> None:
    done = growth(loaded, "check", "rfm")
    assert done.exit_code == 0, done.output
    assert done.output.count("customers as in lifetimes") == 2
    assert "DIFFERS" not in done.output


@pytest.mark.usefixtures("without_lifetimes")
def test_the_command_prints_the_figures_and_leaves_the_warehouse_alone(project: Path) -> None:
    before = (project / "out" / "cdnow.duckdb").read_bytes()
    done = growth(project, "check", "rfm", "--tenant", "cdnow")
    assert done.exit_code == 0, done.output
    assert "336,714.2874" in done.output
    assert "lifetimes is not installed" in done.output
    assert (project / "out" / "cdnow.duckdb").read_bytes() == before


@pytest.mark.usefixtures("without_lifetimes")
def test_one_wrong_purchase_is_found(project: Path) -> None:
    with duckdb.connect(str(project / "out" / "cdnow.duckdb")) as connection:
        connection.execute(f"UPDATE {SCHEMA}.conversions SET value = value + 0.01 WHERE transaction_id = '5'")
    done = growth(project, "check", "rfm")
    assert done.exit_code == 2
    assert done.output.count("DIFFERS") == 2
    assert all("monetary" in line for line in done.output.splitlines() if "DIFFERS" in line)


def test_run_makes_the_tables_and_counts_them(project: Path) -> None:
    done = growth(project, "run", "cdnow")
    assert done.exit_code == 0, done.output
    assert [line.split() for line in done.output.splitlines()] == [
        ["person_current", "0", "rows"],
        ["person_sources", "23,570", "rows"],
        ["rfm_purchases", "69,659", "rows"],
        ["rfm_users", "23,570", "rows"],
        ["rfm_people", "23,570", "rows"],
    ]
    done = growth(project, "run", "cdnow", "--observation-end", "1997-01-31", "--include-first")
    assert done.exit_code == 0, done.output
    with duckdb.connect(str(project / "out" / "cdnow.duckdb"), read_only=True) as connection:
        row = connection.execute(
            f"SELECT COUNT(*), MIN(frequency), MAX(last_purchase)::VARCHAR FROM {SCHEMA}.rfm_users"
        ).fetchone()
    assert row == (7_846, 1, "1997-01-31")


def test_an_unknown_tenant_or_a_tenant_without_data_is_said(project: Path) -> None:
    done = growth(project, "run", "cdnov")
    assert isinstance(done.exception, ConfigurationError)
    assert "cdnov" in str(done.exception)
    (project / "out" / "cdnow.duckdb").unlink()
    done = growth(project, "check", "rfm")
    assert isinstance(done.exception, ConfigurationError)
    assert "cdnow.duckdb does not exist" in str(done.exception)
    done = growth(project, "check", "rfm", "--tenant", "empty")
    assert isinstance(done.exception, PipeError)
    assert "no purchases of the connector cdnow" in str(done.exception)


def test_a_mistyped_date_is_refused(project: Path) -> None:
    done = growth(project, "run", "cdnow", "--observation-end", "30.9.1997")
    assert done.exit_code == 2
    assert "30.9.1997" in done.output
