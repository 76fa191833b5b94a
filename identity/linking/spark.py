"""Scoring on Spark: the same model and the same pairs as in the engine of this machine, judged by a cluster.

What is compared and who meets is made here and sent there as Arrow tables; weights come back. Training, vetoes,
people and explanations stay where they are. Similarities of texts are those of the library's own Spark functions, so
weights of near misses can differ a little.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from pipe.columnar import fetch
from pipe.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import duckdb

    from identity.linking.model import Model

PREDICTED: Final = "predicted"
"""The table made: `uid_l`, `uid_r`, `match_weight`, `match_key`."""


def predicted(
    db: duckdb.DuckDBPyConnection, model: Model, prior: float, tables: tuple[str, str], least: float
) -> Iterator[str]:
    """The name of a table of predictions, as long as it is there.

    Args:
        db: with both tables.
        model: to score with.
        prior: probability that two random records match.
        tables: what is compared, and the pairs that meet.
        least: weight below which a pair is left out.

    Raises:
        ConfigurationError: there is no Spark.
    """
    with _session() as session:
        from splink import Linker
        from splink.backends import spark

        backend: Any = spark  # without types
        api = backend.SparkAPI(spark_session=session, break_lineage_method="persist")
        columns = ", ".join(["uid", *sorted({*model.compared, *model.frequent})])
        compared = api.register(fetch(db, f"SELECT {columns} FROM {tables[0]}"))  # noqa: S608  frequencies are counted there
        met = api.register(fetch(db, f"SELECT * FROM {tables[1]}"))  # noqa: S608
        linker = Linker(compared, translated(model.splink(prior)))
        linker.table_management.register_blocked_pairs_for_predict(met)
        frame = linker.inference.predict(threshold_match_weight=least, warning_mode="never")
        found = session.table(frame.physical_name).select("uid_l", "uid_r", "match_weight", "match_key").toArrow()
        db.register("scored_there", found)
        db.execute(f"CREATE TABLE {PREDICTED} AS FROM scored_there")
        db.unregister("scored_there")
    yield PREDICTED
    db.execute(f"DROP TABLE {PREDICTED}")


def translated(settings: dict[str, Any]) -> dict[str, Any]:
    """Settings of the scoring library with their conditions in the SQL of Spark."""
    levels = [
        {**level, "sql_condition": _spark_sql(level["sql_condition"])}
        for comparison in settings["comparisons"]
        for level in comparison["comparison_levels"]
    ]
    found = iter(levels)
    comparisons = [
        {**one, "comparison_levels": [next(found) for _ in one["comparison_levels"]]} for one in settings["comparisons"]
    ]
    return {**settings, "comparisons": comparisons}


def _spark_sql(condition: str) -> str:
    if condition == "ELSE":
        return condition
    import sqlglot
    from sqlglot import exp

    def change(node: exp.Expression) -> exp.Expression:
        if isinstance(node, exp.JarowinklerSimilarity):
            return exp.Anonymous(this="jaro_winkler", expressions=[node.this, node.expression])
        if isinstance(node, exp.ArrayOverlaps):
            return exp.Anonymous(this="arrays_overlap", expressions=[node.this, node.expression])
        return node

    return sqlglot.parse_one(condition, read="duckdb").transform(change).sql("spark")


@contextmanager
def _session() -> Iterator[Any]:
    """A session of the cluster that Spark's own settings name; of this machine when there are none."""
    try:
        from pyspark.sql import SparkSession
        from splink.backends.spark import similarity_jar_location
    except ImportError:
        raise ConfigurationError(
            "the back end spark is not installed",
            field="backend",
            remedy="Install the extra spark: pip install 'growthnav-connectors[spark]'",
        ) from None
    builder = SparkSession.builder.appName("growthnav-linking").config("spark.jars", similarity_jar_location())
    if not os.environ.get("SPARK_CONF_DIR"):
        builder = builder.master("local[*]").config("spark.ui.enabled", "false")
    try:
        session = builder.getOrCreate()
    except Exception as error:  # noqa: BLE001  whatever keeps Spark from starting
        raise ConfigurationError(
            f"Spark does not start ({type(error).__name__})", field="backend", remedy="It needs Java 17 or later"
        ) from None
    try:
        yield session
    finally:
        session.stop()
