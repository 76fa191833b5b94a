"""The Spark back end, in local mode: the same people as DuckDB finds."""

from __future__ import annotations

import importlib.util
import shutil

import pytest

from bench.customers import customers
from identity.evaluate import evaluate
from identity.linking import LinkSettings, link, settings, spark
from identity.linking.model import load
from identity.linking.prepare import COLUMNS
from pipe.errors import ConfigurationError

RECORDS = 2_500


@pytest.mark.quality
@pytest.mark.timeout(600)
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning", "ignore::UserWarning")
def test_the_same_people_on_spark() -> None:
    missing = [name for name, there in (("pyspark", _has_pyspark()), ("java", shutil.which("java"))) if not there]
    if missing:
        pytest.skip(f"{' and '.join(missing)} not found: pip install 'growthnav-connectors[spark]', and Java 17")
    given = customers(RECORDS).drop_columns(["person"])
    here, there = (link(given, settings=LinkSettings(backend=name)) for name in ("duckdb", "spark"))
    assert there.report.pairs_scored == pytest.approx(here.report.pairs_scored, rel=0.02)
    pairs = zip(there.clusters.column("cluster").to_pylist(), here.clusters.column("cluster").to_pylist(), strict=True)
    assert evaluate(pairs).f1 > 0.995
    assert there.edges.schema == here.edges.schema


@pytest.mark.skipif(importlib.util.find_spec("pyspark") is not None, reason="pyspark is installed")
def test_without_pyspark_it_says_what_to_install() -> None:
    with pytest.raises(ConfigurationError, match="back end spark is not installed"):
        link(customers(300).drop_columns(["person"]), settings=LinkSettings(backend="spark"))


def test_every_condition_of_the_model_is_translated() -> None:
    found = spark.translated(load(None, COLUMNS).splink(0.001))
    text = " ".join(level["sql_condition"] for one in found["comparisons"] for level in one["comparison_levels"])
    assert "jaro_winkler(" in text.lower()
    assert "arrays_overlap(" in text.lower()
    assert not {"jaro_winkler_similarity", "jarowinkler_similarity", "starts_with", "list_has_any"} & {
        word.partition("(")[0] for word in text.lower().split()
    }
    assert settings.CHOICES["backend"] == ("duckdb", "spark")


def _has_pyspark() -> bool:
    return importlib.util.find_spec("pyspark") is not None
