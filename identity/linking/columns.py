"""Which column of a file is which field of the person model, guessed from its name and checked against its values."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Final

from identity.linking.result import FIELDS

if TYPE_CHECKING:
    from collections.abc import Iterable

_NAMES: Final = {
    "first_name": "firstname first given givenname forename fname christianname namefirst vorname prenom nombre "
    "nombres nome voornaam rufname",
    "middle_name": "middlename middle middleinitial mi mname middlenames namemiddle",
    "last_name": "lastname last surname familyname lname namelast sname family nachname secondname apellido "
    "apellidos nom nomdefamille cognome achternaam familienname",
    "full_name": "fullname name customername personname displayname contactname wholename customer completename "
    "nombrecompleto nomcomplet",
    "birth_date": "dob dateofbirth birthdate birthday birth bday bdate datebirth borndate born geburtsdatum geburtstag "
    "datenaissance datedenaissance fechanacimiento fechadenacimiento datadinascita geboortedatum",
    "gender": "gender sex geschlecht anrede salutation sexe sexo genere",
    "occupation": "occupation job jobtitle profession",
    "street": "street streetname address address1 addressline1 addr addr1 streetaddress line1 mailingstreet "
    "billingaddress shippingaddress homeaddress road strasse addressstreet anschrift adresse rue calle "
    "direccion indirizzo straat",
    "street_number": "streetnumber streetno housenumber houseno number addressnumber housenr streetnum "
    "hausnummer hausnr huisnummer numerocivico",
    "city": "city suburb town locality place municipality birthplace placeofbirth postaltown ort wohnort "
    "stadt ville ciudad localidad citta woonplaats",
    "region": "state region province county stateprovince statecode provincecode bundesland provincia departement",
    "postcode": "postcode zip zipcode postalcode postal zip5 pincode plz postcodefake postleitzahl "
    "codepostal codigopostal",
    "country": "country countrycode nation land pays pais paese",
    "email": "email emailaddress mail emailid eml primaryemail contactemail courriel correo correoelectronico",
    "phone": "phone phonenumber telephone tel mobile mobilephone cell cellphone phoneno telephonenumber primaryphone "
    "contactphone homephone mobilenumber telefon telefonnummer handy handynummer mobil telefono telefoon movil "
    "cellulare",
    "card": "card cardfp cardfingerprint cardhash hashedcc cchash cardtoken paymentcard creditcard cc",
    "loyalty_id": "loyaltyid loyalty loyaltynumber memberid membershipid loyaltyno membernumber rewardsid loyaltycard",
    "national_id": "ssn socsecid socialsecuritynumber socialsecurity nationalid nationalidnumber nino taxid soc socsec",
    "device_id": "deviceid device",
    "cookie_id": "cookieid cookie",
    "customer_id": "customerid userid kundennr kundennummer kundenid numeroclient numerocliente",
    "source": "source sourcesystem system sourcedataset dataset datasource src sourcename channel",
}
ALIASES: Final = {alias: field for field, aliases in _NAMES.items() for alias in aliases.split()}
"""Name of a column, letters and digits only, -> field."""

_WORDS: Final = {
    "email": "email mail",
    "phone": "phone mobile tel telephone cell",
    "postcode": "zip postcode postal",
    "city": "birthplace suburb city town",
    "birth_date": "dob birth birthday born",
    "last_name": "surname lastname last family",
    "first_name": "firstname first given forename",
    "middle_name": "middle",
    "region": "state province county region",
    "street_number": "house",
    "street": "street address addr",
    "loyalty_id": "loyalty rewards member",
    "card": "card",
    "national_id": "ssn social national",
    "gender": "gender sex",
    "occupation": "occupation job profession",
    "full_name": "fullname name",
}
"""Field -> words that, somewhere in a column's name, speak for it; the first field that has one wins."""

IDS: Final = (
    "recordid", "recid", "uniqueid", "id", "rowid", "rid", "recordkey", "key", "uid", "recno", "recordno",
)  # fmt: skip

_CERTAIN, _BARE, _WORD = 0, 100, 200
_PREFIX = r"^(customer|cust|person|client|contact|member|guest|user|billing|home|the)"
_SUFFIX = r"(\d+|fake|text|value)$"


def guess(columns: Iterable[str], taken: Iterable[str] = ()) -> dict[str, str]:
    """Column -> field; at most one column a field, none for columns and fields that are `taken`."""
    taken = set(taken)
    found: dict[str, str] = {}
    ranked = [(*ranked, column) for column in columns if column not in taken for ranked in _fields(column)]
    for _, field, column in sorted(ranked):
        if column not in found and field not in found.values() and field not in taken:
            found[column] = field
    return found


def _fields(column: str) -> list[tuple[int, str]]:
    """How sure (0 best), and the field."""
    name = _letters(column)
    if name in ALIASES:
        return [(_CERTAIN + _NAMES[ALIASES[name]].split().index(name), ALIASES[name])]
    bare = re.sub(_SUFFIX, "", re.sub(_PREFIX, "", name))
    if bare in ALIASES:
        return [(_BARE, ALIASES[bare])]
    words = {word.lower() for word in re.findall(r"[A-Za-z][a-z]*|[A-Z]+", column)}
    field = next((field for field, speaking in _WORDS.items() if words & set(speaking.split())), None)
    return [(_WORD, field)] if field and not words & _NOT_OF_A_PERSON else []


_NOT_OF_A_PERSON: Final = frozenset(
    "store shop product company file date count status type created updated opt flag score".split()  # noqa: SIM905
)
"""Words beside which a telling one tells something else, such as `store_city`; not asked of names known whole."""


def guess_id(columns: Iterable[str]) -> str | None:
    """The column that names the record, if one is called so."""
    by_name = {_letters(column): column for column in reversed(list(columns))}
    return next((by_name[name] for name in IDS if name in by_name), None)


def _letters(column: str) -> str:
    """Lower case, without signs and accents."""
    return re.sub(r"[^a-z0-9]", "", unicodedata.normalize("NFKD", column.lower()))


assert set(_NAMES) <= set(FIELDS)  # noqa: S101  the table above is ours
