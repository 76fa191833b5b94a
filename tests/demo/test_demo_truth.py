"""Precision and recall of resolved people, worked out by hand and compared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pipe.errors import ConfigurationError
from plugins.demo_data.truth import score
from tests.warehouses import make, merge, purchase
from transforms.models import runner

if TYPE_CHECKING:
    from pathlib import Path

SCHEMA = "growthnav_shop"


def contact(number: int, person: str | None) -> dict[str, Any]:
    return {
        "profile_id": f"c{number}",
        "customer_id": "shop",
        "connector": "crm",
        "source_stream": "contacts",
        "source_record_id": str(number),
        "global_customer_id": person,
    }


def truth(tmp_path: Path, *rows: tuple[str, int, str]) -> Path:
    path = tmp_path / "truth.csv"
    lines = ["source_stream,source_id,person", *(f"{stream},{number},{person}" for stream, number, person in rows)]
    path.write_text("\n".join(lines) + "\n")
    return path


def test_pairs_are_counted_over_all_streams_and_through_merges(tmp_path: Path) -> None:
    database = make(
        tmp_path / "shop.duckdb",
        SCHEMA,
        [
            purchase(1, "2024-05-01", "1", global_customer_id="a"),
            purchase(2, "2024-05-02", "1", global_customer_id="b"),  # b was merged into a
            purchase(3, "2024-05-03", "1", global_customer_id="a"),  # wrongly taken for the same
            purchase(4, "2024-05-04", "1", global_customer_id=None),  # cash
        ],
        [merge("b", "a")],
        [contact(1, "a"), contact(2, "c")],
    )
    runner.run(database, SCHEMA)
    people = truth(
        tmp_path,
        ("sales", 1, "ann"), ("sales", 2, "ann"), ("sales", 4, "ann"), ("contacts", 1, "ann"),
        ("sales", 3, "bob"), ("contacts", 2, "bob"),
        ("contacts", 99, "eve"),
    )  # fmt: skip
    found = score(database, SCHEMA, people)
    # ann's four records make 6 pairs, bob's two make 1; found: four records of a make 6 pairs, 3 of them ann's
    assert (found.quality.true_pairs, found.quality.predicted_pairs, found.quality.common_pairs) == (7, 6, 3)
    assert (found.quality.precision, found.quality.recall) == (0.5, pytest.approx(3 / 7))
    assert (found.quality.records, found.without_person, found.quality.true_people, found.found_people) == (7, 2, 3, 2)


def test_nothing_found_is_precise_and_misses_all(tmp_path: Path) -> None:
    database = make(tmp_path / "shop.duckdb", SCHEMA, profiles=[contact(1, None), contact(2, None)])
    runner.run(database, SCHEMA)
    found = score(database, SCHEMA, truth(tmp_path, ("contacts", 1, "ann"), ("contacts", 2, "ann")))
    assert (found.quality.precision, found.quality.recall) == (1.0, 0.0)


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    people = truth(tmp_path)
    with pytest.raises(ConfigurationError, match=r"shop\.duckdb does not exist"):
        score(tmp_path / "shop.duckdb", SCHEMA, people)
    database = make(tmp_path / "shop.duckdb", SCHEMA)
    with pytest.raises(ConfigurationError, match="person_current"):
        score(database, SCHEMA, people)
