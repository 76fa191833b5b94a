"""The plain forms of identifiers, put into normal form and hashed by the database engine, a column at a time.

What is taken for plain is so narrow that the result is surely the one `Normaliser` gives; everything else is left to
it. So there is one set of rules, and most values never meet a line of Python.
"""

from __future__ import annotations

import re
from string import ascii_lowercase, digits
from typing import TYPE_CHECKING, Final

from identity.fragments import CUSTOMER_ID, LONGEST
from identity.hashing import DIGITS
from pipe.columnar import literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from identity.fragments import Normaliser

_PRINTABLE: Final = "[!-~]([ -~]*[!-~])?"
_EMAIL: Final = "[A-Za-z0-9._%+-]{1,64}@([A-Za-z0-9]+[.])+[A-Za-z][A-Za-z0-9]+"
_PHONE: Final = "([+]?1[ .-]?)?[(]?[2-9][0-9][0-9][)]?[ .-]?[0-9]{3}[ .-]?[0-9]{4}"
_PHONE_FORM: Final = "right(translate(value, '+ .()-', ''), 10)"
_FINGERPRINT: Final = "[0-9A-Za-z_-]*[A-WYZa-wyz][0-9A-Za-z_-]*"
_HEXADECIMAL: Final = "[0-9A-Fa-f]+"
_NAME_LETTERS: Final = f"{ascii_lowercase}{digits}._%+-"
"""Of the name in an address of that form."""
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
        "email": f"NOT {_odd_email(normaliser)} AND length(form) <= {_LONGEST_DOMAIN}",
        "phone": f"NOT {_odd_phone(normaliser)}",
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
    refused = normaliser.refused("email")
    names = {one[:-1] for one in refused if one.endswith("@")}
    domains = {one[1:] for one in refused if one.startswith("@")}
    if normaliser.gmail_dots:
        domains |= {"gmail.com", "googlemail.com"}
    return _full(
        "form",
        _any_of(
            "test.*",
            ".*xn--.*",
            f"[^@]*@.{{0,{_SHORTEST_DOMAIN}}}",
            f"({_any_of(*map(re.escape, names))})@.*" if names else "",
            f"[^@]*@({_any_of(*map(re.escape, domains))})" if domains else "",
            f"({_any_of(*(f'{re.escape(letter)}+' for letter in _NAME_LETTERS))})@.*",
            *map(re.escape, refused),
        ),
    )


def _odd_phone(normaliser: Normaliser) -> str:
    """The same for ten digits: of one digit or pair, the number of a song, those refused."""
    refused = {re.sub("[^0-9]", "", one)[-10:] for one in normaliser.refused("phone")}
    same = [f"[0-9]{digit}{{9}}" for digit in digits]
    pairs = [f"({pair:02}){{5}}" for pair in range(100)]
    return _full("form", _any_of(*same, *pairs, ".*8675309", *map(re.escape, refused)))


def _good_id(normaliser: Normaliser, kind: str) -> str:
    refused = _any_of(*map(re.escape, normaliser.refused(kind)))
    odd = _full("form", _any_of(_ZEROS, f"(?i:{refused})" if refused else ""))
    if kind == CUSTOMER_ID:
        return f"NOT {odd}"
    first = "left(lower(form), 1)"
    return f"NOT {odd} AND NOT replace(lower(form), {first}, '') = ''"  # is more than its first letter repeated


def _any_of(*patterns: str) -> str:
    """One pattern for all that are not empty: the engine looks at a text once, however many there are."""
    return "|".join(sorted(filter(None, patterns)))


def _full(column: str, pattern: str) -> str:
    return f"regexp_full_match({column}, {literal(pattern)})"


def _case(condition: str, value: str) -> str:
    return f"CASE WHEN {condition} THEN {value} END"


def _by_kind(cases: Mapping[str, str]) -> str:
    return f"CASE kind {' '.join(f'WHEN {literal(kind)} THEN {case}' for kind, case in cases.items())} END"
