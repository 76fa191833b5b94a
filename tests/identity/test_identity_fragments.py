"""Fragments: what is one identifier, and what is none."""

import phonenumbers
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from identity.fragments import KINDS, RECORD, Normaliser, UnusableError
from identity.placeholders import shipped

RULES = Normaliser("US").rules
INVALID, PLACEHOLDER = "invalid", "placeholder"


def refused(kind: str, value: str, normaliser: Normaliser | None = None) -> str:
    with pytest.raises(UnusableError) as caught:
        (normaliser.rules if normaliser else RULES)[kind](value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("kind", "value", "normal"),
    [
        ("email", "  Ann.Lee@Mail.EXAMPLE ", "ann.lee@mail.example"),
        ("email", "ann@MÜNCHEN.example", "ann@münchen.example"),
        ("email", "ann@mu\u0308nchen.example", "ann@münchen.example"),
        ("email", "ann@xn--mnchen-3ya.example", "ann@münchen.example"),
        ("email", "ann@mail。example", "ann@mail.example"),
        ("email", "\u200bann@mail.example\ufeff", "ann@mail.example"),
        ("email", "ann+shop@gmail.com", "ann+shop@gmail.com"),
        ("email", "a.n.n@gmail.com", "a.n.n@gmail.com"),
        ("phone", "(212) 555-0100", "+12125550100"),
        ("phone", "1 212 555 0100", "+12125550100"),
        ("phone", "+1-212-555-0100", "+12125550100"),
        ("phone", "tel:+1-212-555-0100", "+12125550100"),
        ("phone", "212-555-0100 x12", "+12125550100;ext=12"),
        ("phone", "+44 7700 900123", "+447700900123"),
        ("phone", "+1 (770) 090-0123", "+17700900123"),
        ("phone", "+49 (0) 30 901820", "+4930901820"),
        ("hashed_cc", " AB12CD34EF ", "ab12cd34ef"),
        ("hashed_cc", "UJ6TMBm7KFoTSpM0uLtnnf950M4=", "UJ6TMBm7KFoTSpM0uLtnnf950M4="),
        ("loyalty_id", " 0012 ", "0012"),
        ("device_id", "AEBE52E7-03EE-455A-B3C4-E57283966239", "AEBE52E7-03EE-455A-B3C4-E57283966239"),
        ("customer_id", "11111", "11111"),
        ("name_zip", "José  O'Néill-Smith|60601-1234", "jose oneill smith|60601"),
        ("name_zip", "JOSE ONEILL SMITH|60601", "jose oneill smith|60601"),
        ("name_zip", "Ann Lee|sw1a 1aa", "ann lee|sw1a1aa"),
    ],
)
def test_normal_form(kind: str, value: str, normal: str) -> None:
    assert RULES[kind](value) == normal
    assert RULES[kind](normal) == normal


@pytest.mark.parametrize(
    ("kind", "value", "reason"),
    [
        ("email", "ann", INVALID),
        ("email", "ann@localhost", INVALID),
        ("email", "ann@@mail.example", INVALID),
        ("email", "ann lee@mail.example", INVALID),
        ("email", "ann@mail.example, bob@mail.example", INVALID),
        ("email", "@mail.example", INVALID),
        ("email", "ann@xn--\u00fc.example", INVALID),
        ("email", "ann@10.0.0.1", INVALID),
        ("email", "none", PLACEHOLDER),
        ("email", "none@none.com", PLACEHOLDER),
        ("email", "NoReply@shop.example", PLACEHOLDER),
        ("email", "no-reply@shop.example", PLACEHOLDER),
        ("email", "test@shop.example", PLACEHOLDER),
        ("email", "test12@shop.example", PLACEHOLDER),
        ("email", "ann@example.com", PLACEHOLDER),
        ("email", "aaa@bbb.com", PLACEHOLDER),
        ("email", "a" * 600 + "@mail.example", "too_long"),
        ("phone", "555-0100", INVALID),
        ("phone", "ask her", INVALID),
        ("phone", "0000000000", PLACEHOLDER),
        ("phone", "(000) 000-0000", PLACEHOLDER),
        ("phone", "999-999-9999", PLACEHOLDER),
        ("phone", "1212121212", PLACEHOLDER),
        ("phone", "1234567890", PLACEHOLDER),
        ("phone", "(123) 456-7890", PLACEHOLDER),
        ("phone", "312-867-5309", PLACEHOLDER),
        ("phone", "n/a", PLACEHOLDER),
        ("hashed_cc", "4111 1111 1111 1111", "card_number"),
        ("hashed_cc", "4111-1111-1111-1111", "card_number"),
        ("hashed_cc", "378282246310005", "card_number"),
        ("hashed_cc", "**** **** **** 4242", INVALID),
        ("hashed_cc", "411111******1111", INVALID),
        ("hashed_cc", "Visa 4242", INVALID),
        ("hashed_cc", "4242", INVALID),
        ("hashed_cc", "xxxxxxxxxxxx", PLACEHOLDER),
        ("loyalty_id", "11111", PLACEHOLDER),
        ("loyalty_id", "123456789", PLACEHOLDER),
        ("device_id", "00000000-0000-0000-0000-000000000000", PLACEHOLDER),
        ("device_id", "02:00:00:00:00:00", PLACEHOLDER),
        ("cookie_id", "opt-out", PLACEHOLDER),
        ("customer_id", "0", PLACEHOLDER),
        ("customer_id", "-1", PLACEHOLDER),
        ("customer_id", "Guest", PLACEHOLDER),
        ("customer_id", "NULL", PLACEHOLDER),
        ("customer_id", "   ", PLACEHOLDER),
        ("name_zip", "Ann|60601", INVALID),
        ("name_zip", "Ann Lee", INVALID),
        ("name_zip", "Guest User|60601", PLACEHOLDER),
        ("name_zip", "Ann Lee|00000", PLACEHOLDER),
    ],
)
def test_what_identifies_nobody(kind: str, value: str, reason: str) -> None:
    assert refused(kind, value) == reason


