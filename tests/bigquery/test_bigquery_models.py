"""The customer-value models in BigQuery: CDNOW read from one dataset, resolved into another, figures as published."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from servers.bigquery import PROJECT, Emulator
from support import run

from pipe.errors import ConfigurationError, DataError
from plugins import rfm_check
from plugins.demo_data import cdnow
from transforms.models import bigquery
from transforms.models.queries import MODELS, Parameters

DATASET = "growthnav_cdnow"


def table_of(emulator: Emulator, name: str, columns: str, *rows: str) -> None:
    dataset = name.partition(".")[0]
    with emulator.client() as client:
        client.create_dataset(dataset, exists_ok=True)
    emulator.execute(f"CREATE TABLE {name} ({columns})", *(f"INSERT INTO {name} VALUES {row}" for row in rows))


CONVERSIONS = """connector STRING, source_stream STRING, conversion_id STRING, conversion_type STRING, user_id STRING,
global_customer_id STRING, timestamp TIMESTAMP, value NUMERIC, currency STRING"""


def purchase(number: int, person: str, day: str, value: str, currency: str = "USD") -> str:
    return (
        f"('shop', 'orders', 'c{number}', 'purchase', 'u{number % 2}', '{person}', "
        f"TIMESTAMP '{day}T10:00:00Z', NUMERIC '{value}', '{currency}')"
    )


def test_models_of_a_small_dataset(emulator: Emulator) -> None:
    days = ["2024-01-01", "2024-01-01", "2024-01-11", "2024-02-01"]
    rows = [purchase(number, "p_new" if number % 2 else "p_old", day, "10.50") for number, day in enumerate(days)]
    table_of(emulator, "small.conversions", CONVERSIONS, *rows)
    table_of(
        emulator,
        "small.identity_merges",
        "event STRING, from_id STRING, to_id STRING",
        "('merge', 'p_new', 'p_old')",
        "('mint', NULL, 'p_old')",
    )
    with emulator.client() as client:
        for _ in range(2):  # tables of ours are replaced
            made = bigquery.run(client, "small")
            assert made == {
                "person_current": 1,
                "person_sources": 1,
                "rfm_purchases": 4,
                "rfm_users": 2,
                "rfm_people": 1,
            }
        assert {table.table_id for table in client.list_tables("small")} == {"conversions", "identity_merges", *MODELS}
    (person,) = emulator.rows("SELECT person_id, frequency, recency, T, monetary, revenue FROM small.rfm_people")
    assert person == ("p_old", 2, 31, 31, 10.5, 42)


def test_several_currencies_leave_the_old_tables(emulator: Emulator) -> None:
    table_of(emulator, "mixed.conversions", CONVERSIONS, purchase(1, "p_1", "2024-01-01", "1"))
    with emulator.client() as client:
        bigquery.run(client, "mixed")
        emulator.execute(f"INSERT INTO mixed.conversions VALUES {purchase(2, 'p_2', '2024-01-02', '1', 'EUR')}")
        with pytest.raises(DataError, match="EUR, USD"):
            bigquery.run(client, "mixed")
        assert {table.table_id for table in client.list_tables("mixed")} == {"conversions", *MODELS}
    assert emulator.rows("SELECT count(*) FROM mixed.rfm_purchases") == [(1,)]


def test_what_cannot_be(emulator: Emulator) -> None:
    with emulator.client() as client:
        with pytest.raises(ConfigurationError, match="dataset 'nowhere' does not exist"):
            bigquery.run(client, "nowhere")
        client.create_dataset("bare")
        with pytest.raises(ConfigurationError, match="no table conversions"):
            bigquery.run(client, "bare")
        table_of(emulator, "taken.conversions", CONVERSIONS)
        emulator.execute("CREATE TABLE taken.rfm_people (theirs STRING)")
        with pytest.raises(ConfigurationError, match="rfm_people in schema 'taken' was not made by a model"):
            bigquery.run(client, "taken")


@pytest.mark.quality
def test_the_figures_of_cdnow_are_the_published_ones(emulator: Emulator, tmp_path: Path) -> None:
    lines: list[bytes] = []
    for name, config in stages(tmp_path, emulator.url):
        done = run(name, config, lines, tmp_path)
        assert done.code == 0, done.log
        lines = done.lines
    with emulator.client() as client:
        for horizon, sums in rfm_check.PUBLISHED.items():
            assert bigquery.run(client, DATASET, Parameters(horizon))["rfm_purchases"] == cdnow.PURCHASES
            rows = emulator.rows(f"SELECT user_id, frequency, recency, T, monetary FROM {DATASET}.rfm_users")
            found = {user: tuple(map(float, figures)) for user, *figures in rows}
            oracle = rfm_check.lifetimes_summary(horizon)
            assert found.keys() == oracle.keys()
            worst = max(
                abs(ours - theirs)
                for user, expected in oracle.items()
                for ours, theirs in zip(found[user], expected, strict=True)
            )
            assert worst <= rfm_check.MONETARY_TOLERANCE
            totals = [sum(figures[place] for figures in found.values()) for place in range(len(sums))]
            assert totals == pytest.approx(sums, abs=rfm_check.SUM_TOLERANCE)


def stages(home: Path, url: str) -> list[tuple[str, dict[str, Any]]]:
    """The pipe from the published file to the emulator."""
    stream = {"stream": "cdnow_purchases", "path": str(cdnow.prepare(home)), "format": "csv", "delimiter": "whitespace"}
    files = {"batch_config": {"storage": {"root": str(home / "files")}}}
    identity = {"tenant": "cdnow", "store": str(home / "identity.duckdb"), "key": "ab" * 32}
    return [
        ("tap-csv", {"streams": [stream], **files}),
        ("map-conversions", {"tenant": "cdnow", "sources": [{"preset": "cdnow", "connector": "cdnow"}]}),
        ("resolve-identity", identity),
        ("target-bigquery", {"project": PROJECT, "dataset": DATASET, "api_endpoint": url}),
    ]
