"""What identifies a person: the types of identity fragments, and the one form in which two equal ones are equal.

| type        | normal form                                                                                      |
|-------------|--------------------------------------------------------------------------------------------------|
| email       | lower case, domain in Unicode (NFC); dots before @gmail.com only dropped when the tenant asks    |
| phone       | E.164, read with the tenant's region; an extension stays, as `;ext=12`                           |
| hashed_cc   | a card's fingerprint; in lower case if it is hexadecimal. A card's number is refused             |
| loyalty_id, device_id, cookie_id, customer_id | trimmed; a customer_id counts within its source system only    |
| name_zip    | `first last|postal code`: letters and digits without accents, lower case; a ZIP+4 loses its +4   |
"""

from __future__ import annotations

import contextlib
import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import phonenumbers

from identity.placeholders import ANY, patterns, shipped
from pipe.streams import FRAGMENT_TYPES

if TYPE_CHECKING:
    from collections.abc import Iterable

RECORD: Final = "record"
CUSTOMER_ID: Final = "customer_id"
KINDS: Final = (RECORD, *FRAGMENT_TYPES)
"""Fragment types, and `record`: the key of a record that has no fragment, which never comes from outside."""

PARSED: Final = 1 << 14
"""Odd and foreign telephone numbers whose reading is remembered: the same customers come again, and it is slow."""

CARD_NUMBER: Final = "card_number"
LONGEST: Final = 512
"""Characters; nothing longer identifies anybody, and it would fill the caches."""

_ADDRESS = re.compile(r"[^\s@\"(),:;<>\[\]\\]{1,64}@(?=.{4,253}\Z)(?:[\w](?:[\w-]*[\w])?\.)+[^\W\d_](?:[\w-]*[\w])")
_GMAIL = frozenset({"gmail.com", "googlemail.com"})
_DOTS = str.maketrans("\u3002\uff0e\uff61", "...")  # what IDNA takes for a dot
_CARD = re.compile(r"\d(?:[ -]?\d){12,18}")
_NOT_A_FINGERPRINT = re.compile(r".*\s.*|[x*•.#-]*\d{0,6}[x*•.#-]+\d{0,4}", re.IGNORECASE)  # `Visa 4242`, `****4242`
_SHORTEST_FINGERPRINT = 8
_HEXADECIMAL = re.compile(r"[0-9A-Fa-f]+")
_NORTH_AMERICA = re.compile(r"(?:\+?1[ .-]?)?\(?([2-9]\d\d)\)?[ .-]?(\d{3})[ .-]?(\d{4})", re.ASCII)
_APOSTROPHES = "'`\u2019\u00b4"
_ZIP_PLUS_4 = re.compile(r"(\d{5})-?\d{4}")


Form = Callable[[str], str]
"""Trimmed text -> normal form; raises `UnusableError`."""

Rule = Callable[["str | None"], str]
"""Value -> normal form; raises `UnusableError`: `empty`, `too_long`, `placeholder`, `invalid` or `card_number`."""


class UnusableError(ValueError):
    """The fragment cannot identify anybody; the message is the reason under which it is counted."""