def test_a_foreign_number_is_read_in_the_tenants_region() -> None:
    british, american = Normaliser("GB").rules["phone"], RULES["phone"]
    assert british("07700 900123") == "+447700900123" == american("+44 7700 900123")
    assert british("(212) 555-0100") != american("(212) 555-0100")


def test_two_numbers_with_the_same_last_ten_digits_stay_two() -> None:
    assert RULES["phone"]("+44 7700 900123") != RULES["phone"]("+1 (770) 090-0123")


def test_gmail_dots_are_the_tenants_choice_and_gmails_alone() -> None:
    rules = Normaliser(gmail_dots=True).rules
    assert rules["email"]("A.n.n@gmail.com") == rules["email"]("ann@gmail.com")
    assert rules["email"]("a.n.n@mail.example") == "a.n.n@mail.example"


@pytest.mark.parametrize(
    ("placeholder", "kind", "value"),
    [
        (("any", "FRONT DESK"), "loyalty_id", "front desk"),
        (("any", "+1 312 555 0123"), "phone", "(312) 555-0123"),
        (("phone", "312.555.0123"), "phone", "+13125550123"),
        (("email", "Kiosk@Shop.example"), "email", "kiosk@shop.example"),
        (("email", "kiosk@"), "email", "kiosk@mail.example"),
        (("email", "@shop.example"), "email", "ann@shop.example"),
        (("hashed_cc", "AB12CD34EF"), "hashed_cc", "ab12cd34ef"),
        (("customer_id", "7"), "customer_id", "7"),
        (("name_zip", "Staff Sale|60601"), "name_zip", "STAFF SALE|60601"),
    ],
)
def test_a_tenant_adds_placeholders(placeholder: tuple[str, str], kind: str, value: str) -> None:
    assert RULES[kind](value)
    assert refused(kind, value, Normaliser(placeholders=[placeholder])) == PLACEHOLDER


def test_a_placeholder_of_one_type_is_none_of_another() -> None:
    assert Normaliser(placeholders=[("customer_id", "7000")]).rules["loyalty_id"]("7000") == "7000"


def test_every_shipped_placeholder_is_refused_and_well_written() -> None:
    for kind, value in shipped():
        assert value == value.strip().lower()
        whole = f"ann{value}" if value[0] == "@" else f"{value}mail.example" if value[-1] == "@" else value
        for name in RULES if kind == "any" else (kind,):
            assert refused(name, whole) in {PLACEHOLDER, INVALID}


def test_every_kind_but_the_record_key_has_a_rule() -> None:
    assert {*RULES} == {*KINDS} - {RECORD}


NORMALISERS = {region: Normaliser(region) for region in ("US", "DE")}
DIGITS = st.text("0123456789", min_size=6, max_size=12)


@given(
    digits=DIGITS,
    prefix=st.sampled_from(["", "+", "+1", "+1 ", "1", "1-"]),
    region=st.sampled_from(sorted(NORMALISERS)),
)
@example("2125550100", "", "US")
@example("0115550100", "", "US")
@example("2125550100", "+", "US")
def test_the_short_way_reads_numbers_as_the_library_does(digits: str, prefix: str, region: str) -> None:
    text = f"{prefix}({digits[:3]}) {digits[3:6]}-{digits[6:]}"
    try:
        number = phonenumbers.parse(text, region)
        possible = phonenumbers.is_possible_number_with_reason(number) == phonenumbers.ValidationResult.IS_POSSIBLE
        expected = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164) if possible else INVALID
    except phonenumbers.NumberParseException:
        expected = INVALID
    try:
        found = NORMALISERS[region].rules["phone"](text)
    except UnusableError as error:
        found = str(error)
    assert found in {expected, PLACEHOLDER}


@given(st.sampled_from(sorted(RULES)), st.text(max_size=40))
def test_any_text_is_normal_or_refused_and_normal_forms_are_fixed_points(kind: str, text: str) -> None:
    try:
        normal = RULES[kind](text)
    except UnusableError:
        return
    assert RULES[kind](normal) == normal
