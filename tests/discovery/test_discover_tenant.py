"""A tenant's source from discovery to drift, through the shipped wiring and the real Meltano."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
import yaml

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
ORDERS = "order_id,order_date,total,customer_id,email,currency\n"
CONTACTS = "contact_id,first_name,last_name,email_address,city\n"


def write_files(inputs: Path, *, drifted: bool = False) -> None:
    """Orders and contacts; `drifted`, the orders call their total otherwise, and there is one more contact."""
    inputs.mkdir(exist_ok=True)
    header = ORDERS.replace("total", "grand_total") if drifted else ORDERS
    body = "".join(f"{n},2024-05-{n % 28 + 1:02d},{n}.50,c{n % 7},a{n % 7}@b.example,USD\n" for n in range(1, 40))
    (inputs / f"orders_{int(drifted)}.csv").write_text(header + body)
    if drifted:
        (inputs / "orders_0.csv").unlink()
    people = "".join(f"c{n},Ann,Example,a{n}@b.example,Berlin\n" for n in range(9 + drifted))
    (inputs / "contacts.csv").write_text(CONTACTS + people)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("project")
    (root / "tenants").mkdir()
    for name in ("meltano.yml", "logging.yaml"):
        shutil.copy(ROOT / name, root)
    (root / ".venv").symlink_to(sys.prefix)
    write_files(root / "in")
    streams = [
        {"stream": "orders", "path": "${MELTANO_PROJECT_ROOT}/in/orders_*.csv"},
        {"stream": "contacts", "path": "${MELTANO_PROJECT_ROOT}/in/contacts.csv"},
    ]
    mapping = {"preset": "${MELTANO_PROJECT_ROOT}/tenants/acme/csv.yml", "connector": "csv"}
    plugins = {
        "extractors": [{"name": "tap-csv", "config": {"streams": streams}}],
        "mappers": [{"name": "map-conversions", "config": {"sources": [mapping]}}],
    }
    content = {"environments": [{"name": "acme", "config": {"plugins": plugins}}]}
    (root / "tenants/acme.meltano.yml").write_text(yaml.safe_dump(content))
    return root


def call(home: Path, *command: str | Path) -> tuple[int, str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MELTANO", "PYTHONDONT"))}
    environment |= {"XDG_STATE_HOME": str(home / "home")}
    done = subprocess.run(command, cwd=home, env=environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout or done.stderr


def growthnav(home: Path, *words: str) -> tuple[int, str]:
    return call(home, BIN / "growthnav", *words)


def loaded(home: Path, table: str) -> int:
    with duckdb.connect(str(home / "out/acme.duckdb"), read_only=True) as connection:
        (row,) = connection.execute(f"SELECT count(*) FROM growthnav_acme.{table}").fetchall()
        return int(row[0])


def test_from_discovery_to_drift(home: Path) -> None:
    # Look: the connection is tested, a sample is read, a review is written, and nothing else.
    code, said = growthnav(home, "discover", "acme", "csv", "--sample", "30")
    assert code == 0, said
    review = home / ".growthnav/acme/csv.review.md"
    assert "11 columns: 11 to accept" in said
    assert str(review) in said
    assert "for acme" in review.read_text()
    assert (home / ".growthnav/acme/csv.review.html").is_file()
    assert not (home / "tenants/acme").exists(), "no mapping without a review"
    assert "| 30 |" in review.read_text(), "a sample"
    assert not (home / "out").exists()
    # Approve, and run.
    code, said = growthnav(home, "discover", "--apply", str(review))
    assert code == 0, said
    assert "Add it to the sources" not in said, "the tenant's file names it already"
    assert {path.name for path in (home / "tenants/acme").iterdir()} == {"csv.yml", "csv.decisions.yml"}
    code, said = growthnav(home, "run", "acme", "files", "--json")
    assert code == 0, said
    assert (loaded(home, "conversions"), loaded(home, "customer_profiles")) == (39, 9)
    # The source changes: its stream stops with a proposal, the other goes on, and its bookmark does not move.
    write_files(home / "in", drifted=True)
    before = bookmark(home)
    code, said = growthnav(home, "run", "acme", "files", "--json")
    result = json.loads(said)
    assert (code, result["status"], result["failed_plugin"]) == (1, "partial", "map-conversions")
    assert "field 'total' (for value) is gone; proposed: read 'grand_total' in its place" in result["error"]
    assert result["skipped_streams"] == 1
    assert (loaded(home, "conversions"), loaded(home, "customer_profiles")) == (39, 10)
    assert bookmark(home) == before
    # Look again: only the difference; approve it, and what was left out comes in.
    code, said = growthnav(home, "discover", "acme", "csv")
    assert code == 0, said
    shown = [line.split("`")[1] for line in review.read_text().splitlines() if line.startswith("| `")]
    assert shown == ["grand_total", "total"]
    code, said = growthnav(home, "discover", "--apply", str(review))
    assert code == 0, said
    code, said = growthnav(home, "run", "acme", "files", "--json")
    assert code == 0, said
    assert loaded(home, "conversions") == 39
    assert bookmark(home) != before


def bookmark(home: Path) -> object:
    (path,) = home.glob(".state/*target-duckdb*/state.json")
    return json.loads(path.read_text())["completed"]["singer_state"]["bookmarks"]["orders"]


def test_mistakes_are_told(home: Path) -> None:
    code, said = growthnav(home, "discover", "acme", "cvs")
    assert (code, "Did you mean 'tap-csv'?" in said) == (2, True)
    code, said = growthnav(home, "discover", "acne", "csv")
    assert (code, "there is no tenant 'acne'" in said) == (2, True)
    place = home / "tenants/acme.meltano.yml"
    text = place.read_text()
    place.write_text(text.replace("contacts.csv", "contracts.csv"))
    try:
        code, said = growthnav(home, "discover", "acme", "csv")
    finally:
        place.write_text(text)
    assert code == 2
    said_so = "configuration error: tap-csv: the connection does not work: stream 'contacts': path matches no file"
    assert said_so in said
    assert "Traceback" not in said


def test_plain_meltano_has_it_as_a_loader(home: Path) -> None:
    code, said = call(
        home, BIN / "meltano", "--environment=acme", "run", "--full-refresh", "tap-csv", "discover-mapping"
    )
    assert code == 0, said
    assert "# Review of source for acme" in (home / ".growthnav/acme/review.md").read_text()
    assert list(home.glob(".state/*tap-csv-to-discover-mapping*/state.json")), "it passes STATE like any target"
