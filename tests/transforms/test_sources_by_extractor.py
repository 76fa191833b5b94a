"""Two shops have streams of one name: each source names its tap, and the mapper is told which one feeds it."""

from __future__ import annotations

from typing import Any

import pytest
from support import record, run_inside, schema

from transforms.map_conversions import MapConversions

SOURCES = [
    {"preset": "pos", "connector": "till", "extractor": "acme--till"},
    {"preset": "olo", "connector": "shop", "extractor": "acme--shop"},
]
LINES = [
    schema("orders", ["id", "created_at", "total"], ["id"]),
    record("orders", id="1", created_at="2026-01-01T00:00:00Z", total="5"),
]


def conversions(**settings: Any) -> list[dict[str, Any]]:
    done = run_inside(MapConversions, {"tenant": "acme", "sources": SOURCES, **settings}, LINES)
    assert done.code == 0, done.log
    return done.records("conversions")


@pytest.mark.parametrize("connector", ["till", "shop"])
def test_the_source_of_the_tap_is_used_without_a_word_about_the_other(connector: str) -> None:
    assert [row["connector"] for row in conversions(extractor=f"acme--{connector}")] == [connector]


def test_without_it_two_that_match_are_refused() -> None:
    done = run_inside(MapConversions, {"tenant": "acme", "sources": SOURCES}, LINES)
    assert (done.code, "more than one source matches it" in done.log) == (78, True)


def test_a_source_that_names_no_tap_takes_any() -> None:
    sources = [{"preset": "pos", "connector": "any"}]
    assert [row["connector"] for row in conversions(sources=sources, extractor="tap-csv")] == ["any"]


def test_the_other_source_is_not_warned_of() -> None:
    done = run_inside(MapConversions, {"tenant": "acme", "sources": SOURCES, "extractor": "acme--till"}, LINES)
    assert "matched no stream" not in done.log
