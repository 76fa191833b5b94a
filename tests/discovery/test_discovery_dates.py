"""Encodings of times: each is recognised, and the format proposed reads the values in the pipe."""

from __future__ import annotations

import pytest

from discovery.dates import date_format, is_clock
from discovery.profile import profile_rows
from discovery.propose import ColumnProposal, propose
from pipe.times import time_parser

ENCODINGS = [
    ("iso", ["2024-05-13", "2024-06-01"], "2024-05-13T00:00:00.000000Z"),
    ("iso", ["2024-05-13 14:05:09", "2024-06-01 00:00:00"], "2024-05-13T14:05:09.000000Z"),
    ("iso", ["2024-05-13T14:05:09.123Z", "2024-06-01T00:00:00Z"], "2024-05-13T14:05:09.123000Z"),
    ("iso", ["2024-05-13T14:05:09+02:00"], "2024-05-13T12:05:09.000000Z"),
    ("epoch_s", ["1715609109", "1715609110"], "2024-05-13T14:05:09.000000Z"),
    ("epoch_ms", ["1715609109000", "1715609110000"], "2024-05-13T14:05:09.000000Z"),
    ("epoch_us", ["1715609109000000"], "2024-05-13T14:05:09.000000Z"),
    ("yyyymmdd", ["20240513", "00000000", "20240601"], "2024-05-13T00:00:00.000000Z"),
    ("yyyymmdd", ["20240513140509"], "2024-05-13T14:05:09.000000Z"),
    ("rfc2822", ["Mon, 13 May 2024 14:05:09 +0000"], "2024-05-13T14:05:09.000000Z"),
    ("us", ["05/13/2024", "06/01/2024"], "2024-05-13T00:00:00.000000Z"),
    ("us", ["5/13/2024 2:05 PM", "6/1/2024 11:00 AM"], "2024-05-13T14:05:00.000000Z"),
    ("%m/%d/%y %I:%M %p", ["5/13/24 2:05 PM"], "2024-05-13T14:05:00.000000Z"),
    ("german", ["13.05.2024", "01.06.2024"], "2024-05-13T00:00:00.000000Z"),
    ("german", ["13.05.2024 14:05"], "2024-05-13T14:05:00.000000Z"),
    ("%d.%m.%y", ["13.05.24"], "2024-05-13T00:00:00.000000Z"),
    ("%d/%m/%Y", ["13/05/2024", "01/06/2024"], "2024-05-13T00:00:00.000000Z"),
    ("%d/%m/%Y %H:%M", ["13/05/2024 14:05"], "2024-05-13T14:05:00.000000Z"),
    ("%d/%m/%Y %Hh%M", ["13/05/2024 14h05"], "2024-05-13T14:05:00.000000Z"),
    ("%d-%m-%Y", ["13-05-2024"], "2024-05-13T00:00:00.000000Z"),
    ("%Y/%m/%d", ["2024/05/13"], "2024-05-13T00:00:00.000000Z"),
    ("%d-%b-%y", ["13-MAY-24"], "2024-05-13T00:00:00.000000Z"),
    ("%b %d, %Y", ["May 13, 2024"], "2024-05-13T00:00:00.000000Z"),
    ("%b-%d-%y", ["May-13-24"], "2024-05-13T00:00:00.000000Z"),
    ("%d %b %Y", ["13 May 2024"], "2024-05-13T00:00:00.000000Z"),
    ("%A, %B %d, %Y", ["Monday, May 13, 2024"], "2024-05-13T00:00:00.000000Z"),
    ("%Y-%m-%d %H:%M %Z", ["2024-05-13 10:05 EDT", "2024-01-13 10:05 EST"], "2024-05-13T14:05:00.000000Z"),
    ("%d.%m.%Y %H:%M:%S %Z", ["13.05.2024 14:05:09 CEST"], "2024-05-13T12:05:09.000000Z"),
    ("%m/%d/%Y %I:%M %p %Z", ["05/13/2024 02:05 PM PDT"], "2024-05-13T21:05:00.000000Z"),
]


@pytest.mark.parametrize(("form", "values", "instant"), ENCODINGS, ids=[values[0] for _, values, _ in ENCODINGS])
def test_the_format_proposed_reads_the_values(form: str, values: list[str], instant: str) -> None:
    found = date_format(values)
    assert found is not None
    assert found.format == form
    assert time_parser(found.format)(values[0]) == instant


def test_day_and_month_that_could_be_swapped_are_reported() -> None:
    unsure = date_format(["01/02/2024", "03/04/2024"])
    assert unsure is not None
    assert (unsure.format, unsure.ambiguous) == ("us", "%d/%m/%Y")
    sure = date_format(["01/02/2024", "13/04/2024"])
    assert sure is not None
    assert (sure.format, sure.ambiguous) == ("%d/%m/%Y", None)


@pytest.mark.parametrize(
    "values",
    [["12345678"], ["2674098602081"], ["99999999"], ["hello"], ["+1 512 555 0100"], ["12.50", "3.99"], ["1.2.3"], []],
)
def test_other_values_are_no_times(values: list[str]) -> None:
    assert date_format(values) is None


def test_times_of_day() -> None:
    assert all(map(is_clock, ["14:05", "14h05", "14:05:09", "2:05 PM", "02:05:09 am"]))
    assert not any(map(is_clock, ["25:00", "14", "14:60", "1:2:3:4"]))


def column_of(values: list[str]) -> ColumnProposal:
    rows = [{"order_id": number, "created_at": value, "total": "9.50"} for number, value in enumerate(values, 1)]
    return propose(profile_rows("orders", rows)).column("created_at")


def test_abbreviations_that_a_table_makes_clear_get_a_zone() -> None:
    found = column_of(["2024-03-01 10:00 CST", "2024-03-01 11:00 EST", "2024-07-01 11:00 CDT"])
    assert (found.target, found.time_format, found.zone) == ("timestamp", "%Y-%m-%d %H:%M %Z", "America/Chicago")
    assert found.doubt is None


@pytest.mark.parametrize("name", ["IST", "CST", "AST"])
def test_abbreviations_of_several_zones_are_for_a_person(name: str) -> None:
    found = column_of([f"2024-03-01 10:00 {name}", f"2024-03-02 11:00 {name}"])
    assert found.target == "timestamp"
    assert found.doubt is not None
    assert name in found.doubt
