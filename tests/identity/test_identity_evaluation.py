"""`growthnav identity evaluate`: files never seen before, their columns recognised, mistakes named."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pytest
from click.testing import CliRunner
from pyarrow import csv, parquet

from bench.customers import customers
from identity.evaluation import evaluate_files
from identity.linking.columns import guess, guess_id
from identity.reading import read
from pipe.errors import ConfigurationError, PipeError
from plugins.identity_command import identity


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("evaluation")
    given = customers(300)
    csv.write_csv(given, folder / "given.csv")
    parquet.write_table(given, folder / "given.parquet")
    return folder


def run(*arguments: object) -> str:
    result = CliRunner().invoke(identity, ["evaluate", *map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == 0
    return result.output


def test_the_json_has_the_promised_keys_and_the_clusters_every_record(files: Path, tmp_path: Path) -> None:
    out = tmp_path / "clusters.csv"
    found = json.loads(run(files / "given.csv", "--truth", "person", "--clusters", out, "--json"))
    assert list(found) == [
        "f1", "precision", "recall", "bcubed_f1", "largest_cluster", "records", "seconds", "peak_mb",
    ]  # fmt: skip
    assert found["f1"] > 0.9
    assert found["records"] == csv.read_csv(out).num_rows == 300
    assert csv.read_csv(out).column_names == ["record_id", "cluster"]


def test_csv_and_parquet_give_the_same_people(files: Path) -> None:
    one, other = (evaluate_files([files / f"given.{kind}"], "person", sweep=False) for kind in ("csv", "parquet"))
    assert one.clusters.equals(other.clusters)


def test_the_text_names_the_columns_and_sweeps_thresholds(files: Path) -> None:
    text = run(files / "given.csv", "--truth", "person")
    assert "first_name" in text
    assert "0.95" in text
    assert "Ann" not in text


def test_a_column_can_be_mapped_by_hand(files: Path, tmp_path: Path) -> None:
    table = read(files / "given.csv")
    strange = tmp_path / "strange.csv"
    names = {"email": "kontakt", "record_id": "nr"}
    csv.write_csv(table.rename_columns([names.get(name, name) for name in table.column_names]), strange)
    found = evaluate_files([strange], "person", record_id="nr", columns={"kontakt": "email"}, sweep=False)
    assert found.columns["kontakt"] == "email"
    assert found.quality.f1 > 0.9


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--truth", "persn"], "no column persn"),
        (["--truth", "person", "--id", "nr"], "no column nr"),
        (["--truth", "person", "--map", "email"], "COLUMN=FIELD"),
        (["--truth", "person", "--map", "email=mail"], "no field mail"),
        (["--truth", "person", "--map", "email=phone", "--map", "phone=phone"], "one field"),
        (["--truth", "person", "--id", "source"], "repeated"),
        (["--truth", "person", "--region", "XX"], "region is not a country"),
        (["--truth", "person", "--clusters", "/no/such/folder/out.csv"], "no folder /no/such/folder"),
    ],
)
def test_mistakes_are_named(files: Path, arguments: list[str], message: str) -> None:
    with pytest.raises(PipeError, match=message):
        run(files / "given.csv", *arguments)


def test_numbers_without_a_country_code_are_read_as_of_the_region(tmp_path: Path) -> None:
    path = tmp_path / "phones.csv"
    rows = [
        f"{n}{copy},{n},{phone}" for n in range(10) for copy, phone in enumerate((f"030 90182{n}", f"+49 3090182{n}"))
    ]
    path.write_text("\n".join(["record_id,person,phone", *rows]))
    figures = {code: json.loads(run(path, "--truth", "person", "--json", "--region", code)) for code in ("de", "US")}
    assert figures["de"]["f1"] == 1
    assert figures["US"]["recall"] == 0


def test_a_file_that_is_no_table_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "odd.parquet"
    path.write_bytes(b"not parquet")
    with pytest.raises(ConfigurationError, match=r"odd\.parquet cannot be read"):
        evaluate_files([path], "person")


def test_a_file_with_nothing_about_a_person_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "odd.csv"
    path.write_text("person,amount\n1,2.50\n")
    with pytest.raises(ConfigurationError, match=r"no column of odd\.csv is recognised.*--map"):
        evaluate_files([path], "person")


def test_febrl_ids_are_their_own_truth_and_blanks_in_a_header_go(tmp_path: Path) -> None:
    path = tmp_path / "febrl.csv"
    rows = [f"rec-{n // 2}-{'dup-0' if n % 2 else 'org'}, Given{n // 2}, Name{n // 2}, {n // 2:09}" for n in range(120)]
    path.write_text("\n".join(["rec_id, given_name, surname, soc_sec_id", *rows]))
    found = evaluate_files([path], "rec_id", sweep=False)
    assert found.quality.true_people == 60
    assert found.columns == {"given_name": "first_name", "soc_sec_id": "national_id", "surname": "last_name"}


GUESSES = [
    (["given_name", "surname", "date_of_birth", "suburb", "postcode", "state", "address_1", "soc_sec_id"],
     "first_name last_name birth_date city postcode region street national_id"),
    (["First Name", "Last Name", "DOB", "E-Mail", "Mobile", "ZIP", "Street_Address"],
     "first_name last_name birth_date email phone postcode street"),
    (["custEmailAddr", "HomePhoneNumber", "lname", "fname", "birthYearMonthDay", "loyaltyCardNo"],
     "email phone last_name first_name birth_date loyalty_id"),
    (["store_city", "order_date", "product_name", "created_at", "email_opt_in", "signup_date"], ""),
    (["birth_place", "postcode_fake", "full_name", "occupation"], "city postcode full_name occupation"),
]  # fmt: skip


@pytest.mark.parametrize(("columns", "fields"), GUESSES)
def test_columns_are_recognised(columns: list[str], fields: str) -> None:
    found = guess(columns)
    assert [found[name] for name in columns if name in found] == fields.split()


def test_the_id_is_recognised() -> None:
    assert guess_id(["name", "unique_id", "id"]) == "unique_id"
    assert guess_id(["name"]) is None


def test_an_id_of_its_own_in_every_record_is_no_loyalty_id(tmp_path: Path) -> None:
    given = read_back(customers(200), tmp_path)
    assert "loyalty_id" not in evaluate_files([given], "person", sweep=False).columns.values()


def read_back(table: pa.Table, folder: Path) -> Path:
    numbers = pa.array([f"L{number}" for number in range(len(table))])
    path = folder / "own.parquet"
    parquet.write_table(table.drop_columns(["loyalty_id"]).append_column("loyalty_no", numbers), path)
    return path


@pytest.mark.parametrize(
    ("columns", "fields"),
    [
        (
            ["KundenNr", "Anrede", "Vorname", "Nachname", "Geburtsdatum", "Hausnr", "PLZ", "Wohnort", "Telefon", "E-Mail"],
            "customer_id gender first_name last_name birth_date street_number postcode city phone email",
        ),
        (["Prénom", "Nom", "Date_naissance", "Rue", "Code postal", "Ville", "Courriel"],
         "first_name last_name birth_date street postcode city email"),
        (["nombre", "apellidos", "fecha_nacimiento", "calle", "codigo_postal", "ciudad", "correo", "movil"],
         "first_name last_name birth_date street postcode city email phone"),
    ],
    ids=["German", "French", "Spanish"],
)  # fmt: skip
def test_columns_in_other_languages_are_recognised(columns: list[str], fields: str) -> None:
    assert guess(columns) == dict(zip(columns, fields.split(), strict=True))
