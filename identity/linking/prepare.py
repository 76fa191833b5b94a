"""Records in normal form: one table, a row for each record, in which equal things are equal texts.

Names and places lose case, accents and signs; dates become eight digits, months and days as the column orders them;
identifiers follow the rules of `identity.fragments`, so that the pipe and this step agree on what is the same.
"""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from identity.fragments import Normaliser, UnusableError
from identity.linking.result import FIELDS, IDENTIFIERS, RECORD_ID
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
    *NAMES, "name_root", "birth_date", "birth_day", "gender", "occupation", "house", "street", "city", "region", "postcode",
    "email_text", *IDENTIFIERS,
)  # fmt: skip

_RULE_OF: Final = {"card": "hashed_cc", "national_id": "loyalty_id"}
"""Whose rules (of `identity.fragments`) hold for an identifier, where its name differs."""

_HASHED: Final = "[0-9a-f]{30}"
"""What `resolve-identity` leaves of a value in tenants that keep hashes only."""

_MACROS: Final = r"""
CREATE OR REPLACE TEMP MACRO plain_text(x) AS nullif(trim(regexp_replace(regexp_replace(
    strip_accents(lower(x)), '[''`’´]', '', 'g'), '[^\p{L}\p{N}]+', ' ', 'g')), '');
CREATE OR REPLACE TEMP MACRO without_words(x, words) AS nullif(trim(regexp_replace(regexp_replace(
    x, '(^| )(' || words || ')( (' || words || '))*( |$)', ' ', 'g'), ' +', ' ', 'g')), '');
"""
_ISO, _COMPACT, _PARTS = (
    r"^[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([T ].*)?$",
    r"^(1[5-9]|20)[0-9]{6}$",
    r"^[0-9]{1,2}[-/. ][0-9]{1,2}[-/. ]([0-9]{4}|[0-9]{2})$",
)
_SPOKEN: Final = ("%d %B %Y", "%B %d, %Y", "%B %d %Y", "%d %b %Y", "%b %d, %Y", "%b %d %Y", "%d-%b-%Y", "%Y/%m/%d")


def prepare(db: duckdb.DuckDBPyConnection, records: pa.Table, region: str) -> None:
    """Make the table `person` of `records`.

    Raises:
        DataError: `record_id` is missing, empty or not unique.
    """
    _check_ids(records)
    given = [name for name in FIELDS if name in records.column_names]
    texts = pa.table(
        {name: _trimmed(records.column(name)) for name in (RECORD_ID, *given)},
    )
    db.register("given_records", texts)
    db.execute(_MACROS)
    db.execute(
        "CREATE TABLE raw AS SELECT (row_number() OVER (ORDER BY record_id) - 1)::INTEGER AS uid, * FROM given_records "
        "ORDER BY record_id"
    )
    db.unregister("given_records")
    missing = {name: "NULL::VARCHAR" for name in FIELDS if name not in given}
    column = {name: missing.get(name, quoted(name)) for name in FIELDS}
    identifiers = [name for name in IDENTIFIERS if name in given]
    for name in identifiers:
        _identifier_forms(db, name, region)
    joins = " ".join(f"LEFT JOIN forms_{name} ON forms_{name}.value = raw.{name}" for name in identifiers)
    forms = {name: f"forms_{name}.form" if name in identifiers else "NULL::VARCHAR" for name in IDENTIFIERS}
    if "customer_id" in identifiers:
        forms["customer_id"] = f"coalesce({column['source']}, '') || chr(31) || {forms['customer_id']}"
    # An address with a typing error in its form identifies nobody and still resembles the right one.
    odd_email = f"length({column['email']}) > 6 AND NOT regexp_matches({column['email']}, '^[^@]*@[^@]*$')"
    fields = {
        **_names(column),
        "birth_date": _date(db, column["birth_date"]),
        "gender": f"left(plain_text({column['gender']}), 1)",
        "occupation": f"plain_text({column['occupation']})",
        **_street(column),
        **{name: _meaningful(f"plain_text({column[name]})") for name in ("city", "region")},
        "postcode": f"nullif(replace(plain_text({column['postcode']}), ' ', ''), '')",
        "email_text": f"coalesce({forms['email']}, CASE WHEN {odd_email} THEN lower({column['email']}) END)",
        **forms,
    }
    listed = ", ".join(f"{sql} AS {name}" for name, sql in fields.items())
    named = ", ".join(f"{sql} AS {name}" for name, sql in _FROM_WHOLE.items())
    last = {
        "name_root": "coalesce(nicknames.name, given)",
        "birth_day": "datediff('day', DATE '1900-01-01', try_strptime(birth_date, '%Y%m%d')::DATE)",
    }
    chosen = ", ".join(f"{last.get(name, name)} AS {name}" for name in COLUMNS)
    db.register("nicknames", _nicknames())
    db.execute(f"CREATE TABLE plain AS SELECT uid, record_id, {listed} FROM raw {joins}")  # noqa: S608
    db.execute("DROP TABLE raw")
    if "full_name" in given:
        db.execute(f"CREATE OR REPLACE TABLE plain AS SELECT * REPLACE ({named}) FROM plain")  # noqa: S608
    db.execute(
        f"CREATE TABLE {PERSON} AS SELECT uid, record_id, {chosen} FROM "  # noqa: S608
        "(SELECT *, split_part(first_name, ' ', 1) AS given FROM plain) "
        "LEFT JOIN nicknames ON nicknames.form = given ORDER BY uid"
    )
    db.unregister("nicknames")
    db.execute("DROP TABLE plain")
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


