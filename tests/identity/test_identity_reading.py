"""Files as people have them: encodings, broken rows, names and values of columns of all makes."""

from __future__ import annotations

import math
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from identity.evaluation import Evaluation, evaluate_files
from identity.linking.columns import birth_parts, guess
from identity.reading import read
from pipe.errors import ConfigurationError, DataError

ROWS = [f'{number},Ann{number},"Smith, {number}",a{number}@x.org' for number in range(60)]
LINES = ["nr,first,last,email", *ROWS, "60,Jürgen,Öz,j@x.org"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1", "cp1252"])
def test_a_file_may_be_in_another_encoding(tmp_path: Path, encoding: str) -> None:
    last = "61,Zoë,d\u2019Arcy,z@x.org" if encoding != "latin-1" else "61,Zoë,D Arcy,z@x.org"
    path = tmp_path / "people.csv"
    path.write_bytes("\r\n".join([*LINES, last]).encode(encoding))
    found = read(path)
    assert found.column_names == ["nr", "first", "last", "email"]
    assert found.column("first").to_pylist()[-2:] == ["Jürgen", "Zoë"]
    assert found.column("last").to_pylist()[-1] == last.split(",")[2]


@pytest.mark.parametrize(
    ("line", "row"),
    [
        ("61,Short", ["61", "Short", None, None]),
        ("61,Long,L,l@x.org,more", ["61", "Long", "L", "l@x.org"]),
        ('61,"Al "Bud" X",L,l@x.org', ["61", 'Al "Bud" X', "L", "l@x.org"]),
    ],
    ids=["short", "long", "quotes"],
)
def test_one_broken_row_does_not_cost_the_file(tmp_path: Path, line: str, row: list[str | None]) -> None:
    path = tmp_path / "people.csv"
    path.write_text("\n".join([*LINES, line]), encoding="utf-8")
    found = read(path)
    assert len(found) == len(LINES)
    assert list(found.to_pylist()[-1].values())[:4] == row


def test_numbers_that_are_names_lose_the_point_that_a_program_gave_them(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text("\n".join(["zip,phone,price", "2134.0,2125550100.0,1.50"]))
    assert read(path).to_pylist() == [{"zip": "2134", "phone": "2125550100", "price": "1.50"}]


def test_floating_numbers_of_every_kind_are_read(tmp_path: Path) -> None:
    parquet.write_table(pa.table({"zip": [2134.0, math.nan, math.inf, 2.5, None]}), tmp_path / "odd.parquet")
    assert read(tmp_path / "odd.parquet").column("zip").to_pylist() == ["2134", None, "inf", "2.5", None]


def test_a_file_without_rows_is_named(tmp_path: Path) -> None:
    (tmp_path / "head.csv").write_text("nr,first\n")
    with pytest.raises(DataError, match=r"no record in the file head\.csv"):
        read(tmp_path / "head.csv")


@pytest.mark.parametrize(
    ("columns", "fields"),
    [
        ("ADDR_LINE1 ADDR_CITY ADDR_POSTAL_CODE PHONE_HOME EMAIL_ADDR", "street city postcode phone email"),
        ("Kunden#|Straße|Geb.-Datum|Tel.|Vor- und Nachname", "- street birth_date phone full_name"),
        ("Customer #|Rewards #|Zip+4", "customer_id loyalty_id postcode"),
        ("employer_name spouse_first_name employer_zipcode user_name last_update first_seen", "- - - - - -"),
        ("mailing_address_street_number mailing_address_zipcode res_city_desc", "street_number postcode city"),
        ("fname_c1 lname_c1 minit birthdt ph cc_fp", "first_name last_name middle_name birth_date phone card"),
        ("voornaam tussenvoegsel achternaam straatnaam plaats",
         "first_name middle_name last_name street city"),
        ("имя фамилия дата_рождения телефон индекс", "first_name last_name birth_date phone postcode"),
        ("姓 名 生年月日 電話番号 メールアドレス", "last_name first_name birth_date phone email"),
    ],
)  # fmt: skip
def test_more_columns_are_recognised(columns: str, fields: str) -> None:
    names = columns.split("|" if "|" in columns else " ")
    found = guess(names)
    assert [found.get(name, "-") for name in names] == fields.split()


@pytest.mark.parametrize(
    "columns",
    [["birth_year", "birth_month", "birth_day"], ["DOB_YYYY", "DOB_MM", "DOB_DD"], ["by", "bm", "bd"]],
    ids=lambda columns: columns[0],
)
def test_a_date_in_three_columns_is_recognised(columns: list[str]) -> None:
    assert birth_parts(["name", *reversed(columns)]) == columns
    assert birth_parts(["name", *columns[:2]]) == []


def judged(*paths: Path, **options: object) -> Evaluation:
    return evaluate_files(paths, "person", sweep=False, **options)  # type: ignore[arg-type]


def test_a_date_in_three_columns_is_one_date(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    rows = [f"{n // 2},Ann,Smith,{1900 + n // 2},{n // 2 % 12 + 1},{n // 2 % 28 + 1}" for n in range(120)]
    path.write_text("\n".join(["person,fname,lname,birth_year,birth_month,birth_day", *rows]))
    found = judged(path)
    assert found.columns["birth_year + birth_month + birth_day"] == "birth_date"
    assert found.quality.precision == 1
    assert judged(path, columns={"birth_day": "birth_date"}).columns["birth_day"] == "birth_date"


def test_a_column_whose_values_are_of_another_kind_is_not_taken_for_it(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    rows = [f"{n // 2},{n},{1000 + n % 7},40,N/A,true,ann{n // 2}@x.org,Ann{n // 2}" for n in range(60)]
    path.write_text("\n".join(["person,customer,last_4,birth_age,phone,email_verified,mail_1,first", *rows]))
    assert judged(path).columns == {"mail_1": "email", "first": "first_name"}


def test_each_file_may_call_its_columns_as_it_likes(tmp_path: Path) -> None:
    crm, till = tmp_path / "crm.csv", tmp_path / "till.csv"
    crm.write_text("\n".join(["person;Vorname;E-Mail;KundenNr", *(f"{n};Ann;ann{n}@x.org;{n}" for n in range(20))]))
    shifted = (f"{n},Ann,ANN{n}@X.ORG,{n + 1}" for n in range(20))
    till.write_text("\n".join(["person,fname,mail_address,customer_id", *shifted]))
    found = judged(crm, till)
    assert found.columns["E-Mail"] == found.columns["mail_address"] == "email"
    assert found.quality.f1 == 1, "and number 7 of one file is not number 7 of the other"
    mapped = judged(crm, till, columns={"Vorname": "full_name", "fname": "full_name"}).columns
    assert mapped["Vorname"] == mapped["fname"] == "full_name"
    odd = tmp_path / "odd.csv"
    odd.write_text("who,fname\n1,Ann\n")
    with pytest.raises(ConfigurationError, match=r"no column person in odd\.csv"):
        judged(crm, odd)


def test_an_identifier_that_is_mapped_by_hand_is_kept_where_a_guessed_one_is_useless(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text("\n".join(["person,first,loyalty_id,nr", *(f"{n // 2},Ann{n // 2},{n},{n}" for n in range(60))]))
    assert judged(path).columns == {"first": "first_name"}
    assert judged(path, columns={"nr": "customer_id"}).columns == {"nr": "customer_id", "first": "first_name"}