class Normaliser:
    """Brings fragments into normal form, with one tenant's settings.

    ```python
    Normaliser("US").rules["phone"]("(212) 555-0100")  # "+12125550100"
    ```
    """

    def __init__(
        self, region: str = "US", *, gmail_dots: bool = False, placeholders: Iterable[tuple[str, str]] = ()
    ) -> None:
        """Read phone numbers without country code in `region` (ISO 3166), add `placeholders` (type or `any`, value)."""
        self._region = region
        self.north_american = phonenumbers.country_code_for_region(region) == 1
        self.gmail_dots = gmail_dots
        self._parsed = lru_cache(PARSED)(self._parse)
        forms: dict[str, Form] = {
            "email": self._email,
            "phone": self._phone,
            "hashed_cc": _fingerprint,
            "name_zip": _name_zip,
            **dict.fromkeys(("loyalty_id", "device_id", "cookie_id", CUSTOMER_ID), str),
        }
        self._refused: dict[str, set[str]] = {kind: set() for kind in forms}
        for kind, text in (*shipped(), *placeholders):
            for name in forms if kind == ANY else (kind,):
                self._refuse(name, forms[name], text.strip().lower())
        self.rules = {kind: _rule(form, self._refused[kind], patterns(kind)) for kind, form in forms.items()}
        """Fragment type -> its rule."""

    def refused(self, kind: str) -> frozenset[str]:
        """The placeholders of a type that can be listed, in lower case."""
        return frozenset(self._refused[kind])

    def _refuse(self, kind: str, form: Form, text: str) -> None:
        """Take a placeholder as typed and in normal form."""
        self._refused[kind].add(text)
        with contextlib.suppress(UnusableError):
            self._refused[kind].add(form(text).lower())

    def _email(self, text: str) -> str:
        text = text.lower()
        name, _, domain = text.rpartition("@")
        if "xn--" in domain or not text.isascii():
            domain = ".".join(map(_label, domain.translate(_DOTS).split(".")))
            text = f"{name}@{domain}"
        if not _ADDRESS.fullmatch(text):
            raise UnusableError("invalid")
        refused = self._refused["email"]
        if f"{name}@" in refused or f"@{domain}" in refused:
            raise UnusableError("placeholder")
        if self.gmail_dots and domain in _GMAIL:
            return f"{name.replace('.', '')}@{domain}"
        return text

    def _phone(self, text: str) -> str:
        # Parsing is dear, and plain North American numbers can be read off with the same result.
        if (plain := _NORTH_AMERICA.fullmatch(text)) and (self.north_american or text[0] == "+"):
            return "+1" + "".join(plain.groups())
        number = self._parsed(text)
        if number is None:
            raise UnusableError("invalid")
        return number

    def _parse(self, text: str) -> str | None:
        try:
            number = phonenumbers.parse(text, self._region)
        except phonenumbers.NumberParseException:
            return None
        # Possible, not valid: the library's list of area codes lags behind, and a number that two records share
        # links them whether or not it has been given out.
        if phonenumbers.is_possible_number_with_reason(number) != phonenumbers.ValidationResult.IS_POSSIBLE:
            return None
        e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
        return f"{e164};ext={number.extension}" if number.extension else e164


def _rule(form: Form, refused: set[str], pattern: re.Pattern[str]) -> Rule:
    """`form` with what all types have in common: a limit of length, trimming, placeholders."""
    matches = pattern.fullmatch

    def rule(value: str | None) -> str:
        if not value:
            raise UnusableError("empty")
        if len(value) > LONGEST:
            raise UnusableError("too_long")
        text = (value if value.isascii() else _visible(value)).strip()
        try:
            normal = form(text)
        except UnusableError:
            lower = text.lower()
            if lower in refused or matches(lower):
                raise UnusableError("placeholder") from None
            raise
        lower = normal.lower()
        if lower in refused or matches(lower):
            raise UnusableError("placeholder")
        return normal

    return rule


def _visible(text: str) -> str:
    """Composed (NFC), without characters of no width."""
    return unicodedata.normalize("NFC", "".join(c for c in text if unicodedata.category(c) != "Cf"))


def _label(label: str) -> str:
    """One label of a domain in Unicode, NFC, lower case: `xn--mnchen-3ya` and `MÜNCHEN` are both `münchen`."""
    if label.startswith("xn--"):
        try:
            label = label[4:].encode("ascii").decode("punycode")
        except UnicodeError:
            raise UnusableError("invalid") from None
    return unicodedata.normalize("NFC", label.lower())


def _fingerprint(text: str) -> str:
    if _CARD.fullmatch(text) and _luhn(text):
        raise UnusableError(CARD_NUMBER)
    if len(text) < _SHORTEST_FINGERPRINT or _NOT_A_FINGERPRINT.fullmatch(text):
        raise UnusableError("invalid")
    return text.lower() if _HEXADECIMAL.fullmatch(text) else text


def _luhn(text: str) -> bool:
    """Whether the check digit of a payment card (ISO/IEC 7812) is right."""
    digits = [int(character) for character in reversed(text) if character.isdecimal()]
    return (sum(digits[::2]) + sum(sum(divmod(2 * digit, 10)) for digit in digits[1::2])) % 10 == 0


def _name_zip(text: str) -> str:
    name, _, code = text.rpartition("|")
    words = _plain("".join(c if c.isalnum() else " " for c in _plain(name))).split()
    code = "".join(c for c in _plain(_ZIP_PLUS_4.sub(r"\1", code.strip())) if c.isalnum())
    if len(words) < 2 or not code:  # noqa: PLR2004  a given and a family name
        raise UnusableError("invalid")
    return f"{' '.join(words)}|{code}"


def _plain(text: str) -> str:
    """Lower case, without accents, apostrophes and full-width forms."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(c for c in decomposed if not unicodedata.combining(c) and c not in _APOSTROPHES)
