"""The CDNOW file is the published one and stays untouched by a second run."""

from __future__ import annotations

import hashlib
from decimal import Decimal
from typing import TYPE_CHECKING

from plugins.demo_data import cdnow

if TYPE_CHECKING:
    from pathlib import Path


def test_the_file_is_the_published_one(tmp_path: Path) -> None:
    path = cdnow.prepare(tmp_path / "cdnow")
    assert path.name == "CDNOW_master.txt"
    assert hashlib.sha256(path.read_bytes()).hexdigest() == cdnow.SHA256


def test_purchases_have_the_published_figures() -> None:
    purchases = cdnow.purchases()
    assert len(purchases) == cdnow.PURCHASES == 69_659
    assert len({purchase.customer for purchase in purchases}) == cdnow.CUSTOMERS == 23_570
    assert sum(purchase.value for purchase in purchases) == cdnow.REVENUE == Decimal("2500315.63")
    assert purchases[0].customer == "00001"
    assert (str(min(p.day for p in purchases)), str(max(p.day for p in purchases))) == ("1997-01-01", "1998-06-30")
    assert sum(purchase.value == 0 for purchase in purchases) == 80


def test_a_second_run_leaves_the_file_alone(tmp_path: Path) -> None:
    path = cdnow.prepare(tmp_path)
    before = path.stat()
    cdnow.prepare(tmp_path)
    assert (path.stat().st_mtime_ns, path.stat().st_ino) == (before.st_mtime_ns, before.st_ino)


def test_a_damaged_file_is_made_anew(tmp_path: Path) -> None:
    path = cdnow.prepare(tmp_path)
    path.write_bytes(b"cut off")
    cdnow.prepare(tmp_path)
    assert path.read_bytes() == cdnow.content()
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]
