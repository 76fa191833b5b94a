"""Records in normal form: one table, a row for each record, in which equal things are equal texts.

Names and places lose case, accents and signs; dates become eight digits, months and days as the column orders them;
identifiers follow the rules of `identity.fragments`, so that the pipe and this step agree on what is the same.
"""

from __future__ import annotations

import re
import tomllib
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from identity.fragments import Normaliser, UnusableError
from identity.linking import dates
from identity.linking.result import FIELDS, IDENTIFIERS, RECORD_ID
from identity.linking.spelling import spell
from identity.placeholders import ANY, shipped
from identity.plain import normal
from pipe.columnar import fetch, literal, quoted
from pipe.errors import DataError

if TYPE_CHECKING:
    import duckdb

PERSON: Final = "person"
"""The table made: `uid` (a number, in the order of record ids), `record_id`, the columns below."""

NAMES: Final = ("first_name", "middle_name", "last_name")
COLUMNS: Final = (
    *NAMES, "name_root", "birth_date", "birth_day", "gender", "occupation", "house", "street", "city", "region",
    "postcode", "email_text", *IDENTIFIERS,
)  # fmt: skip

_PLAIN: Final = (*NAMES, "gender", "occupation", "street", "street_number", "city", "region", "postcode")

_SPELLED: Final = ("first_name", "middle_name", "last_name", "full_name", "street", "city")

_RULE_OF: Final = {"card": "hashed_cc", "national_id": "loyalty_id"}
"""Whose rules (of `identity.fragments`) hold for an identifier, where its name differs."""

ROWS: Final = 50_000
"""Of the given table that are copied at a time."""

_HASHED: Final = "[0-9a-f]{30}"
"""What `resolve-identity` leaves of a value in tenants that keep hashes only."""

_MACROS: Final = r"""
CREATE OR REPLACE TEMP MACRO plain_text(x) AS nullif(trim(regexp_replace(regexp_replace(
    strip_accents(replace(lower(x), chr(223), 'ss')), '[''`\x{2019}\x{00B4}]', '', 'g'),
    '[^\p{L}\p{N}]+', ' ', 'g')), '');
CREATE OR REPLACE TEMP MACRO without_words(x, words) AS nullif(trim(regexp_replace(regexp_replace(
    x, '(^| )(' || words || ')( (' || words || '))*( |$)', ' ', 'g'), ' +', ' ', 'g')), '');
"""


def prepare(db: duckdb.DuckDBPyConnection, records: pa.Table, region: str) -> None:
    """Make the table `person` of `records`.

    Raises:
        DataError: `record_id` is missing, empty or not unique.
    """
    _check_ids(records)
    given = [name for name in FIELDS if name in records.column_names]
    db.register("given_records", _trimmed(records.select([RECORD_ID, *given])))
    db.execute(_MACROS)
    db.execute(
        "CREATE TABLE raw AS SELECT (row_number() OVER (ORDER BY record_id) - 1)::INTEGER AS uid, * FROM given_records "
        "ORDER BY record_id"
    )
    db.unregister("given_records")
    missing = {name: "NULL::VARCHAR" for name in FIELDS if name not in given}
    column = {name: missing.get(name, quoted(name)) for name in FIELDS}
    identifiers, normaliser = [name for name in IDENTIFIERS if name in given], Normaliser(region)
    for name in identifiers:
        _identifier_forms(db, name, normaliser)
    joins = " ".join(f"LEFT JOIN forms_{name} ON forms_{name}.value = raw.{name}" for name in identifiers)
    forms = {name: f"forms_{name}.form" if name in identifiers else "NULL::VARCHAR" for name in IDENTIFIERS}
    if "customer_id" in identifiers:
        forms["customer_id"] = f"coalesce({column['source']}, '') || chr(31) || {forms['customer_id']}"
    spell(db, [column[name] for name in _SPELLED if name in given])
    # An address with a typing error in its form identifies nobody and still resembles the right one.
    odd_email = f"length({column['email']}) > 6 AND NOT regexp_matches({column['email']}, '^[^@]*@[^@]*$')"
    first = {
        **{name: f"plain_text({column[name]})" for name in _PLAIN},
        **{name: f"spelled({column[name]})" for name in _SPELLED if name != "full_name"},
        "whole": f"spelled({_turned(column, given)})",
        "birth_date": dates.digits(column["birth_date"]),
        "email_text": f"coalesce({forms['email']}, CASE WHEN {odd_email} THEN lower({column['email']}) END)",
        **forms,
    }
    then = {
        **_names(),
        "birth_date": dates.date(db, column["birth_date"], _HASHED),
        "gender": f"left({_meaningful('gender')}, 1)",
        **_street(apart="street_number" in given),
        **{name: _meaningful(name) for name in ("occupation", "city", "region")},
        "postcode": _postcode(db, column["postcode"]),
    }
    last = {
        "name_root": "coalesce(nicknames.name, given)",
        "birth_date": dates.somebodys(),
        "birth_day": "datediff('day', DATE '1900-01-01', try_strptime(birth_date, '%Y%m%d')::DATE)",
    }
    db.register("nicknames", _nicknames())
    # In layers, because the engine computes an expression as often as it is written.
    db.execute(f"CREATE TABLE plain AS SELECT uid, record_id, {_listed(first)} FROM raw {joins}")  # noqa: S608
    replaced = ", ".join(sorted(set(then) & set(first)))
    db.execute(f"CREATE OR REPLACE TABLE plain AS SELECT * EXCLUDE ({replaced}), {_listed(then)} FROM plain")  # noqa: S608
    if "full_name" in given:
        db.execute(f"CREATE OR REPLACE TABLE plain AS SELECT * REPLACE ({_listed(_from_whole(given))}) FROM plain")  # noqa: S608
    db.execute(
        f"CREATE TABLE {PERSON} AS SELECT uid, record_id, {_listed({name: last.get(name, name) for name in COLUMNS})} "  # noqa: S608
        "FROM (SELECT *, split_part(first_name, ' ', 1) AS given FROM plain) "
        "LEFT JOIN nicknames ON nicknames.form = given ORDER BY uid"
    )
    db.unregister("nicknames")
    db.execute("DROP TABLE plain; DROP TABLE raw")
    for name in identifiers:
        db.execute(f"DROP TABLE forms_{name}")


