"""Rows 27 and 28: what was rejected is kept with its reason, and is read again when it can be mapped."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb
import pytest
from operating import GROWTHNAV
from test_same_tables import call
from test_same_tables import project as shipped

from pipe.errors import ConfigurationError
from transforms import replay


def write(inputs: Path, totals: list[str]) -> None:
    lines = [f"o{number},{total},2024-05-01T10:00:00Z,u{number}" for number, total in enumerate(totals)]
    (inputs / "orders.csv").write_text("\n".join(["id,total,created_at,customer_id", *lines]) + "\n")


def rows(root: Path, sql: str) -> list[Any]:
    with duckdb.connect(str(root / "warehouse.duckdb"), read_only=True) as connection:
        return connection.execute(sql.replace("FROM ", "FROM growthnav_acme.")).fetchall()


def growthnav(root: Path, *words: str) -> tuple[int, Any]:
    code, text = call(root, GROWTHNAV, *words, "--json")
    return code, json.loads(text[text.index("{") :].splitlines()[0])


def test_rows_27_and_28_rejected_records_are_kept_and_replayed(tmp_path: Path) -> None:
    inputs = tmp_path / "inputs"
    inputs.mkdir()
    (inputs / "contacts.csv").write_text("contact_id,first_name,email,phone,updated_at\nc1,A,a@b.example,,2024-01-01\n")
    root = shipped(tmp_path / "project", inputs)
    write(inputs, ["1.50", "free", "2.50", "gratis", "3.50", "none"])
    code, first = growthnav(root, "run", "acme", "files")
    assert (code, first["records_rejected"], first["records_loaded"]) == (1, 3, 4), first
    kept = rows(root, "SELECT source_stream, rule, field, customer_id, run_id FROM rejects")
    assert kept == [("orders", kept[0][1], "value", "acme", first["run_id"])] * 3
    states = {path: path.read_bytes() for path in (root / ".state").rglob("state.json")}
    assert states

    write(inputs, ["1.50", "7.00", "99.99", "8.00", "3.50", "none"])  # two are mended; another one changed, too
    code, second = growthnav(root, "replay", "acme", "files")
    assert (code, second["sync_mode"], second["records_fetched"], second["records_rejected"]) == (1, "replay", 3, 1)
    values = dict(rows(root, "SELECT transaction_id, value FROM conversions"))
    assert {key: float(value) for key, value in values.items()} == {
        "o0": 1.5, "o1": 7.0, "o2": 2.5, "o3": 8.0, "o4": 3.5
    }  # fmt: skip
    assert rows(root, "SELECT run_id FROM rejects") == [(second["run_id"],)]
    assert {path: path.read_bytes() for path in (root / ".state").rglob("state.json")} == states

    code, third = growthnav(root, "replay", "acme", "files")
    assert (code, third["records_fetched"], third["records_rejected"]) == (1, 1, 1)
    write(inputs, ["1.50", "7.00", "99.99", "8.00", "3.50", "9.00"])
    assert growthnav(root, "replay", "acme", "files")[0] == 0
    assert rows(root, "SELECT COUNT(*) FROM rejects") == [(0,)]
    assert rows(root, "SELECT COUNT(*) FROM conversions") == [(6,)]
    assert growthnav(root, "replay", "acme", "files") == (0, {"customer_id": "acme", "status": "success"})


@pytest.mark.parametrize("content", [None, "[]", "{", '{"orders": 5}'])
def test_what_is_no_list_of_rejects_is_refused(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "only.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ConfigurationError, match="only_rejected"):
        replay.read(str(path))