def _trimmed(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.utf8_trim_whitespace(column.cast(pa.string()))


def _identifier_forms(db: duckdb.DuckDBPyConnection, name: str, region: str) -> None:
    """The table `forms_NAME`: each value and its normal form, null where it identifies nobody.

    The engine knows the plain ones; the rest, each once, go to the same rules that the pipe follows.
    """
    kind, normaliser = _RULE_OF.get(name, name), Normaliser(region)
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
    """SQL for `text` unless it is a placeholder for any kind of value."""
    refused = ", ".join(literal(value) for kind, value in shipped() if kind == ANY and value.isascii())
    return f"CASE WHEN {text} NOT IN ({refused}) AND {text} <> '' THEN {text} END"


def _names(column: dict[str, str]) -> dict[str, str]:
    """SQL for the parts of the name and the whole of it, turned round where it is `last, first`."""
    titles, suffixes = "|".join(_words()["titles"]), "|".join(_words()["suffixes"])
    first, middle, last = (_meaningful(f"plain_text({column[name]})") for name in NAMES)
    turned = f"regexp_replace({column['full_name']}, '^([^,]+),\\s*(\\S.*)$', '\\2 \\1')"
    whole = f"CASE WHEN coalesce({column['first_name']}, {column['last_name']}) IS NULL THEN {turned} "
    whole += f"ELSE {column['full_name']} END"
    return {
        "first_name": f"without_words({first}, '{titles}')",
        "middle_name": middle,
        "last_name": f"without_words({last}, '{suffixes}')",
        "tokens": f"string_split(without_words({_meaningful(f'plain_text({whole})')}, '{titles}|{suffixes}'), ' ')",
    }


_FROM_WHOLE: Final = {
    "first_name": "CASE WHEN coalesce(first_name, last_name) IS NULL THEN tokens[1] ELSE first_name END",
    "middle_name": "coalesce(middle_name, nullif(array_to_string(list_filter(tokens[2:], "
    "lambda token: token <> coalesce(last_name, tokens[-1])), ' '), ''))",
    "last_name": "CASE WHEN coalesce(first_name, last_name) IS NULL AND len(tokens) > 1 THEN tokens[-1] "
    "ELSE last_name END",
}
"""The parts of a name from the words (`tokens`) of the whole, where they do not stand apart."""


def _street(column: dict[str, str]) -> dict[str, str]:
    words = _words()
    text = f"plain_text({column['street']})"
    for long, short in words["directions"].items():
        text = f"replace({text}, '{long}', '{short}')"
    number = f"regexp_extract(plain_text({column['street_number']}), '^[0-9]+[a-z]?')"
    inside = f"regexp_extract(plain_text({column['street']}), '^[0-9]+[a-z]?( |$)')"
    name = f"regexp_replace({text}, '^[0-9]+[a-z]? ', '')" if column["street_number"].startswith("NULL") else text
    return {
        "house": f"nullif(trim(coalesce(nullif({number}, ''), {inside})), '')",
        "street": f"coalesce(without_words({name}, '{'|'.join(words['streets'])}'), {name})",
    }


def _date(db: duckdb.DuckDBPyConnection, column: str) -> str:
    """SQL for a date as eight digits; which of day and month comes first is what most of the column says."""
    if column.startswith("NULL"):
        return column
    text = f"translate(lower({column}), 'ol', '01')"
    first, second = (
        f"try_cast(regexp_extract({text}, '^([0-9]{{1,2}})[-/. ]([0-9]{{1,2}})[-/. ]', {n}) AS INTEGER)" for n in (1, 2)
    )
    days = db.execute(
        f"SELECT count(*) FILTER ({first} BETWEEN 13 AND 31), count(*) FILTER ({second} BETWEEN 13 AND 31) FROM raw"  # noqa: S608
    ).fetchall()[0]
    day_first = days[0] > days[1]
    split = f"string_split(regexp_replace({text}, '[/. ]', '-', 'g'), '-')"
    day, month = (f"lpad({split}[{n}], 2, '0')" for n in ((1, 2) if day_first else (2, 1)))
    year = f"CASE WHEN len({split}[3]) = 2 THEN CASE WHEN {split}[3] > '30' THEN '19' ELSE '20' END ELSE '' END || {split}[3]"
    iso = f"string_split(left(regexp_replace({text}, '[t ].*', ''), 10), '-')"
    spoken = f"try_strptime({column}, [{', '.join(map(literal, _SPOKEN))}])"
    turned = f"right({text}, 4) || " + (f"substr({text}, 3, 2) || left({text}, 2)" if day_first else f"left({text}, 4)")
    return (
        f"CASE WHEN {column} IS NULL OR {column} = '' THEN NULL "
        f"WHEN regexp_matches({text}, '{_ISO}') THEN {iso}[1] || lpad({iso}[2], 2, '0') || lpad({iso}[3], 2, '0') "
        f"WHEN regexp_matches({text}, '{_COMPACT}') THEN {text} "
        f"WHEN regexp_matches({text}, '{_PARTS}') THEN {year} || {month} || {day} "
        f"WHEN regexp_matches({text}, '^[0-9]{{8}}$') THEN {turned} "
        f"ELSE coalesce(strftime({spoken}, '%Y%m%d'), CASE WHEN regexp_full_match({column}, '{_HASHED}') THEN {column} END) END"
    )
