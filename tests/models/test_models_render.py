"""The models in BigQuery's dialect: parsed, complete, and as reviewed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import sqlglot
from sqlglot import exp

from pipe.errors import ConfigurationError
from pipe.streams import CANONICAL
from transforms.models.queries import MODELS, render

SNAPSHOTS = Path(__file__).parent / "snapshots"


@pytest.mark.parametrize("model", MODELS)
def test_bigquery_text_is_the_reviewed_one(model: str) -> None:
    path = SNAPSHOTS / f"{model}.bigquery.sql"
    text = render(model, "bigquery", schema="growthnav_shop")
    if os.environ.get("UPDATE_SNAPSHOTS") == "1":
        path.write_text(text)
    assert text == path.read_text()


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("dialect", ["bigquery", "duckdb"])
def test_rendered_text_parses_and_names_only_known_tables(model: str, dialect: str) -> None:
    query = sqlglot.parse_one(
        render(model, dialect, schema="growthnav_shop"), read=dialect, error_level=sqlglot.ErrorLevel.RAISE
    )
    steps = {cte.alias for cte in query.find_all(exp.CTE)}
    for table in query.find_all(exp.Table):
        assert table.name in steps or (table.db == "growthnav_shop" and table.name in {*CANONICAL, *MODELS})


@pytest.mark.parametrize("model", MODELS)
def test_bigquery_text_keeps_the_columns_and_parameters(model: str) -> None:
    ours = sqlglot.parse_one(render(model, "duckdb"), read="duckdb")
    theirs = sqlglot.parse_one(render(model, "bigquery"), read="bigquery")
    assert [column.alias_or_name for column in theirs.selects] == [column.alias_or_name for column in ours.selects]
    asked = {place.name for place in ours.find_all(exp.Placeholder)}
    assert {place.name for place in theirs.find_all(exp.Parameter)} == asked
    assert asked <= {"observation_end", "include_first_transaction"}


def test_bigquery_has_no_recursive_union_distinct() -> None:
    assert "UNION ALL" in render("person_current")
    assert "UNION DISTINCT" not in render("person_current")


def test_an_unknown_model_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="no model 'rfm'"):
        render("rfm")