def _check_ids(records: pa.Table) -> None:
    if RECORD_ID not in records.column_names:
        raise DataError("there is no such column", field=RECORD_ID, remedy="Name the column that identifies a record")
    ids = records.column(RECORD_ID)
    if ids.null_count:
        raise DataError(f"{ids.null_count} are empty", field=RECORD_ID, remedy="Every record needs an id of its own")
    if (repeated := len(ids) - len(ids.unique())) > 0:
        raise DataError(f"{repeated} are repeated", field=RECORD_ID, remedy="Every record needs an id of its own")


def _trimmed(records: pa.Table) -> pa.RecordBatchReader:
    """All columns as texts without white space around them, in parts: a copy of the whole would cost memory."""
    schema = pa.schema([(name, pa.string()) for name in records.column_names])
    parts = (
        pa.RecordBatch.from_arrays(
            [pc.utf8_trim_whitespace(column.cast(pa.string())) for column in batch], schema=schema
        )
        for batch in records.to_batches(max_chunksize=ROWS)
    )
    return pa.RecordBatchReader.from_batches(schema, parts)


def _identifier_forms(db: duckdb.DuckDBPyConnection, name: str, normaliser: Normaliser) -> None:
    """The table `forms_NAME`: each value and its normal form, null where it identifies nobody.

    The engine knows the plain ones; the rest, each once, go to the same rules that the pipe follows.
    """
    kind = _RULE_OF.get(name, name)
    value = "value"
    if name == "national_id":
        value = r"regexp_replace(value, '[^0-9A-Za-z]+', '', 'g')"
    db.execute(
        f"CREATE TEMP TABLE given AS SELECT value AS original, {value} AS value, '{kind}' AS kind, "  # noqa: S608
        f"(row_number() OVER ())::INTEGER AS place FROM (SELECT DISTINCT {quoted(name)} AS value FROM raw) "
        "WHERE value <> ''"
    )
    db.execute(
        f"CREATE TEMP TABLE formed AS SELECT original, value, "  # noqa: S608
        f"CASE WHEN regexp_full_match(value, '{_HASHED}') THEN value ELSE text END AS form "
        f"FROM given JOIN ({normal(normaliser, 'given')}) USING (place)"
    )
    odd = fetch(db, "SELECT DISTINCT value FROM formed WHERE form IS NULL").column("value").to_pylist()
    rule = normaliser.rules[kind]
    found: list[tuple[str, str]] = []
    for one in odd:
        try:
            found.append((one, rule(one)))
        except UnusableError:
            continue
    schema = pa.schema([("value", pa.string()), ("form", pa.string())])
    db.register(
        "odd_forms", pa.Table.from_pylist([dict(zip(schema.names, pair, strict=True)) for pair in found], schema)
    )
    db.execute(
        f"CREATE TABLE forms_{name} AS SELECT original AS value, coalesce(formed.form, odd_forms.form) AS form "  # noqa: S608
        "FROM formed LEFT JOIN odd_forms USING (value)"
    )
    db.unregister("odd_forms")
    db.execute("DROP TABLE given; DROP TABLE formed")


@cache
def _words() -> dict[str, Any]:
    return tomllib.loads(resources.files(__package__).joinpath("words.toml").read_text("utf-8"))


def _nicknames() -> pa.Table:
    """`form` of a given name, and the `name` it stands for."""
    names = tomllib.loads(resources.files(__package__).joinpath("nicknames.toml").read_text("utf-8"))
    pairs = [{"form": form, "name": name} for name, forms in names.items() for form in forms]
    return pa.Table.from_pylist(pairs)


def _meaningful(text: str) -> str:
    """SQL for `text`, which is plain, unless it is a placeholder for any kind of value."""
    listed = [value for kind, value in shipped() if kind == ANY and value.isascii()]
    # As `plain_text` leaves them; a letter that is left of a sign says something.
    plain = {" ".join(re.findall("[a-z0-9]+", value)) for value in listed}
    refused = ", ".join(literal(value) for value in sorted({*listed, *(one for one in plain if len(one) > 1)}))
    return f"CASE WHEN {text} NOT IN ({refused}) AND {text} <> '' THEN {text} END"


