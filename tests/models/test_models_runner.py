"""The SQL models on small warehouses: what counts, who is who today, and what a run may and may not touch."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from pipe.errors import ConfigurationError, DataError, RetriableError
from tests.warehouses import make, merge, purchase
from transforms.models.queries import MODELS, Parameters
from transforms.models.runner import run

if TYPE_CHECKING:
    from pathlib import Path

SCHEMA = "growthnav_shop"


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "it's a shop.duckdb"


def rows(database: Path, query: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(database), read_only=True) as connection:
        connection.execute(f"USE {SCHEMA}")
        return connection.execute(query).fetchall()


SUMMARY = 'SELECT frequency, recency, "T", monetary, orders, revenue FROM rfm_people ORDER BY person_id'


def test_summary_of_a_worked_example(database: Path) -> None:
    # two purchases on the first day, one 10 days later, two 30 days later; observed for 40 days
    made = [("01", "10"), ("01", "5"), ("11", "8"), ("31", "7"), ("31", "0.50")]
    make(database, SCHEMA, [purchase(n, f"2024-05-{day}", value) for n, (day, value) in enumerate(made)])
    run(database, SCHEMA, Parameters(observation_end=date(2024, 6, 10)))
    assert rows(database, SUMMARY) == [(2, 30, 40, 7.75, 5, Decimal("30.5"))]
    run(database, SCHEMA, Parameters(observation_end=date(2024, 6, 10), include_first_transaction=True))
    assert rows(database, SUMMARY) == [(3, 30, 40, pytest.approx(30.5 / 3), 5, Decimal("30.5"))]


def test_the_observation_ends_with_the_last_purchase_unless_told(database: Path) -> None:
    make(database, SCHEMA, [purchase(1, "2024-05-01", "10"), purchase(2, "2024-05-21", "8", global_customer_id="p2")])
    run(database, SCHEMA)
    assert rows(database, 'SELECT person_id, "T", observation_end FROM rfm_people ORDER BY 1') == [
        ("p1", 20, date(2024, 5, 21)),
        ("p2", 0, date(2024, 5, 21)),
    ]


def test_purchases_after_the_end_do_not_count(database: Path) -> None:
    make(database, SCHEMA, [purchase(1, "2024-05-01", "10"), purchase(2, "2024-05-21", "8"),
                            purchase(3, "2024-05-22", "8", global_customer_id="p2")])  # fmt: skip
    counts = run(database, SCHEMA, Parameters(observation_end=date(2024, 5, 20)))
    assert rows(database, SUMMARY) == [(0, 0, 19, 0.0, 1, Decimal(10))]
    assert (counts["rfm_purchases"], counts["rfm_users"], counts["rfm_people"]) == (3, 1, 1)


@pytest.mark.parametrize(
    "ignored",
    [
        {"conversion_type": "refund"},
        {"conversion_type": "lead"},
        {"is_deleted": True},
        {"_sdc_deleted_at": "2024-06-01T00:00:00Z"},
    ],
)
def test_what_is_no_purchase_or_was_deleted_does_not_count(database: Path, ignored: dict[str, Any]) -> None:
    make(database, SCHEMA, [purchase(1, "2024-05-01", "10"), purchase(2, "2024-05-09", "99", **ignored)])
    run(database, SCHEMA)
    assert rows(database, SUMMARY) == [(0, 0, 0, 0.0, 1, Decimal(10))]


def test_days_are_those_of_utc(database: Path) -> None:
    late = [purchase(1, "2024-05-01T23:30:00-05:00", "10"), purchase(2, "2024-05-02T01:00:00Z", "10")]
    make(database, SCHEMA, late)
    run(database, SCHEMA)
    assert rows(database, "SELECT DISTINCT day FROM rfm_purchases") == [(date(2024, 5, 2),)]


def test_purchases_of_unknown_customers_are_kept_but_belong_to_nobody(database: Path) -> None:
    make(database, SCHEMA, [purchase(1, "2024-05-01", "10", user_id=None, global_customer_id=None)])
    counts = run(database, SCHEMA)
    assert (counts["rfm_purchases"], counts["rfm_users"], counts["rfm_people"], counts["person_sources"]) == (
        1,
        0,
        0,
        0,
    )


def test_users_of_different_connectors_are_different_users(database: Path) -> None:
    make(database, SCHEMA, [purchase(1, "2024-05-01", "10"), purchase(2, "2024-05-03", "7", connector="web")])
    run(database, SCHEMA)
    assert rows(database, "SELECT connector, user_id, frequency FROM rfm_users ORDER BY 1") == [
        ("till", "u1", 0),
        ("web", "u1", 0),
    ]
    assert rows(database, SUMMARY) == [(1, 2, 2, 7.0, 2, Decimal(17))]


def test_retired_people_lead_to_the_one_they_became(database: Path) -> None:
    chain = [merge("p4", "p3"), merge("p3", "p2"), merge("p2", "p1"), merge("q2", "q1")]
    bought = [purchase(n, f"2024-05-0{n}", "1", global_customer_id=f"p{n}") for n in (1, 2, 3, 4)]
    make(database, SCHEMA, [*bought, purchase(9, "2024-05-09", "5", global_customer_id="q2")], chain)
    run(database, SCHEMA)
    assert rows(database, "SELECT * FROM person_current ORDER BY 1") == [
        ("p2", "p1"),
        ("p3", "p1"),
        ("p4", "p1"),
        ("q2", "q1"),
    ]
    assert rows(database, "SELECT person_id, frequency, revenue FROM rfm_people ORDER BY 1") == [
        ("p1", 3, Decimal(4)),
        ("q1", 0, Decimal(5)),
    ]


def test_sources_that_know_a_person_are_counted_through_merges_and_without_the_deleted(database: Path) -> None:
    contacts = [
        {"profile_id": "c1", "connector": "crm", "global_customer_id": "p2"},
        {"profile_id": "c2", "connector": "crm", "global_customer_id": "p1"},
        {"profile_id": "c3", "connector": "mail", "global_customer_id": "p1", "is_deleted": True},
    ]
    sales = [purchase(1, "2024-05-01", "1"), purchase(2, "2024-05-01", "1", conversion_type="lead", connector="ads")]
    make(database, SCHEMA, sales, [merge("p2", "p1")], contacts)
    run(database, SCHEMA)
    assert rows(database, "SELECT * FROM person_sources ORDER BY ALL") == [
        ("p1", "ads", 1),
        ("p1", "crm", 2),
        ("p1", "till", 1),
    ]


def test_a_long_chain_is_followed_to_its_end(database: Path) -> None:
    links = [merge(f"p{number:03d}", f"p{number - 1:03d}") for number in range(1, 300)]
    make(database, SCHEMA, [], links)
    run(database, SCHEMA)
    assert rows(database, "SELECT DISTINCT current_id FROM person_current") == [("p000",)]


def test_a_damaged_circle_of_merges_ends(database: Path) -> None:
    make(database, SCHEMA, [purchase(1, "2024-05-01", "1", global_customer_id="a")], [merge("a", "b"), merge("b", "a")])
    run(database, SCHEMA)
    assert rows(database, "SELECT person_id FROM rfm_people") == [("a",)]


def test_other_events_and_deleted_merges_join_nobody(database: Path) -> None:
    odd = [{**merge("p2", "p1"), "event": "split"}, {**merge("p3", "p1"), "_sdc_deleted_at": "2024-06-01T00:00:00Z"}]
    make(database, SCHEMA, [], odd)
    assert run(database, SCHEMA)["person_current"] == 0


def test_tables_and_columns_that_are_not_there_yet_read_as_empty(database: Path) -> None:
    make(database, SCHEMA, [purchase(1, "2024-05-01", "10")], merges=None, deleted_column=False)
    run(database, SCHEMA)
    assert rows(database, SUMMARY) == [(0, 0, 0, 0.0, 1, Decimal(10))]


def test_a_second_run_changes_nothing(database: Path) -> None:
    make(database, SCHEMA, [purchase(n, f"2024-05-0{n}", "1.10") for n in range(1, 6)], [merge("p9", "p1")])
    first = run(database, SCHEMA), [rows(database, f"SELECT * FROM {model} ORDER BY ALL") for model in MODELS]
    second = run(database, SCHEMA), [rows(database, f"SELECT * FROM {model} ORDER BY ALL") for model in MODELS]
    assert first == second


def test_a_source_table_with_a_models_name_is_never_replaced(database: Path) -> None:
    make(database, SCHEMA, [purchase(1, "2024-05-01", "10")])
    with duckdb.connect(str(database)) as connection:
        connection.execute(f"CREATE TABLE {SCHEMA}.rfm_users AS SELECT 42 AS theirs")
    with pytest.raises(ConfigurationError, match=r"rfm_users .* was not made by a model"):
        run(database, SCHEMA)
    assert rows(database, "SELECT theirs FROM rfm_users") == [(42,)]


def test_several_currencies_are_refused_and_the_old_tables_stay(database: Path) -> None:
    make(database, SCHEMA, [purchase(1, "2024-05-01", "10")])
    run(database, SCHEMA)
    with duckdb.connect(str(database)) as connection:
        connection.execute(
            f"INSERT INTO {SCHEMA}.conversions SELECT * REPLACE ('EUR' AS currency) FROM {SCHEMA}.conversions"
        )
    with pytest.raises(DataError, match=r"several currencies \(EUR, USD\)"):
        run(database, SCHEMA)
    assert rows(database, "SELECT COUNT(*) FROM rfm_purchases") == [(1,)]


def test_a_missing_warehouse_schema_or_stream_is_said(database: Path) -> None:
    with pytest.raises(ConfigurationError, match="does not exist"):
        run(database, SCHEMA)
    make(database, SCHEMA, [])
    with pytest.raises(ConfigurationError, match="schema 'growthnav_other' has no table conversions"):
        run(database, "growthnav_other")


def test_a_file_that_is_no_warehouse_is_said(database: Path) -> None:
    database.write_text("customer,value\n1,2\n" * 1000)
    with pytest.raises(ConfigurationError, match="cannot be opened as a DuckDB file"):
        run(database, SCHEMA)


def test_a_warehouse_in_use_is_a_matter_of_waiting(database: Path) -> None:
    import subprocess
    import sys

    make(database, SCHEMA, [])
    code = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('open', flush=True); sys.stdin.read()"
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(database)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "open\n"
        with pytest.raises(RetriableError, match="in use by another process"):
            run(database, SCHEMA)
    finally:
        holder.communicate("")
