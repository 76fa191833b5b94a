"""The normal forms of records: what files of other countries, programs and clerks hold."""

from __future__ import annotations

import duckdb
import pyarrow as pa
import pytest

from identity.linking.prepare import PERSON, prepare

Row = dict[str, str | None]


def forms(column: str, *rows: Row, region: str = "US") -> list[str | None]:
    """The column of the prepared records, in their order."""
    names = sorted({name for row in rows for name in row})
    records = pa.table({name: pa.array([row.get(name) for row in rows], pa.string()) for name in names})
    ids = pa.array([f"{number:04}" for number in range(len(rows))])
    with duckdb.connect() as db:
        prepare(db, records.append_column("record_id", ids), region)
        return [value for (value,) in db.execute(f"SELECT {column} FROM {PERSON} ORDER BY uid").fetchall()]


def of_values(field: str, *values: str | None, column: str = "") -> list[str | None]:
    return forms(column or field, *({field: value} for value in values))


@pytest.mark.parametrize("value", ["N/A", "n/a", "#N/A", "(none)", "Unknown", "NULL", "-", "Walk-In", "[REDACTED]"])
@pytest.mark.parametrize("field", ["first_name", "last_name", "street", "city", "postcode", "occupation", "gender"])
def test_what_stands_for_nothing_is_nothing(field: str, value: str) -> None:
    assert of_values(field, value) == [None]


def test_an_initial_is_something() -> None:
    assert of_values("middle_name", "N", "Na") == ["n", None]


def test_a_zip_code_is_five_digits() -> None:
    assert of_values("postcode", "27770-2262", "27770", "277702262", "02134", "2134") == [
        "27770", "27770", "27770", "02134", "02134",
    ]  # fmt: skip
    assert of_values("postcode", "2134", "2000", "SW1A 1AA") == ["2134", "2000", "sw1a1aa"]


@pytest.mark.parametrize(
    ("values", "found"),
    [
        (["1964/05/20", "1964.5.20", "1964-05-20T00:00:00"], ["19640520"] * 3),
        (["20051964", "31121980", "05061970"], ["19640520", "19801231", "19700605"]),
        (["05201964", "12311980", "05061970"], ["19640520", "19801231", "19700506"]),
        (["19640520", "19721319"], ["19640520", "19721319"]),
        (["05/20/1964", "05/06/1964", "20.05.1964", "05.06.1964"], ["19640520", "19640506", "19640520", "19640605"]),
        (["1900-01-01", "01/01/1900", "9999-12-31", "0001-01-01", "00/00/0000"], [None] * 5),
        (["1964-May-20", "20 May 1964"], ["19640520"] * 2),
    ],
)
def test_dates_of_birth(values: list[str], found: list[str | None]) -> None:
    assert of_values("birth_date", *values) == found


def test_a_column_with_both_orders_of_day_and_month_is_read_by_value() -> None:
    days = [f"{day:02}/05/1964" for day in range(13, 28)]
    months = [f"05/{day:02}/1964" for day in range(13, 20)]
    assert set(of_values("birth_date", *days, *months)) == {f"196405{day}" for day in range(13, 28)}


def test_one_month_too_high_among_many_is_a_typing_error() -> None:
    assert of_values("birth_date", *(["05/20/1964"] * 30), "13/05/1964")[-1] == "19641305"


def test_a_house_number_may_follow_the_street() -> None:
    streets = ["Hauptstraße 12 a", "Hauptstr. 12a", "12 High Street", "Calle Mayor 7"]
    assert of_values("street", *streets, column="house") == ["12a", "12a", "12", "7"]
    assert of_values("street", *streets) == ["hauptstr", "hauptstr", "high", "mayor"]


def test_the_part_of_a_name_that_has_no_column_comes_from_the_whole() -> None:
    """`Vorname` and `Name`, as Germans call given and family name."""
    rows: list[Row] = [
        {"first_name": "Anna", "full_name": "Müller"},
        {"first_name": "Anna", "full_name": "Müller, Anna"},
        {"first_name": "Anna", "full_name": "Anna Müller"},
        {"first_name": None, "full_name": "Anna Müller"},
        {"first_name": "Anna", "full_name": None},
    ]
    assert forms("last_name", *rows) == ["muller"] * 4 + [None]
    assert forms("first_name", *rows) == ["anna"] * 5
    assert forms("middle_name", *rows) == [None] * 5
    turned: list[Row] = [{"last_name": "Smith", "full_name": "Smith, John"}, {"last_name": "Smith", "full_name": None}]
    assert forms("first_name", *turned) == ["john", None]
