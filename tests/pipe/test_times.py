from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipe.errors import ConfigurationError, SkippableError
from pipe.times import date_parser, time_parser

NOON = "2024-05-01T12:00:00.000000Z"


@pytest.mark.parametrize(
    ("form", "zone", "value", "expected"),
    [
        ("iso", "UTC", "2024-05-01T12:00:00Z", NOON),
        ("iso", "UTC", "2024-05-01t12:00:00z", NOON),
        ("iso", "UTC", "2024-05-01 12:00:00", NOON),
        ("iso", "UTC", "2024-05-01T12:00", NOON),
        ("iso", "UTC", " 2024-05-01T12:00:00Z ", NOON),
        ("iso", "UTC", "2024-05-01T14:00:00+02:00", NOON),
        ("iso", "UTC", "2024-05-01T12:00:00+0000", NOON),
        ("iso", "UTC", "2024-05-01 12:00:00 +0000", NOON),
        ("iso", "America/Chicago", "2024-05-01 12:00:00 UTC", NOON),
        ("iso", "America/Chicago", "2024-05-01T07:00:00", NOON),
        ("iso", "America/Chicago", "2024-05-01T12:00:00Z", NOON),
        ("iso", "Europe/Berlin", "2024-05-01", "2024-04-30T22:00:00.000000Z"),
        ("iso", "UTC", "2024-05-01T12:00:00.5Z", "2024-05-01T12:00:00.500000Z"),
        ("iso", "UTC", "2024-05-01T12:00:00.123456789Z", "2024-05-01T12:00:00.123456Z"),
        ("iso", "UTC", "20240501T120000Z", NOON),
        ("iso", "UTC", "2024-W18-3T12:00:00Z", NOON),
        ("iso", "UTC", "0000-00-00 00:00:00", None),
        ("iso", "UTC", "", None),
        ("iso", "UTC", None, None),
        ("iso", "America/New_York", "2024-11-03T01:30:00", "2024-11-03T05:30:00.000000Z"),  # clock turned back: first
        ("epoch_s", "UTC", 1714564800, NOON),
        ("epoch_s", "UTC", "1714564800", NOON),
        ("epoch_s", "UTC", 1714564800.25, "2024-05-01T12:00:00.250000Z"),
        ("epoch_ms", "UTC", 1714564800000, NOON),
        ("epoch_us", "UTC", "1714564800000001", "2024-05-01T12:00:00.000001Z"),
        ("epoch_s", "UTC", -1, "1969-12-31T23:59:59.000000Z"),
        ("yyyymmdd", "UTC", "19970101", "1997-01-01T00:00:00.000000Z"),
        ("yyyymmdd", "UTC", 19970101, "1997-01-01T00:00:00.000000Z"),
        ("rfc2822", "UTC", "Wed, 01 May 2024 14:00:00 +0200", NOON),
        ("us", "UTC", "05/01/2024", "2024-05-01T00:00:00.000000Z"),
        ("us", "America/Chicago", "05/01/2024 7:00 AM", NOON),
        ("german", "Europe/Berlin", "01.05.2024 14:00", NOON),
        ("%d-%b-%Y %H:%M", "UTC", "01-May-2024 12:00", NOON),
    ],
)
def test_every_form_becomes_one(form: str, zone: str, value: object, expected: str | None) -> None:
    assert time_parser(form, zone)(value) == expected


@pytest.mark.parametrize(
    ("form", "value"),
    [
        ("iso", "yesterday"),
        ("iso", "2024-02-30"),
        ("iso", "-0044-03-15"),
        ("iso", 1714564800),
        ("iso", ["2024-05-01"]),
        ("epoch_s", "soon"),
        ("epoch_s", True),
        ("epoch_s", 10**30),
        ("us", "13/01/2024"),
        ("german", "05/01/2024"),
        ("rfc2822", "Wednesday"),
        ("yyyymmdd", "1997011"),
    ],
)
def test_what_is_no_time_is_refused_without_being_quoted(form: str, value: object) -> None:
    with pytest.raises(SkippableError) as caught:
        time_parser(form)(value)
    assert caught.value.rule == "timestamp"
    assert str(value) not in str(caught.value)


def test_years_outside_the_calendar_are_refused() -> None:
    with pytest.raises(SkippableError, match="years 1 to 9999"):
        time_parser("iso", "Asia/Tokyo")("0001-01-01T00:00:00")


