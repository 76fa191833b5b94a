"""How often what happens in the bakery's data: every rate of the generator, in this one place.

They are assumptions, set to what shops with several systems commonly find; no published study stands behind a number.
The tests measure the rates in the files that come out.
"""

from __future__ import annotations

from dataclasses import dataclass

Shares = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Rates:
    """Shares are 0 to 1 of what the comment names."""

    # of people
    member: float = 0.45  # in the loyalty programme (has a Thanx USER_ID)
    second_card: float = 0.20  # pays with two cards
    second_email: float = 0.12  # has two mailboxes
    email_missing: float = 0.06  # has no mailbox at all
    online_share: Shares = ((0.0, 0.55), (0.5, 0.25), (0.9, 0.20))  # of one's purchases made online -> share of people
    online_account: float = 0.60  # of those who buy online

    # of people: who lives or works together
    household_starts: float = 0.05  # starts a household with the next people
    household_size: Shares = ((2, 0.70), (3, 0.20), (4, 0.10))
    household_same_name: float = 0.85  # of members
    household_phone: float = 0.45  # of households: one phone for all
    household_card: float = 0.20  # of households: two members pay with one card
    household_email: float = 0.06  # of households: one mailbox for two
    office_size: int = 10  # colleagues who give one switchboard number
    offices: int = 8

    # of purchases at the counter
    cash_member: float = 0.06
    cash_stranger: float = 0.15
    member_recognised: float = 0.90  # of members' purchases: the till knows the member
    first_card: float = 0.85  # of card payments by people with two cards
    till_order_ahead: float = 0.08  # ordered through the shop's own app, paid at the till
    unsettled_recent: float = 0.80  # of card payments in the last two days
    unsettled_old: float = 0.003

    # of online orders
    signed_in: float = 0.85  # of orders by people with an account
    order_email_missing: float = 0.03
    order_email_placeholder: float = 0.015
    order_email_typo: float = 0.01
    order_email_styled: float = 0.15  # odd letter case or blanks around it
    order_phone_missing: float = 0.05
    order_phone_placeholder: float = 0.01
    order_phone_slip: float = 0.005  # one digit wrong

    # of people: who is in the CRM, and again as a duplicate
    contact_member: float = 0.90
    contact_online: float = 0.70
    contact_other: float = 0.05
    contact_duplicate: float = 0.07

    # of CRM contacts
    contact_loyalty_id: float = 0.85  # of members' contacts
    contact_email_missing: float = 0.08
    contact_email_placeholder: float = 0.015
    contact_email_typo: float = 0.015
    contact_email_styled: float = 0.08
    contact_phone_missing: float = 0.20
    contact_phone_placeholder: float = 0.015
    contact_birth_date_missing: float = 0.35
    contact_address_missing: float = 0.30
    contact_name_typo: float = 0.04
    contact_name_styled: float = 0.05  # all capitals or all small

    # of duplicate contacts
    duplicate_nickname: float = 0.60
    duplicate_second_email: float = 0.50
    duplicate_moved: float = 0.30


RATES = Rates()