def _listed(fields: dict[str, str]) -> str:
    return ", ".join(f"{sql} AS {name}" for name, sql in fields.items())


def _turned(column: dict[str, str], given: list[str]) -> str:
    """SQL for the whole name, turned round where it is `last, first`: unless the parts are given, too."""
    turned = f"regexp_replace({column['full_name']}, '^([^,]+),\\s*(\\S.*)$', '\\2 \\1')"
    if _one_part(given):
        return turned
    apart = f"coalesce({column['first_name']}, {column['last_name']})"
    return f"CASE WHEN {apart} IS NULL THEN {turned} ELSE {column['full_name']} END"


def _one_part(given: list[str]) -> str:
    """Which of given and family name has no column while the other has."""
    missing = [name for name in ("first_name", "last_name") if name not in given]
    return missing[0] if len(missing) == 1 else ""


def _names() -> dict[str, str]:
    """SQL for the parts of the name and the words of the whole."""
    titles, suffixes = "|".join(_words()["titles"]), "|".join(_words()["suffixes"])
    return {
        "first_name": f"without_words({_meaningful('first_name')}, '{titles}')",
        "middle_name": _meaningful("middle_name"),
        "last_name": f"without_words({_meaningful('last_name')}, '{suffixes}')",
        "tokens": f"string_split(without_words({_meaningful('whole')}, '{titles}|{suffixes}'), ' ')",
    }


def _from_whole(given: list[str]) -> dict[str, str]:
    """SQL for the parts of a name from the words (`tokens`) of the whole, where they do not stand apart."""
    others = "list_filter(tokens, lambda token: NOT list_contains(string_split(coalesce({}, ''), ' '), token))"
    neither = "coalesce(first_name, last_name) IS NULL"
    parts = {
        "first_name": f"CASE WHEN {neither} THEN tokens[1] ELSE first_name END",
        "last_name": f"CASE WHEN {neither} AND len(tokens) > 1 THEN tokens[-1] ELSE last_name END",
    }
    last = "coalesce(last_name, tokens[-1])"
    if _one_part(given) == "last_name":
        last = f"{others.format('first_name')}[-1]"
        parts["last_name"] = f"CASE WHEN {neither} AND len(tokens) < 2 THEN NULL ELSE {last} END"
        last = f"coalesce({last}, tokens[-1])"
    elif _one_part(given) == "first_name":
        parts["first_name"] = f"{others.format('last_name')}[1]"
    return {
        **parts,
        "middle_name": "coalesce(middle_name, nullif(array_to_string("
        f"list_filter(tokens[2:], lambda token: token <> {last}), ' '), ''))",
    }


def _postcode(db: duckdb.DuckDBPyConnection, column: str) -> str:
    """SQL for a ZIP code of five digits where it has nine; the zero at its start comes back where most have five."""
    code = "replace(postcode, ' ', '')"
    few, five = db.execute(
        f"SELECT count(*) FILTER (regexp_full_match({column}, '[0-9]{{3,4}}')), "  # noqa: S608
        f"count(*) FILTER (regexp_full_match({column}, '[0-9]{{5}}([- ]?[0-9]{{4}})?')) FROM raw"
    ).fetchall()[0]
    short = f"WHEN regexp_full_match({code}, '[0-9]{{3,4}}') THEN lpad({code}, 5, '0') " if five > few else ""
    usual = f"CASE WHEN regexp_full_match({code}, '[0-9]{{9}}') THEN left({code}, 5) {short}ELSE {code} END"
    return f"CASE WHEN {_meaningful('postcode')} IS NOT NULL THEN {usual} END"


def _street(*, apart: bool) -> dict[str, str]:
    """SQL for number and name; the number may stand `apart`, or behind the name."""
    words = _words()
    directed = "replace(street, 'strasse', 'str')"
    for long, short in words["directions"].items():
        directed = f"replace({directed}, '{long}', '{short}')"
    number = "regexp_extract(street, '^[0-9]+[a-z]?( |$)')"
    if apart:
        number = f"coalesce(nullif(regexp_extract(street_number, '^[0-9]+[a-z]?'), ''), {number})"
    else:
        behind = " ([0-9]+( ?[a-z])?)$"
        directed = (
            f"CASE WHEN {number} <> '' THEN regexp_replace({directed}, '^[0-9]+[a-z]? ', '') "
            f"ELSE regexp_replace({directed}, '{behind}', '') END"
        )
        last = f"replace(regexp_extract(street, '{behind}', 1), ' ', '')"
        number = f"coalesce(nullif({number}, ''), {last})"
    name = f"coalesce(without_words({directed}, '{'|'.join(words['streets'])}'), street)"
    return {
        "house": f"nullif(trim({number}), '')",
        "street": f"CASE WHEN {_meaningful('street')} IS NOT NULL THEN {name} END",
    }