@given(st.datetimes(timezones=st.just(UTC)))
def test_canonical_text_reads_back_as_itself(moment: datetime) -> None:
    canonical = time_parser()(moment.isoformat())
    assert canonical is not None
    assert datetime.fromisoformat(canonical) == moment
    assert time_parser()(canonical) == canonical


@given(st.lists(st.datetimes(min_value=datetime(1000, 1, 1), timezones=st.just(UTC)), min_size=2))  # noqa: DTZ001
def test_canonical_text_sorts_as_time_does(moments: list[datetime]) -> None:
    texts = [time_parser()(moment.isoformat()) or "" for moment in moments]
    assert [texts[index] for index in sorted(range(len(texts)), key=moments.__getitem__)] == sorted(texts)


@pytest.mark.parametrize(
    ("zone", "value", "expected"),
    [
        ("UTC", "2024-03-01 10:00 EST", "15:00"),
        ("UTC", "2024-07-01 10:00 EDT", "14:00"),
        ("Europe/Berlin", "2024-07-01 10:00 PDT", "17:00"),
        ("UTC", "2024-07-01 10:00 CEST", "08:00"),
        ("UTC", "2024-07-01 10:00 BST", "09:00"),
        ("America/Chicago", "2024-07-01 10:00 UTC", "10:00"),
        ("America/Chicago", "2024-03-01 10:00 GMT", "10:00"),
        ("America/Chicago", "2024-03-01 10:00 CST", "16:00"),
        ("America/New_York", "2024-03-01 10:00 CST", "16:00"),
        ("Asia/Shanghai", "2024-03-01 10:00 CST", "02:00"),
        ("America/Havana", "2024-03-01 10:00 CST", "15:00"),
        ("Asia/Kolkata", "2024-03-01 10:00 IST", "04:30"),
        ("Asia/Jerusalem", "2024-03-01 10:00 IST", "08:00"),
        ("Europe/Dublin", "2024-07-01 10:00 IST", "09:00"),
        ("Asia/Manila", "2024-03-01 10:00 PST", "02:00"),
        ("UTC", "2024-03-01 10:00 (EST)", "15:00"),
        ("UTC", "2024-03-01 10:00 CST", None),
        ("UTC", "2024-03-01 10:00 IST", None),
        ("Europe/Berlin", "2024-03-01 10:00 CST", None),
        ("UTC", "2024-03-01 10:00 XYZ", None),
        ("UTC", "2024-03-01 10:00", None),
    ],
)
def test_an_abbreviation_means_one_zone_or_is_refused(zone: str, value: str, expected: str | None) -> None:
    parse = time_parser("%Y-%m-%d %H:%M %Z", zone)
    if expected is None:
        with pytest.raises(SkippableError) as caught:
            parse(value)
        assert caught.value.rule == "timestamp"
        assert value[-3:] not in str(caught.value)
    else:
        assert parse(value) == f"{value[:10]}T{expected}:00.000000Z"


def test_the_abbreviation_may_stand_anywhere() -> None:
    parse = time_parser("%a %b %d %H:%M:%S %Z %Y")
    assert parse("Fri Mar 01 10:00:00 EST 2024") == "2024-03-01T15:00:00.000000Z"
    assert date_parser("%d-%b-%Y %H:%M %Z")("01-MAR-2024 23:00 IST") == "2024-03-01"


def test_unknown_zone_and_format_are_configuration_errors() -> None:
    with pytest.raises(ConfigurationError, match="not a time zone"):
        time_parser("iso", "Mars/Olympus")
    with pytest.raises(ConfigurationError, match="not a time format"):
        time_parser("british")


@pytest.mark.parametrize(
    ("form", "value", "expected"),
    [
        ("iso", "1980-02-29", "1980-02-29"),
        ("iso", "1980-02-29T23:00:00-08:00", "1980-02-29"),
        ("us", "02/29/1980", "1980-02-29"),
        ("german", "29.02.1980", "1980-02-29"),
        ("iso", "0000-00-00", None),
        ("iso", "", None),
    ],
)
def test_dates_keep_their_calendar_day(form: str, value: str, expected: str | None) -> None:
    assert date_parser(form)(value) == expected


def test_no_date_is_refused() -> None:
    with pytest.raises(SkippableError, match="not a date"):
        date_parser()("29 Feb")
