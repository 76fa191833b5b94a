"""The plain forms of identifiers, put into normal form and hashed by the database engine, a column at a time.

What is taken for plain is so narrow that the result is surely the one `Normaliser` gives; everything else is left to
it. So there is one set of rules, and most values never meet a line of Python.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from identity.fragments import CUSTOMER_ID, LONGEST
from identity.hashing import DIGITS
from pipe.columnar import literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from identity.fragments import Normaliser

_PRINTABLE: Final = "[!-~]([ -~]*[!-~])?"
_EMAIL: Final = "[A-Za-z0-9._%+-]{1,64}@([A-Za-z0-9]+[.])+[A-Za-z][A-Za-z0-9]+"
_PHONE: Final = "([+]?1[ .-]?)?[(]?[2-9][0-9][0-9][)]?[ .-]?[0-9]{3}[ .-]?[0-9]{4}"
_PHONE_FORM: Final = "right(translate(value, '+ .()-', ''), 10)"
_FINGERPRINT: Final = "[0-9A-Za-z_-]*[A-WYZa-wyz][0-9A-Za-z_-]*"
_HEXADECIMAL: Final = "[0-9A-Fa-f]+"
_ZEROS: Final = "[0 ._:-]*"
_NORTH_AMERICA: Final = "+1"
_SHORTEST, _SHORTEST_DOMAIN, _LONGEST_DOMAIN = 8, 3, 253
_IDS: Final = ("loyalty_id", "device_id", "cookie_id", CUSTOMER_ID)


def hashed(normaliser: Normaliser, secrets: Mapping[str, str], relation: str) -> str:
    """A query for `place` and `text`: the hash of each fragment in `relation`, NULL where it is not plain.

    `relation` has the columns `place`, `kind`, `value` and `secret`, which is the one for a customer_id's source
    system; those of the other types are in `secrets`.
    """
    before = {kind: literal(secret) for kind, secret in secrets.items()} | {CUSTOMER_ID: "secret"}
    before["phone"] = literal(secrets["phone"] + _NORTH_AMERICA)
    return _query(
        normaliser, relation, {kind: f"left(sha256({text} || form), {DIGITS})" for kind, text in before.items()}
    )


def normal(normaliser: Normaliser, relation: str) -> str:
    """The same for the normal form itself; `relation` needs no `secret`."""
    texts = {**dict.fromkeys(("email", "hashed_cc", *_IDS), "form"), "phone": f"{literal(_NORTH_AMERICA)} || form"}
    return _query(normaliser, f"(SELECT *, NULL AS secret FROM {relation})", texts)  # noqa: S608  a name of ours


def _query(normaliser: Normaliser, relation: str, texts: Mapping[str, str]) -> str:
    """`place` and, by type, the text made of `form` where that is plain and no placeholder."""
    forms = {
        "email": _case(f"{_full('value', _EMAIL)}", "lower(value)"),
        "phone": _case(_phone(normaliser), _PHONE_FORM),
        "hashed_cc": _case(
            f"length(value) BETWEEN {_SHORTEST} AND {LONGEST} AND {_full('value', _FINGERPRINT)}",
            f"CASE WHEN {_full('value', _HEXADECIMAL)} THEN lower(value) ELSE value END",
        ),
        **dict.fromkeys(
            _IDS, _case(f"length(value) BETWEEN 1 AND {LONGEST} AND {_full('value', _PRINTABLE)}", "value")
        ),
    }
    good = {
        "email": f"NOT ({_odd_email(normaliser)}) AND length(form) <= {_LONGEST_DOMAIN}",
        "phone": f"NOT ({_odd_phone(normaliser)})",
        **{kind: _good_id(normaliser, kind) for kind in ("hashed_cc", *_IDS)},
    }
    found = _by_kind({kind: f"CASE WHEN {good[kind]} THEN {texts[kind]} END" for kind in forms})
    in_form = f"SELECT place, kind, secret, {_by_kind(forms)} AS form FROM {relation}"  # noqa: S608  quoted texts
    return f"SELECT place, {found} AS text FROM ({in_form})"  # noqa: S608


def _phone(normaliser: Normaliser) -> str:
    plain = _full("value", _PHONE)
    return plain if normaliser.north_american else f"{plain} AND starts_with(value, '+')"


def _odd_email(normaliser: Normaliser) -> str:
    """What is not surely free of placeholders: refused names, domains and addresses, names of one letter."""
    name, domain = "split_part(form, '@', 1)", "split_part(form, '@', 2)"
    refused = normaliser.refused("email")
    domains = {one[1:] for one in refused if one.startswith("@")}
    if normaliser.gmail_dots:
        domains |= {"gmail.com", "googlemail.com"}
    return " OR ".join(
        [
            "starts_with(form, 'test')",
            "contains(form, 'xn--')",
            f"length({domain}) <= {_SHORTEST_DOMAIN}",
            _is_one_of(name, {one[:-1] for one in refused if one.endswith("@")}),
            _is_one_of(domain, domains),
            _is_one_of("form", refused),
            _repeats(name, 1),
        ]
    )


def _odd_phone(normaliser: Normaliser) -> str:
    """The same for ten digits: of one digit or pair, the number of a song, those refused."""
    refused = {re.sub("[^0-9]", "", one)[-10:] for one in normaliser.refused("phone")}
    return " OR ".join(
        [_repeats("right(form, 9)", 1), _repeats("form", 2), "ends_with(form, '8675309')", _is_one_of("form", refused)]
    )


def _good_id(normaliser: Normaliser, kind: str) -> str:
    conditions = [f"NOT {_full('form', _ZEROS)}", f"NOT {_is_one_of('lower(form)', normaliser.refused(kind))}"]
    if kind != CUSTOMER_ID:
        conditions.append(f"NOT {_repeats('lower(form)', 1)}")
    return " AND ".join(conditions)


def _full(column: str, pattern: str) -> str:
    return f"regexp_full_match({column}, {literal(pattern)})"


def _is_one_of(text: str, values: Iterable[str]) -> str:
    listed = "|".join(sorted(map(re.escape, values)))
    return _full(text, listed) if listed else "false"


def _repeats(text: str, length: int) -> str:
    """Whether a text is nothing but its first so many characters, again and again."""
    return f"replace({text}, left({text}, {length}), '') = ''"


def _case(condition: str, value: str) -> str:
    return f"CASE WHEN {condition} THEN {value} END"


def _by_kind(cases: Mapping[str, str]) -> str:
    return f"CASE kind {' '.join(f'WHEN {literal(kind)} THEN {case}' for kind, case in cases.items())} END"
