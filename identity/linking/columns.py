"""Which column of a file is which field of the person model, guessed from its name and checked against its values."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from identity.linking.result import FIELDS

if TYPE_CHECKING:
    from collections.abc import Iterable

_NAMES: Final = {
    "first_name": "firstname first given givenname forename fname christianname namefirst prename vorname prenom nombre",
    "middle_name": "middlename middle middleinitial mi mname middlenames namemiddle",
    "last_name": "lastname last surname familyname lname namelast sname family nachname secondname apellido",
    "full_name": "fullname name customername personname displayname contactname wholename customer completename",
    "birth_date": "dob dateofbirth birthdate birthday birth bday bdate datebirth borndate born geburtsdatum",
    "gender": "gender sex",
    "occupation": "occupation job jobtitle profession",
    "street": "street streetname address address1 addressline1 addr addr1 streetaddress line1 mailingstreet "
    "billingaddress shippingaddress homeaddress road strasse addressstreet",
    "street_number": "streetnumber streetno housenumber houseno number addressnumber housenr streetnum",
    "city": "city suburb town locality place municipality birthplace placeofbirth postaltown ort",
    "region": "state region province county stateprovince statecode provincecode",
    "postcode": "postcode zip zipcode postalcode postal zip5 pincode plz postcodefake",
    "country": "country countrycode nation",
    "email": "email emailaddress mail emailid eml primaryemail contactemail",
    "phone": "phone phonenumber telephone tel mobile mobilephone cell cellphone phoneno telephonenumber primaryphone "
    "contactphone homephone mobilenumber",
    "card": "card cardfp cardfingerprint cardhash hashedcc cchash cardtoken paymentcard creditcard cc",
    "loyalty_id": "loyaltyid loyalty loyaltynumber memberid membershipid loyaltyno membernumber rewardsid loyaltycard",
    "national_id": "ssn socsecid socialsecuritynumber socialsecurity nationalid nationalidnumber nino taxid soc socsec",
    "device_id": "deviceid device",
    "cookie_id": "cookieid cookie",
    "customer_id": "customerid userid",
    "source": "source sourcesystem system sourcedataset dataset datasource src sourcename channel",
}
ALIASES: Final = {alias: field for field, aliases in _NAMES.items() for alias in aliases.split()}
"""Name of a column, letters and digits only, -> field."""

IDS: Final = tuple(
    ["recordid", "recid", "uniqueid", "id", "rowid", "rid", "recordkey", "key", "uid", "recno", "recordno"]
)


def guess(columns: Iterable[str], taken: Iterable[str] = ()) -> dict[str, str]:
    """Column -> field; at most one column a field, none for columns and fields that are `taken`."""
    taken = set(taken)
    found: dict[str, str] = {}
    ranked = sorted(
        (rank, column, field) for column in columns if column not in taken for rank, field in [_field(column)] if field
    )
    for _, column, field in ranked:
        if field not in found.values() and field not in taken:
            found[column] = field
    return found


def guess_id(columns: Iterable[str]) -> str | None:
    """The column that names the record, if one is called so."""
    by_name = {_letters(column): column for column in reversed(list(columns))}
    return next((by_name[name] for name in IDS if name in by_name), None)


def _field(column: str) -> tuple[int, str]:
    """How sure (0 best), and the field."""
    name = _letters(column)
    if name in ALIASES:
        order = _NAMES[ALIASES[name]].split().index(name)
        return order, ALIASES[name]
    bare = re.sub(
        r"\d+$|^(customer|cust|person|client|contact|member|guest|user|billing|home|the)|(fake|text|value)$", "", name
    )
    return (100, ALIASES[bare]) if bare in ALIASES else (0, "")


def _letters(column: str) -> str:
    return re.sub(r"[^a-z0-9]", "", column.lower())


assert set(_NAMES) <= set(FIELDS)  # noqa: S101  the table above is ours
