"""`growthnav run`, plain `meltano run` and a shell pipe make the same tables out of the same sources."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml
from operating import GROWTHNAV, MELTANO
from pipeline import Pipeline

ROOT = Path(__file__).parents[2]
KEY = "5e" * 32
OF_THE_RUN = ["run_id", "position", "effective_at", "valid_from", "valid_to", "identity_map_id"]
"""What says when, or hashes it: a row's id in identity_map tells since when a customer is whose."""
SOURCES: list[dict[str, Any]] = [{"preset": "olo", "connector": "shop"}, {"preset": "crm", "connector": "crm"}]


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Orders and contacts of people who share an e-mail here and a phone there; one order cannot be read."""
    folder = tmp_path_factory.mktemp("inputs")
    orders = ["id,total,created_at,customer_id,customer_email,customer_phone"]
    contacts = ["contact_id,first_name,email,phone,updated_at"]
    for number in range(200):
        total = f"{number}.50" if number != 77 else "free"
        mail = f"p{number // 4}@mail.example" if number % 3 else ""
        phone = f"+1212555{number // 8 + 1000}" if number % 5 else ""
        orders.append(f"o{number},{total},2024-05-{number % 28 + 1:02d}T10:00:00Z,u{number // 3},{mail},{phone}")
        contacts.append(f"c{number},N{number},{mail},{phone},2024-01-01T00:00:00Z")
    (folder / "orders.csv").write_text("\n".join(orders) + "\n")
    (folder / "contacts.csv").write_text("\n".join(contacts) + "\n")
    return folder


def streams(inputs: Path) -> dict[str, Any]:
    return {"streams": [{"stream": name, "path": str(inputs / f"{name}.csv")} for name in ("orders", "contacts")]}


def project(root: Path, inputs: Path) -> Path:
    """The shipped wiring with one tenant of our own."""
    (root / "tenants").mkdir(parents=True)
    for name in ("meltano.yml", "logging.yaml"):
        shutil.copy(ROOT / name, root)
    (root / ".venv").symlink_to(sys.prefix)
    plugins = {
        "extractors": [{"name": "tap-csv", "config": streams(inputs)}],
        "mappers": [
            {"name": "map-conversions", "config": {"sources": SOURCES}},
            {"name": "resolve-identity", "config": {"key": "${ACME_KEY}"}},
        ],
        "loaders": [{"name": "target-duckdb", "config": {"filepath": "${MELTANO_PROJECT_ROOT}/warehouse.duckdb"}}],
    }
    content = {"environments": [{"name": "acme", "config": {"plugins": plugins}}]}
    (root / "tenants/acme.meltano.yml").write_text(yaml.safe_dump(content))
    return root


def call(root: Path, *command: str | Path) -> tuple[int, str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MELTANO", "PYTHONDONT"))}
    environment |= {"ACME_KEY": KEY, "XDG_STATE_HOME": str(root / "home")}
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def contents(database: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Every table's rows, sorted, without what says when and in which run they were made."""
    with duckdb.connect(str(database), read_only=True) as connection:
        names = connection.execute(
            "SELECT table_name FROM duckdb_tables() WHERE schema_name = 'growthnav_acme'"
        ).fetchall()
        return {
            name: sorted(
                connection.execute(
                    f"SELECT COLUMNS(lambda c: NOT list_contains($1, c))::VARCHAR FROM growthnav_acme.{name}",
                    [OF_THE_RUN],
                ).fetchall(),
                key=repr,
            )
            for (name,) in names
        }


def test_row_57_three_ways_one_result(tmp_path: Path, inputs: Path) -> None:
    wrapped, plain = project(tmp_path / "wrapped", inputs), project(tmp_path / "plain", inputs)
    shell = Pipeline(tmp_path / "shell", streams(inputs), SOURCES, settings={"resolve-identity": {"key": KEY}})
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(call, wrapped, GROWTHNAV, "run", "acme", "files", "--json")
        second = pool.submit(call, plain, MELTANO, "--environment=acme", "run", "files")
        ended = shell.run()
    code, text = second.result()
    assert code == 0, text
    code, text = first.result()
    assert code == 1, text  # one record is rejected, and plain Meltano does not tell
    assert set(ended.codes.values()) == {0}, ended.log

    tables = contents(shell.database)
    assert {name: len(rows) for name, rows in tables.items() if name != "identity_map"} == {
        "conversions": 199,
        "customer_profiles": 200,
        "identity_merges": len(tables["identity_merges"]),
        "rejects": 1,
    }
    assert tables["identity_merges"]
    for root in (wrapped, plain):
        assert contents(root / "warehouse.duckdb") == tables

    result = json.loads(text[text.index("{") :].splitlines()[0])
    assert (result["records_fetched"], result["records_normalized"], result["records_rejected"]) == (400, 399, 1)
    assert KEY not in text
    assert not [
        path for path in (wrapped / ".meltano").rglob("*") if path.is_file() and KEY in path.read_text("latin-1")
    ]
